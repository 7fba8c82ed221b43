// Which variant of a task runs, and how many units it has, by the step's tokens and positions.
#ifndef AXIOM_RUNTIME_DEVICE_CPU_LAUNCH_H
#define AXIOM_RUNTIME_DEVICE_CPU_LAUNCH_H

#include "runtime/device/LaunchTable.h"

#include <cstdint>

namespace axiom {

/// What a step makes of a launch.
struct LaunchShape {
  const LoadedKernel *kernel;
  uint32_t tokens, spans; ///< as in AxmLaunch
  uint32_t units;
};

/// The variant for `tokens` tokens (of the step, or rows) of which none is past `lastPosition`, and
/// its units. A variant with units per span gives way to the last one where its memory would not
/// hold the spans.
LaunchShape launchShape(const Launch &launch, uint32_t tokens, uint32_t lastPosition);

} // namespace axiom

#endif
