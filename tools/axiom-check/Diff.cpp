#include "tools/axiom-check/Check.h"

#include <map>
#include <set>

namespace axiom::check {
namespace {

class Differ {
public:
  Differ(const Artifact &a, const Artifact &b) : a_(a), b_(b) {}

  Status run() {
    config();
    plan();
    segments();
    tensors();
    return kernels();
  }
  std::vector<Finding> take() { return std::move(findings_); }

private:
  template <typename T> void number(const char *name, T a, T b) {
    text(name, std::to_string(a), std::to_string(b));
  }
  void text(const std::string &name, const std::string &a, const std::string &b) {
    findings_.push_back({name, a == b, a == b ? "" : a + " | " + b});
  }
  static std::string list(const auto &values) {
    std::string out;
    for (auto &v : values)
      out += (out.empty() ? "" : ",") + std::to_string(v);
    return out;
  }
  static std::string shortHex(const Sha256Digest &digest) {
    return sha256Hex(digest).substr(0, 12);
  }

  void config() {
    const ArtifactConfig &a = a_.config(), &b = b_.config();
    text("config family", a.family, b.family);
    text("config name", a.name, b.name);
    number("config hidden", a.hidden, b.hidden);
    number("config intermediate", a.intermediate, b.intermediate);
    number("config layers", a.layers, b.layers);
    number("config heads", a.heads, b.heads);
    number("config kv_heads", a.kvHeads, b.kvHeads);
    number("config head_dim", a.headDim, b.headDim);
    number("config vocab", a.vocab, b.vocab);
    number("config max_context", a.maxContext, b.maxContext);
    text("config eos", list(a.eos), list(b.eos));
    number("config bos", a.bos, b.bos);
    text("config windows", list(a.windows), list(b.windows));
    text("KV type", kvTypeName(a_.metadata().kv.type), kvTypeName(b_.metadata().kv.type));
    text("compiler", a_.metadata().provenance.compiler, b_.metadata().provenance.compiler);
    auto joined = [](const std::vector<std::string> &options) {
      std::string out;
      for (auto &o : options)
        out += (out.empty() ? "" : " ") + o;
      return out;
    };
    text("options", joined(a_.metadata().provenance.options),
         joined(b_.metadata().provenance.options));
  }

  /// The tasks of each phase by name, with how often they repeat.
  static std::string planText(const Plan &plan) {
    std::string out;
    for (const RepeatInfo &repeat : plan.repeats) {
      out += format("%u x (", repeat.count);
      for (const PhaseInfo &phase : repeat.phases) {
        for (const TaskInfo &task : phase.tasks)
          out += task.name + " ";
        out += "/ ";
      }
      out += ") ";
    }
    return out;
  }

  void plan() {
    const Plan &a = a_.metadata().plan, &b = b_.metadata().plan;
    text("plan", planText(a), planText(b));
    auto bytes = [](const Plan &plan) {
      uint64_t fixed = 0, perToken = 0;
      for (const SlotInfo &slot : plan.slots) {
        fixed += slot.fixed;
        perToken += slot.perToken;
      }
      return format("%llu + %llu a token", static_cast<unsigned long long>(fixed),
                    static_cast<unsigned long long>(perToken));
    };
    text("workspace", bytes(a), bytes(b));
  }

  void segments() {
    auto described = [](const Artifact &artifact) {
      std::map<std::string, std::string> out;
      for (const SegmentInfo &s : artifact.metadata().segments)
        out[segmentKindName(s.kind) + (s.target.empty() ? "" : " " + s.target)] =
            format("%llu bytes, ", static_cast<unsigned long long>(s.size)) + shortHex(s.sha256);
      return out;
    };
    merge("segment ", described(a_), described(b_));
  }

  void tensors() {
    auto described = [](const Artifact &artifact) {
      std::map<std::string, std::string> out;
      for (const TensorInfo &t : artifact.metadata().tensors)
        out[t.name] = format("%s %llu x %llu, ", t.vector ? "vector" : formatName(t.format),
                             static_cast<unsigned long long>(t.rows),
                             static_cast<unsigned long long>(t.cols)) +
                      shortHex(t.sha256);
      return out;
    };
    merge("tensor ", described(a_), described(b_));
  }

  static Result<std::map<std::string, std::string>> kernelsOf(const Artifact &artifact) {
    AXIOM_ASSIGN_OR_RETURN(std::vector<ImageInfo> images, artifact.images());
    std::map<std::string, std::string> out;
    for (const ImageInfo &image : images) {
      auto bytes = artifact.segmentBytes(image.segment);
      // The kernels of a module can't be told apart here: how they are launched can.
      for (size_t i = 0; i < image.launches.size(); ++i)
        out[image.target + format(" %03zu", i)] =
            "launches " +
            shortHex(Sha256::of(
                {reinterpret_cast<const uint8_t *>(&image.launches[i]), sizeof(AxmCudaKernel)}));
      for (size_t i = 0; i < image.rows.size() && image.launches.empty(); ++i) {
        const AxmKernelRow &row = image.rows[i];
        // The prologue lies before the body, and images() has checked both against the image.
        uint32_t begin = row.prologue ? std::min(row.prologue, row.body) : row.body;
        out[image.target + format(" %03zu", i)] =
            format("%u bytes, ", row.bodyEnd - begin) +
            shortHex(Sha256::of(bytes.subspan(begin, row.bodyEnd - begin)));
      }
    }
    return out;
  }

  Status kernels() {
    AXIOM_ASSIGN_OR_RETURN(auto a, kernelsOf(a_));
    AXIOM_ASSIGN_OR_RETURN(auto b, kernelsOf(b_));
    merge("kernel ", a, b);
    return {};
  }

  void merge(const char *prefix, const std::map<std::string, std::string> &a,
             const std::map<std::string, std::string> &b) {
    std::set<std::string> names;
    for (auto &[name, value] : a)
      names.insert(name);
    for (auto &[name, value] : b)
      names.insert(name);
    for (const std::string &name : names) {
      auto inA = a.find(name), inB = b.find(name);
      text(prefix + name, inA == a.end() ? "absent" : inA->second,
           inB == b.end() ? "absent" : inB->second);
    }
  }

  const Artifact &a_, &b_;
  std::vector<Finding> findings_;
};

} // namespace

Result<std::vector<Finding>> diffArtifacts(const Artifact &a, const Artifact &b) {
  Differ differ(a, b);
  AXIOM_RETURN_IF_ERROR(differ.run());
  return differ.take();
}

} // namespace axiom::check
