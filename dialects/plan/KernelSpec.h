// What a kernel computes and what it is given: the content of a plan.kernel op in plain C++, shared
// by the plan passes (which bind arguments) and the emitters (which generate code). No MLIR here;
// the attribute form is in PlanAttrs. Everything that a kernel's argument rows say follows from the
// spec.
#ifndef AXIOM_DIALECTS_PLAN_KERNELSPEC_H
#define AXIOM_DIALECTS_PLAN_KERNELSPEC_H

#include "runtime/abi/kernel_abi.h"

#include <cstdint>
#include <string>
#include <vector>

namespace axiom::plan {

enum class KernelKind {
  Embed,      ///< token ids -> rows of the embedding table as f32
  RopeAngles, ///< positions -> cos and sin per token
  Linear,     ///< prologue, linear over one or more weight tensors, epilogue
  Attention,  ///< paged attention over stored K and V
};

/// What a Linear kernel does to its input rows before the products, once per worker thread.
enum class Prologue {
  None,     ///< input is QRows (quantized weights) or f32 rows (float weights), used as they are
  Quantize, ///< f32 rows -> QRows in scratch (float weights: nothing to do, rows are used in place)
  Norm,     ///< rms_norm of f32 rows, then QRows and/or f32 rows in scratch
};

enum class Epilogue {
  Store,    ///< y = linear
  Residual, ///< x = x + linear, in place
  Qkv,      ///< ranges q, k, v: [QK-norm,] rope, q scale; q to workspace, k and v to the KV cache
  SwiGlu,   ///< ranges gate, up: silu(gate) * up, as QRows (quantizeOut) or f32 rows
  Head,     ///< logits and tile statistics
};

/// One weight tensor of a Linear kernel.
struct LinearRange {
  AxmFormat format = AXM_FORMAT_F32;
  uint32_t rows = 0;  ///< logical output features
  uint32_t heads = 1; ///< rows = heads * (rows / heads), each head padded to rowAlign
  uint32_t rowAlign = 8;
  bool bias = false;
};

struct KernelSpec {
  std::string name; ///< symbol of the kernel, unique in a plan
  KernelKind kind = KernelKind::Linear;

  // Embed: one range describes the table (rows = vocabulary, inner = hidden).
  // Linear: inner = K, the logical input features.
  uint32_t inner = 0;
  std::vector<uint32_t> cuts; ///< inner boundaries of the K segments, multiples of 32
  Prologue prologue = Prologue::None;
  float normEps = 0.0f;
  std::vector<LinearRange> ranges;
  Epilogue epilogue = Epilogue::Store;
  bool quantizeOut = false; ///< SwiGlu: QRows instead of f32 rows

  // RopeAngles, Qkv epilogue, Attention.
  uint32_t heads = 0;
  uint32_t kvHeads = 0;
  uint32_t headDim = 0;
  float qScale = 1.0f;
  bool qkNorm = false; ///< Qkv: rms_norm of each q and k head with normEps before rope
  uint32_t window = 0; ///< Attention: 0 = none
  /// Attention: units are (token, KV head, span of positions), for few tokens; else (KV head,
  /// token), and neighbouring tokens of a sequence are computed together.
  bool spanUnits = false;
  AxmKvType kvType = AXM_KV_F16;
  uint64_t kvHeadBytes = 0, kvBlockBytes = 0;
};

/// One argument of a kernel, in the order in which AxmLaunch::args holds them.
struct KernelArg {
  std::string name; ///< "input", "norm", "weights0", "bias0", "x", "q", "kv", ...
  AxmSpace space;
  uint64_t readFixed = 0, readPerToken = 0, writeFixed = 0, writePerToken = 0;
};

/// Padded sizes that kernels, packer and plan agree on.
inline uint32_t padTo(uint32_t n, uint32_t a) { return (n + a - 1) / a * a; }
/// f32 row stride, in elements, of an activation of n features.
inline uint32_t rowStride(uint32_t n) { return padTo(n, AXM_GROUP); }
inline uint32_t headDimPadded(uint32_t headDim) { return padTo(headDim, AXM_STRIPE); }
inline uint32_t logitsStride(uint32_t vocab) { return padTo(vocab, 64); }
inline bool isQuantized(AxmFormat f) {
  return f == AXM_FORMAT_Q8 || f == AXM_FORMAT_Q4F16 || f == AXM_FORMAT_Q4 || f == AXM_FORMAT_Q6;
}

/// "q4f16": the name of a stored format in flags, IR and reports.
const char *formatName(AxmFormat format);
/// Bytes of a group of 32 columns in a stripe, and of the f16 scales before each run of up to 8
/// groups (0: the format has no runs). kernel_abi.h says what they hold.
uint32_t groupBytes(AxmFormat format);
uint32_t runBytes(AxmFormat format);
/// Rows of a packed tensor: each head padded to rowAlign, and the total to 8.
uint32_t packedRows(const LinearRange &range);
/// Bytes of one stripe (8 rows) with `inner` columns and these cuts.
uint64_t stripeBytes(AxmFormat format, uint32_t inner, const std::vector<uint32_t> &cuts);
/// Where segment `index` of K begins in a stripe, in bytes.
uint64_t segmentBegin(AxmFormat format, const std::vector<uint32_t> &cuts, size_t index);
/// Bytes of the whole packed tensor.
uint64_t packedBytes(const LinearRange &range, uint32_t inner, const std::vector<uint32_t> &cuts);
/// Byte size of a plain f32 vector of n elements, zero padded to 32.
inline uint64_t vectorBytes(uint32_t n) { return 4ull * padTo(n, AXM_GROUP); }

/// Bytes of one head of one block of the KV cache, and of K's part of it.
uint64_t kvHeadBytes(AxmKvType type, uint32_t headDim);
uint64_t kvKeyBytes(AxmKvType type, uint32_t headDim);

/// Whether any range has quantized weights; whether any has float weights.
bool anyRange(const KernelSpec &spec, bool quantized);
/// Whether rows are prepared in the scratch before a Linear kernel's products.
bool hasPrologue(const KernelSpec &spec);
/// The arguments of a kernel, in order.
std::vector<KernelArg> kernelArgs(const KernelSpec &spec);
/// Unit kind and count, thread scratch.
struct KernelUnits {
  AxmUnits kind;
  uint32_t count;
};
KernelUnits kernelUnits(const KernelSpec &spec);
struct KernelScratch {
  uint64_t fixed, perToken;
};
KernelScratch kernelScratch(const KernelSpec &spec);
/// Stripes whose partial sums a kernel keeps at a time where K is cut.
inline constexpr uint32_t kPartialStripes = 8;
/// Bytes of the tile at the start of the scratch; the prologue's rows follow at the next multiple
/// of 64: first the f32 rows (one row, or T of them if a range has float weights), then the QRows.
uint64_t scratchTileBytes(const KernelSpec &spec);

/// The row of the image's kernel table for this spec, but for the code offsets.
AxmKernelRow kernelRow(const KernelSpec &spec);

} // namespace axiom::plan

#endif
