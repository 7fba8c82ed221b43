#include "runtime/artifact/Decode.h"

#include "runtime/schema/axm_generated.h"

#include <algorithm>

namespace axiom {

std::string quoted(const std::string &name) {
  std::string text = "'";
  for (size_t i = 0; i < name.size() && i < 80; ++i) {
    unsigned char c = static_cast<unsigned char>(name[i]);
    text += c < 0x20 || c == 0x7f ? '?' : name[i];
  }
  return text + (name.size() > 80 ? "...'" : "'");
}

namespace {

/// Vectors and strings of a flatbuffer may be shared, so a small buffer can look huge. Everything
/// that is decoded is paid for from a budget that is linear in the buffer.
class Decoder {
public:
  explicit Decoder(uint64_t bytes) : budget_(4 * bytes + 65536) {}

  bool failed() const { return !problem_.empty(); }
  const std::string &problem() const { return problem_; }

  bool pay(uint64_t bytes) {
    if (bytes > budget_) {
      fail("its parts refer to the same bytes too often");
      return false;
    }
    budget_ -= bytes;
    return true;
  }
  void fail(const std::string &problem) {
    if (problem_.empty())
      problem_ = problem;
  }

  void string(const flatbuffers::String *from, std::string &to) {
    if (from && pay(from->size() + 8))
      to.assign(from->c_str(), from->size());
  }
  template <typename T, typename U>
  void numbers(const flatbuffers::Vector<T> *from, std::vector<U> &to) {
    if (!from || !pay(uint64_t(from->size()) * sizeof(U) + 8))
      return;
    // The verifier looks at the alignment of a vector's length only.
    if (from->size() > 0 && reinterpret_cast<uintptr_t>(from->Data()) % sizeof(T) != 0)
      return fail("a vector is not aligned to its elements");
    to.assign(from->begin(), from->end());
  }
  void digest(const flatbuffers::Vector<uint8_t> *from, const char *of, Sha256Digest &to) {
    if (!from || from->size() != to.size())
      return fail(
          format("the digest of a %s has %u bytes instead of 32", of, from ? from->size() : 0));
    if (pay(to.size()))
      std::copy(from->begin(), from->end(), to.begin());
  }
  /// Decodes each table of a vector with `one`.
  template <typename T, typename U, typename Fn>
  void tables(const flatbuffers::Vector<flatbuffers::Offset<T>> *from, std::vector<U> &to, Fn one) {
    if (!from || !pay(uint64_t(from->size()) * 4))
      return;
    for (const T *table : *from) {
      if (failed() || !pay(8))
        return;
      one(*table, to.emplace_back());
    }
  }

private:
  uint64_t budget_;
  std::string problem_;
};

void decodeTask(Decoder &d, const fb::Task &from, TaskInfo &to) {
  d.string(from.name(), to.name);
  to.balance = from.balance();
  std::vector<uint32_t> kernels;
  std::vector<uint64_t> signatures;
  d.numbers(from.kernels(), kernels);
  d.numbers(from.signatures(), signatures);
  if (kernels.size() != 3 || signatures.size() != 3)
    return d.fail(format("task %s has %zu kernels and %zu signatures instead of 3",
                         quoted(to.name).c_str(), kernels.size(), signatures.size()));
  std::copy(kernels.begin(), kernels.end(), to.kernels.begin());
  std::copy(signatures.begin(), signatures.end(), to.signatures.begin());
  d.tables(from.bindings(), to.bindings, [&](const fb::Binding &binding, BindingInfo &info) {
    if (binding.space() > AXM_SPACE_TILES)
      return d.fail(
          format("task %s binds unknown memory %u", quoted(to.name).c_str(), binding.space()));
    info.space = static_cast<AxmSpace>(binding.space());
    info.slot = binding.slot();
    d.numbers(binding.offsets(), info.values);
    d.numbers(binding.tensors(), info.tensors);
  });
}

void decodePlan(Decoder &d, const fb::Plan *from, Plan &to) {
  if (!from)
    return d.fail("there is no plan");
  to.residualSlot = from->residual_slot();
  to.finalNorm = from->final_norm() == 0xffffffffu ? -1 : int64_t(from->final_norm());
  to.finalNormEps = from->final_norm_eps();
  d.tables(from->slots(), to.slots, [&](const fb::Slot &slot, SlotInfo &info) {
    d.string(slot.name(), info.name);
    info.fixed = slot.fixed();
    info.perToken = slot.per_token();
  });
  d.tables(from->repeats(), to.repeats, [&](const fb::Repeat &repeat, RepeatInfo &info) {
    info.count = repeat.count();
    info.firstLayer = repeat.first_layer() == 0xffffffffu ? -1 : int64_t(repeat.first_layer());
    d.tables(repeat.phases(), info.phases, [&](const fb::Phase &phase, PhaseInfo &phaseInfo) {
      d.tables(phase.tasks(), phaseInfo.tasks,
               [&](const fb::Task &task, TaskInfo &taskInfo) { decodeTask(d, task, taskInfo); });
    });
  });
}

void decodeConfig(Decoder &d, const fb::Config *from, ArtifactConfig &to) {
  if (!from)
    return d.fail("there is no configuration");
  d.string(from->family(), to.family);
  d.string(from->name(), to.name);
  to.hidden = from->hidden();
  to.intermediate = from->intermediate();
  to.layers = from->layers();
  to.heads = from->heads();
  to.kvHeads = from->kv_heads();
  to.headDim = from->head_dim();
  to.vocab = from->vocab();
  to.maxContext = from->max_context();
  d.numbers(from->eos(), to.eos);
  to.bos = from->bos();
  d.string(from->bos_token(), to.bosToken);
  d.string(from->eos_token(), to.eosToken);
  d.numbers(from->windows(), to.windows);
}

void decodeTensor(Decoder &d, const fb::Tensor &from, TensorInfo &to) {
  d.string(from.name(), to.name);
  if (from.format() > AXM_FORMAT_Q6)
    return d.fail(
        format("tensor %s has unknown format %u", quoted(to.name).c_str(), from.format()));
  to.format = static_cast<AxmFormat>(from.format());
  to.rows = from.rows();
  to.cols = from.cols();
  to.rowAlign = from.row_align();
  to.heads = from.heads();
  d.numbers(from.cuts(), to.cuts);
  to.offset = from.offset();
  to.size = from.size();
  d.string(from.source_type(), to.sourceType);
  to.maxError = from.max_error();
  d.digest(from.sha256(), "tensor", to.sha256);
  to.vector = from.vector();
}

void decodeSegment(Decoder &d, const fb::Segment &from, SegmentInfo &to) {
  uint32_t kind = static_cast<uint32_t>(from.kind());
  if (kind > static_cast<uint32_t>(SegmentKind::Schemas))
    return d.fail(format("a segment has unknown kind %u", kind));
  to.kind = static_cast<SegmentKind>(kind);
  to.offset = from.offset();
  to.size = from.size();
  d.digest(from.sha256(), "segment", to.sha256);
  d.string(from.target(), to.target);
}

void decodeProvenance(Decoder &d, const fb::Provenance *from, ProvenanceInfo &to) {
  if (!from)
    return;
  d.string(from->compiler(), to.compiler);
  d.string(from->llvm(), to.llvm);
  if (from->options() && d.pay(uint64_t(from->options()->size()) * 4))
    for (const flatbuffers::String *option : *from->options()) {
      if (d.failed())
        return;
      d.string(option, to.options.emplace_back());
    }
  d.tables(from->inputs(), to.inputs, [&](const fb::Input &input, InputInfo &info) {
    d.string(input.name(), info.name);
    info.size = input.size();
    d.digest(input.sha256(), "input", info.sha256);
  });
  d.string(from->source_format(), to.sourceFormat);
  to.sourceBits = from->source_bits();
  to.storedBits = from->stored_bits();
}

} // namespace

Result<Metadata> decodeMetadata(std::span<const uint8_t> bytes) {
  if (bytes.size() > kMaxMetadataBytes || bytes.size() < 16)
    return Status(Code::BadInput,
                  format("the metadata has %zu bytes; 16 to %llu are possible", bytes.size(),
                         static_cast<unsigned long long>(kMaxMetadataBytes)));
  // A table that nobody shares takes at least 8 bytes of the buffer.
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), 16,
                                 static_cast<flatbuffers::uoffset_t>(bytes.size() / 8 + 16));
  if (!fb::VerifyMetadataBuffer(verifier))
    return Status(Code::BadInput, "the metadata is damaged: the flatbuffer verifier rejects it");
  const fb::Metadata *root = fb::GetMetadata(bytes.data());

  Decoder d(bytes.size());
  Metadata metadata;
  decodeConfig(d, root->config(), metadata.config);
  if (const fb::KvLayout *kv = root->kv()) {
    if (kv->type() > AXM_KV_INT8)
      d.fail(format("the KV cache has unknown type %u", kv->type()));
    else
      metadata.kv.type = static_cast<AxmKvType>(kv->type());
    metadata.kv.headBytes = kv->head_bytes();
    metadata.kv.layerBytes = kv->layer_bytes();
    metadata.kv.blockBytes = kv->block_bytes();
  } else {
    d.fail("there is no KV layout");
  }
  decodePlan(d, root->plan(), metadata.plan);
  d.tables(root->tensors(), metadata.tensors,
           [&](const fb::Tensor &from, TensorInfo &to) { decodeTensor(d, from, to); });
  d.tables(root->segments(), metadata.segments,
           [&](const fb::Segment &from, SegmentInfo &to) { decodeSegment(d, from, to); });
  decodeProvenance(d, root->provenance(), metadata.provenance);
  if (d.failed())
    return Status(Code::BadInput, "the metadata is malformed: " + d.problem());
  return metadata;
}

} // namespace axiom
