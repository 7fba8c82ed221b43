#include "compiler/package/StripePacker.h"

#include "compiler/package/ExactImport.h"
#include "compiler/package/StripeLayout.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace axiom {

using plan::formatName;
using plan::PlanWeight;

void PackStats::add(const PackStats &other) {
  maxError = other.maxError > maxError ? other.maxError : maxError;
  errorPower += other.errorPower;
  power += other.power;
  outputErrorPower += other.outputErrorPower;
  outputPower += other.outputPower;
}

StripePacker::StripePacker(const PlanWeight &weight, const SourceTensor *tensor)
    : weight_(&weight), tensor_(tensor) {
  uint32_t rows = weight.vector ? weight.cols : weight.rows;
  headRows_ = rows / weight.heads;
  packedHeadRows_ = plan::padTo(headRows_, weight.rowAlign);
  uint32_t packedRows = plan::padTo(packedHeadRows_ * weight.heads, kStripe);
  if (weight.vector) {
    paddedCols_ = plan::padTo(packedRows, kGroup);
    units_ = 1;
    unitBytes_ = 4ull * paddedCols_;
  } else {
    paddedCols_ = plan::padTo(weight.cols, kGroup);
    units_ = packedRows / kStripe;
    unitBytes_ = plan::stripeBytes(weight.format, weight.cols, weight.cuts);
  }
}

Result<StripePacker> StripePacker::create(const PlanWeight &weight, const ModelSource &source) {
  const char *name = weight.name.c_str();
  // Bounds far above every model keep the 32-bit sums of the layout exact.
  constexpr uint32_t kMaxSide = 1u << 28;
  uint32_t rows = weight.vector ? weight.cols : weight.rows;
  if (weight.heads == 0 || weight.rowAlign == 0 || rows % weight.heads != 0 || rows == 0 ||
      weight.cols == 0 || rows > kMaxSide || weight.cols > kMaxSide || weight.rowAlign > 4096)
    return Status(Code::Internal,
                  format("weight '%s': %u x %u in %u heads aligned to %u can't be laid out", name,
                         weight.rows, weight.cols, weight.heads, weight.rowAlign));
  uint64_t packedRows = uint64_t(plan::padTo(rows / weight.heads, weight.rowAlign)) * weight.heads;
  if (packedRows > kMaxSide)
    return Status(Code::Internal, format("weight '%s': %llu padded rows are too many", name,
                                         static_cast<unsigned long long>(packedRows)));
  uint32_t previous = 0;
  for (uint32_t cut : weight.cuts) {
    if (weight.vector || cut % kGroup != 0 || cut <= previous || cut >= weight.cols)
      return Status(Code::Internal, format("weight '%s': K cut %u is not a multiple of 32 between "
                                           "%u and %u columns",
                                           name, cut, previous, weight.cols));
    previous = cut;
  }
  const SourceTensor *tensor = nullptr;
  if (weight.source.empty()) {
    if (!weight.vector || weight.values.size() != weight.cols)
      return Status(Code::Internal, format("weight '%s': %zu computed values for %u elements", name,
                                           weight.values.size(), weight.cols));
  } else {
    tensor = source.find(weight.source);
    if (!tensor)
      return Status(Code::Internal, format("weight '%s': the model has no tensor '%s'", name,
                                           weight.source.c_str()));
    uint64_t wantRows = weight.vector ? 1 : weight.rows;
    if (tensor->rows != wantRows || tensor->cols != weight.cols)
      return Status(Code::Internal,
                    format("weight '%s': the plan has %llu x %u, tensor '%s' %llu x %llu", name,
                           static_cast<unsigned long long>(wantRows), weight.cols,
                           weight.source.c_str(), static_cast<unsigned long long>(tensor->rows),
                           static_cast<unsigned long long>(tensor->cols)));
  }
  return StripePacker(weight, tensor);
}

/// The logical row at a packed place; -1 for padding.
int64_t StripePacker::logicalRow(uint32_t packedRow) const {
  uint32_t head = packedRow / packedHeadRows_, row = packedRow % packedHeadRows_;
  return head < weight_->heads && row < headRows_ ? int64_t(head) * headRows_ + row : -1;
}

