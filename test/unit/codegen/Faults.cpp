#include "test/unit/codegen/Faults.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"

#include "llvm/Support/raw_ostream.h"

namespace axiom::test {

using namespace mlir;

const char *faultName(Fault fault) {
  static const char *const names[] = {"lane",     "order",    "lost fma", "gained fma",
                                      "operands", "constant", "bound"};
  return names[static_cast<int>(fault)];
}

std::string describe(const Place &place) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << faultName(place.fault) << " (" << place.variant << ") in "
         << place.op->getParentOfType<func::FuncOp>().getName() << ": ";
  place.op->print(stream, OpPrintingFlags().skipRegions());
  text.resize(std::min<size_t>(text.size(), 300)); // a loop that carries 64 sums is long
  return text;
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

namespace {

template <typename Op> Op definedBy(Value value) { return value.getDefiningOp<Op>(); }

bool isVector(Value value) { return isa<VectorType>(value.getType()); }

/// Floats, vectors, and integers that do not become an i64: no address, no count.
bool isData(Value value) {
  Type type = value.getType();
  if (isa<FloatType, VectorType>(type))
    return true;
  if (!type.isInteger() || type.isInteger(64))
    return false;
  return llvm::none_of(value.getUsers(), [](Operation *user) {
    return isa<arith::ExtUIOp>(user) && user->getResult(0).getType().isInteger(64);
  });
}

/// The load or store of the same type before this one in its block.
template <typename Op> Op previous(Op op, Type type) {
  for (Operation *before = op->getPrevNode(); before; before = before->getPrevNode())
    if (auto same = dyn_cast<Op>(before))
      if ((same->getNumResults() ? same->getResult(0) : same->getOperand(0)).getType() == type)
        return same;
  return nullptr;
}

/// Whether `value` is `carried` with summands: a sum that a loop carries on.
bool isSumOf(Value value, Value carried) {
  if (value == carried)
    return true;
  if (auto add = definedBy<arith::AddFOp>(value))
    return isSumOf(add.getLhs(), carried) || isSumOf(add.getRhs(), carried);
  if (auto fma = definedBy<LLVM::FMAOp>(value))
    return isSumOf(fma.getC(), carried);
  return false;
}

/// Loops that carry sums and nothing else: what a loop carries besides (the address of the next run
/// of groups) has one order only.
bool isSumLoop(scf::ForOp loop) {
  if (loop.getNumRegionIterArgs() == 0)
    return false;
  for (auto [carried, next] : llvm::zip(loop.getRegionIterArgs(), loop.getYieldedValues()))
    if (!isSumOf(next, carried) || next == carried)
      return false;
  return true;
}

bool isNonzeroFloat(arith::ConstantOp constant) {
  auto value = dyn_cast<FloatAttr>(constant.getValue());
  if (auto dense = dyn_cast<DenseFPElementsAttr>(constant.getValue()))
    value = dense.getSplatValue<FloatAttr>();
  return value && !value.getValue().isZero();
}

/// A difference of values: floats, vectors, or a float's bits.
bool isValueDifference(arith::SubIOp sub) {
  return isVector(sub) || definedBy<LLVM::BitcastOp>(sub.getLhs()) ||
         definedBy<LLVM::BitcastOp>(sub.getRhs());
}

/// How many variants of a fault an op has, as bits.
unsigned variants(Operation *op, Fault fault) {
  auto bit = [](bool there, int variant) { return there ? 1u << variant : 0u; };
  auto add = dyn_cast<arith::AddFOp>(op);
  auto fma = dyn_cast<LLVM::FMAOp>(op);
  switch (fault) {
  case Fault::Lane:
    if (auto load = dyn_cast<LLVM::LoadOp>(op)) {
      auto before = isData(load) ? previous(load, load.getType()) : nullptr;
      return before && before.getAddr() != load.getAddr();
    }
    if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
      auto before = previous(store, store.getValue().getType());
      return before && before.getValue() != store.getValue();
    }
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      auto dense = dyn_cast<DenseIntElementsAttr>(constant.getValue());
      return dense && !dense.isSplat();
    }
    return isa<vector::ShuffleOp, vector::ExtractOp>(op);
  case Fault::Order:
    if (add)
      return bit(definedBy<arith::AddFOp>(add.getLhs()), 0) |
             bit(definedBy<arith::AddFOp>(add.getRhs()), 1) |
             bit(definedBy<vector::ShuffleOp>(add.getLhs()) &&
                     definedBy<vector::ShuffleOp>(add.getRhs()),
                 2);
    if (fma)
      return bit(definedBy<LLVM::FMAOp>(fma.getC()), 0) |
             bit(definedBy<arith::MulFOp>(fma.getC()), 1);
    return isa<scf::ForOp>(op) && isSumLoop(cast<scf::ForOp>(op));
  case Fault::LostFma:
    return bool(fma);
  case Fault::GainedFma:
    if (add || isa<arith::SubFOp>(op))
      return bit(definedBy<arith::MulFOp>(op->getOperand(0)), 0) |
             bit(definedBy<arith::MulFOp>(op->getOperand(1)), 1);
    return 0;
  case Fault::Operands:
    if (auto sub = dyn_cast<arith::SubIOp>(op))
      return isValueDifference(sub);
    if (auto compare = dyn_cast<arith::CmpFOp>(op))
      return compare.getPredicate() != arith::CmpFPredicate::OEQ;
    return isa<arith::SubFOp, arith::DivFOp>(op);
  case Fault::Constant:
    return isa<arith::ConstantOp>(op) && isNonzeroFloat(cast<arith::ConstantOp>(op));
  case Fault::Bound:
    if (auto compare = dyn_cast<arith::CmpIOp>(op))
      return bit(isVector(compare) && (compare.getPredicate() == arith::CmpIPredicate::sge ||
                                       compare.getPredicate() == arith::CmpIPredicate::slt),
                 2);
    return isa<scf::ForOp>(op) ? 3 : 0;
  }
  return 0;
}

} // namespace

