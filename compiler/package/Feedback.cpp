#include "compiler/package/Feedback.h"

namespace axiom {

// H = U D U^T, so the form is the sum of D[k] * ((row U)[k])^2.
double outputPower(const Feedback &feedback, std::span<const float> row) {
  std::vector<float> products(feedback.size);
  for (size_t k = 0; k < row.size(); ++k)
    products[k] = row[k];
  for (size_t j = 0; j < row.size(); ++j) {
    const float *u = feedback.row(static_cast<uint32_t>(j));
    float value = row[j];
    for (size_t k = j + 1; k < feedback.size; ++k)
      products[k] += value * u[k];
  }
  double sum = 0;
  for (size_t k = 0; k < feedback.size; ++k)
    sum += static_cast<double>(feedback.cost[k]) * static_cast<double>(products[k]) *
           static_cast<double>(products[k]);
  return sum;
}

} // namespace axiom
