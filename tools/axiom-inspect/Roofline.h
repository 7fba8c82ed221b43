// What a step has to read and to multiply, task by task, from the plan alone: the base of every
// share of a limit (docs/performance.md). Used by axiom-inspect --roofline and axiom-bench.
#ifndef AXIOM_TOOLS_AXIOM_INSPECT_ROOFLINE_H
#define AXIOM_TOOLS_AXIOM_INSPECT_ROOFLINE_H

#include "runtime/abi/kernel_abi.h"
#include "runtime/artifact/Plan.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace axiom {

/// What one sequence puts into a step.
struct SequenceSlice {
  uint32_t tokens = 1;  ///< computed by the step
  uint32_t context = 1; ///< positions that its last token sees, itself included; >= tokens
  uint32_t rows = 1;    ///< that reach the head
};

/// One task of the plan, all its repetitions together. Bytes are counted once a step: weights for
/// all tokens together, the KV memory of a sequence for all its tokens together. Activations stay
/// in the caches and are not counted.
struct TaskWork {
  std::string name;
  uint32_t repeat = 0, phase = 0, task = 0; ///< where in the plan
  uint32_t repetitions = 1;
  uint64_t weightBytes = 0;     ///< read; of an embedding the rows of the tokens only
  uint64_t kvReadBytes = 0;     ///< of valid positions
  uint64_t kvWriteBytes = 0;    ///< of new positions
  uint64_t linearMacs = 0;      ///< multiply-adds with weights, padding not counted
  uint64_t attentionMacs = 0;   ///< scores and sums over valid positions
  uint64_t floatLinearMacs = 0; ///< the part of linearMacs with f32, f16 or bf16 weights
  uint64_t matrixBytes[AXM_FORMAT_Q6 + 1] = {}; ///< of the matrices that are multiplied, by format

  uint64_t bytes() const { return weightBytes + kvReadBytes + kvWriteBytes; }
  uint64_t macs() const { return linearMacs + attentionMacs; }
  TaskWork &operator+=(const TaskWork &other); ///< of the same task
};

/// A step, or several added up.
struct StepWork {
  std::vector<TaskWork> tasks; ///< in plan order

  TaskWork total() const;
  StepWork &operator+=(const StepWork &other); ///< of the same plan
};

/// `kernels`: the table of one of the artifact's CPU images, which tells readers of KV memory from
/// writers. Unsupported if it is empty.
Result<StepWork> stepWork(const Metadata &metadata, std::span<const AxmKernelRow> kernels,
                          std::span<const SequenceSlice> slices);

} // namespace axiom

#endif