std::vector<Place> placesOf(func::FuncOp function, Fault fault) {
  std::vector<Place> places;
  function.walk<WalkOrder::PreOrder>([&](Operation *op) {
    unsigned found = variants(op, fault);
    for (int variant = 0; found >> variant; ++variant)
      if (found >> variant & 1)
        places.push_back({op, fault, variant});
  });
  return places;
}

//===----------------------------------------------------------------------===//
// Planting
//===----------------------------------------------------------------------===//

namespace {

void replace(Operation *op, Value value) {
  op->getResult(0).replaceAllUsesWith(value);
  op->erase();
}

void plantLane(Operation *op) {
  OpBuilder b(op);
  if (auto load = dyn_cast<LLVM::LoadOp>(op)) {
    load.getAddrMutable().assign(previous(load, load.getType()).getAddr());
  } else if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
    store.getValueMutable().assign(previous(store, store.getValue().getType()).getValue());
  } else if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto dense = cast<DenseIntElementsAttr>(constant.getValue());
    SmallVector<APInt> lanes(dense.getValues<APInt>());
    std::swap(lanes[0], lanes[1]);
    constant.setValueAttr(DenseElementsAttr::get(dense.getType(), lanes));
  } else if (auto shuffle = dyn_cast<vector::ShuffleOp>(op)) {
    SmallVector<int64_t> mask(shuffle.getMask());
    int64_t lanes = cast<VectorType>(shuffle.getV1().getType()).getDimSize(0);
    mask.back() = mask.back() != mask.front() ? mask.front() : (mask.front() + 1) % lanes;
    shuffle.setMask(mask);
  } else {
    auto extract = cast<vector::ExtractOp>(op);
    int64_t lanes = cast<VectorType>(extract.getSource().getType()).getDimSize(0);
    int64_t other = (extract.getStaticPosition()[0] + 1) % lanes;
    replace(op, vector::ExtractOp::create(b, op->getLoc(), extract.getSource(), other));
  }
}

