#include "dialects/axiom/interpreter/PackedWeights.h"

#include "runtime/base/Half.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace axiom {

namespace {

constexpr uint32_t kGroup = AXM_GROUP, kStripe = AXM_STRIPE;

uint32_t roundUp(uint32_t n, uint32_t a) { return (n + a - 1) / a * a; }

float loadF32(const uint8_t *p) {
  float v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

uint16_t load16(const uint8_t *p) { return static_cast<uint16_t>(p[0] | p[1] << 8); }

/// Stored row (in the packed tensor) of logical row n.
uint32_t storedRow(const SegmentTensor &t, uint32_t n) {
  uint32_t perHead = t.rows / t.heads;
  return n / perHead * roundUp(perHead, t.rowAlign) + n % perHead;
}

/// Takes the groups of one stripe apart, in the order in which they are stored.
class StripeReader {
public:
  StripeReader(const SegmentTensor &tensor, const uint8_t *stripe) : t_(tensor), p_(stripe) {}

  /// Calls fn(group, rowInStripe, q[32], wscale, wmin, sub[2]) for the integer formats.
  template <typename Fn> void integers(Fn fn) {
    uint32_t groups = roundUp(t_.cols, kGroup) / kGroup, begin = 0;
    for (size_t s = 0; s <= t_.cuts.size(); ++s) {
      uint32_t end = s < t_.cuts.size() ? t_.cuts[s] / kGroup : groups;
      const uint8_t *run = nullptr; // {f16 d[8]; q4: f16 dm[8]} of the current 256 columns
      bool q4 = t_.format == AXM_FORMAT_Q4, q6 = t_.format == AXM_FORMAT_Q6;
      for (uint32_t g = begin; g < end; ++g) {
        if ((q4 || q6) && (g == begin || g % 8 == 0)) {
          run = p_;
          p_ += q4 ? 32 : 16;
        }
        group(g, run, fn);
      }
      begin = end;
    }
  }

private:
  template <typename Fn> void group(uint32_t g, const uint8_t *run, Fn fn) {
    const uint8_t *head = p_;
    uint32_t headBytes = t_.format == AXM_FORMAT_Q4F16 ? 32 : 16;
    const uint8_t *data = head + headBytes;
    bool nibbles = t_.format != AXM_FORMAT_Q8, q6 = t_.format == AXM_FORMAT_Q6;
    for (uint32_t r = 0; r < kStripe; ++r) {
      int8_t q[kGroup];
      for (uint32_t j = 0; j < (nibbles ? 4u : 8u); ++j)
        for (uint32_t i = 0; i < 4; ++i) {
          uint8_t byte = data[32 * j + 4 * r + i];
          if (nibbles) {
            q[4 * j + i] = static_cast<int8_t>(byte & 15);
            q[16 + 4 * j + i] = static_cast<int8_t>(byte >> 4);
          } else {
            q[4 * j + i] = std::bit_cast<int8_t>(byte);
          }
        }
      float scale, min = 0.0f;
      int8_t sub[2] = {};
      if (q6) {
        for (uint32_t k = 0; k < kGroup; ++k) {
          uint32_t p = k / 16, m = k % 16 / 4, i = k % 4;
          int code = (q[k] & 15) | (data[128 + 32 * p + 4 * r + i] >> 2 * m & 3) << 4;
          q[k] = static_cast<int8_t>(code - 32);
        }
        scale = f16ToF32(load16(run + 2 * r));
        sub[0] = std::bit_cast<int8_t>(head[r]);
        sub[1] = std::bit_cast<int8_t>(head[8 + r]);
      } else if (t_.format == AXM_FORMAT_Q4) {
        scale = f16ToF32(load16(run + 2 * r)) * static_cast<float>(head[r]);
        min = f16ToF32(load16(run + 16 + 2 * r)) * static_cast<float>(head[8 + r]);
      } else {
        scale = f16ToF32(load16(head + 2 * r));
        if (t_.format == AXM_FORMAT_Q4F16)
          min = f16ToF32(load16(head + 16 + 2 * r));
      }
      fn(g, r, q, scale, min, sub);
    }
    p_ = data + (q6 ? 192 : nibbles ? 128 : 256);
  }

  const SegmentTensor &t_;
  const uint8_t *p_;
};

uint64_t bytesOfStripe(const SegmentTensor &t) {
  uint64_t padded = roundUp(t.cols, kGroup), groups = padded / kGroup;
  switch (t.format) {
  case AXM_FORMAT_F32:
    return padded * 32;
  case AXM_FORMAT_F16:
  case AXM_FORMAT_BF16:
    return padded * 16;
  case AXM_FORMAT_Q8:
    return groups * 272;
  case AXM_FORMAT_Q4F16:
    return groups * 160;
  case AXM_FORMAT_Q4:
  case AXM_FORMAT_Q6:
    break;
  }
  uint64_t bytes = groups * (t.format == AXM_FORMAT_Q4 ? 144 : 208);
  uint64_t begin = 0;
  for (size_t s = 0; s <= t.cuts.size(); ++s) {
    uint64_t end = s < t.cuts.size() ? t.cuts[s] / kGroup : groups;
    for (uint64_t g = begin; g < end; ++g)
      if (g == begin || g % 8 == 0)
        bytes += t.format == AXM_FORMAT_Q4 ? 32 : 16;
    begin = end;
  }
  return bytes;
}

} // namespace

PackedWeights::PackedWeights(std::span<const uint8_t> segment, std::vector<SegmentTensor> tensors)
    : segment_(segment) {
  for (SegmentTensor &tensor : tensors) {
    std::string name = tensor.name;
    tensors_.emplace(std::move(name), std::move(tensor));
  }
}

Result<const SegmentTensor *> PackedWeights::find(const std::string &name, bool vector,
                                                  uint64_t rows, uint64_t cols) const {
  auto it = tensors_.find(name);
  if (it == tensors_.end())
    return Status(Code::BadInput, "the packed weights have no tensor '" + name + "'");
  const SegmentTensor &t = it->second;
  if (t.vector != vector || t.rows != rows || t.cols != cols)
    return Status(Code::BadInput,
                  format("tensor '%s' is packed as a %s of %u x %u, the module needs a %s of "
                         "%llu x %llu",
                         name.c_str(), t.vector ? "vector" : "matrix", t.rows, t.cols,
                         vector ? "vector" : "matrix", (unsigned long long)rows,
                         (unsigned long long)cols));
  uint32_t split = vector ? t.cols : t.rows;
  if (t.heads == 0 || t.rowAlign == 0 || split % t.heads != 0 || t.offset > segment_.size() ||
      t.size > segment_.size() - t.offset)
    return Status(Code::BadInput, "tensor '" + name + "' lies outside of the weights segment");
  uint32_t stored = roundUp(split / t.heads, t.rowAlign) * t.heads;
  uint64_t needed = vector ? uint64_t(stored) * 4
                           : uint64_t(roundUp(stored, kStripe) / kStripe) * bytesOfStripe(t);
  if (t.size < needed)
    return Status(Code::BadInput,
                  format("tensor '%s' has %llu bytes, its layout needs %llu", name.c_str(),
                         (unsigned long long)t.size, (unsigned long long)needed));
  return &t;
}

Result<LogicalWeight> PackedWeights::matrix(const std::string &name, AxmFormat format,
                                            uint32_t rows, uint32_t cols) {
  AXIOM_ASSIGN_OR_RETURN(const SegmentTensor *tensor, find(name, false, rows, cols));
  const SegmentTensor &t = *tensor;
  if (t.format != format)
    return Status(Code::BadInput,
                  axiom::format("tensor '%s' is packed in format %d, the module needs %d",
                                name.c_str(), int(t.format), int(format)));
  uint32_t padded = roundUp(cols, kGroup), groups = padded / kGroup;
  LogicalWeight w;
  w.format = format;
  w.rows = rows;
  w.cols = cols;
  bool floats = format <= AXM_FORMAT_BF16;
  if (floats) {
    w.values.resize(size_t(rows) * padded);
  } else {
    w.q.resize(size_t(rows) * padded);
    w.wscale.resize(size_t(rows) * groups);
    if (format == AXM_FORMAT_Q4 || format == AXM_FORMAT_Q4F16)
      w.wmin.resize(size_t(rows) * groups);
    if (format == AXM_FORMAT_Q6)
      w.sub.resize(size_t(rows) * groups * 2);
  }
  // Logical row of each stored row, or none.
  std::vector<int64_t> logical(roundUp(roundUp(t.rows / t.heads, t.rowAlign) * t.heads, kStripe),
                               -1);
  for (uint32_t n = 0; n < rows; ++n)
    logical[storedRow(t, n)] = n;
  const uint8_t *base = segment_.data() + t.offset;
  uint64_t stripe = bytesOfStripe(t);
  for (size_t s = 0; s < logical.size() / kStripe; ++s) {
    const uint8_t *p = base + s * stripe;
    const int64_t *rowOf = logical.data() + s * kStripe;
    if (floats) {
      uint32_t size = format == AXM_FORMAT_F32 ? 4 : 2;
      for (uint32_t k = 0; k < padded; ++k)
        for (uint32_t r = 0; r < kStripe; ++r, p += size)
          if (rowOf[r] >= 0)
            w.values[size_t(rowOf[r]) * padded + k] = format == AXM_FORMAT_F32 ? loadF32(p)
                                                      : format == AXM_FORMAT_F16
                                                          ? f16ToF32(load16(p))
                                                          : bf16ToF32(load16(p));
      continue;
    }
    StripeReader(t, p).integers(
        [&](uint32_t g, uint32_t r, const int8_t *q, float scale, float min, const int8_t *sub) {
          if (rowOf[r] < 0)
            return;
          size_t row = static_cast<size_t>(rowOf[r]);
          std::memcpy(w.q.data() + row * padded + size_t(g) * kGroup, q, kGroup);
          w.wscale[row * groups + g] = scale;
          if (!w.wmin.empty())
            w.wmin[row * groups + g] = min;
          if (!w.sub.empty())
            std::memcpy(w.sub.data() + (row * groups + g) * 2, sub, 2);
        });
  }
  return w;
}

Result<std::vector<float>> PackedWeights::vector(const std::string &name, uint32_t size, float) {
  AXIOM_ASSIGN_OR_RETURN(const SegmentTensor *tensor, find(name, true, 1, size));
  uint32_t perHead = size / tensor->heads;
  std::vector<float> out(size);
  for (uint32_t i = 0; i < size; ++i) {
    uint32_t stored = i / perHead * roundUp(perHead, tensor->rowAlign) + i % perHead;
    out[i] = loadF32(segment_.data() + tensor->offset + size_t(stored) * 4);
  }
  return out;
}

} // namespace axiom
