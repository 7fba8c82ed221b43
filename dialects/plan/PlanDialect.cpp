#include "dialects/plan/PlanDialect.h"

#include "dialects/plan/PlanAttrs.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

#include "dialects/plan/PlanDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/plan/PlanAttrDefs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.cpp.inc"

namespace axiom::plan {

using namespace mlir;

void PlanDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/plan/PlanAttrDefs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/plan/PlanOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Bindings
//===----------------------------------------------------------------------===//

LogicalResult BindingAttr::verify(function_ref<InFlightDiagnostic()> emitError, AxmSpace space,
                                  ArrayRef<FlatSymbolRefAttr> symbols, ArrayRef<uint32_t> layers) {
  bool named = space == AXM_SPACE_WEIGHTS || space == AXM_SPACE_WORKSPACE;
  if (named == symbols.empty() || (space == AXM_SPACE_WORKSPACE && symbols.size() != 1))
    return emitError() << "a binding to " << spaceName(space) << " cannot have " << symbols.size()
                       << " symbols";
  if ((space == AXM_SPACE_KV) == layers.empty())
    return emitError() << "a binding to " << spaceName(space) << " cannot have " << layers.size()
                       << " layers";
  return success();
}

Attribute BindingAttr::parse(AsmParser &parser, Type) {
  StringRef word;
  SMLoc loc;
  if (parser.parseLess() || parser.getCurrentLocation(&loc) || parser.parseKeyword(&word))
    return {};
  std::optional<AxmSpace> space;
  for (int i = 0; i <= AXM_SPACE_TILES; ++i)
    if (word == spaceName(static_cast<AxmSpace>(i)))
      space = static_cast<AxmSpace>(i);
  if (!space) {
    parser.emitError(loc) << "unknown kind of binding '" << word << "'";
    return {};
  }
  SmallVector<FlatSymbolRefAttr> symbols;
  SmallVector<uint32_t> layers;
  auto one = [&]() -> ParseResult {
    if (*space == AXM_SPACE_KV)
      return parser.parseInteger(layers.emplace_back());
    StringAttr name;
    if (parser.parseSymbolName(name))
      return failure();
    symbols.push_back(FlatSymbolRefAttr::get(name));
    return success();
  };
  if (*space == AXM_SPACE_KV || *space == AXM_SPACE_WEIGHTS || *space == AXM_SPACE_WORKSPACE) {
    if (succeeded(parser.parseOptionalLSquare())) {
      if (parser.parseCommaSeparatedList(one) || parser.parseRSquare())
        return {};
    } else if (one()) {
      return {};
    }
  }
  if (parser.parseGreater())
    return {};
  return BindingAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), *space,
                                 symbols, layers);
}