void plantOrder(Operation *op, int variant) {
  OpBuilder b(op);
  Location loc = op->getLoc();
  auto sum = [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, loc, x, y); };
  if (auto add = dyn_cast<arith::AddFOp>(op); add && variant < 2) {
    // (x + y) + z becomes x + (y + z), and the other way round.
    auto inner = definedBy<arith::AddFOp>(op->getOperand(variant));
    Value x = inner.getLhs(), y = inner.getRhs();
    return replace(op, variant == 0 ? sum(x, sum(y, add.getRhs())) : sum(sum(add.getLhs(), x), y));
  }
  if (isa<arith::AddFOp>(op)) {
    // Halving, [i] + [i + n], becomes neighbours, [2i] + [2i + 1].
    for (int half : {0, 1}) {
      auto shuffle = definedBy<vector::ShuffleOp>(op->getOperand(half));
      SmallVector<int64_t> mask;
      for (size_t i = 0; i < shuffle.getMask().size(); ++i)
        mask.push_back(static_cast<int64_t>(2 * i) + half);
      op->setOperand(half,
                     vector::ShuffleOp::create(b, loc, shuffle.getV1(), shuffle.getV2(), mask));
    }
    return;
  }
  if (auto fma = dyn_cast<LLVM::FMAOp>(op)) {
    if (variant == 0) {
      // The chain takes its next two products in the other order.
      auto before = definedBy<LLVM::FMAOp>(fma.getC());
      Value first = LLVM::FMAOp::create(b, loc, fma.getA(), fma.getB(), before.getC());
      return replace(op, LLVM::FMAOp::create(b, loc, before.getA(), before.getB(), first));
    }
    // Of two products the other one is rounded.
    auto product = definedBy<arith::MulFOp>(fma.getC());
    Value rounded = arith::MulFOp::create(b, loc, fma.getA(), fma.getB());
    return replace(op, LLVM::FMAOp::create(b, loc, product.getLhs(), product.getRhs(), rounded));
  }
  // The loop runs from its end: lo + hi - step - iv. All sum loops have whole steps.
  auto loop = cast<scf::ForOp>(op);
  b.setInsertionPointToStart(loop.getBody());
  Value ends = arith::AddIOp::create(b, loc, loop.getLowerBound(), loop.getUpperBound());
  Value last = arith::SubIOp::create(b, loc, ends, loop.getStep());
  auto reversed = arith::SubIOp::create(b, loc, last, loop.getInductionVar());
  loop.getInductionVar().replaceAllUsesExcept(reversed, reversed);
}

void plantGainedFma(Operation *op, int variant) {
  OpBuilder b(op);
  Location loc = op->getLoc();
  auto product = definedBy<arith::MulFOp>(op->getOperand(variant));
  Value x = product.getLhs(), other = op->getOperand(1 - variant);
  if (isa<arith::SubFOp>(op)) {
    Value &minus = variant == 0 ? other : x;
    minus = arith::NegFOp::create(b, loc, minus);
  }
  replace(op, LLVM::FMAOp::create(b, loc, x, product.getRhs(), other));
}

void plantConstant(arith::ConstantOp constant) {
  auto next = [](const APFloat &value) {
    return APFloat(APFloat::IEEEsingle(), value.bitcastToAPInt() + 1);
  };
  if (auto dense = dyn_cast<DenseFPElementsAttr>(constant.getValue()))
    constant.setValueAttr(
        DenseElementsAttr::get(dense.getType(), next(dense.getSplatValue<APFloat>())));
  else
    constant.setValueAttr(
        FloatAttr::get(constant.getType(), next(cast<FloatAttr>(constant.getValue()).getValue())));
}

void plantBound(Operation *op, int variant) {
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    compare.setPredicate(compare.getPredicate() == arith::CmpIPredicate::sge
                             ? arith::CmpIPredicate::sgt
                             : arith::CmpIPredicate::sle);
    return;
  }
  auto loop = cast<scf::ForOp>(op);
  OpBuilder b(op);
  Location loc = op->getLoc();
  if (variant == 0)
    loop.setUpperBound(arith::SubIOp::create(b, loc, loop.getUpperBound(), loop.getStep()));
  else
    loop.setLowerBound(arith::AddIOp::create(b, loc, loop.getLowerBound(), loop.getStep()));
}

} // namespace

void plant(const Place &place) {
  Operation *op = place.op;
  OpBuilder b(op);
  switch (place.fault) {
  case Fault::Lane:
    return plantLane(op);
  case Fault::Order:
    return plantOrder(op, place.variant);
  case Fault::LostFma: {
    auto fma = cast<LLVM::FMAOp>(op);
    Value product = arith::MulFOp::create(b, op->getLoc(), fma.getA(), fma.getB());
    return replace(op, arith::AddFOp::create(b, op->getLoc(), product, fma.getC()));
  }
  case Fault::GainedFma:
    return plantGainedFma(op, place.variant);
  case Fault::Operands: {
    Value first = op->getOperand(0);
    op->setOperand(0, op->getOperand(1));
    return op->setOperand(1, first);
  }
  case Fault::Constant:
    return plantConstant(cast<arith::ConstantOp>(op));
  case Fault::Bound:
    return plantBound(op, place.variant);
  }
}

} // namespace axiom::test
