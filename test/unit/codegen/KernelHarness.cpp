#include "test/unit/codegen/KernelHarness.h"

#include "runtime/base/Half.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <sys/mman.h>
#include <unistd.h>

namespace axiom::test {

const AxmFormat allFormats[7] = {AXM_FORMAT_F32,   AXM_FORMAT_F16, AXM_FORMAT_BF16, AXM_FORMAT_Q8,
                                 AXM_FORMAT_Q4F16, AXM_FORMAT_Q4,  AXM_FORMAT_Q6};

Guarded guardedCopy(const std::vector<float> &values) {
  Guarded memory(values.size() * 4);
  std::memcpy(memory.as(), values.data(), values.size() * 4);
  return memory;
}

KernelImage::KernelImage(const std::vector<plan::KernelSpec> &specs,
                         const codegen::ModuleEdit &edit, const std::string &level)
    : specs_(specs) {
  auto image = codegen::compileCpuImage(specs, level, nullptr, edit);
  if (!image.ok()) {
    std::fprintf(stderr, "%s\n", image.status().message().c_str());
    abort();
  }
  rows_ = image->rows;
  size_ = image->bytes.size();
  void *memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    abort();
  base_ = static_cast<uint8_t *>(memory);
  std::memcpy(base_, image->bytes.data(), size_);
  if (mprotect(base_, size_, PROT_READ | PROT_EXEC) != 0)
    abort();
}

KernelImage::~KernelImage() { munmap(base_, size_); }

void KernelImage::run(size_t index, const std::vector<void *> &args, uint32_t tokens,
                      uint32_t calls, uint32_t seed, std::vector<SweepPart> *parts) const {
  const AxmKernelRow &row = rows_[index];
  if (args.size() != row.numArgs)
    abort();
  uint32_t units = row.unitCount, spans = 0;
  if (row.unitKind != AXM_UNITS_FIXED)
    units *= tokens;
  if (row.unitKind == AXM_UNITS_PER_SPAN) {
    for (size_t i = 0; const plan::KernelArg &arg : plan::kernelArgs(specs_[index])) {
      const auto *positions = static_cast<const uint32_t *>(args[i++]);
      for (uint32_t t = 0; arg.space == AXM_SPACE_POSITIONS && t < tokens; ++t)
        spans = std::max(spans, std::min(positions[t] / AXM_ATTENTION_SPAN + 1, row.spansPerToken));
    }
    if (tokens * spans > row.maxSpans)
      abort();
    units *= spans;
  }
  std::mt19937 rng(seed);
  std::vector<uint32_t> bounds = {0, units};
  for (uint32_t i = 1; i < calls; ++i)
    bounds.push_back(calls == units ? i : static_cast<uint32_t>(rng() % (units + 1)));
  std::sort(bounds.begin(), bounds.end());
  // Parts come in any order.
  std::vector<size_t> order(bounds.size() - 1);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), rng);
  for (size_t i : order) {
    size_t bytes = row.scratchFixed + row.scratchPerToken * tokens;
    Guarded scratch((bytes + 63) / 64 * 64);
    std::memset(scratch.as(), 0xff, scratch.size());
    AxmLaunch launch = {args.data(), tokens, bounds[i], bounds[i + 1], spans, scratch.as()};
    if (parts) {
      parts->push_back({row.prologue, row.body, launch, bytes});
      continue;
    }
    if (row.prologue)
      reinterpret_cast<AxmKernelEntry>(base_ + row.prologue)(&launch);
    reinterpret_cast<AxmKernelEntry>(base_ + row.body)(&launch);
  }
}

namespace {

class Packer {
public:
  Packer(Matrix &matrix, const plan::LinearRange &range, uint32_t inner, Fill fill,
         std::mt19937 &rng, const float *given = nullptr)
      : out(matrix.packed), logical(matrix.logical), range(range), inner(inner),
        padded(plan::rowStride(inner)), fill(fill), rng(rng), given(given) {
    logical.format = range.format;
    logical.rows = range.rows;
    logical.cols = inner;
    size_t rows = range.rows, groups = padded / 32;
    if (plan::isQuantized(range.format)) {
      logical.q.resize(rows * padded);
      logical.wscale.resize(rows * groups);
      if (six())
        logical.sub.resize(rows * groups * 2);
      else if (range.format != AXM_FORMAT_Q8)
        logical.wmin.resize(rows * groups);
    } else {
      logical.values.resize(rows * padded);
    }
  }

