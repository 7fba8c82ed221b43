#include "passes/plan/builder/PlanBuilder.h"

#include "dialects/plan/PlanAttrs.h"

namespace axiom {

using namespace mlir;
using namespace axiom::plan;

PlanBuilder::PlanBuilder(ModuleOp module) : module_(module), builder_(module.getContext()) {}

PlanBuilder::Slot &PlanBuilder::slot(const std::string &name) {
  for (Slot &slot : slots_)
    if (slot.name == name)
      return slot;
  slots_.push_back({name});
  return slots_.back();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// How the weight bound to `arg` is packed, by the kernel that reads it.
static PlanWeight layoutOf(const KernelSpec &spec, const std::string &arg) {
  PlanWeight layout;
  auto index = [&](size_t prefix) { return static_cast<size_t>(std::stoul(arg.substr(prefix))); };
  if (arg.starts_with("weights") || arg == "table") {
    const LinearRange &range = spec.ranges[arg == "table" ? 0 : index(7)];
    layout.format = range.format;
    layout.rows = range.rows;
    layout.cols = spec.inner;
    layout.heads = range.heads;
    layout.rowAlign = range.rowAlign;
    layout.cuts = spec.cuts;
    return layout;
  }
  layout.vector = true;
  layout.rows = 1;
  if (arg.starts_with("bias")) {
    const LinearRange &range = spec.ranges[index(4)];
    layout.heads = range.heads;
    layout.rowAlign = range.rowAlign;
  }
  return layout;
}

static bool sameLayout(const PlanWeight &a, const PlanWeight &b) {
  return a.source == b.source && a.vector == b.vector && a.format == b.format && a.rows == b.rows &&
         a.cols == b.cols && a.heads == b.heads && a.rowAlign == b.rowAlign && a.cuts == b.cuts &&
         a.addend == b.addend && a.values == b.values;
}

FailureOr<FlatSymbolRefAttr> PlanBuilder::weight(Value constant, PlanWeight layout) {
  Operation *op = constant.getDefiningOp();
  if (auto vector = dyn_cast_or_null<ir::VectorOp>(op)) {
    layout.name = vector.getTensor().str();
    layout.cols = vector.getType().getSize();
    if (vector.getAddend())
      layout.addend = vector.getAddend()->convertToFloat();
    if (auto values = vector.getValues())
      layout.values.assign(values->begin(), values->end());
  } else if (auto matrix = dyn_cast_or_null<ir::WeightOp>(op)) {
    layout.name = matrix.getTensor().str();
  } else {
    return emitError(constant.getLoc(), "a weight of the plan must be a constant of the model");
  }
  if (layout.values.empty())
    layout.source = layout.name;
  auto [it, fresh] = weights_.try_emplace(layout.name, layout);
  if (fresh)
    weightOrder_.push_back(layout.name);
  else if (!sameLayout(it->second, layout))
    return op->emitOpError() << "tensor '" << layout.name
                             << "' would have to be packed in two ways";
  return FlatSymbolRefAttr::get(module_.getContext(), layout.name);
}

//===----------------------------------------------------------------------===//
// Tasks
//===----------------------------------------------------------------------===//

/// Readers of this output rely on zeros past the row's width that the kernel does not write.
static bool needsZeroPadding(const KernelSpec &spec, const std::string &arg) {
  if (arg == "spans") // counters, which go back to zero
    return true;
  if (spec.kind == KernelKind::Attention && arg == "out")
    return spec.heads * spec.headDim % AXM_GROUP != 0;
  if (spec.kind != KernelKind::Linear)
    return false;
  if (arg == "q")
    return spec.headDim % AXM_STRIPE != 0;
  return arg == "h" && !spec.quantizeOut && spec.ranges[0].rows % AXM_GROUP != 0;
}

LogicalResult PlanBuilder::emitTask(OpBuilder &phase, const TaskDraft &task,
                                    ArrayRef<ir::CallLayerOp> calls) {
  MLIRContext *context = module_.getContext();
  KernelSpec many = task.spec, few = task.spec;
  few.spanUnits = task.spansForFew;
  SmallVector<Attribute> bindings;
  for (const KernelArg &arg : kernelArgs(few)) {
    SmallVector<FlatSymbolRefAttr> symbols;
    SmallVector<uint32_t> layers;
    if (arg.space == AXM_SPACE_WORKSPACE) {
      const std::string &name = task.slots.at(arg.name);
      Slot &target = slot(name);
      target.fixed = std::max({target.fixed, arg.readFixed, arg.writeFixed});
      target.perToken = std::max({target.perToken, arg.readPerToken, arg.writePerToken});
      target.keepsPadding |= needsZeroPadding(task.spec, arg.name);
      symbols.push_back(FlatSymbolRefAttr::get(context, name));
    } else if (arg.space == AXM_SPACE_KV) {
      for (ir::CallLayerOp call : calls)
        layers.push_back(call.getLayer());
    } else if (arg.space == AXM_SPACE_WEIGHTS) {
      Value value = task.weights.at(arg.name);
      auto argument = dyn_cast<BlockArgument>(value);
      size_t count = argument ? calls.size() : 1;
      for (size_t i = 0; i < count; ++i) {
        if (argument)
          value = ir::CallLayerOp(calls[i]).getArgs()[argument.getArgNumber()];
        auto symbol = weight(value, layoutOf(task.spec, arg.name));
        if (failed(symbol))
          return failure();
        symbols.push_back(*symbol);
      }
      if (llvm::all_equal(symbols))
        symbols.truncate(1);
    }
    bindings.push_back(BindingAttr::get(context, arg.space, symbols, layers));
  }
  // Mostly one kernel serves every token count: it picks its variant by the step's T itself.
  FlatSymbolRefAttr forMany = addKernel(many, task.name), forFew = forMany;
  if (task.spansForFew)
    forFew = addKernel(few, task.name + "_spans");
  Attribute variants[] = {forFew, forFew, forMany};
  TaskOp::create(phase, phase.getUnknownLoc(), task.name, phase.getArrayAttr(variants),
                 phase.getArrayAttr(bindings), task.balance);
  return success();
}

FlatSymbolRefAttr PlanBuilder::addKernel(KernelSpec spec, const std::string &name) {
  spec.name = name;
  for (int i = 1; !kernelNames_.insert(spec.name).second; ++i)
    spec.name = name + "_" + std::to_string(i);
  kernels_.push_back(spec);
  return FlatSymbolRefAttr::get(module_.getContext(), spec.name);
}

RepeatOp PlanBuilder::addRepeat(size_t count, std::optional<uint32_t> firstLayer) {
  builder_.setInsertionPointToEnd(&model_.getBody().front());
  auto repeat =
      RepeatOp::create(builder_, builder_.getUnknownLoc(), count,
                       firstLayer ? builder_.getI64IntegerAttr(*firstLayer) : IntegerAttr());
  repeat.getBody().emplaceBlock();
  return repeat;
}

static OpBuilder addPhase(RepeatOp repeat) {
  OpBuilder builder = OpBuilder::atBlockEnd(&repeat.getBody().front());
  auto phase = PhaseOp::create(builder, repeat.getLoc());
  return OpBuilder::atBlockEnd(&phase.getBody().emplaceBlock());
}

LogicalResult PlanBuilder::emitEntry(ir::EmbeddingOp embedding, ir::HeadOp head) {
  OpBuilder phase = addPhase(addRepeat(1, std::nullopt));
  ir::WeightType table = embedding.getTable().getType();
  if (ir::isSource(table.getFormat()))
    return embedding.emitOpError("has a table in its source format; run the quantize phase first");
  TaskDraft embed;
  embed.name = "embed";
  embed.spec.kind = KernelKind::Embed;
  embed.spec.inner = table.getCols();
  embed.spec.ranges.push_back(
      {ir::storedFormat(table.getFormat()), table.getRows(), 1, AXM_STRIPE, false});
  // A tied table is packed once, as the head reads it.
  if (head.getWeight() == embedding.getTable())
    embed.spec.cuts.assign(head.getCuts().begin(), head.getCuts().end());
  embed.weights["table"] = embedding.getTable();
  embed.slots["x"] = "hidden";
  slot("hidden").keepsPadding = true;
  if (failed(emitTask(phase, embed, {})))
    return failure();
  // In the order of the slots' names, which is the order of first use.
  std::map<std::string, Value> byName;
  for (auto &[invFreq, name] : angles_)
    byName[name] = invFreq;
  for (auto &[name, invFreq] : byName) {
    TaskDraft angles;
    angles.name = "rope_angles";
    angles.spec.kind = KernelKind::RopeAngles;
    angles.spec.headDim = 2 * cast<ir::F32VectorType>(invFreq.getType()).getSize();
    angles.weights["invFreq"] = invFreq;
    angles.slots["angles"] = name;
    if (failed(emitTask(phase, angles, {})))
      return failure();
  }
  return success();
}

LogicalResult PlanBuilder::emitRun(ArrayRef<ir::CallLayerOp> calls, const LayerPlanner &layer) {
  RepeatOp repeat = addRepeat(calls.size(), ir::CallLayerOp(calls[0]).getLayer());
  unsigned invFreq = cast<BlockArgument>(layer.invFreq).getArgNumber();
  for (TaskDraft task : layer.tasks) {
    if (task.slots.count("angles"))
      task.slots["angles"] = angles_[ir::CallLayerOp(calls[0]).getArgs()[invFreq]];
    OpBuilder phase = addPhase(repeat);
    if (failed(emitTask(phase, task, calls)))
      return failure();
  }
  return success();
}

LogicalResult PlanBuilder::emitHead(ir::HeadOp head) {
  ir::WeightType type = head.getWeight().getType();
  if (ir::isSource(type.getFormat()))
    return head.emitOpError("has a weight in its source format; run the quantize phase first");
  TaskDraft task;
  task.name = "head";
  task.spec.inner = type.getCols();
  task.spec.cuts.assign(head.getCuts().begin(), head.getCuts().end());
  task.spec.prologue = Prologue::Norm;
  task.spec.normEps = head.getEps().convertToFloat();
  task.spec.epilogue = Epilogue::Head;
  task.spec.ranges.push_back({ir::storedFormat(type.getFormat()), type.getRows(), 1, AXM_STRIPE,
                              static_cast<bool>(head.getBias())});
  task.weights["norm"] = head.getGain();
  task.weights["weights0"] = head.getWeight();
  if (head.getBias())
    task.weights["bias0"] = head.getBias();
  task.slots["input"] = "hidden";
  OpBuilder phase = addPhase(addRepeat(1, std::nullopt));
  return emitTask(phase, task, {});
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

LogicalResult PlanBuilder::build(func::FuncOp step) {
  ir::EmbeddingOp embedding;
  ir::HeadOp head;
  std::vector<ir::CallLayerOp> calls;
  Value hidden;
  for (Operation &op : step.front()) {
    if (isa<ir::WeightOp, ir::VectorOp, func::ReturnOp>(op))
      continue;
    if (auto found = dyn_cast<ir::EmbeddingOp>(op); found && !embedding) {
      embedding = found;
      hidden = found.getResult();
    } else if (auto call = dyn_cast<ir::CallLayerOp>(op);
               call && hidden && call.getArgs()[0] == hidden && !head) {
      if (call.getLayer() != calls.size())
        return op.emitOpError() << "is layer " << call.getLayer() << " at place " << calls.size();
      calls.push_back(call);
      hidden = call.getResult();
    } else if (auto found = dyn_cast<ir::HeadOp>(op);
               found && !head && hidden && found.getInput() == hidden) {
      head = found;
    } else {
      return op.emitOpError("has no place in a plan, which is embedding, layers in a chain, head; "
                            "fuse and outline phases come first");
    }
  }
  if (!embedding || !head || calls.empty())
    return step.emitOpError("needs an embedding, at least one layer and a head");

  std::map<Operation *, LayerPlanner> layers;
  ir::KvCacheType kv;
  for (ir::CallLayerOp call : calls) {
    auto callee = module_.lookupSymbol<ir::LayerOp>(call.getCallee());
    auto [it, fresh] = layers.try_emplace(callee, callee, static_cast<uint32_t>(calls.size()));
    LayerPlanner &planner = it->second;
    if (fresh && failed(planner.run()))
      return failure();
    if (kv && kv != planner.kv)
      return callee.emitOpError() << "stores " << planner.kv << ", another layer " << kv;
    kv = planner.kv;
    auto invFreq = dyn_cast<BlockArgument>(planner.invFreq);
    if (!invFreq)
      return callee.emitOpError("must take its inverse frequencies as an argument");
    Value frequencies = call.getArgs()[invFreq.getArgNumber()];
    std::string name = angles_.empty() ? "angles" : "angles_" + std::to_string(angles_.size());
    angles_.try_emplace(frequencies, name);
  }

  uint64_t headBytes = kvHeadBytes(kv.getKind(), kv.getDim());
  uint64_t layerBytes = headBytes * kv.getHeads();
  builder_.setInsertionPointToEnd(module_.getBody());
  model_ = ModelOp::create(builder_, step.getLoc(), "hidden", ir::kvTypeName(kv.getKind()),
                           headBytes, layerBytes, layerBytes * calls.size());
  model_.getBody().emplaceBlock();
  if (failed(emitEntry(embedding, head)))
    return failure();
  // A run: neighbouring calls of one layer that read the same angles.
  auto anglesOf = [&](ir::CallLayerOp call, const LayerPlanner &planner) {
    return angles_[call.getArgs()[cast<BlockArgument>(planner.invFreq).getArgNumber()]];
  };
  for (size_t begin = 0, end; begin < calls.size(); begin = end) {
    const LayerPlanner &planner =
        layers.at(module_.lookupSymbol<ir::LayerOp>(calls[begin].getCallee()));
    for (end = begin + 1; end < calls.size() &&
                          calls[end].getCallee() == calls[begin].getCallee() &&
                          anglesOf(calls[end], planner) == anglesOf(calls[begin], planner);)
      ++end;
    if (failed(emitRun(ArrayRef(calls).slice(begin, end - begin), planner)))
      return failure();
  }
  if (failed(emitHead(head)))
    return failure();

  // Declarations come first in the text.
  builder_.setInsertionPointToStart(&model_.getBody().front());
  MLIRContext *context = module_.getContext();
  Location loc = step.getLoc();
  for (const KernelSpec &spec : kernels_)
    KernelOp::create(builder_, loc, spec.name, attrsFromSpec(context, spec));
  for (const std::string &name : weightOrder_)
    plan::WeightOp::create(builder_, loc, name, attrsFromWeight(context, weights_[name]));
  for (const Slot &slot : slots_)
    SlotOp::create(builder_, loc, slot.name, slot.fixed, slot.perToken, slot.keepsPadding);
  return success();
}

} // namespace axiom
