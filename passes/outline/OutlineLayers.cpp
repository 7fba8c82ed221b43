#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

namespace axiom {

#define GEN_PASS_DEF_OUTLINELAYERS
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;

/// One layer of the graph: what lies between two marks.
struct Layer {
  ir::LayerEndOp end;
  Value hidden;                     ///< the hidden state that comes in
  SmallVector<Operation *> ops;     ///< in order, without constants
  llvm::SetVector<Value> constants; ///< weights and vectors, in order of first use
};

struct OutlineLayers : impl::OutlineLayersBase<OutlineLayers> {
  FailureOr<Layer> collect(ir::LayerEndOp end) {
    Layer layer;
    layer.end = end;
    llvm::DenseSet<Operation *> inside;
    SmallVector<Value> work{end.getInput()};
    while (!work.empty()) {
      Value value = work.pop_back_val();
      Operation *op = value.getDefiningOp();
      if (op && isa<ir::WeightOp, ir::VectorOp>(op))
        continue;
      if (!op || isa<ir::LayerEndOp, ir::EmbeddingOp>(op)) {
        if (layer.hidden && layer.hidden != value)
          return end.emitOpError("ends a layer that reads two hidden states");
        layer.hidden = value;
        continue;
      }
      if (op->getNumRegions() != 0)
        return op->emitOpError("has a region; layers cannot hold it");
      if (inside.insert(op).second)
        work.append(op->operand_begin(), op->operand_end());
    }
    if (!layer.hidden || layer.hidden.getType() != end.getType())
      return end.emitOpError("ends a layer whose hidden state has another type or none");
    for (Operation &op : *end->getBlock()) {
      if (!inside.contains(&op))
        continue;
      layer.ops.push_back(&op);
      for (Value operand : op.getOperands())
        if (operand.getDefiningOp<ir::WeightOp>() || operand.getDefiningOp<ir::VectorOp>())
          layer.constants.insert(operand);
      for (Operation *user : op.getUsers())
        if (user != end && !inside.contains(user))
          return op.emitOpError("of a layer is read outside of it");
    }
    return layer;
  }

  /// The layer as a function; fails if its ops name another layer than its mark does.
  FailureOr<ir::LayerOp> build(OpBuilder &builder, Layer &layer) {
    Type hidden = layer.hidden.getType();
    SmallVector<Type> inputs{hidden};
    for (Value constant : layer.constants)
      inputs.push_back(constant.getType());
    auto type = builder.getFunctionType(inputs, hidden);
    auto function =
        ir::LayerOp::create(builder, layer.end.getLoc(), "l", type, ArrayAttr(), ArrayAttr());
    Block *block = builder.createBlock(&function.getBody());
    IRMapping mapping;
    for (Type input : inputs)
      block->addArgument(input, layer.end.getLoc());
    mapping.map(layer.hidden, block->getArgument(0));
    for (auto [i, constant] : llvm::enumerate(layer.constants))
      mapping.map(constant, block->getArgument(static_cast<unsigned>(i) + 1));
    OpBuilder inner = OpBuilder::atBlockEnd(block);
    for (Operation *op : layer.ops) {
      Operation *copy = inner.clone(*op, mapping);
      auto index = copy->getAttrOfType<IntegerAttr>("layer");
      if (!index)
        continue;
      if (index.getInt() != int64_t(layer.end.getLayer())) {
        function.erase();
        return op->emitOpError() << "belongs to layer " << index.getInt() << " but lies in layer "
                                 << layer.end.getLayer();
      }
      copy->removeAttr("layer");
    }
    ir::ReturnOp::create(inner, layer.end.getLoc(), mapping.lookup(layer.end.getInput()));
    return function;
  }

  static std::string textOf(Operation *op) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    op->print(stream, OpPrintingFlags().useLocalScope().printGenericOpForm());
    return text;
  }

  void runOnOperation() override {
    SmallVector<ir::LayerEndOp> ends;
    getOperation().walk([&](ir::LayerEndOp end) { ends.push_back(end); });
    // Collect before changing anything: the marks are the boundaries.
    std::vector<Layer> layers;
    for (ir::LayerEndOp end : ends) {
      auto layer = collect(end);
      if (failed(layer))
        return signalPassFailure();
      layers.push_back(std::move(*layer));
    }
    // All layers are called l while they are compared.
    std::map<std::string, ir::LayerOp> distinct;
    llvm::DenseMap<Value, Value> replaced; // a mark's result -> the call's
    for (Layer &layer : layers) {
      OpBuilder builder(&getContext());
      builder.setInsertionPoint(layer.end->getParentOfType<func::FuncOp>());
      auto built = build(builder, layer);
      if (failed(built))
        return signalPassFailure();
      auto [it, fresh] = distinct.try_emplace(textOf(*built), *built);
      if (fresh)
        it->second.setSymName("l" + std::to_string(distinct.size() - 1));
      else
        built->erase();
      builder.setInsertionPoint(layer.end);
      // What came from the mark of the layer before comes from that layer's call now.
      auto before = replaced.find(layer.hidden);
      SmallVector<Value> args{before == replaced.end() ? layer.hidden : before->second};
      args.append(layer.constants.begin(), layer.constants.end());
      auto call = ir::CallLayerOp::create(builder, layer.end.getLoc(), layer.end.getType(),
                                          it->second.getSymName(), args, layer.end.getLayer());
      replaced[layer.end.getResult()] = call.getResult();
    }
    for (Layer &layer : llvm::reverse(layers)) {
      layer.end.replaceAllUsesWith(replaced[layer.end.getResult()]);
      layer.end.erase();
      for (Operation *op : llvm::reverse(layer.ops))
        op->erase();
    }
  }
};

} // namespace
} // namespace axiom
