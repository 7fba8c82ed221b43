// ISA levels of code images ("cpu:x86-64-v3") and what this machine has.
#ifndef AXIOM_RUNTIME_ARTIFACT_ISALEVEL_H
#define AXIOM_RUNTIME_ARTIFACT_ISALEVEL_H

#include <cstdint>
#include <span>
#include <string>

namespace axiom {

struct IsaLevel {
  const char *name;
  uint64_t features; ///< bits of cpuFeatures() that it needs
  bool proven;       ///< a full check has passed on such a CPU: may be chosen without --isa

  /// Bits of `features` that this CPU does not have; 0: it runs the level.
  uint64_t missing() const;
};

/// Known levels of this architecture, the best last.
std::span<const IsaLevel> isaLevels();
const IsaLevel *findIsaLevel(const std::string &name);

/// Features of this CPU that the system has switched on (register state included). The first call
/// asks Linux to let this process use matrix tiles where the CPU has them; frames of signals then
/// hold 8 KiB more.
uint64_t cpuFeatures();
/// "avx2 fma": names of feature bits.
std::string featureNames(uint64_t features);

} // namespace axiom

#endif
