// A SIGBUS handler for mapped files: when a file becomes shorter while it is mapped, reading the
// lost pages raises SIGBUS. The handler puts a page of zeros there, tells the owner, and lets the
// thread go on; the owner discards what was computed from it.
#ifndef AXIOM_RUNTIME_BASE_FAULTGUARD_H
#define AXIOM_RUNTIME_BASE_FAULTGUARD_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>

namespace axiom {

/// Called inside the signal handler: only async-signal-safe work.
using FaultCallback = void (*)(const void *context);

/// Watches a mapped range until it is removed. Installs the process's handler with the first range;
/// SIGBUS from elsewhere goes to the handler that was there before.
Status addFaultGuard(std::span<const uint8_t> range, FaultCallback callback, const void *context);
/// Must be called before the range is unmapped.
void removeFaultGuard(const void *context);

} // namespace axiom

#endif
