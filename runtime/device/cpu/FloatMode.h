// The floating-point environment that the numerics contract asks for (docs/numerics.md): round to
// nearest even, subnormals kept, no traps.
#ifndef AXIOM_RUNTIME_DEVICE_CPU_FLOATMODE_H
#define AXIOM_RUNTIME_DEVICE_CPU_FLOATMODE_H

#include <cstdint>

namespace axiom {

/// Sets the calling thread's environment for its lifetime and restores what was there.
class FloatMode {
public:
  FloatMode();
  ~FloatMode();
  FloatMode(const FloatMode &) = delete;
  FloatMode &operator=(const FloatMode &) = delete;

private:
  uint64_t before_;
};

} // namespace axiom

#endif