  void pack(const std::vector<uint32_t> &cuts) {
    std::vector<uint32_t> bounds = {0};
    bounds.insert(bounds.end(), cuts.begin(), cuts.end());
    bounds.push_back(padded);
    for (uint32_t stripe = 0; stripe < plan::packedRows(range) / 8; ++stripe)
      for (size_t s = 0; s + 1 < bounds.size(); ++s)
        segment(stripe, bounds[s], bounds[s + 1]);
  }

private:
  std::vector<uint8_t> &out;
  LogicalWeight &logical;
  plan::LinearRange range;
  uint32_t inner, padded;
  Fill fill;
  std::mt19937 &rng;
  const float *given;

  bool six() const { return range.format == AXM_FORMAT_Q6; }
  /// The logical row of a packed row, or -1 for padding.
  int64_t logicalRow(uint32_t packedRow) const {
    uint32_t perHead = range.rows / range.heads, paddedHead = plan::padTo(perHead, range.rowAlign);
    uint32_t head = packedRow / paddedHead, in = packedRow % paddedHead;
    return head < range.heads && in < perHead ? int64_t(head) * perHead + in : -1;
  }
  float uniform(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(rng);
  }
  void put16(uint16_t v) {
    out.push_back(static_cast<uint8_t>(v));
    out.push_back(static_cast<uint8_t>(v >> 8));
  }

  void segment(uint32_t stripe, uint32_t from, uint32_t until) {
    if (!plan::isQuantized(range.format))
      return floats(stripe, from, until);
    float d[8], dm[8];
    for (uint32_t g = from / 32; g < until / 32; ++g) {
      bool runs = range.format == AXM_FORMAT_Q4 || six();
      if (runs && (g == from / 32 || g % 8 == 0)) {
        halves(stripe, d, 0.02f, 1.0f);
        if (!six())
          halves(stripe, dm, 0.02f, 0.0f);
      }
      scales(stripe, g, d, dm);
      quants(stripe, g);
    }
  }

  void halves(uint32_t stripe, float *values, float bound, float steps) {
    for (uint32_t r = 0; r < 8; ++r) {
      float value = fill == Fill::Steps ? steps : uniform(-bound, bound);
      uint16_t h = logicalRow(stripe * 8 + r) < 0 ? 0 : f32ToF16(value);
      values[r] = f16ToF32(h);
      put16(h);
    }
  }

  void scales(uint32_t stripe, uint32_t g, const float *d, const float *dm) {
    float scale[8], min[8] = {};
    if (six())
      return subScales(stripe, g, d);
    if (range.format == AXM_FORMAT_Q4) {
      uint8_t small[16];
      for (uint32_t i = 0; i < 16; ++i)
        out.push_back(small[i] = static_cast<uint8_t>(fill == Fill::Extreme ? 255
                                                      : fill == Fill::Steps ? 1
                                                                            : rng()));
      for (uint32_t r = 0; r < 8; ++r) {
        scale[r] = d[r] * static_cast<float>(small[r]);
        min[r] = dm[r] * static_cast<float>(small[8 + r]);
      }
    } else {
      halves(stripe, scale, 0.5f, 1.0f);
      if (range.format == AXM_FORMAT_Q4F16)
        halves(stripe, min, 0.5f, 0.0f);
    }
    for (uint32_t r = 0; r < 8; ++r)
      if (int64_t row = logicalRow(stripe * 8 + r); row >= 0) {
        logical.wscale[row * (padded / 32) + g] = scale[r];
        if (range.format != AXM_FORMAT_Q8)
          logical.wmin[row * (padded / 32) + g] = min[r];
      }
  }

  void subScales(uint32_t stripe, uint32_t g, const float *d) {
    for (uint32_t half = 0; half < 2; ++half)
      for (uint32_t r = 0; r < 8; ++r) {
        int s = fill == Fill::Extreme ? -128 : fill == Fill::Steps ? 1 : int(rng() % 256) - 128;
        out.push_back(static_cast<uint8_t>(s));
        int64_t row = logicalRow(stripe * 8 + r);
        if (row < 0)
          continue;
        logical.sub[(row * (padded / 32) + g) * 2 + half] = static_cast<int8_t>(s);
        logical.wscale[row * (padded / 32) + g] = d[r];
      }
  }

