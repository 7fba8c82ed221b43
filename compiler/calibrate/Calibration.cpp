#include "compiler/calibrate/Calibration.h"

#include "compiler/calibrate/LinearInputs.h"
#include "compiler/calibrate/Moments.h"
#include "compiler/package/WeightPacker.h"
#include "runtime/device/cpu/Executor.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <numeric>

namespace axiom::calibrate {

namespace {
/// Of the mean of the moments' diagonal: what a text of this size says by chance is less.
constexpr double kDamping = 0.01;
} // namespace

/// Walks the layers with all chunks of a text.
class Calibrator {
public:
  Calibrator(const CalibrationJob &job, Executor &executor, LinearInputs inputs, Workers workers,
             Calibration &result)
      : job_(job), executor_(executor), inputs_(std::move(inputs)), workers_(std::move(workers)),
        result_(result), hiddenStride_(job.artifact->config().hiddenStride()) {
    size_t longest = 0;
    for (const auto &chunk : job.text.chunks)
      longest = std::max(longest, chunk.size());
    positions_.resize(longest);
    std::iota(positions_.begin(), positions_.end(), 0);
    offsets_.resize(longest);
    blocks_.resize((longest + AXM_KV_BLOCK - 1) / AXM_KV_BLOCK);
    std::iota(blocks_.begin(), blocks_.end(), 0u);
    total_ = uint64_t(job.text.tokens) * (inputs_.layers.size() + 1);
  }

  Status run() {
    hidden_.resize(job_.text.tokens * hiddenStride_);
    size_t at = 0;
    for (const auto &chunk : job_.text.chunks) {
      AXIOM_RETURN_IF_ERROR(step(chunk, 0, inputs_.leadingPhases));
      std::copy_n(residual(), chunk.size() * hiddenStride_, hidden_.data() + at);
      at += chunk.size() * hiddenStride_;
    }
    for (const LayerPhases &layer : inputs_.layers)
      AXIOM_RETURN_IF_ERROR(passLayer(layer));
    return passHead();
  }

private:
  float *residual() {
    return reinterpret_cast<float *>(executor_.slot(job_.plan.residualSlot).data());
  }

  Status step(const std::vector<int32_t> &chunk, uint32_t first, uint32_t end) {
    if (first >= end)
      return Status();
    StepInput input;
    input.tokens = chunk;
    input.positions = {positions_.data(), chunk.size()};
    input.tableOffsets = {offsets_.data(), chunk.size()};
    input.blockTables = blocks_;
    input.firstPhase = first;
    input.endPhase = end;
    return executor_.step(input);
  }

  void done(size_t tokens) {
    done_ += tokens;
    if (job_.progress)
      job_.progress(done_, total_);
  }

  /// The rows of a linear after its norm; `buffer` holds them if they are not used as they are.
  Result<const float *> rowsOf(const LinearInput &input, size_t count, std::vector<float> &buffer) {
    const auto *rows = reinterpret_cast<const float *>(executor_.slot(input.slot).data());
    if (input.norm < 0)
      return rows;
    AXIOM_ASSIGN_OR_RETURN(std::vector<float> gains, gainsOf(input));
    uint32_t stride = plan::rowStride(input.width);
    buffer.resize(count * stride);
    for (size_t t = 0; t < count; ++t) {
      const float *x = rows + t * stride;
      double sum = 0;
      for (uint32_t i = 0; i < input.width; ++i)
        sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      auto r = static_cast<float>(
          1.0 / std::sqrt(sum / input.width + static_cast<double>(input.normEps)));
      for (uint32_t i = 0; i < input.width; ++i)
        buffer[t * stride + i] = x[i] * r * gains[i];
    }
    return buffer.data();
  }

  /// The packed form of a vector is f32 in the order of the machine's weights segment.
  Result<std::vector<float>> gainsOf(const LinearInput &input) const {
    AXIOM_ASSIGN_OR_RETURN(
        std::vector<uint8_t> bytes,
        packWeight(job_.plan.weights[static_cast<size_t>(input.norm)], job_.source));
    std::vector<float> gains(bytes.size() / sizeof(float));
    std::memcpy(gains.data(), bytes.data(), bytes.size());
    return gains;
  }

  Status watch(const LinearInput &input, size_t count, Moments &moments) {
    AXIOM_ASSIGN_OR_RETURN(const float *rows, rowsOf(input, count, buffer_));
    moments.add(rows, static_cast<uint32_t>(count), plan::rowStride(input.width), workers_);
    return Status();
  }

