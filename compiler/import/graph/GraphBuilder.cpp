#include "compiler/import/graph/GraphBuilder.h"

#include "dialects/axiom/AxiomDialect.h"
#include "runtime/base/DetMath.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"

#include <algorithm>
#include <cmath>

namespace axiom {

using namespace mlir;

//===----------------------------------------------------------------------===//
// Rules that are part of the numerics
//===----------------------------------------------------------------------===//

std::vector<uint32_t> segmentCuts(uint32_t inner, bool twoAtLeast, uint32_t kvShare) {
  uint64_t padded = (uint64_t(inner) + AXM_GROUP - 1) / AXM_GROUP * AXM_GROUP;
  uint64_t n = (padded + 1023) / 1024;
  if (twoAtLeast && padded >= 512)
    n = std::max<uint64_t>(n, 2);
  // Interior KV-head boundaries that a cut may stand on.
  std::vector<uint64_t> boundaries;
  for (uint64_t b = kvShare; kvShare != 0 && b < padded; b += kvShare)
    if (b % AXM_GROUP == 0)
      boundaries.push_back(b);
  if (boundaries.empty())
    for (uint64_t b = AXM_GROUP; b < padded; b += AXM_GROUP)
      boundaries.push_back(b);
  std::vector<uint32_t> cuts;
  for (uint64_t i = 1; i < n; ++i) {
    // |b - i * padded / n| in units of 1 / n; rising order makes ties go to the lower.
    uint64_t best = boundaries[0];
    auto distance = [&](uint64_t b) {
      return b * n > i * padded ? b * n - i * padded : i * padded - b * n;
    };
    for (uint64_t b : boundaries)
      if (distance(b) < distance(best))
        best = b;
    if (cuts.empty() || cuts.back() != best)
      cuts.push_back(static_cast<uint32_t>(best));
  }
  return cuts;
}

std::vector<float> inverseFrequencies(const RopeConfig &rope, uint32_t headDim) {
  const double pi = 3.141592653589793;
  std::vector<float> out(headDim / 2);
  for (uint32_t i = 0; i < headDim / 2; ++i) {
    double freq =
        i == 0 ? 1.0
               : detPow(rope.theta, -(2.0 * static_cast<double>(i)) / static_cast<double>(headDim));
    switch (rope.scaling) {
    case RopeConfig::Scaling::None:
      break;
    case RopeConfig::Scaling::Linear:
      freq = freq / rope.factor;
      break;
    case RopeConfig::Scaling::Llama3: {
      double context = static_cast<double>(rope.originalContext);
      double wavelength = 2.0 * pi / freq;
      if (wavelength > context / rope.lowFreqFactor) {
        freq = freq / rope.factor;
      } else if (wavelength >= context / rope.highFreqFactor) {
        double smooth = (context / wavelength - rope.lowFreqFactor) /
                        (rope.highFreqFactor - rope.lowFreqFactor);
        freq = (1.0 - smooth) * freq / rope.factor + smooth * freq;
      }
      break;
    }
    }
    if (!rope.freqFactors.empty())
      freq = freq / static_cast<double>(rope.freqFactors[i]);
    out[i] = static_cast<float>(freq);
  }
  return out;
}

AxmKvType defaultKvType(const ModelSource &source, const std::string &quant) {
  if (!quant.empty())
    return quant == "f32" ? AXM_KV_F32 : AXM_KV_F16;
  for (const auto &[name, tensor] : source.tensors())
    if (tensor.rows > 1 && tensor.type != SourceType::F32)
      return AXM_KV_F16;
  return AXM_KV_F32;
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

namespace {

/// The linears of a layer: what is the same for every family. A bias is used where the source has
/// one.
struct LinearRow {
  ir::Role role;
  const char *module; ///< below model.layers.N.
};
constexpr LinearRow kLinears[] = {
    {ir::Role::Q, "self_attn.q_proj"}, {ir::Role::K, "self_attn.k_proj"},
    {ir::Role::V, "self_attn.v_proj"}, {ir::Role::O, "self_attn.o_proj"},
    {ir::Role::Gate, "mlp.gate_proj"}, {ir::Role::Up, "mlp.up_proj"},
    {ir::Role::Down, "mlp.down_proj"},
};

class Builder {
public:
  Builder(MLIRContext &context, const ModelSource &source, AxmKvType kv)
      : source_(source), config_(source.config()), kv_(kv), b_(&context), loc_(b_.getUnknownLoc()) {
  }

  Result<OwningOpRef<ModuleOp>> run();

private:
  static ir::WeightFormat sourceFormat(SourceType type) {
    return *ir::sourceFormatByName(sourceTypeName(type));
  }
  /// Finds a tensor; the first that is missing or too large becomes the error of run().
  const SourceTensor *need(const std::string &name) {
    const SourceTensor *tensor = source_.find(name);
    constexpr uint64_t kMost = uint64_t(1) << 28; // of !axiom.weight and !axiom.vector
    bool large = tensor && (tensor->rows == 0 || tensor->rows > kMost || tensor->cols == 0 ||
                            tensor->cols > kMost);
    if (tensor && !large)
      return tensor;
    if (error_.ok())
      error_ = large
                   ? Status(Code::Unsupported,
                            format("tensor '%s' is %llu x %llu; sizes from 1 to 2^28 are supported",
                                   name.c_str(), (unsigned long long)tensor->rows,
                                   (unsigned long long)tensor->cols))
                   : Status(Code::BadInput, "the model has no tensor '" + name + "'");
    return nullptr;
  }
  Value weight(const std::string &name);
  Value vector(const std::string &name);
  Value linear(Value input, ir::Role role, const std::string &name);
  Value norm(Value input, const std::string &name) {
    return ir::RmsNormOp::create(b_, loc_, input.getType(), input, vector(name),
                                 b_.getF32FloatAttr(config_.normEps));
  }
  Value layer(Value x, uint32_t index);
  RankedTensorType rows(uint32_t width) { return ir::rowsType(b_.getContext(), width); }

  const ModelSource &source_;
  const ModelConfig &config_;
  AxmKvType kv_;
  OpBuilder b_;
  Location loc_;
  Value invFreq_;
  Status error_;
};

Value Builder::weight(const std::string &name) {
  const SourceTensor *tensor = need(name);
  ir::WeightType type =
      tensor ? ir::WeightType::get(b_.getContext(), static_cast<uint32_t>(tensor->rows),
                                   static_cast<uint32_t>(tensor->cols), sourceFormat(tensor->type))
             : ir::WeightType::get(b_.getContext(), 1, 1, ir::WeightFormat::SrcF32);
  return ir::WeightOp::create(b_, loc_, type, b_.getStringAttr(name));
}

Value Builder::vector(const std::string &name) {
  const SourceTensor *tensor = need(name);
  auto size = tensor ? static_cast<uint32_t>(tensor->rows * tensor->cols) : 1;
  return ir::VectorOp::create(b_, loc_, ir::F32VectorType::get(b_.getContext(), size),
                              b_.getStringAttr(name), FloatAttr(), DenseF32ArrayAttr());
}

Value Builder::linear(Value input, ir::Role role, const std::string &name) {
  Value w = weight(name + ".weight");
  Value bias = source_.find(name + ".bias") ? vector(name + ".bias") : Value();
  bool two = role == ir::Role::O || role == ir::Role::Down;
  uint32_t share =
      role == ir::Role::O ? config_.numHeads / config_.numKvHeads * config_.headDim : 0;
  std::vector<uint32_t> cuts = segmentCuts(ir::widthOf(input.getType()), two, share);
  return ir::LinearOp::create(b_, loc_, rows(cast<ir::WeightType>(w.getType()).getRows()), input, w,
                              bias, role, SmallVector<int64_t>(cuts.begin(), cuts.end()));
}

Value Builder::layer(Value x, uint32_t index) {
  std::string prefix = "model.layers." + std::to_string(index) + ".";
  auto project = [&](Value input, ir::Role role) {
    return linear(input, role, prefix + kLinears[static_cast<int>(role)].module);
  };
  Value n = norm(x, prefix + "input_layernorm.weight");
  Value q = project(n, ir::Role::Q), k = project(n, ir::Role::K), v = project(n, ir::Role::V);
  if (config_.qkNorm) {
    FloatAttr eps = b_.getF32FloatAttr(config_.normEps);
    q = ir::QkNormOp::create(b_, loc_, q.getType(), q, vector(prefix + "self_attn.q_norm.weight"),
                             eps);
    k = ir::QkNormOp::create(b_, loc_, k.getType(), k, vector(prefix + "self_attn.k_norm.weight"),
                             eps);
  }
  q = ir::RopeOp::create(b_, loc_, q.getType(), q, invFreq_);
  k = ir::RopeOp::create(b_, loc_, k.getType(), k, invFreq_);
  // sqrt and / in f64 are exactly rounded on every machine.
  auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.headDim)));
  q = ir::ScaleOp::create(b_, loc_, q.getType(), q, b_.getF32FloatAttr(scale));
  Value kv = ir::KvWriteOp::create(
      b_, loc_, ir::KvCacheType::get(b_.getContext(), config_.numKvHeads, config_.headDim, kv_), k,
      v, b_.getI32IntegerAttr(static_cast<int32_t>(index)));
  uint32_t window = index < config_.layerWindow.size() ? config_.layerWindow[index] : 0;
  Value attention = ir::AttentionOp::create(
      b_, loc_, q.getType(), q, kv,
      window != 0 ? b_.getI32IntegerAttr(static_cast<int32_t>(window)) : IntegerAttr());
  x = ir::AddOp::create(b_, loc_, x.getType(), x, project(attention, ir::Role::O));

