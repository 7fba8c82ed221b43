// Names of compile targets: "cpu:<ISA level>".
#ifndef AXIOM_COMPILER_DRIVER_TARGETS_H
#define AXIOM_COMPILER_DRIVER_TARGETS_H

#include "runtime/base/Status.h"

#include <string>
#include <vector>

namespace axiom {

/// Every target of this build, for --print-targets.
std::vector<std::string> knownTargets();

/// Resolves what was asked for (empty: all known; "cpu:native": the best level of this machine) to
/// target names in the order of knownTargets(), without repetition.
Result<std::vector<std::string>> resolveTargets(const std::vector<std::string> &asked);

/// "x86-64-v3" of "cpu:x86-64-v3".
std::string cpuLevelOf(const std::string &target);

} // namespace axiom

#endif
