// The rules by which a fault changes no output for any input. Each is about what an op computes,
// none about where it is.
#include "test/unit/codegen/Faults.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <optional>

namespace axiom::test {

using namespace mlir;

namespace {

std::optional<float> floatConstant(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return std::nullopt;
  if (auto dense = dyn_cast<DenseFPElementsAttr>(constant.getValue()))
    return dense.getSplatValue<APFloat>().convertToFloat();
  if (auto scalar = dyn_cast<FloatAttr>(constant.getValue()))
    return scalar.getValue().convertToFloat();
  return std::nullopt;
}

std::optional<int64_t> integerConstant(Value value) {
  auto constant = value.getDefiningOp<arith::ConstantOp>();
  if (!constant)
    return std::nullopt;
  if (auto dense = dyn_cast<DenseIntElementsAttr>(constant.getValue()))
    return dense.isSplat() ? std::optional(dense.getSplatValue<APInt>().getSExtValue())
                           : std::nullopt;
  if (auto scalar = dyn_cast<IntegerAttr>(constant.getValue()))
    return scalar.getValue().getSExtValue();
  return std::nullopt;
}

/// How often a loop with constant bounds runs.
std::optional<int64_t> trips(scf::ForOp loop) {
  auto lo = integerConstant(loop.getLowerBound()), hi = integerConstant(loop.getUpperBound()),
       step = integerConstant(loop.getStep());
  if (!lo || !hi || !step)
    return std::nullopt;
  return *hi <= *lo ? 0 : (*hi - *lo + *step - 1) / *step;
}

/// The bits of an integer that can be set, for what is known to be small and not negative; the
/// significant bits of a signed one.
unsigned integerBits(Value value) {
  unsigned width = getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth();
  if (auto extended = value.getDefiningOp<arith::ExtUIOp>())
    return integerBits(extended.getIn());
  if (auto extended = value.getDefiningOp<arith::ExtSIOp>())
    return integerBits(extended.getIn());
  if (auto masked = value.getDefiningOp<arith::AndIOp>())
    if (auto mask = integerConstant(masked.getRhs()); mask && *mask >= 0)
      return APInt(64, *mask).getActiveBits();
  if (auto shifted = value.getDefiningOp<arith::ShRUIOp>())
    if (auto by = integerConstant(shifted.getRhs()))
      return integerBits(shifted.getLhs()) - static_cast<unsigned>(*by);
  return width;
}

/// From the first to the last bit that can be set in a float's significand: 24 unless it is known
/// to be less. The values in question (f16 and bytes) are far from f32's limits.
unsigned significantBits(Value value) {
  if (auto extended = value.getDefiningOp<arith::ExtFOp>())
    if (getElementTypeOrSelf(extended.getIn().getType()).isF16())
      return 11;
  if (auto converted = value.getDefiningOp<arith::SIToFPOp>())
    return std::min(24u, integerBits(converted.getIn()));
  if (auto product = value.getDefiningOp<arith::MulFOp>())
    return std::min(24u, significantBits(product.getLhs()) + significantBits(product.getRhs()));
  if (auto repeated = value.getDefiningOp<vector::BroadcastOp>())
    return significantBits(repeated.getSource());
  return 24;
}

/// +0 whatever the input: what a sum begins with.
bool isZero(Value value) {
  if (auto constant = floatConstant(value))
    return *constant == 0;
  if (auto add = value.getDefiningOp<arith::AddFOp>())
    return isZero(add.getLhs()) && isZero(add.getRhs());
  auto carried = dyn_cast<BlockArgument>(value);
  auto loop = carried ? dyn_cast<scf::ForOp>(carried.getOwner()->getParentOp()) : scf::ForOp();
  if (!loop || carried.getArgNumber() == 0 || trips(loop).value_or(2) > 1)
    return false;
  return isZero(loop.getInitArgs()[carried.getArgNumber() - 1]);
}

// RecipeStepsTest tries every float: the second step of exp's range reduction, with the low part of
// ln 2, and the first step of its polynomial, with 1/5040, may be rounded twice, and these
// constants may be a last bit off, without a change of exp or silu.
constexpr float kLn2Low = 0x1.05c610p-29f, kOver5040 = 0x1.a01a02p-13f;

/// exp's clamp of its argument at 88. A difference from a maximum is at most 0.
bool isClampOfDifference(arith::ConstantOp constant) {
  return floatConstant(constant) == 88.0f &&
         llvm::all_of(constant->getUsers(), [](Operation *user) {
           if (auto compare = dyn_cast<arith::CmpFOp>(user))
             return bool(compare.getLhs().getDefiningOp<arith::SubFOp>());
           auto select = dyn_cast<arith::SelectOp>(user);
           return select && select.getFalseValue().getDefiningOp<arith::SubFOp>();
         });
}

/// Below -87 exp gives 0, and exp(-87) is less than 2^-125. Where all that is done with it is
/// adding it to a sum that has a 1 in it, no argument near -87 counts: in silu's 1 + exp(-x), and
/// in a sum of exp(l - max) over all l, max included.
bool isCutBelowOne(arith::ConstantOp constant) {
  if (floatConstant(constant) != -87.0f)
    return false;
  auto goesIntoSum = [](Operation *compare) {
    bool difference = bool(compare->getOperand(0).getDefiningOp<arith::SubFOp>());
    return llvm::all_of(compare->getUsers(), [&](Operation *select) {
      return isa<arith::SelectOp>(select) && llvm::all_of(select->getUsers(), [&](Operation *user) {
               if (!isa<arith::AddFOp>(user))
                 return false;
               if (floatConstant(user->getOperand(0)) == 1.0f)
                 return true;
               return difference && isa<BlockArgument>(user->getOperand(0)) &&
                      llvm::all_of(user->getUsers(), llvm::IsaPred<scf::YieldOp>);
             });
    });
  };
  return llvm::all_of(constant->getUsers(), goesIntoSum);
}

/// A loop that does nothing but clear, in a function that only copies floats: an embedding that
/// clears a row's padding although its table, packed with a padding of zeros, has just given it. A
/// table that is decoded (0 * scale + min) is not copied.
bool clearsWhatIsZero(scf::ForOp loop) {
  bool clears = false, computes = false, other = false;
  loop.walk([&](Operation *op) {
    auto store = dyn_cast<LLVM::StoreOp>(op);
    bool clear = store && floatConstant(store.getValue()) == 0.0f;
    clears |= clear;
    other |= (store && !clear) || isa<CallOpInterface>(op);
  });
  loop->getParentOfType<func::FuncOp>().walk([&](Operation *op) {
    computes |= isa<arith::MulFOp, arith::AddFOp, arith::SubFOp, arith::DivFOp, LLVM::FMAOp>(op);
  });
  return clears && !other && !computes;
}

/// A loop of two steps that only adds to a zero: 0 + a + b is 0 + b + a.
bool addsTwo(scf::ForOp loop) {
  if (trips(loop) != 2 || loop.getNumResults() != 1 || !isZero(loop.getInitArgs()[0]))
    return false;
  auto add = loop.getBody()->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  return add && add.getLhs() == loop.getRegionIterArgs()[0] && add.getLhs().hasOneUse();
}

/// Counts tokens that are computed together; they may as well be computed one by one.
bool countsTokens(scf::ForOp loop) {
  bool stores = false;
  loop.walk([&](LLVM::StoreOp) { stores = true; });
  return !stores && loop.getNumResults() == 1 && loop.getResult(0).getType().isInteger(64);
}

} // namespace

const char *harmlessRule(const Place &place) {
  static constexpr const char *exact = "the product is exact", *zero = "a summand is always +0",
                              *step = "no float shows this step of exp",
                              *clamp = "a difference from the maximum is never near 88",
                              *cut = "exp(-87) is added to at least 1",
                              *once = "the loop runs at most once", *never = "the loop never runs",
                              *clear = "a copied row's padding is zero before it is cleared",
                              *commute = "0 + a + b is 0 + b + a",
                              *shorter = "a tile of tokens may be shorter";
  Operation *op = place.op;
  if (auto fma = dyn_cast<LLVM::FMAOp>(op); fma && place.fault == Fault::LostFma) {
    if (significantBits(fma.getA()) + significantBits(fma.getB()) <= 24)
      return exact;
    if (isZero(fma.getC()))
      return zero;
    if (floatConstant(fma.getB()) == kLn2Low || floatConstant(fma.getA()) == kOver5040)
      return step;
  }
  if (auto add = dyn_cast<arith::AddFOp>(op);
      add && place.fault == Fault::Order && place.variant < 2) {
    auto inner = op->getOperand(place.variant).getDefiningOp<arith::AddFOp>();
    if (isZero(inner.getLhs()) || isZero(inner.getRhs()) ||
        isZero(op->getOperand(1 - place.variant)))
      return zero;
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op); constant && place.fault == Fault::Constant) {
    std::optional<float> value = floatConstant(constant);
    if (value == kLn2Low || value == kOver5040)
      return step;
    if (isClampOfDifference(constant))
      return clamp;
    if (isCutBelowOne(constant))
      return cut;
  }
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    std::optional<int64_t> count = trips(loop);
    if (place.fault == Fault::Order && count && *count <= 1)
      return once;
    if (place.fault == Fault::Order && addsTwo(loop))
      return commute;
    if (place.fault == Fault::Bound && countsTokens(loop))
      return shorter;
    if (place.fault == Fault::Bound && count == 0)
      return never;
    if (place.fault == Fault::Bound && clearsWhatIsZero(loop))
      return clear;
  }
  return nullptr;
}

} // namespace axiom::test
