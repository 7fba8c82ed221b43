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
/// All that the head computes is the result.
constexpr double kHeadShare = 1;
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
  float *residual() const {
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

  /// The rows of a linear after its norm.
  Result<const float *> normalized(const LinearInput &input, size_t count,
                                   std::vector<float> &buffer) {
    const auto *rows = reinterpret_cast<const float *>(executor_.slot(input.slot).data());
    std::vector<float> &gains = gains_[input.norm];
    if (gains.empty()) {
      AXIOM_ASSIGN_OR_RETURN(gains, gainsOf(input));
    }
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

  /// Rows of a linear that adds to the residual, each over the residual's size after that: what
  /// follows normalizes the residual, so this is what an error is measured by. Without it the few
  /// tokens with huge activations would be all that counts.
  const float *overResidual(const LinearInput &input, size_t count, std::vector<float> &buffer) {
    const auto *rows = reinterpret_cast<const float *>(executor_.slot(input.slot).data());
    uint32_t stride = plan::rowStride(input.width), hidden = job_.artifact->config().hidden;
    buffer.resize(count * stride);
    for (size_t t = 0; t < count; ++t) {
      double sum = 0;
      for (uint32_t i = 0; i < hidden; ++i) {
        double x = static_cast<double>(residual()[t * hiddenStride_ + i]);
        sum += x * x;
      }
      float scale = sum > 0 ? static_cast<float>(1.0 / std::sqrt(sum / hidden)) : 0.0f;
      for (uint32_t i = 0; i < input.width; ++i)
        buffer[t * stride + i] = rows[t * stride + i] * scale;
    }
    return buffer.data();
  }

  Status watch(const LinearInput &input, size_t count, Moments &moments) {
    const float *rows;
    if (input.norm < 0) {
      rows = overResidual(input, count, buffer_);
    } else {
      AXIOM_ASSIGN_OR_RETURN(rows, normalized(input, count, buffer_));
    }
    moments.add(rows, static_cast<uint32_t>(count), plan::rowStride(input.width), workers_);
    return Status();
  }

  /// How much of the residual, relative and squared, a linear has added to each token; summed.
  double addedShare(size_t count) const {
    uint32_t hidden = job_.artifact->config().hidden;
    double shares = 0;
    for (size_t t = 0; t < count; ++t) {
      double added = 0, all = 0;
      for (uint32_t i = 0; i < hidden; ++i) {
        size_t at = t * hiddenStride_ + i;
        auto after = static_cast<double>(residual()[at]);
        added +=
            (after - static_cast<double>(before_[at])) * (after - static_cast<double>(before_[at]));
        all += after * after;
      }
      shares += all > 0 ? added / all : 0;
    }
    return shares;
  }

  Status keep(const LinearInput &input, double share, Moments moments) {
    AXIOM_ASSIGN_OR_RETURN(uint32_t number,
                           result_.file_.add(std::move(moments).factor(kDamping, workers_)));
    for (const std::string &tensor : input.tensors)
      result_.known_[tensor] = {number, share};
    return Status();
  }

  Status passLayer(const LayerPhases &layer) {
    std::vector<Moments> moments;
    for (const LinearInput &input : layer.inputs)
      moments.emplace_back(input.width);
    std::vector<double> shares(layer.inputs.size());
    size_t at = 0;
    for (const auto &chunk : job_.text.chunks) {
      // The leading phases make the rope angles of this chunk's positions.
      AXIOM_RETURN_IF_ERROR(step(chunk, 0, inputs_.leadingPhases));
      std::copy_n(hidden_.data() + at, chunk.size() * hiddenStride_, residual());
      uint32_t phase = layer.first;
      for (size_t i = 0; i < layer.inputs.size(); ++i) {
        if (layer.inputs[i].norm < 0) {
          AXIOM_RETURN_IF_ERROR(step(chunk, phase, layer.inputs[i].phase));
          phase = std::max(phase, layer.inputs[i].phase);
          before_.assign(residual(), residual() + chunk.size() * hiddenStride_);
        }
        // A linear that adds to the residual leaves its input as it is, and what comes of it.
        uint32_t until = layer.inputs[i].phase + (layer.inputs[i].norm < 0 ? 1 : 0);
        AXIOM_RETURN_IF_ERROR(step(chunk, phase, until));
        phase = std::max(phase, until);
        AXIOM_RETURN_IF_ERROR(watch(layer.inputs[i], chunk.size(), moments[i]));
        if (layer.inputs[i].norm < 0)
          shares[i] += addedShare(chunk.size()) / job_.text.tokens;
      }
      AXIOM_RETURN_IF_ERROR(step(chunk, phase, layer.end));
      std::copy_n(residual(), chunk.size() * hiddenStride_, hidden_.data() + at);
      at += chunk.size() * hiddenStride_;
      done(chunk.size());
    }
    // What a block computes counts as much as what it adds in the end.
    for (size_t i = layer.inputs.size() - 1; i-- > 0;)
      if (layer.inputs[i].norm >= 0)
        shares[i] = shares[i + 1];
    for (size_t i = 0; i < layer.inputs.size(); ++i)
      AXIOM_RETURN_IF_ERROR(keep(layer.inputs[i], shares[i], std::move(moments[i])));
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
    return keep(inputs_.head, kHeadShare, std::move(moments));
  }

  const CalibrationJob &job_;
  Executor &executor_;
  LinearInputs inputs_;
  Workers workers_;
  Calibration &result_;
  size_t hiddenStride_; ///< floats
  std::vector<float> hidden_, buffer_, before_;
  std::map<int64_t, std::vector<float>> gains_; ///< of norms, by weight of the plan
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

double Calibration::share(const std::string &tensor) const {
  auto found = known_.find(tensor);
  if (found != known_.end())
    return found->second.share;
  double sum = 0;
  for (const auto &[name, known] : known_)
    sum += known.share;
  return sum / static_cast<double>(known_.size());
}

Result<std::shared_ptr<const Feedback>> Calibration::feedback(const std::string &tensor) {
  auto known = known_.find(tensor);
  if (known == known_.end())
    return std::shared_ptr<const Feedback>();
  uint32_t number = known->second.factors;
  std::lock_guard<std::mutex> lock(mutex_);
  loaded_.resize(known_.size());
  std::shared_ptr<const Feedback> held = loaded_[number].lock();
  if (!held) {
    AXIOM_ASSIGN_OR_RETURN(Feedback read, file_.read(number));
    held = std::make_shared<const Feedback>(std::move(read));
    loaded_[number] = held;
  }
  last_ = held;
  return held;
}

} // namespace axiom::calibrate
