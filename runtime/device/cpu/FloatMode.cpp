#include "runtime/device/cpu/FloatMode.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#elif !defined(__aarch64__)
#error "the floating-point mode of this architecture is not known here"
#endif

namespace axiom {

#if defined(__x86_64__)

// MXCSR after reset: all exceptions masked, round to nearest, no FTZ, no DAZ.
FloatMode::FloatMode() : before_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
FloatMode::~FloatMode() { _mm_setcsr(static_cast<unsigned>(before_)); }

#else

// FPCR 0: round to nearest, no flush to zero, no traps.
FloatMode::FloatMode() {
  asm volatile("mrs %0, fpcr" : "=r"(before_));
  asm volatile("msr fpcr, %0" : : "r"(uint64_t(0)));
}
FloatMode::~FloatMode() { asm volatile("msr fpcr, %0" : : "r"(before_)); }

#endif

} // namespace axiom
