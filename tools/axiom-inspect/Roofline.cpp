#include "tools/axiom-inspect/Roofline.h"

#include <algorithm>
#include <array>

namespace axiom {

namespace {

/// Sums over the tokens of a step. `window` 0: none.
struct StepSums {
  uint64_t tokens = 0, rows = 0;
  std::span<const SequenceSlice> slices;

  /// Positions of all sequences that some token of the step sees.
  uint64_t seen(uint32_t window) const {
    uint64_t sum = 0;
    for (const SequenceSlice &s : slices)
      sum += window == 0 ? s.context : std::min<uint64_t>(s.context, window + (s.tokens - 1ull));
    return sum;
  }
  /// Pairs of a token and a position that it sees.
  uint64_t pairs(uint32_t window) const {
    uint64_t sum = 0;
    for (const SequenceSlice &s : slices) {
      uint64_t from = s.context - s.tokens; // token i sees from + i + 1 positions
      uint64_t whole = s.tokens;            // tokens whose window reaches the start
      if (window != 0)
        whole = from >= window ? 0 : std::min<uint64_t>(s.tokens, window - from);
      sum += whole * from + whole * (whole + 1) / 2 + (s.tokens - whole) * window;
    }
    return sum;
  }
};

bool isFloat(AxmFormat format) {
  return format == AXM_FORMAT_F32 || format == AXM_FORMAT_F16 || format == AXM_FORMAT_BF16;
}

/// Adds what binding `b` of one repetition of `task` reads and multiplies.
void addBinding(const Metadata &m, const TaskInfo &task, size_t b, uint32_t repetition,
                const AxmArgRow &arg, const StepSums &sums, TaskWork &work) {
  const BindingInfo &binding = task.bindings[b];
  auto at = [repetition](const auto &values) {
    return values[values.size() == 1 ? 0 : repetition];
  };
  auto bound = [&](AxmSpace space) {
    return std::any_of(task.bindings.begin(), task.bindings.end(),
                       [&](const BindingInfo &other) { return other.space == space; });
  };
  if (binding.space == AXM_SPACE_WEIGHTS && !binding.tensors.empty()) {
    const TensorInfo &tensor = m.tensors[at(binding.tensors)];
    uint64_t times = bound(AXM_SPACE_ROWS) ? sums.rows : sums.tokens;
    if (tensor.vector) {
      work.weightBytes += times > 0 ? tensor.size : 0;
    } else if (bound(AXM_SPACE_TOKENS)) { // a gather: each token's row
      work.weightBytes += sums.tokens * (tensor.size / std::max<uint64_t>(tensor.rows, 1));
    } else {
      uint64_t macs = times * tensor.rows * tensor.cols;
      work.weightBytes += times > 0 ? tensor.size : 0;
      work.matrixBytes[tensor.format] += times > 0 ? tensor.size : 0;
      work.linearMacs += macs;
      work.floatLinearMacs += isFloat(tensor.format) ? macs : 0;
    }
  } else if (binding.space == AXM_SPACE_KV) {
    uint64_t layer = binding.values.empty() ? 0 : at(binding.values);
    uint32_t window = layer < m.config.windows.size() ? m.config.windows[layer] : 0;
    uint64_t positionBytes = m.kv.layerBytes / AXM_KV_BLOCK;
    if (arg.writeFixed + arg.writePerToken > 0)
      work.kvWriteBytes += sums.tokens * positionBytes;
    if (arg.readFixed + arg.readPerToken > 0) {
      work.kvReadBytes += sums.seen(window) * positionBytes;
      work.attentionMacs += sums.pairs(window) * 2 * m.config.heads * m.config.headDim;
    }
  }
}

} // namespace

TaskWork &TaskWork::operator+=(const TaskWork &other) {
  weightBytes += other.weightBytes;
  kvReadBytes += other.kvReadBytes;
  kvWriteBytes += other.kvWriteBytes;
  linearMacs += other.linearMacs;
  attentionMacs += other.attentionMacs;
  floatLinearMacs += other.floatLinearMacs;
  for (size_t i = 0; i < std::size(matrixBytes); ++i)
    matrixBytes[i] += other.matrixBytes[i];
  return *this;
}

TaskWork StepWork::total() const {
  TaskWork sum;
  sum.name = "total";
  for (const TaskWork &task : tasks)
    sum += task;
  return sum;
}

StepWork &StepWork::operator+=(const StepWork &other) {
  if (tasks.empty())
    tasks = other.tasks;
  else
    for (size_t i = 0; i < tasks.size(); ++i)
      tasks[i] += other.tasks[i];
  return *this;
}

Result<StepWork> stepWork(const Metadata &metadata, std::span<const AxmKernelRow> kernels,
                          std::span<const SequenceSlice> slices) {
  StepSums sums;
  sums.slices = slices;
  for (const SequenceSlice &s : slices) {
    if (s.tokens == 0 || s.context < s.tokens || s.context > metadata.config.maxContext)
      return Status(Code::InvalidArgument,
                    format("%u tokens that end at position %u; a context of 1 to %u is possible",
                           s.tokens, s.context, metadata.config.maxContext));
    sums.tokens += s.tokens;
    sums.rows += s.rows;
  }
  StepWork step;
  const auto &repeats = metadata.plan.repeats;
  for (uint32_t r = 0; r < repeats.size(); ++r)
    for (uint32_t p = 0; p < repeats[r].phases.size(); ++p)
      for (uint32_t t = 0; t < repeats[r].phases[p].tasks.size(); ++t) {
        const TaskInfo &task = repeats[r].phases[p].tasks[t];
        if (task.kernels[0] >= kernels.size())
          return Status(Code::Unsupported, "the artifact has no CPU code image with its kernels");
        const AxmKernelRow &row = kernels[task.kernels[0]];
        TaskWork work;
        work.name = task.name;
        work.repeat = r;
        work.phase = p;
        work.task = t;
        work.repetitions = repeats[r].count;
        for (uint32_t n = 0; n < repeats[r].count; ++n)
          for (size_t b = 0; b < task.bindings.size() && b < row.numArgs; ++b)
            addBinding(metadata, task, b, n, row.args[b], sums, work);
        step.tasks.push_back(std::move(work));
      }
  return step;
}

} // namespace axiom