Status StripePacker::judgeValue(float source, float packed, int64_t row, uint32_t col,
                                PackStats &stats) const {
  if (!std::isfinite(source))
    return Status(Code::BadInput,
                  format("tensor '%s' holds a value that is not finite at row %lld, column %u; the "
                         "model is damaged",
                         weight_->source.c_str(), static_cast<long long>(row), col));
  if (!std::isfinite(packed))
    return Status(Code::Unsupported,
                  format("tensor '%s': the value %g at row %lld, column %u is too large for %s; "
                         "store it in f32 or bf16 with --quant-override '%s=bf16'",
                         weight_->source.c_str(), static_cast<double>(source),
                         static_cast<long long>(row), col, formatName(weight_->format),
                         weight_->source.c_str()));
  float error = std::fabs(packed - source);
  stats.maxError = error > stats.maxError ? error : stats.maxError;
  stats.errorPower += double(error) * error;
  stats.power += double(source) * source;
  return Status();
}

Status StripePacker::packVector(uint8_t *out, PackStats &stats) const {
  std::vector<float> values = weight_->values;
  if (tensor_) {
    values.resize(weight_->cols);
    readRowF32(*tensor_, 0, values.data());
  }
  for (uint32_t i = 0; i < weight_->cols; ++i)
    AXIOM_RETURN_IF_ERROR(judgeValue(values[i], values[i], 0, i, stats));
  for (uint32_t i = 0; i < paddedCols_; ++i) {
    int64_t from = logicalRow(i);
    float value = from < 0 ? 0.0f : values[static_cast<size_t>(from)] + weight_->addend;
    auto bits = std::bit_cast<uint32_t>(value);
    for (uint32_t b = 0; b < 4; ++b)
      *out++ = static_cast<uint8_t>(bits >> 8 * b);
  }
  return Status();
}

/// Exact rows are copied from the source's blocks, the others searched.
void StripePacker::quantize(const float *rows, const int64_t *rowIds, const QuantGuide &guide,
                            QuantStripe &stripe) const {
  AxmFormat format = weight_->format;
  bool copied[kStripe] = {}, all = true;
  for (uint32_t r = 0; r < kStripe; ++r) {
    copied[r] =
        rowIds[r] < 0 || importRow(tensor_->type, format,
                                   tensor_->sourceRow(static_cast<uint64_t>(rowIds[r])), r, stripe);
    all &= copied[r];
  }
  if (all)
    return;
  QuantStripe searched;
  searched.resize(format, static_cast<uint32_t>(stripe.groups.size()));
  quantizeStripe(format, rows, weight_->cols, guide, searched);
  for (uint32_t r = 0; r < kStripe; ++r) {
    if (copied[r])
      continue;
    for (size_t g = 0; g < stripe.groups.size(); ++g) {
      QuantGroup &to = stripe.groups[g];
      const QuantGroup &from = searched.groups[g];
      for (uint32_t k = 0; k < kGroup; ++k)
        to.q[k][r] = from.q[k][r];
      to.scale[r] = from.scale[r];
      to.min[r] = from.min[r];
      to.sc[r] = from.sc[r];
      to.mn[r] = from.mn[r];
    }
    for (size_t i = 0; i < stripe.runs.size(); ++i) {
      stripe.runs[i].d[r] = searched.runs[i].d[r];
      stripe.runs[i].dm[r] = searched.runs[i].dm[r];
    }
  }
}

/// Compares what was stored with the source. The common case, all finite, runs without a call.
Status StripePacker::judge(const float *rows, const int64_t *rowIds, const QuantStripe &stripe,
                           PackStats &stats) const {
  for (uint32_t g = 0; g < stripe.groups.size(); ++g) {
    float decoded[kGroup][kStripe];
    decodeGroup(weight_->format, stripe, g, decoded);
    for (uint32_t r = 0; r < kStripe; ++r) {
      if (rowIds[r] < 0)
        continue;
      const float *row = rows + r * size_t(paddedCols_) + g * kGroup;
      uint32_t count = weight_->cols - g * kGroup < kGroup ? weight_->cols - g * kGroup : kGroup;
      float largest = 0, errorPower = 0, power = 0;
      for (uint32_t k = 0; k < count; ++k) {
        float error = std::fabs(decoded[k][r] - row[k]);
        largest = error > largest ? error : largest;
        errorPower += error * error;
        power += row[k] * row[k];
      }
      if (std::isfinite(errorPower) && std::isfinite(power)) {
        stats.maxError = largest > stats.maxError ? largest : stats.maxError;
        stats.errorPower += errorPower;
        stats.power += power;
        continue;
      }
      for (uint32_t k = 0; k < count; ++k)
        AXIOM_RETURN_IF_ERROR(judgeValue(row[k], decoded[k][r], rowIds[r], g * kGroup + k, stats));
    }
  }
  return Status();
}

