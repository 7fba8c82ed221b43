#include "runtime/device/cuda/ChooseImage.h"

#include "runtime/artifact/Decode.h"
#include "runtime/device/cuda/Driver.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace axiom::cuda {

namespace {

enum class Form { Host, Cubin, Ptx };

struct Target {
  Form form = Form::Host;
  int major = 0, minor = 0;
  bool exact = false; ///< "a": its architecture's own features
};

/// "90a" -> 9.0, exact. Other letters are for families that this runtime does not know.
std::optional<Target> parse(std::string_view text) {
  auto take = [&](std::string_view prefix) {
    bool has = text.substr(0, prefix.size()) == prefix;
    if (has)
      text.remove_prefix(prefix.size());
    return has;
  };
  if (!take("cuda:"))
    return std::nullopt;
  Target target;
  if (text == "host")
    return target;
  target.form = take("sm_") ? Form::Cubin : Form::Ptx;
  if (target.form == Form::Ptx && !take("compute_"))
    return std::nullopt;
  target.exact = !text.empty() && text.back() == 'a';
  if (target.exact)
    text.remove_suffix(1);
  if (text.size() < 2 || text.size() > 4 ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  target.minor = text.back() - '0';
  for (char c : text.substr(0, text.size() - 1))
    target.major = 10 * target.major + (c - '0');
  return target;
}

/// How well the code fits: the highest wins, nothing does not run.
std::optional<int> fitness(const Target &target, const DeviceFacts &device) {
  int has = 10 * device.major + device.minor, needs = 10 * target.major + target.minor;
  if (target.form == Form::Host || has == 0)
    return target.form == Form::Host && has == 0 ? std::optional(0) : std::nullopt;
  constexpr int kCubin = 1 << 20, kExact = 2 << 20;
  if (target.exact && needs != has)
    return std::nullopt;
  if (target.form == Form::Cubin) {
    if (target.major != device.major || needs > has)
      return std::nullopt;
    return (target.exact ? kExact : kCubin) + needs;
  }
  if (needs > has)
    return std::nullopt;
  return needs;
}

} // namespace

Result<size_t> chooseImage(const std::vector<std::string> &targets, const DeviceFacts &device) {
  std::optional<size_t> best;
  int bestFitness = -1;
  std::string has;
  for (size_t i = 0; i < targets.size(); ++i) {
    has += (i ? ", " : "") + quoted(targets[i]);
    std::optional<Target> target = parse(targets[i]);
    std::optional<int> fits = target ? fitness(*target, device) : std::nullopt;
    if (fits && *fits > bestFitness) {
      best = i;
      bestFitness = *fits;
    }
  }
  if (best)
    return *best;
  if (device.major == 0)
    return Status(Code::Unsupported,
                  format("it has no code for %s, which runs cuda:host only: the file has %s; "
                         "rebuild it with axiomc --target=cuda:host as well",
                         device.name.c_str(), has.c_str()));
  return Status(
      Code::Unsupported,
      format("it has no code for %s of compute capability %d.%d, with a driver for CUDA %s: the "
             "file has %s; rebuild it with axiomc --target=cuda:sm_%d%d as well, or with PTX for "
             "all newer devices (--target=cuda:compute_80)",
             device.name.c_str(), device.major, device.minor, versionText(device.driver).c_str(),
             has.c_str(), device.major, device.minor));
}

} // namespace axiom::cuda