  void quants(uint32_t stripe, uint32_t g) {
    bool wide = range.format == AXM_FORMAT_Q8;
    size_t at = out.size();
    out.resize(at + (wide ? 256 : six() ? 192 : 128), 0);
    for (uint32_t r = 0; r < 8; ++r) {
      int64_t row = logicalRow(stripe * 8 + r);
      for (uint32_t i = 0; row >= 0 && i < 32 && g * 32 + i < inner; ++i) {
        int q = wide ? static_cast<int>(rng() % 256) - 128 : static_cast<int>(rng() % 16);
        if (fill == Fill::Extreme)
          q = wide ? (rng() % 8 ? -128 : 127) : 15;
        else if (fill == Fill::Steps)
          q = 1 + static_cast<int>(i % 8);
        if (six() && fill != Fill::Steps)
          q = fill == Fill::Extreme ? (rng() % 8 ? -32 : 31) : static_cast<int>(rng() % 64) - 32;
        logical.q[row * padded + g * 32 + i] = static_cast<int8_t>(q);
        if (six()) {
          uint32_t code = static_cast<uint32_t>(q + 32), high = code >> 4 << i % 16 / 4 * 2;
          out[at + 128 + 32 * (i / 16) + 4 * r + i % 4] |= static_cast<uint8_t>(high);
          q = static_cast<int>(code % 16);
        }
        if (wide)
          out[at + 32 * (i / 4) + 4 * r + i % 4] = static_cast<uint8_t>(q);
        else
          out[at + 32 * (i % 16 / 4) + 4 * r + i % 4] |= static_cast<uint8_t>(i < 16 ? q : q << 4);
      }
    }
  }

  float value(int64_t row, uint32_t k) {
    if (given)
      return given[row * inner + k];
    return fill == Fill::Steps ? 1.0f + static_cast<float>(k % 8) : uniform(-1, 1);
  }

  void floats(uint32_t stripe, uint32_t from, uint32_t until) {
    for (uint32_t k = from; k < until; ++k)
      for (uint32_t r = 0; r < 8; ++r) {
        int64_t row = logicalRow(stripe * 8 + r);
        float v = row < 0 || k >= inner ? 0.0f : value(row, k);
        uint32_t bits;
        if (range.format == AXM_FORMAT_F16)
          v = f16ToF32(f32ToF16(v));
        std::memcpy(&bits, &v, 4);
        if (range.format == AXM_FORMAT_BF16) {
          bits &= 0xffff0000u;
          std::memcpy(&v, &bits, 4);
        }
        if (row >= 0)
          logical.values[row * padded + k] = v;
        if (range.format == AXM_FORMAT_F16) {
          put16(f32ToF16(v));
        } else {
          if (range.format == AXM_FORMAT_F32)
            put16(static_cast<uint16_t>(bits));
          put16(static_cast<uint16_t>(bits >> 16));
        }
      }
  }
};

} // namespace

Matrix randomMatrix(const plan::LinearRange &range, uint32_t inner,
                    const std::vector<uint32_t> &cuts, Fill fill, std::mt19937 &rng) {
  Matrix matrix;
  Packer(matrix, range, inner, fill, rng).pack(cuts);
  if (matrix.packed.size() != plan::packedBytes(range, inner, cuts))
    abort();
  return matrix;
}

Matrix givenMatrix(uint32_t rows, uint32_t inner, const std::vector<float> &values) {
  Matrix matrix;
  std::mt19937 unused;
  plan::LinearRange range;
  range.rows = rows;
  Packer(matrix, range, inner, Fill::Random, unused, values.data()).pack({});
  return matrix;
}

std::vector<float> randomRows(uint32_t rows, uint32_t inner, Fill fill, std::mt19937 &rng) {
  uint32_t stride = plan::rowStride(inner);
  std::vector<float> x(size_t(rows) * stride, 0.0f);
  std::uniform_real_distribution<float> uniform(-3, 3);
  for (uint32_t r = 0; r < rows; ++r)
    for (uint32_t i = 0; i < inner; ++i)
      x[size_t(r) * stride + i] = fill == Fill::Extreme ? (rng() & 1 ? 1.0f : -1.0f)
                                  : r % 4 == 3          ? uniform(rng) * 0x1p-10f
                                                        : uniform(rng);
  return x;
}

std::vector<float> randomVector(uint32_t n, uint32_t padded, float low, float high,
                                std::mt19937 &rng) {
  std::vector<float> v(padded, 0.0f);
  std::uniform_real_distribution<float> uniform(low, high);
  for (uint32_t i = 0; i < n; ++i)
    v[i] = uniform(rng);
  return v;
}

std::vector<float> oracleLinear(const std::vector<float> &x, uint32_t rows, const Matrix &matrix,
                                const std::vector<uint32_t> &cuts, const float *bias) {
  uint32_t inner = matrix.logical.cols, stride = plan::rowStride(inner);
  std::vector<int64_t> wide(cuts.begin(), cuts.end());
  std::vector<float> dense(size_t(rows) * inner), y(size_t(rows) * matrix.logical.rows);
  for (uint32_t r = 0; r < rows; ++r)
    std::copy_n(x.begin() + size_t(r) * stride, inner, dense.begin() + size_t(r) * inner);
  if (plan::isQuantized(matrix.logical.format))
    numerics::linear(numerics::quantizeRows(dense.data(), rows, inner), matrix.logical, wide, bias,
                     y.data());
  else
    numerics::linear(dense.data(), rows, matrix.logical, wide, bias, y.data());
  return y;
}

} // namespace axiom::test
