// Verifiers and folders of the axiom ops.
#include "dialects/axiom/AxiomDialect.h"

#include "runtime/abi/kernel_abi.h"

#include <cmath>

namespace axiom::ir {

using namespace mlir;

//===----------------------------------------------------------------------===//
// Shared rules
//===----------------------------------------------------------------------===//

static LogicalResult sameType(Operation *op, Type a, Type b, const char *what) {
  if (a != b)
    return op->emitOpError() << what << ": " << a << " against " << b;
  return success();
}

static LogicalResult checkGain(Operation *op, F32VectorType gain, uint32_t width) {
  if (gain.getSize() != width)
    return op->emitOpError() << "the gain has " << gain.getSize() << " elements, the rows have "
                             << width << " features";
  return success();
}

static LogicalResult checkEps(Operation *op, const APFloat &eps) {
  if (!eps.isFinite() || eps.isNegative() || eps.isZero())
    return op->emitOpError("eps must be positive and finite");
  return success();
}

static LogicalResult checkCuts(Operation *op, ArrayRef<int64_t> cuts, uint32_t inner) {
  int64_t last = 0, padded = (int64_t(inner) + AXM_GROUP - 1) / AXM_GROUP * AXM_GROUP;
  for (int64_t cut : cuts) {
    if (cut % AXM_GROUP != 0 || cut <= last || cut >= padded)
      return op->emitOpError() << "cut " << cut << " must be a multiple of " << AXM_GROUP
                               << " above " << last << " and below " << padded;
    last = cut;
  }
  return success();
}

static LogicalResult checkLinear(Operation *op, WeightType weight, Value bias, uint32_t inner,
                                 Type result) {
  if (weight.getCols() != inner)
    return op->emitOpError() << "the weight has " << weight.getCols() << " columns, the input has "
                             << inner << " features";
  if (widthOf(result) != weight.getRows())
    return op->emitOpError() << "the weight has " << weight.getRows() << " rows, the result has "
                             << widthOf(result) << " features";
  if (bias && cast<F32VectorType>(bias.getType()).getSize() != weight.getRows())
    return op->emitOpError() << "the bias has " << cast<F32VectorType>(bias.getType()).getSize()
                             << " elements, the weight has " << weight.getRows() << " rows";
  return success();
}

/// Quantized rows are for integer formats only.
static LogicalResult checkInput(Operation *op, Type input, WeightType weight) {
  if (isa<QRowsType>(input) && !isInteger(weight.getFormat()))
    return op->emitOpError() << "a weight of format " << weight
                             << " reads f32 rows, not quantized ones";
  return success();
}

/// The common part of linear_list, qkv and swiglu_linear. Gives the input width.
template <typename Op> static FailureOr<uint32_t> checkList(Op op) {
  Value rows = op.getRows(), qrows = op.getQrows();
  if (!rows && !qrows)
    return op.emitOpError("needs rows or qrows");
  uint32_t inner = widthOf((rows ? rows : qrows).getType());
  if (rows && qrows && widthOf(qrows.getType()) != inner)
    return op.emitOpError() << "rows have " << inner << " features, qrows "
                            << widthOf(qrows.getType());
  if (op.getWeights().empty())
    return op.emitOpError("needs at least one weight");
  for (Value weight : op.getWeights()) {
    auto type = cast<WeightType>(weight.getType());
    bool integer = isInteger(type.getFormat());
    if (type.getCols() != inner)
      return op.emitOpError() << "a weight has " << type.getCols() << " columns, the input has "
                              << inner << " features";
    if (integer ? !qrows : !rows)
      return op.emitOpError() << "a weight of format " << type << " needs "
                              << (integer ? "qrows" : "rows");
  }
  ArrayRef<int64_t> biasOf = op.getBiasOf();
  if (biasOf.size() != op.getBiases().size())
    return op.emitOpError() << "bias_of has " << biasOf.size() << " entries for "
                            << op.getBiases().size() << " biases";
  int64_t last = -1;
  for (auto [index, bias] : llvm::zip(biasOf, op.getBiases())) {
    if (index <= last || index >= int64_t(op.getWeights().size()))
      return op.emitOpError("bias_of must rise and name weights of the list, got ") << index;
    last = index;
    uint32_t weightRows = cast<WeightType>(op.getWeights()[index].getType()).getRows();
    if (cast<F32VectorType>(bias.getType()).getSize() != weightRows)
      return op.emitOpError() << "bias of weight " << index << " has "
                              << cast<F32VectorType>(bias.getType()).getSize()
                              << " elements, the weight has " << weightRows << " rows";
  }
  if (failed(checkCuts(op, op.getCuts(), inner)))
    return failure();
  return inner;
}

static LogicalResult checkTiles(Operation *op, TilesType tiles, uint32_t vocab) {
  uint32_t expected = (vocab + AXM_TILE_IDS - 1) / AXM_TILE_IDS;
  if (tiles.getCount() != expected)
    return op->emitOpError() << vocab << " logits make " << expected << " tiles, got "
                             << tiles.getCount();
  return success();
}

static LogicalResult checkHeads(Operation *op, uint32_t width, KvCacheType kv) {
  if (width % kv.getDim() != 0 || width / kv.getDim() % kv.getHeads() != 0)
    return op->emitOpError() << "a query of " << width
                             << " features is no multiple of KV heads times head dimension of "
                             << kv;
  return success();
}

static LogicalResult checkLayer(Operation *op, std::optional<uint32_t> layer) {
  bool inLayer = isa<LayerOp>(op->getParentOp());
  if (inLayer == layer.has_value())
    return op->emitOpError(inLayer ? "inside an axiom.layer takes its layer index from the call"
                                   : "needs a layer index outside of an axiom.layer");
  if (layer && static_cast<int32_t>(*layer) < 0)
    return op->emitOpError("layer index must not be negative");
  return success();
}

//===----------------------------------------------------------------------===//
// Ops of the graph
//===----------------------------------------------------------------------===//

LogicalResult WeightOp::verify() {
  if (getTensor().empty())
    return emitOpError("needs the name of a tensor");
  return success();
}

LogicalResult VectorOp::verify() {
  if (getTensor().empty())
    return emitOpError("needs a name");
  if (auto values = getValues()) {
    if (values->size() != getType().getSize())
      return emitOpError() << "has " << values->size() << " values, its type says "
                           << getType().getSize();
    if (getAddend())
      return emitOpError("has computed values; an addend belongs to source tensors");
  }
  return success();
}

LogicalResult EmbeddingOp::verify() {
  WeightType table = getTable().getType();
  if (widthOf(getType()) != table.getCols())
    return emitOpError() << "the table has " << table.getCols() << " columns, the result has "
                         << widthOf(getType()) << " features";
  return success();
}

LogicalResult RmsNormOp::verify() {
  return success(succeeded(sameType(*this, getInput().getType(), getType(),
                                    "input and result must have one type")) &&
                 succeeded(checkGain(*this, getGain().getType(), widthOf(getType()))) &&
                 succeeded(checkEps(*this, getEps())));
}

LogicalResult QuantizeOp::verify() {
  if (widthOf(getInput().getType()) != getType().getCols())
    return emitOpError() << "input has " << widthOf(getInput().getType())
                         << " features, result has " << getType().getCols();
  return success();
}

LogicalResult LinearOp::verify() {
  uint32_t inner = widthOf(getInput().getType());
  return success(
      succeeded(checkLinear(*this, getWeight().getType(), getBias(), inner, getType())) &&
      succeeded(checkInput(*this, getInput().getType(), getWeight().getType())) &&
      succeeded(checkCuts(*this, getCuts(), inner)));
}

LogicalResult QkNormOp::verify() {
  uint32_t width = widthOf(getType()), dim = getGain().getType().getSize();
  if (width % dim != 0)
    return emitOpError() << "rows of " << width << " features are no whole number of heads of "
                         << dim;
  return success(succeeded(sameType(*this, getInput().getType(), getType(),
                                    "input and result must have one type")) &&
                 succeeded(checkEps(*this, getEps())));
}

LogicalResult RopeOp::verify() {
  uint32_t width = widthOf(getType()), dim = 2 * getInvFreq().getType().getSize();
  if (width % dim != 0)
    return emitOpError() << "rows of " << width << " features are no whole number of heads of "
                         << dim;
  return sameType(*this, getInput().getType(), getType(), "input and result must have one type");
}

LogicalResult ScaleOp::verify() {
  if (!getFactor().isFinite())
    return emitOpError("factor must be finite");
  return sameType(*this, getInput().getType(), getType(), "input and result must have one type");
}

OpFoldResult ScaleOp::fold(FoldAdaptor) {
  if (getFactor().convertToFloat() == 1.0f)
    return getInput();
  return {};
}

LogicalResult KvWriteOp::verify() {
  KvCacheType kv = getType();
  uint32_t width = kv.getHeads() * kv.getDim();
  for (Value value : {Value(getKey()), Value(getValue())})
    if (widthOf(value.getType()) != width)
      return emitOpError() << "keys and values of " << kv << " have " << width << " features, got "
                           << widthOf(value.getType());
  return checkLayer(*this, getLayer());
}

LogicalResult AttentionOp::verify() {
  if (getWindow() && static_cast<int32_t>(*getWindow()) <= 0)
    return emitOpError("window must be positive; leave it out for full attention");
  return success(succeeded(sameType(*this, getQuery().getType(), getType(),
                                    "query and result must have one type")) &&
                 succeeded(checkHeads(*this, widthOf(getType()), getKv().getType())));
}

LogicalResult SwiGluOp::verify() {
  return success(succeeded(sameType(*this, getGate().getType(), getUp().getType(),
                                    "gate and up must have one type")) &&
                 succeeded(sameType(*this, getGate().getType(), getType(),
                                    "input and result must have one type")));
}

LogicalResult AddOp::verify() {
  return success(succeeded(sameType(*this, getResidual().getType(), getUpdate().getType(),
                                    "residual and update must have one type")) &&
                 succeeded(sameType(*this, getResidual().getType(), getType(),
                                    "input and result must have one type")));
}

LogicalResult LayerEndOp::verify() {
  if (static_cast<int32_t>(getLayer()) < 0)
    return emitOpError("layer index must not be negative");
  return sameType(*this, getInput().getType(), getType(), "input and result must have one type");
}

LogicalResult SelectRowsOp::verify() {
  return sameType(*this, getInput().getType(), getType(), "input and result must have one type");
}

LogicalResult HeadTilesOp::verify() {
  return checkTiles(*this, getType(), widthOf(getLogits().getType()));
}

//===----------------------------------------------------------------------===//
// Fused ops
//===----------------------------------------------------------------------===//

LogicalResult NormQuantizeOp::verify() {
  uint32_t width = widthOf(getInput().getType());
  if (getQuantized().getType().getCols() != width)
    return emitOpError() << "input has " << width << " features, quantized result has "
                         << getQuantized().getType().getCols();
  return success(succeeded(sameType(*this, getInput().getType(), getNormalized().getType(),
                                    "input and normalized result must have one type")) &&
                 succeeded(checkGain(*this, getGain().getType(), width)) &&
                 succeeded(checkEps(*this, getEps())));
}

LogicalResult LinearListOp::verify() {
  if (failed(checkList(*this)))
    return failure();
  if (getOutputs().size() != getWeights().size())
    return emitOpError() << "has " << getWeights().size() << " weights and " << getOutputs().size()
                         << " results";
  for (auto [weight, output] : llvm::zip(getWeights(), getOutputs()))
    if (cast<WeightType>(weight.getType()).getRows() != widthOf(output.getType()))
      return emitOpError() << "a weight has " << cast<WeightType>(weight.getType()).getRows()
                           << " rows, its result has " << widthOf(output.getType()) << " features";
  return success();
}

LogicalResult QkvOp::verify() {
  if (failed(checkList(*this)))
    return failure();
  if (getWeights().size() != 3)
    return emitOpError() << "needs the weights of q, k and v, got " << getWeights().size();
  KvCacheType kv = getKv().getType();
  uint32_t rows[3];
  for (int i = 0; i < 3; ++i)
    rows[i] = cast<WeightType>(getWeights()[i].getType()).getRows();
  if (rows[0] != widthOf(getQuery().getType()))
    return emitOpError() << "the q weight has " << rows[0] << " rows, the query has "
                         << widthOf(getQuery().getType()) << " features";
  for (int i : {1, 2})
    if (rows[i] != kv.getHeads() * kv.getDim())
      return emitOpError() << "keys and values of " << kv << " have " << kv.getHeads() * kv.getDim()
                           << " features, a weight has " << rows[i] << " rows";
  if (getInvFreq().getType().getSize() * 2 != kv.getDim())
    return emitOpError() << "needs " << kv.getDim() / 2 << " inverse frequencies, got "
                         << getInvFreq().getType().getSize();
  if (!getQNorm() != !getKNorm() || !getQNorm() != !getEps())
    return emitOpError("q_norm, k_norm and eps come together");
  if (getQNorm() && (getQNorm().getType().getSize() != kv.getDim() ||
                     getKNorm().getType().getSize() != kv.getDim()))
    return emitOpError() << "q_norm and k_norm must have " << kv.getDim() << " elements";
  if (!getScale().isFinite())
    return emitOpError("scale must be finite");
  return success(succeeded(checkHeads(*this, rows[0], kv)) &&
                 succeeded(checkLayer(*this, getLayer())));
}

LogicalResult SwiGluLinearOp::verify() {
  if (failed(checkList(*this)))
    return failure();
  if (getWeights().size() != 2)
    return emitOpError() << "needs the weights of gate and up, got " << getWeights().size();
  for (Value weight : getWeights())
    if (cast<WeightType>(weight.getType()).getRows() != widthOf(getResult().getType()))
      return emitOpError() << "a weight has " << cast<WeightType>(weight.getType()).getRows()
                           << " rows, the result has " << widthOf(getResult().getType())
                           << " features";
  return success();
}

LogicalResult LinearResidualOp::verify() {
  uint32_t inner = widthOf(getInput().getType());
  return success(
      succeeded(sameType(*this, getResidual().getType(), getType(),
                         "residual and result must have one type")) &&
      succeeded(checkLinear(*this, getWeight().getType(), getBias(), inner, getType())) &&
      succeeded(checkInput(*this, getInput().getType(), getWeight().getType())) &&
      succeeded(checkCuts(*this, getCuts(), inner)));
}

LogicalResult HeadOp::verify() {
  uint32_t inner = widthOf(getInput().getType());
  return success(
      succeeded(checkGain(*this, getGain().getType(), inner)) &&
      succeeded(checkEps(*this, getEps())) &&
      succeeded(
          checkLinear(*this, getWeight().getType(), getBias(), inner, getLogits().getType())) &&
      succeeded(checkCuts(*this, getCuts(), inner)) &&
      succeeded(checkTiles(*this, getTiles().getType(), widthOf(getLogits().getType()))));
}

} // namespace axiom::ir
