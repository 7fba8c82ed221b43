#include "compiler/driver/Targets.h"

#include "codegen/cpu/CodeImage.h"
#include "codegen/cuda/CudaImage.h"
#include "runtime/artifact/IsaLevel.h"

#include <algorithm>

namespace axiom {

static const std::string kCpu = "cpu", kCuda = "cuda";

static bool isOf(const std::string &kind, const std::string &target) {
  return target.rfind(kind + ":", 0) == 0;
}
bool isCpuTarget(const std::string &target) { return isOf(kCpu, target); }
std::string machineOf(const std::string &target) { return target.substr(target.find(':') + 1); }

std::vector<std::string> knownTargets() {
  std::vector<std::string> targets;
  for (const std::string &level : codegen::cpuLevels())
    targets.push_back(kCpu + ":" + level);
  for (const std::string &arch : codegen::cudaArchs())
    targets.push_back(kCuda + ":" + arch);
  return targets;
}

static std::vector<std::string> knownOf(const std::string &kind) {
  std::vector<std::string> targets;
  for (const std::string &target : knownTargets())
    if (isOf(kind, target))
      targets.push_back(target);
  return targets;
}

/// What `--target=cpu:native` may name here: as in the runtime, only levels that a full check has
/// passed.
static bool hostRuns(const std::string &name) {
  const IsaLevel *level = findIsaLevel(name);
  return level && level->proven && level->missing() == 0;
}

static std::string join(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

Result<std::string> nativeTarget() {
  std::vector<std::string> known = knownOf(kCpu);
  // Levels are listed from the least to the most able.
  auto best = std::find_if(known.rbegin(), known.rend(),
                           [](const std::string &target) { return hostRuns(machineOf(target)); });
  if (best == known.rend())
    return Status(Code::Unsupported,
                  format("this machine runs none of the CPU targets of this build (%s); name one "
                         "with --target to compile for another machine",
                         join(known).c_str()));
  return *best;
}

/// The targets of one element of a list; `prefix` is that of the element before it, and of this one
/// afterwards.
static Result<std::vector<std::string>> targetsOf(const std::string &element, std::string &prefix) {
  if (element == kCpu || element == kCuda) {
    prefix = element + ":";
    return knownOf(element);
  }
  size_t colon = element.find(':');
  std::string name = colon == std::string::npos ? prefix + element : element;
  prefix = name.substr(0, name.find(':') + 1);
  if (name == "cpu:native") {
    AXIOM_ASSIGN_OR_RETURN(name, nativeTarget());
    return std::vector<std::string>{name};
  }
  std::vector<std::string> known = knownTargets();
  if (name != kHostTwin && std::find(known.begin(), known.end(), name) == known.end())
    return Status(Code::InvalidArgument,
                  format("unknown target '%s'; this build has %s, and cpu, cuda and cpu:native for "
                         "all of a kind and for this machine",
                         name.c_str(), join(known).c_str()));
  return std::vector<std::string>{name};
}

Result<std::vector<std::string>> resolveTargets(const std::vector<std::string> &asked) {
  if (asked.empty())
    return knownOf(kCpu);
  std::vector<std::string> wanted;
  for (const std::string &list : asked) {
    std::string prefix;
    for (size_t at = 0; at <= list.size();) {
      size_t end = std::min(list.find(',', at), list.size());
      AXIOM_ASSIGN_OR_RETURN(std::vector<std::string> found,
                             targetsOf(list.substr(at, end - at), prefix));
      wanted.insert(wanted.end(), found.begin(), found.end());
      at = end + 1;
    }
  }
  std::vector<std::string> targets, all = knownTargets();
  all.push_back(kHostTwin);
  for (const std::string &name : all)
    if (std::find(wanted.begin(), wanted.end(), name) != wanted.end())
      targets.push_back(name);
  return targets;
}

} // namespace axiom