  n = norm(x, prefix + "post_attention_layernorm.weight");
  Value gate = project(n, ir::Role::Gate), up = project(n, ir::Role::Up);
  Value h = ir::SwiGluOp::create(b_, loc_, gate.getType(), gate, up);
  x = ir::AddOp::create(b_, loc_, x.getType(), x, project(h, ir::Role::Down));
  return ir::LayerEndOp::create(b_, loc_, x.getType(), x, index);
}

Result<OwningOpRef<ModuleOp>> Builder::run() {
  MLIRContext *context = b_.getContext();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc_);
  b_.setInsertionPointToEnd(module->getBody());
  auto tokens = RankedTensorType::get({ShapedType::kDynamic}, b_.getI32Type());
  auto tiles = ir::TilesType::get(context, (config_.vocabSize + AXM_TILE_IDS - 1) / AXM_TILE_IDS);
  auto type = b_.getFunctionType(tokens, {rows(config_.vocabSize), tiles});
  auto step = func::FuncOp::create(b_, loc_, "step", type);
  b_.setInsertionPointToStart(step.addEntryBlock());

  std::vector<float> freqs = inverseFrequencies(config_.rope, config_.headDim);
  invFreq_ = ir::VectorOp::create(
      b_, loc_, ir::F32VectorType::get(context, static_cast<uint32_t>(freqs.size())),
      b_.getStringAttr("rope.inv_freq"), FloatAttr(), b_.getDenseF32ArrayAttr(freqs));
  Value x = ir::EmbeddingOp::create(b_, loc_, rows(config_.hiddenSize), step.getArgument(0),
                                    weight("model.embed_tokens.weight"));
  for (uint32_t i = 0; i < config_.numLayers; ++i)
    x = layer(x, i);
  x = ir::SelectRowsOp::create(b_, loc_, x.getType(), x);
  x = norm(x, "model.norm.weight");
  Value logits =
      linear(x, ir::Role::Head, config_.tiedEmbedding ? "model.embed_tokens" : "lm_head");
  Value stats = ir::HeadTilesOp::create(b_, loc_, tiles, logits);
  func::ReturnOp::create(b_, loc_, ValueRange{logits, stats});
  AXIOM_RETURN_IF_ERROR(error_);
  return module;
}

} // namespace

