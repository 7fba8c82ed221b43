#include "passes/plan/builder/PlanBuilder.h"

namespace axiom {

using namespace mlir;
using namespace axiom::plan;

static std::vector<uint32_t> cutsOf(ArrayRef<int64_t> cuts) {
  return std::vector<uint32_t>(cuts.begin(), cuts.end());
}

static LinearRange rangeOf(Value weight, uint32_t heads, uint32_t rowAlign) {
  auto type = cast<ir::WeightType>(weight.getType());
  return {ir::storedFormat(type.getFormat()), type.getRows(), heads, rowAlign, false};
}

static LogicalResult checkStored(Operation *op, ValueRange weights) {
  for (Value weight : weights)
    if (ir::isSource(cast<ir::WeightType>(weight.getType()).getFormat()))
      return op->emitOpError("has a weight in its source format; run the quantize phase first");
  return success();
}

/// Ranges, weights and biases of a list op.
template <typename Op>
static void setList(Op op, ArrayRef<uint32_t> heads, uint32_t rowAlign, TaskDraft &task) {
  task.spec.inner = cast<ir::WeightType>(op.getWeights()[0].getType()).getCols();
  task.spec.cuts = cutsOf(op.getCuts());
  for (auto [i, weight] : llvm::enumerate(op.getWeights())) {
    task.spec.ranges.push_back(rangeOf(weight, heads[i], rowAlign));
    task.weights["weights" + std::to_string(i)] = weight;
  }
  for (auto [index, bias] : llvm::zip(op.getBiasOf(), op.getBiases())) {
    task.spec.ranges[index].bias = true;
    task.weights["bias" + std::to_string(index)] = bias;
  }
}

void LayerPlanner::setKvFields(KernelSpec &spec) const {
  spec.kvHeads = kv.getHeads();
  spec.headDim = kv.getDim();
  spec.kvType = kv.getKind();
  spec.kvHeadBytes = kvHeadBytes(kv.getKind(), kv.getDim());
  spec.kvBlockBytes = spec.kvHeadBytes * spec.kvHeads * layerCount_;
}

LogicalResult LayerPlanner::takeNorm(Operation *op, Value rows, Value qrows, TaskDraft &task) {
  Operation *norm = rows ? rows.getDefiningOp() : qrows.getDefiningOp();
  if (rows && qrows && qrows.getDefiningOp() != norm)
    return op->emitOpError("reads rows and quantized rows of two origins");
  Value input, gain;
  if (auto fused = dyn_cast_or_null<ir::NormQuantizeOp>(norm)) {
    input = fused.getInput();
    gain = fused.getGain();
    task.spec.normEps = fused.getEps().convertToFloat();
  } else if (auto plain = dyn_cast_or_null<ir::RmsNormOp>(norm); plain && !plain.getUnitOffset()) {
    input = plain.getInput();
    gain = plain.getGain();
    task.spec.normEps = plain.getEps().convertToFloat();
  } else {
    return op->emitOpError("has no kernel: its input is no norm of the hidden state");
  }
  if (input != hidden_)
    return norm->emitOpError("normalizes another value than the current hidden state");
  task.spec.prologue = Prologue::Norm;
  task.weights["norm"] = gain;
  task.slots["input"] = "hidden";
  return success();
}

LogicalResult LayerPlanner::planQkv(ir::QkvOp op) {
  TaskDraft task;
  task.name = "qkv";
  kv = op.getKv().getType();
  setKvFields(task.spec);
  task.spec.epilogue = Epilogue::Qkv;
  task.spec.heads = ir::widthOf(op.getQuery().getType()) / kv.getDim();
  task.spec.qScale = op.getScale().convertToFloat();
  setList(op, {task.spec.heads, kv.getHeads(), kv.getHeads()}, AXM_STRIPE, task);
  if (failed(takeNorm(op, op.getRows(), op.getQrows(), task)))
    return failure();
  if (op.getQNorm()) {
    float eps = op.getEps()->convertToFloat();
    if (eps != task.spec.normEps)
      return op.emitOpError("has no kernel: the QK-norm has another eps than the layer's norm");
    task.spec.qkNorm = true;
    task.weights["qnorm"] = op.getQNorm();
    task.weights["knorm"] = op.getKNorm();
  }
  invFreq = op.getInvFreq();
  task.slots["q"] = "query";
  task.slots["angles"] = ""; // known when the layer is called
  slotOf_[op.getQuery()] = "query";
  tasks.push_back(std::move(task));
  return success();
}

LogicalResult LayerPlanner::planAttention(ir::AttentionOp op) {
  if (slotOf_.lookup(op.getQuery()) != "query" || !op.getKv().getDefiningOp<ir::QkvOp>())
    return op.emitOpError("has no kernel: query and KV do not come from axiom.qkv");
  TaskDraft task;
  task.name = "attention";
  task.balance = true; // units cost as many blocks as the token sees
  task.spansForFew = true;
  task.spec.kind = KernelKind::Attention;
  setKvFields(task.spec);
  task.spec.heads = ir::widthOf(op.getType()) / kv.getDim();
  task.spec.window = op.getWindow() ? *op.getWindow() : 0;
  task.slots["q"] = "query";
  task.slots["out"] = "context";
  task.slots["spans"] = "spans";
  slotOf_[op.getResult()] = "context";
  tasks.push_back(std::move(task));
  return success();
}

LogicalResult LayerPlanner::planResidual(ir::LinearResidualOp op) {
  if (op.getResidual() != hidden_)
    return op.emitOpError("adds to another value than the current hidden state");
  Value input = op.getInput();
  if (auto quantize = input.getDefiningOp<ir::QuantizeOp>())
    input = quantize.getInput();
  std::string slot = slotOf_.lookup(input);
  if (slot.empty())
    return op.emitOpError("has no kernel: its input is no kernel's output");
  TaskDraft task;
  task.name = op.getRole() == ir::Role::O ? "o" : "down";
  task.spec.inner = ir::widthOf(input.getType());
  task.spec.cuts = cutsOf(op.getCuts());
  task.spec.epilogue = Epilogue::Residual;
  task.spec.ranges.push_back(rangeOf(op.getWeight(), 1, AXM_STRIPE));
  if (isQuantized(task.spec.ranges[0].format) && ir::isRows(input.getType()))
    task.spec.prologue = Prologue::Quantize;
  task.weights["weights0"] = op.getWeight();
  if (op.getBias()) {
    task.spec.ranges[0].bias = true;
    task.weights["bias0"] = op.getBias();
  }
  task.slots["input"] = slot;
  task.slots["x"] = "hidden";
  hidden_ = op.getResult();
  tasks.push_back(std::move(task));
  return success();
}

LogicalResult LayerPlanner::planSwiGlu(ir::SwiGluLinearOp op) {
  TaskDraft task;
  task.name = "gate_up";
  task.spec.epilogue = Epilogue::SwiGlu;
  task.spec.quantizeOut = isa<ir::QRowsType>(op.getResult().getType());
  setList(op, {1, 1}, AXM_GROUP, task);
  if (failed(takeNorm(op, op.getRows(), op.getQrows(), task)))
    return failure();
  task.slots["h"] = "gated";
  slotOf_[op.getResult()] = "gated";
  tasks.push_back(std::move(task));
  return success();
}

LogicalResult LayerPlanner::run() {
  Block &body = layer_.getBody().front();
  hidden_ = body.getArgument(0);
  for (Operation &op : body) {
    LogicalResult result = success();
    if (auto qkv = dyn_cast<ir::QkvOp>(op))
      result = failed(checkStored(qkv, qkv.getWeights())) ? failure() : planQkv(qkv);
    else if (auto attention = dyn_cast<ir::AttentionOp>(op))
      result = planAttention(attention);
    else if (auto residual = dyn_cast<ir::LinearResidualOp>(op))
      result =
          failed(checkStored(residual, residual.getWeight())) ? failure() : planResidual(residual);
    else if (auto swiglu = dyn_cast<ir::SwiGluLinearOp>(op))
      result = failed(checkStored(swiglu, swiglu.getWeights())) ? failure() : planSwiGlu(swiglu);
    else if (auto end = dyn_cast<ir::ReturnOp>(op)) {
      if (end.getValue() != hidden_)
        return op.emitOpError("returns another value than the current hidden state");
    } else if (!isa<ir::NormQuantizeOp, ir::RmsNormOp, ir::QuantizeOp>(op)) {
      return op.emitOpError("has no kernel of its own; the fuse phase joins it with others");
    }
    if (failed(result))
      return failure();
  }
  static const char *const kOrder[] = {"qkv", "attention", "o", "gate_up", "down"};
  bool sound = tasks.size() == std::size(kOrder);
  for (size_t i = 0; sound && i < tasks.size(); ++i)
    sound = tasks[i].name == kOrder[i];
  if (!sound)
    return layer_.emitOpError("does not consist of qkv, attention, o, gate_up, down");
  return success();
}

} // namespace axiom
