// Predicts the time of a step on a GPU, task by task: the launches that the artifact's CUDA code
// has for it, what the plan says they read and multiply, and what the kernels' machine code costs
// (Gpu.h).
#ifndef AXIOM_TOOLS_AXIOM_INSPECT_PREDICT_H
#define AXIOM_TOOLS_AXIOM_INSPECT_PREDICT_H

#include "runtime/abi/cuda_abi.h"
#include "tools/axiom-inspect/Gpu.h"
#include "tools/axiom-inspect/Roofline.h"

#include <span>
#include <string>
#include <vector>

namespace axiom {

struct TaskPrediction {
  std::string name;
  uint32_t repetitions = 1;
  uint32_t launches = 0; ///< of one repetition
  uint64_t blocks = 0;   ///< of the body's grid
  double megabytes = 0;  ///< from memory, all repetitions
  double microseconds = 0;
  std::string bound; ///< what sets the body's time
};

struct StepPrediction {
  std::vector<TaskPrediction> tasks;
  double microseconds = 0;
};

/// `kernels`: the launches of each kernel of a CUDA image of the artifact.
Result<StepPrediction> predictStep(const GpuDevice &device, const Metadata &metadata,
                                   const StepWork &work, std::span<const AxmCudaKernel> kernels,
                                   std::span<const SequenceSlice> slices);

} // namespace axiom

#endif
