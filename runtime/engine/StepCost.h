// What a step costs by its number of tokens: a line through the steps that were measured, the last
// ones counting most. From it follows how many tokens fit a time.
#ifndef AXIOM_RUNTIME_ENGINE_STEPCOST_H
#define AXIOM_RUNTIME_ENGINE_STEPCOST_H

#include <algorithm>
#include <cstdint>

namespace axiom::engine {

class StepCost {
public:
  void add(uint32_t tokens, uint64_t microseconds) {
    double t = tokens, y = static_cast<double>(microseconds);
    n_ = n_ * kKeep + 1;
    t_ = t_ * kKeep + t;
    y_ = y_ * kKeep + y;
    tt_ = tt_ * kKeep + t * t;
    ty_ = ty_ * kKeep + t * y;
  }

  bool known() const { return n_ >= kLeast; }
  /// Microseconds of one more token, not negative.
  double perToken() const {
    double spread = n_ * tt_ - t_ * t_;
    if (spread < 1e-3 * n_ * tt_) // nearly all steps had as many: no line, only a share
      return t_ > 0 ? y_ / t_ : 0;
    return std::max(0.0, (n_ * ty_ - t_ * y_) / spread);
  }
  double microseconds(uint32_t tokens) const {
    return n_ == 0 ? 0 : std::max(0.0, (y_ - perToken() * t_) / n_) + perToken() * tokens;
  }
  /// The most tokens of a step of so many microseconds; at least 1, without limit while unknown.
  uint32_t tokensWithin(uint64_t microseconds) const {
    if (!known())
      return UINT32_MAX;
    double slope = perToken(), left = static_cast<double>(microseconds) - this->microseconds(0);
    if (slope <= 0)
      return UINT32_MAX;
    return static_cast<uint32_t>(std::clamp(left / slope, 1.0, 1e9));
  }

private:
  static constexpr double kKeep = 0.98, kLeast = 4;
  double n_ = 0, t_ = 0, y_ = 0, tt_ = 0, ty_ = 0; ///< sums of 1, t, y, t*t, t*y, fading
};

} // namespace axiom::engine

#endif
