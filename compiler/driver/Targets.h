// Names of compile targets: "cpu:<ISA level>" and "cuda:<architecture>".
#ifndef AXIOM_COMPILER_DRIVER_TARGETS_H
#define AXIOM_COMPILER_DRIVER_TARGETS_H

#include "compiler/driver/CompilerOptions.h"
#include "runtime/artifact/CudaImage.h" // isCudaTarget()
#include "runtime/base/Status.h"

#include <string>
#include <vector>

namespace axiom {

/// Every target of this build, CPUs first; without kHostTwin.
std::vector<std::string> knownTargets();
/// The target that runs CUDA kernels on this machine's CPU, slowly, for tests: only where it is
/// asked for by name.
inline constexpr const char *kHostTwin = "cuda:host";

/// Resolves what was asked for to target names in the order of knownTargets(), kHostTwin last,
/// without repetition. Each text is a list with commas; an element without a prefix keeps the one
/// before it ("cuda:sm_90a,sm_80"). "cpu" and "cuda" are all of a kind, "cpu:native" is the best
/// level of this machine. Nothing asked for: every CPU target.
Result<std::vector<std::string>> resolveTargets(const std::vector<std::string> &asked);

/// The target whose kernels --emit shows, of a kind that shows them (llvm to cubin): the first
/// fitting one of `targets`, or a default where none was asked for. PTX of "cuda:sm_90a" is that of
/// "cuda:compute_90a". Empty for CUDA C++, which is the same for all.
Result<std::string> targetToEmit(Emit emit, const std::vector<std::string> &targets, bool asked);

bool isCpuTarget(const std::string &target);
/// A CUDA target but kHostTwin.
bool needsNvrtc(const std::string &target);
/// "x86-64-v3" of "cpu:x86-64-v3", "sm_90a" of "cuda:sm_90a".
std::string machineOf(const std::string &target);

/// The best level that this machine runs and a full check has passed ("cpu:native").
Result<std::string> nativeTarget();
/// The one of these that takes the least time to compile.
Result<std::string> plainestNativeTarget();

} // namespace axiom

#endif
