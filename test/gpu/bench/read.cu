// Reads memory as fast as it comes: what tools/gpu-check calls the stream bandwidth of a GPU.
#include "codegen/cuda/kernels/Launch.h"

namespace axiom::device {

/// args[0]: words of 16 bytes, `tokens` of them; args[1]: a sum for each thread of the grid.
AXIOM_KERNEL(256, 4) readWords(Launch l) {
  u64 words = tokensOf(l), step = static_cast<u64>(gridBlocks()) * blockThreads();
  u64 thread = static_cast<u64>(blockIndex()) * blockThreads() + threadIndex(), i = thread;
  u32 sum = 0;
  for (; i + 7 * step < words; i += 8 * step) {
    Words4 w[8];
    AXIOM_UNROLL
    for (u32 k = 0; k < 8; ++k)
      w[k] = loadOnce<Words4>(l.args[0] + 16 * (i + k * step));
    AXIOM_UNROLL
    for (u32 k = 0; k < 8; ++k)
      sum += w[k].x + w[k].y + w[k].z + w[k].w;
  }
  for (; i < words; i += step) {
    Words4 w = loadOnce<Words4>(l.args[0] + 16 * i);
    sum += w.x + w.y + w.z + w.w;
  }
  store(l.args[1] + 4 * thread, sum);
}

} // namespace axiom::device
