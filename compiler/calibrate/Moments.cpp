#include "compiler/calibrate/Moments.h"

#include "compiler/calibrate/RankUpdate.h"

#include <algorithm>

namespace axiom::calibrate {

static uint32_t roundUp(uint32_t n, uint32_t a) { return (n + a - 1) / a * a; }

// Rows are padded to 64 so that tiles need no bounds; columns to 32, which is what Feedback has.
Moments::Moments(uint32_t size)
    : size_(size), stride_(roundUp(size, 32)), values_(roundUp(size, kRowTile) * stride_) {}

void Moments::add(const float *rows, uint32_t count, size_t rowStride, const Workers &workers) {
  uint32_t tiles = roundUp(size_, kRowTile) / kRowTile;
  std::vector<float> right(kRank * stride_), left(size_t(tiles) * kRowTile * kRank);
  for (uint32_t first = 0; first < count; first += kRank) {
    uint32_t some = std::min(kRank, count - first);
    std::fill(right.begin(), right.end(), 0.0f);
    for (uint32_t t = 0; t < some; ++t)
      std::copy_n(rows + (first + t) * rowStride, size_, right.data() + t * stride_);
    workers.each(tiles, [&](uint32_t tile) {
      for (uint32_t i = tile * kRowTile; i < std::min(size_, (tile + 1) * kRowTile); ++i)
        for (uint32_t t = 0; t < kRank; ++t)
          left[size_t(i) * kRank + t] = right[t * stride_ + i];
      rankUpdate(values_.data(), stride_, static_cast<uint32_t>(stride_), tile * kRowTile,
                 left.data(), right.data(), 1.0f);
    });
  }
  rows_ += count;
}

namespace {

/// U D U^T from the last columns to the first, `kRank` columns at a time: such a panel is factored,
/// then its share is taken from the columns before it.
class Factorization {
public:
  Factorization(std::vector<float> &values, size_t stride, float least, Feedback &out)
      : a_(values), stride_(stride), least_(least), out_(out) {}

  void run(const Workers &workers) {
    auto size = static_cast<uint32_t>(stride_);
    uint32_t panels = (size + kRank - 1) / kRank;
    left_.resize(size_t(roundUp(size, kRowTile)) * kRank);
    right_.resize(kRank * stride_);
    for (uint32_t p = panels; p-- > 0;) {
      uint32_t begin = p * kRank, end = std::min(size, begin + kRank);
      diagonal(begin, end);
      workers.each(p, [&](uint32_t tile) { panelRows(tile * kRank, begin, end); });
      workers.each(p, [&](uint32_t tile) {
        rankUpdate(a_.data(), stride_, begin, tile * kRowTile, left_.data(), right_.data(), -1.0f);
      });
    }
  }

private:
  /// Row i of the panel's columns, given the rows of the diagonal block below it.
  void solveRow(uint32_t i, uint32_t begin, uint32_t end) {
    float *row = a_.data() + i * stride_;
    uint32_t first = std::max(begin, i);
    for (uint32_t k = end; k-- > std::max(begin, i + 1);) {
      float scaled = row[k], u = scaled / out_.cost[k];
      float *column = block_[k - begin];
      row[k] = u;
      if (i < begin) {
        left_[size_t(i) * kRank + (k - begin)] = scaled;
        right_[(k - begin) * stride_ + i] = u;
      } else {
        column[i - begin] = u;
      }
      for (uint32_t j = first; j < k; ++j)
        row[j] = row[j] - scaled * column[j - begin];
    }
  }

  void diagonal(uint32_t begin, uint32_t end) {
    for (uint32_t i = end; i-- > begin;) {
      // Rows below have their factors already; column i of the rows above follows in their turn.
      solveRow(i, begin, end);
      float pivot = a_[i * stride_ + i];
      // Rounding can take a pivot below what damping guarantees.
      out_.cost[i] = pivot > least_ ? pivot : least_;
    }
  }

  void panelRows(uint32_t first, uint32_t begin, uint32_t end) {
    for (uint32_t i = first; i < first + kRank; ++i) {
      for (uint32_t k = end - begin; k < kRank; ++k) { // a last panel may be narrower
        left_[size_t(i) * kRank + k] = 0.0f;
        right_[k * stride_ + i] = 0.0f;
      }
      solveRow(i, begin, end);
    }
  }

  std::vector<float> &a_;
  size_t stride_;
  float least_;
  Feedback &out_;
  std::vector<float> left_, right_;
  float block_[kRank][kRank]; ///< U of the panel's diagonal block, column by column
};

} // namespace

Feedback Moments::factor(double damping, const Workers &workers) && {
  double mean = 0;
  for (uint32_t i = 0; i < size_; ++i)
    mean += static_cast<double>(at(i, i));
  auto add = static_cast<float>(damping * mean / size_);
  // Nothing is known about inputs that were always zero: then every error costs the same.
  if (!(add > 0.0f))
    add = 1.0f;
  for (uint32_t i = 0; i < stride_; ++i)
    values_[i * stride_ + i] = values_[i * stride_ + i] + add;
  Feedback feedback;
  feedback.size = static_cast<uint32_t>(stride_);
  feedback.cost.resize(stride_);
  Factorization(values_, stride_, 0.5f * add, feedback).run(workers);
  values_.resize(stride_ * stride_);
  feedback.upper = std::move(values_);
  return feedback;
}

} // namespace axiom::calibrate