  Status keep(const LinearInput &input, Moments moments) {
    AXIOM_ASSIGN_OR_RETURN(uint32_t number,
                           result_.file_.add(std::move(moments).factor(kDamping, workers_)));
    for (const std::string &tensor : input.tensors)
      result_.numbers_[tensor] = number;
    return Status();
  }

  Status passLayer(const LayerPhases &layer) {
    std::vector<Moments> moments;
    for (const LinearInput &input : layer.inputs)
      moments.emplace_back(input.width);
    size_t at = 0;
    for (const auto &chunk : job_.text.chunks) {
      // The leading phases make the rope angles of this chunk's positions.
      AXIOM_RETURN_IF_ERROR(step(chunk, 0, inputs_.leadingPhases));
      std::copy_n(hidden_.data() + at, chunk.size() * hiddenStride_, residual());
      uint32_t phase = layer.first;
      for (size_t i = 0; i < layer.inputs.size(); ++i) {
        AXIOM_RETURN_IF_ERROR(step(chunk, phase, layer.inputs[i].phase));
        phase = std::max(phase, layer.inputs[i].phase);
        AXIOM_RETURN_IF_ERROR(watch(layer.inputs[i], chunk.size(), moments[i]));
      }
      AXIOM_RETURN_IF_ERROR(step(chunk, phase, layer.end));
      std::copy_n(residual(), chunk.size() * hiddenStride_, hidden_.data() + at);
      at += chunk.size() * hiddenStride_;
      done(chunk.size());
    }
    for (size_t i = 0; i < layer.inputs.size(); ++i)
      AXIOM_RETURN_IF_ERROR(keep(layer.inputs[i], std::move(moments[i])));
    return Status();
  }

  /// The head itself need not run: its input is the last hidden state.
  Status passHead() {
    Moments moments(inputs_.head.width);
    size_t at = 0;
    for (const auto &chunk : job_.text.chunks) {
      std::copy_n(hidden_.data() + at, chunk.size() * hiddenStride_, residual());
      at += chunk.size() * hiddenStride_;
      AXIOM_RETURN_IF_ERROR(watch(inputs_.head, chunk.size(), moments));
      done(chunk.size());
    }
    return keep(inputs_.head, std::move(moments));
  }

  const CalibrationJob &job_;
  Executor &executor_;
  LinearInputs inputs_;
  Workers workers_;
  Calibration &result_;
  size_t hiddenStride_; ///< floats
  std::vector<float> hidden_, buffer_;
  std::vector<int32_t> positions_;
  std::vector<uint32_t> offsets_, blocks_;
  uint64_t done_ = 0, total_ = 0;
};

Result<std::unique_ptr<Calibration>> Calibration::run(const CalibrationJob &job) {
  try {
    AXIOM_ASSIGN_OR_RETURN(LinearInputs inputs, findLinearInputs(job.plan));
    AXIOM_ASSIGN_OR_RETURN(Workers workers, Workers::create(job.threads));
    AXIOM_ASSIGN_OR_RETURN(FactorFile file, FactorFile::create(job.folder));
    ExecutorOptions options;
    options.threads = job.threads;
    options.maxTokens = 1;
    for (const auto &chunk : job.text.chunks)
      options.maxTokens = std::max(options.maxTokens, static_cast<uint32_t>(chunk.size()));
    options.numBlocks = (options.maxTokens + AXM_KV_BLOCK - 1) / AXM_KV_BLOCK;
    AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<Executor> executor,
                           Executor::create(job.artifact, options));
    std::unique_ptr<Calibration> result(new Calibration(std::move(file)));
    AXIOM_RETURN_IF_ERROR(
        Calibrator(job, *executor, std::move(inputs), std::move(workers), *result).run());
    return result;
  } catch (const std::bad_alloc &) {
    return Status(Code::Resource, "out of memory for the moments of a layer and the hidden states "
                                  "of the text; --calibrate-tokens with fewer needs less");
  }
}

Result<std::shared_ptr<const Feedback>> Calibration::feedback(const std::string &tensor) {
  auto number = numbers_.find(tensor);
  if (number == numbers_.end())
    return std::shared_ptr<const Feedback>();
  std::lock_guard<std::mutex> lock(mutex_);
  loaded_.resize(numbers_.size());
  std::shared_ptr<const Feedback> held = loaded_[number->second].lock();
  if (!held) {
    AXIOM_ASSIGN_OR_RETURN(Feedback read, file_.read(number->second));
    held = std::make_shared<const Feedback>(std::move(read));
    loaded_[number->second] = held;
  }
  last_ = held;
  return held;
}

} // namespace axiom::calibrate