Result<OwningOpRef<ModuleOp>> buildGraph(MLIRContext &context, const ModelSource &source,
                                         const GraphOptions &options) {
  const ModelConfig &config = source.config();
  if (config.numKvHeads == 0 || config.numHeads % config.numKvHeads != 0 || config.headDim < 2 ||
      config.headDim % 2 != 0)
    return Status(Code::BadInput,
                  format("%u heads of %u KV heads with head_dim %u: heads must be a multiple of KV "
                         "heads and head_dim even",
                         config.numHeads, config.numKvHeads, config.headDim));
  if (!config.rope.freqFactors.empty() && config.rope.freqFactors.size() != config.headDim / 2)
    return Status(Code::BadInput,
                  format("the model has %zu rope frequency factors; head_dim %u "
                         "needs %u",
                         config.rope.freqFactors.size(), config.headDim, config.headDim / 2));
  context.loadDialect<ir::AxiomDialect, func::FuncDialect>();
  AxmKvType kv = options.kvType ? *options.kvType : defaultKvType(source, options.quant);
  std::string errors;
  ScopedDiagnosticHandler collect(&context, [&](Diagnostic &diagnostic) {
    errors += (errors.empty() ? "" : "; ") + diagnostic.str();
    return success();
  });
  auto module = Builder(context, source, kv).run();
  if (module.ok() && failed(verify(**module)))
    return Status(Code::BadInput, "the model's tensors and configuration do not agree: " + errors);
  return module;
}

} // namespace axiom
