#include "runtime/engine/Embedder.h"

#include <array>
#include <cmath>

namespace axiom::engine {

namespace {

/// 64 virtual lanes joined by halving, as all sums of squares.
float sumOfSquares(std::span<const float> x) {
  std::array<float, 64> lanes{};
  for (size_t i = 0; i < x.size(); ++i)
    lanes[i % 64] = std::fma(x[i], x[i], lanes[i % 64]);
  for (size_t w = 32; w > 0; w /= 2)
    for (size_t i = 0; i < w; ++i)
      lanes[i] = lanes[i] + lanes[i + w];
  return lanes[0];
}

} // namespace

void normalizeRow(const FinalNorm &norm, const float *row, std::span<float> out) {
  size_t n = norm.gain.size();
  float mean = sumOfSquares({row, n}) / static_cast<float>(n);
  float r = 1.0f / std::sqrt(mean + norm.eps);
  for (size_t i = 0; i < n; ++i)
    out[i] = (row[i] * r) * norm.gain[i];
}

void Embedder::add(uint32_t position, const float *row, bool last) {
  if (position != next_)
    return;
  ++next_;
  if (pooling_ == Pooling::Last) {
    if (last)
      normalizeRow(norm_, row, sum_);
    return;
  }
  normalizeRow(norm_, row, row_);
  for (size_t i = 0; i < sum_.size(); ++i)
    sum_[i] = sum_[i] + row_[i];
}

Result<std::vector<float>> Embedder::finish(bool unitLength) {
  std::vector<float> out = std::move(sum_);
  if (pooling_ == Pooling::Mean)
    for (float &value : out)
      value = value / static_cast<float>(next_);
  float length = std::sqrt(sumOfSquares(out));
  if (!std::isfinite(length))
    return {Code::Internal,
            "the embedding is not finite: the model's numbers overflow on this input"};
  if (unitLength && length > 0.0f)
    for (float &value : out)
      value = value / length;
  return out;
}

} // namespace axiom::engine