void BindingAttr::print(AsmPrinter &printer) const {
  printer << '<' << spaceName(getSpace());
  size_t count = getSymbols().size() + getLayers().size();
  if (count > 0)
    printer << ' ';
  if (count > 1)
    printer << '[';
  llvm::interleaveComma(getSymbols(), printer,
                        [&](FlatSymbolRefAttr symbol) { printer.printAttribute(symbol); });
  llvm::interleaveComma(getLayers(), printer, [&](uint32_t layer) { printer << layer; });
  if (count > 1)
    printer << ']';
  printer << '>';
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

LogicalResult ModelOp::verifyRegions() {
  for (Operation &op : getBody().front())
    if (!isa<KernelOp, WeightOp, SlotOp, RepeatOp>(op))
      return op.emitOpError("does not belong directly in a plan.model");
  if (!isa_and_nonnull<SlotOp>(mlir::SymbolTable::lookupSymbolIn(*this, getResidualAttr())))
    return emitOpError("residual ") << getResidualAttr() << " is no slot of the plan";
  if (getKvType() != "f32" && getKvType() != "f16" && getKvType() != "int8")
    return emitOpError("KV type must be f32, f16 or int8, got '") << getKvType() << "'";
  int64_t head = getKvHeadBytes(), layer = getKvLayerBytes(), block = getKvBlockBytes();
  if (head <= 0 || head % 64 != 0 || layer < head || layer % head != 0 || block < layer ||
      block % layer != 0)
    return emitOpError("KV sizes must be multiples: head ")
           << head << " (of 64), layer " << layer << ", block " << block;
  return success();
}

LogicalResult KernelOp::verify() {
  return success(succeeded(specFromAttrs(getSymName(), getSpec(), [&] { return emitOpError(); })));
}

LogicalResult WeightOp::verify() {
  return success(
      succeeded(weightFromAttrs(getSymName(), getTensor(), [&] { return emitOpError(); })));
}

LogicalResult SlotOp::verify() {
  if (static_cast<int64_t>(getFixed()) < 0 || static_cast<int64_t>(getPerToken()) < 0 ||
      getFixed() + getPerToken() == 0)
    return emitOpError("needs a size above 0");
  return success();
}

LogicalResult RepeatOp::verifyRegions() {
  if (static_cast<int64_t>(getCount()) < 1)
    return emitOpError("count must be at least 1");
  for (Operation &op : getBody().front())
    if (!isa<PhaseOp>(op))
      return op.emitOpError("does not belong in a plan.repeat, which holds phases");
  return success();
}

LogicalResult PhaseOp::verifyRegions() {
  for (Operation &op : getBody().front())
    if (!isa<TaskOp>(op))
      return op.emitOpError("does not belong in a plan.phase, which holds tasks");
  return success();
}

/// Holds one binding against the kernel's argument.
static LogicalResult checkBinding(TaskOp task, ModelOp model, const KernelArg &arg,
                                  BindingAttr binding, uint64_t count, SymbolTable &table) {
  auto error = [&] { return task.emitOpError() << "argument '" << arg.name << "' "; };
  if (binding.getSpace() != arg.space)
    return error() << "is in " << spaceName(arg.space) << ", bound to "
                   << spaceName(binding.getSpace());
  size_t entries = binding.getSpace() == AXM_SPACE_WEIGHTS ? binding.getSymbols().size()
                                                           : binding.getLayers().size();
  if (entries > 1 && entries != count)
    return error() << "has " << entries << " bindings for " << count << " repetitions";
  for (FlatSymbolRefAttr symbol : binding.getSymbols()) {
    Operation *target = table.lookup(symbol.getValue());
    if (auto slot = dyn_cast_or_null<SlotOp>(target); slot && arg.space == AXM_SPACE_WORKSPACE) {
      uint64_t fixed = std::max(arg.readFixed, arg.writeFixed);
      uint64_t perToken = std::max(arg.readPerToken, arg.writePerToken);
      if (slot.getFixed() < fixed || slot.getPerToken() < perToken)
        return error() << "needs " << fixed << " + " << perToken << " bytes a token, slot "
                       << symbol << " has " << slot.getFixed() << " + " << slot.getPerToken();
    } else if (auto op = dyn_cast_or_null<WeightOp>(target); op && arg.space == AXM_SPACE_WEIGHTS) {
      auto weight =
          weightFromAttrs(op.getSymName(), op.getTensor(), [&] { return op.emitOpError(); });
      if (failed(weight))
        return failure();
      if (weightBytes(*weight) != arg.readFixed)
        return error() << "reads " << arg.readFixed << " bytes, weight " << symbol << " has "
                       << weightBytes(*weight);
    } else {
      return error() << "is bound to " << symbol << ", which is no "
                     << (arg.space == AXM_SPACE_WEIGHTS ? "plan.weight" : "plan.slot");
    }
  }
  uint64_t layers = model.getKvBlockBytes() / model.getKvLayerBytes();
  for (uint32_t layer : binding.getLayers())
    if (layer >= layers)
      return error() << "is bound to layer " << layer << " of " << layers;
  if (arg.space == AXM_SPACE_KV &&
      std::max(arg.readFixed, arg.writeFixed) > model.getKvLayerBytes())
    return error() << "needs " << std::max(arg.readFixed, arg.writeFixed)
                   << " bytes of a block and layer, the plan has " << model.getKvLayerBytes();
  return success();
}

LogicalResult TaskOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto repeat = cast<RepeatOp>((*this)->getParentOp()->getParentOp());
  auto model = cast<ModelOp>(repeat->getParentOp());
  SymbolTable &table = symbols.getSymbolTable(model);
  for (Attribute symbol : getKernels()) {
    auto kernel =
        dyn_cast_or_null<KernelOp>(table.lookup(cast<FlatSymbolRefAttr>(symbol).getValue()));
    if (!kernel)
      return emitOpError() << symbol << " is no plan.kernel of the plan";
    auto spec =
        specFromAttrs(kernel.getSymName(), kernel.getSpec(), [&] { return kernel.emitOpError(); });
    if (failed(spec))
      return failure();
    if (uint64_t stride = kernelRow(*spec).kvBlockBytes;
        stride && stride != model.getKvBlockBytes())
      return emitOpError() << "kernel " << symbol << " knows KV blocks of " << stride
                           << " bytes, the plan has " << model.getKvBlockBytes();
    std::vector<KernelArg> args = kernelArgs(*spec);
    if (args.size() != getBindings().size())
      return emitOpError() << "kernel " << symbol << " has " << args.size() << " arguments, got "
                           << getBindings().size() << " bindings";
    for (auto [arg, binding] : llvm::zip(args, getBindings()))
      if (failed(checkBinding(*this, model, arg, cast<BindingAttr>(binding), repeat.getCount(),
                              table)))
        return failure();
  }
  return success();
}

} // namespace axiom::plan
