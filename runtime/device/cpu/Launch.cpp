#include "runtime/device/cpu/Launch.h"

#include <algorithm>

namespace axiom {

LaunchShape launchShape(const Launch &launch, uint32_t tokens, uint32_t lastPosition) {
  const LoadedKernel *kernel = launch.kernels[tokens == 1 ? 0 : tokens <= 8 ? 1 : 2];
  uint32_t spans = 0;
  if (kernel->row.unitKind == AXM_UNITS_PER_SPAN) {
    spans = std::min(lastPosition / AXM_ATTENTION_SPAN + 1, kernel->row.spansPerToken);
    if (uint64_t(spans) * tokens > kernel->row.maxSpans) {
      kernel = launch.kernels[2];
      spans = 0;
    }
  }
  uint32_t units = kernel->row.unitCount;
  if (kernel->row.unitKind != AXM_UNITS_FIXED)
    units *= tokens * std::max(spans, 1u);
  return {kernel, tokens, spans, units};
}

} // namespace axiom