/// What the errors of a stripe do to the outputs, beside what its rows do.
void StripePacker::judgeOutputs(const float *rows, const int64_t *rowIds, const QuantStripe &stripe,
                                const Feedback &feedback, PackStats &stats) const {
  std::vector<float> errors(size_t(kStripe) * paddedCols_);
  for (uint32_t g = 0; g < stripe.groups.size(); ++g) {
    float decoded[kGroup][kStripe];
    decodeGroup(weight_->format, stripe, g, decoded);
    for (uint32_t r = 0; r < kStripe; ++r)
      for (uint32_t k = 0; k < kGroup; ++k) {
        size_t at = r * size_t(paddedCols_) + g * kGroup + k;
        errors[at] = rows[at] - decoded[k][r];
      }
  }
  for (uint32_t r = 0; r < kStripe; ++r) {
    if (rowIds[r] < 0)
      continue;
    size_t at = r * size_t(paddedCols_);
    stats.outputErrorPower += outputPower(feedback, {errors.data() + at, weight_->cols});
    stats.outputPower += outputPower(feedback, {rows + at, weight_->cols});
  }
}

uint32_t StripePacker::sampleStep() const {
  uint32_t step = (units_ + 15) / 16;
  return step < 4 ? 4 : step;
}

bool StripePacker::searches() const {
  return tensor_ && !weight_->vector && plan::isQuantized(weight_->format) &&
         !isExactImport(tensor_->type, weight_->format);
}

Status StripePacker::pack(uint32_t first, uint32_t count, const QuantGuide &guide, uint8_t *out,
                          PackStats &stats) const {
  if (weight_->vector)
    return packVector(out, stats);
  AxmFormat format = weight_->format;
  std::vector<float> rows(size_t(kStripe) * paddedCols_);
  QuantStripe stripe;
  for (uint32_t unit = first; unit < first + count; ++unit, out += unitBytes_) {
    int64_t rowIds[kStripe];
    for (uint32_t r = 0; r < kStripe; ++r) {
      float *row = rows.data() + r * size_t(paddedCols_);
      rowIds[r] = logicalRow(unit * kStripe + r);
      if (rowIds[r] >= 0)
        readRowF32(*tensor_, static_cast<uint64_t>(rowIds[r]), row);
      else
        std::memset(row, 0, sizeof(float) * paddedCols_);
    }
    uint8_t *end;
    if (plan::isQuantized(format)) {
      stripe.resize(format, paddedCols_ / kGroup);
      quantize(rows.data(), rowIds, guide, stripe);
      AXIOM_RETURN_IF_ERROR(judge(rows.data(), rowIds, stripe, stats));
      if (guide.feedback && unit % sampleStep() == 0)
        judgeOutputs(rows.data(), rowIds, stripe, *guide.feedback, stats);
      end = writeQuantStripe(format, stripe, weight_->cuts, out);
    } else {
      for (uint32_t r = 0; r < kStripe; ++r)
        for (uint32_t k = 0; rowIds[r] >= 0 && k < weight_->cols; ++k) {
          float value = rows[r * size_t(paddedCols_) + k];
          AXIOM_RETURN_IF_ERROR(
              judgeValue(value, roundToFormat(format, value), rowIds[r], k, stats));
        }
      end = writeFloatStripe(format, rows.data(), paddedCols_, out);
    }
    if (end != out + unitBytes_)
      return Status(Code::Internal,
                    axiom::format("weight '%s': a stripe has %zu bytes, the plan expects %llu",
                                  weight_->name.c_str(), static_cast<size_t>(end - out),
                                  static_cast<unsigned long long>(unitBytes_)));
  }
  return Status();
}

} // namespace axiom
