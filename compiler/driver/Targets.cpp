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
bool needsNvrtc(const std::string &target) { return isCudaTarget(target) && target != kHostTwin; }
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

/// CPU targets that run here, from the least to the most able.
static Result<std::vector<std::string>> nativeTargets() {
  std::vector<std::string> known = knownOf(kCpu), native;
  for (const std::string &target : known)
    if (hostRuns(machineOf(target)))
      native.push_back(target);
  if (native.empty())
    return Status(Code::Unsupported,
                  format("this machine runs none of the CPU targets of this build (%s)",
                         join(known).c_str()));
  return native;
}

Result<std::string> nativeTarget() {
  AXIOM_ASSIGN_OR_RETURN(std::vector<std::string> targets, nativeTargets());
  return targets.back();
}

Result<std::string> plainestNativeTarget() {
  AXIOM_ASSIGN_OR_RETURN(std::vector<std::string> targets, nativeTargets());
  return targets.front();
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
    Result<std::string> best = nativeTarget();
    if (!best.ok())
      return Status(best.status().code(),
                    best.status().message() +
                        "; name one with --target to compile for another machine");
    return std::vector<std::string>{*best};
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

Result<std::string> targetToEmit(Emit emit, const std::vector<std::string> &targets, bool asked) {
  if (emit == Emit::Llvm || emit == Emit::Assembly || emit == Emit::Object) {
    auto first = std::find_if(targets.begin(), targets.end(), isCpuTarget);
    if (first == targets.end())
      return Status(Code::InvalidArgument,
                    format("--emit=llvm, asm and obj show code for CPUs, and --target asks for %s "
                           "only; --emit=cu, ptx and cubin show that",
                           join(targets).c_str()));
    return *first;
  }
  if (!asked)
    return std::string(emit == Emit::Cuda  ? ""
                       : emit == Emit::Ptx ? "cuda:compute_80"
                                           : "cuda:sm_80");
  auto first = std::find_if(targets.begin(), targets.end(), isCudaTarget);
  if (first == targets.end())
    return Status(Code::InvalidArgument,
                  format("--emit=cu, ptx and cubin show code for CUDA, and --target asks for %s "
                         "only; --emit=llvm, asm and obj show that",
                         join(targets).c_str()));
  if (emit == Emit::Cuda)
    return std::string();
  using Kind = codegen::CudaModuleKind;
  Kind kind = codegen::cudaModuleKind(machineOf(*first));
  if (kind == Kind::HostLibrary || (emit == Emit::Cubin && kind == Kind::Ptx))
    return Status(Code::InvalidArgument,
                  format("--emit=%s: the code of %s is %s; name another CUDA target first",
                         emit == Emit::Ptx ? "ptx" : "cubin", first->c_str(),
                         kind == Kind::Ptx ? "PTX" : "a library for this machine's CPU"));
  if (emit == Emit::Ptx && kind == Kind::Cubin)
    return "cuda:compute_" + machineOf(*first).substr(std::string("sm_").size());
  return *first;
}

} // namespace axiom
