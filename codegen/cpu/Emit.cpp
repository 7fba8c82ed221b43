#include "codegen/cpu/Emit.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace axiom::codegen {

using namespace mlir;

Emit::Emit(ModuleOp module, const CpuLevel &level)
    : b(module.getContext()), loc(b.getUnknownLoc()), module(module), level(level),
      i1(b.getI1Type()), i8(b.getI8Type()), i16(b.getI16Type()), i32(b.getI32Type()),
      i64(b.getI64Type()), f16(b.getF16Type()), f32(b.getF32Type()),
      ptr(LLVM::LLVMPointerType::get(module.getContext())) {}

Type Emit::vec(int64_t n, Type element) const {
  return n == 1 ? element : Type(VectorType::get({n}, element));
}

Value Emit::i64c(int64_t value) { return intOf(i64, value); }
Value Emit::i32c(int64_t value) { return intOf(i32, value); }

Value Emit::intOf(Type type, int64_t value) {
  Type element = getElementTypeOrSelf(type);
  TypedAttr attr = b.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

Value Emit::floatOf(Type type, float value) {
  TypedAttr attr = b.getF32FloatAttr(value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

Value Emit::add(Value a, Value c) { return arith::AddIOp::create(b, loc, a, c); }
Value Emit::sub(Value a, Value c) { return arith::SubIOp::create(b, loc, a, c); }
Value Emit::mul(Value a, Value c) { return arith::MulIOp::create(b, loc, a, c); }
Value Emit::udiv(Value a, Value c) { return arith::DivUIOp::create(b, loc, a, c); }
Value Emit::urem(Value a, Value c) { return arith::RemUIOp::create(b, loc, a, c); }
Value Emit::and_(Value a, Value c) { return arith::AndIOp::create(b, loc, a, c); }
Value Emit::or_(Value a, Value c) { return arith::OrIOp::create(b, loc, a, c); }
Value Emit::shl(Value a, int64_t bits) {
  return arith::ShLIOp::create(b, loc, a, intOf(a.getType(), bits));
}
Value Emit::lshr(Value a, int64_t bits) {
  return arith::ShRUIOp::create(b, loc, a, intOf(a.getType(), bits));
}
Value Emit::ashr(Value a, int64_t bits) {
  return arith::ShRSIOp::create(b, loc, a, intOf(a.getType(), bits));
}
Value Emit::cmp(arith::CmpIPredicate predicate, Value a, Value c) {
  return arith::CmpIOp::create(b, loc, predicate, a, c);
}
Value Emit::umin(Value a, Value c) { return arith::MinUIOp::create(b, loc, a, c); }
Value Emit::umax(Value a, Value c) { return arith::MaxUIOp::create(b, loc, a, c); }

Value Emit::fadd(Value a, Value c) { return arith::AddFOp::create(b, loc, a, c); }
Value Emit::fsub(Value a, Value c) { return arith::SubFOp::create(b, loc, a, c); }
Value Emit::fmul(Value a, Value c) { return arith::MulFOp::create(b, loc, a, c); }
Value Emit::fdiv(Value a, Value c) { return arith::DivFOp::create(b, loc, a, c); }
Value Emit::fneg(Value a) { return arith::NegFOp::create(b, loc, a); }
Value Emit::fma(Value a, Value c, Value d) { return LLVM::FMAOp::create(b, loc, a, c, d); }
Value Emit::sqrt(Value a) { return LLVM::SqrtOp::create(b, loc, a); }
Value Emit::fcmp(arith::CmpFPredicate predicate, Value a, Value c) {
  return arith::CmpFOp::create(b, loc, predicate, a, c);
}
Value Emit::select(Value condition, Value a, Value c) {
  return arith::SelectOp::create(b, loc, condition, a, c);
}

Value Emit::bitcast(Value a, Type to) { return LLVM::BitcastOp::create(b, loc, to, a); }
Value Emit::zext(Value a, Type to) { return arith::ExtUIOp::create(b, loc, to, a); }
Value Emit::sext(Value a, Type to) { return arith::ExtSIOp::create(b, loc, to, a); }
Value Emit::trunc(Value a, Type to) { return arith::TruncIOp::create(b, loc, to, a); }
Value Emit::extf(Value a, Type to) { return arith::ExtFOp::create(b, loc, to, a); }
Value Emit::truncf(Value a, Type to) { return arith::TruncFOp::create(b, loc, to, a); }
Value Emit::sitofp(Value a, Type to) { return arith::SIToFPOp::create(b, loc, to, a); }

Value Emit::at(Value base, Value offset) {
  return LLVM::GEPOp::create(b, loc, ptr, i8, base, ArrayRef<LLVM::GEPArg>{offset});
}
Value Emit::at(Value base, int64_t offset) { return offset == 0 ? base : at(base, i64c(offset)); }
Value Emit::load(Type type, Value address, unsigned align) {
  return LLVM::LoadOp::create(b, loc, type, address, align);
}
void Emit::store(Value value, Value address, unsigned align) {
  LLVM::StoreOp::create(b, loc, value, address, align);
}
Value Emit::loadSplat(Type type, Value address) {
  return splat(load(getElementTypeOrSelf(type), address), type);
}
Value Emit::splat(Value scalar, Type type) {
  if (scalar.getType() == type)
    return scalar;
  return vector::BroadcastOp::create(b, loc, type, scalar);
}
Value Emit::stack(int64_t bytes, int64_t align) {
  return LLVM::AllocaOp::create(b, loc, ptr, i8, i64c(bytes), align);
}
void Emit::prefetch(Value address, int level) {
  LLVM::Prefetch::create(b, loc, address, b.getI32IntegerAttr(0), b.getI32IntegerAttr(4 - level),
                         b.getI32IntegerAttr(1));
}

Value Emit::opaque(Value value, bool ordered) {
  Type type = value.getType();
  return LLVM::InlineAsmOp::create(b, loc, type, value, "", isa<VectorType>(type) ? "=x,0" : "=r,0",
                                   /*has_side_effects=*/ordered, /*is_align_stack=*/false,
                                   LLVM::tailcallkind::TailCallKind::None,
                                   /*asm_dialect=*/{}, /*operand_attrs=*/{})
      .getRes();
}

Value Emit::extract(Value vector, int64_t lane) {
  return vector::ExtractOp::create(b, loc, vector, ArrayRef<int64_t>{lane});
}
Value Emit::shuffle(Value a, Value c, ArrayRef<int64_t> mask) {
  return vector::ShuffleOp::create(b, loc, a, c, mask);
}
Value Emit::halve8(Value v, function_ref<Value(Value, Value)> op) {
  v = op(shuffle(v, v, {0, 1, 2, 3}), shuffle(v, v, {4, 5, 6, 7}));
  v = op(shuffle(v, v, {0, 1}), shuffle(v, v, {2, 3}));
  return op(extract(v, 0), extract(v, 1));
}
Value Emit::intrinsic(StringRef name, Type result, ValueRange args) {
  return LLVM::CallIntrinsicOp::create(b, loc, result, b.getStringAttr(name), args)->getResult(0);
}

void Emit::effect(StringRef name, ValueRange args) {
  LLVM::CallIntrinsicOp::create(b, loc, b.getStringAttr(name), args);
}

llvm::SmallVector<Value> Emit::loop(Value lo, Value hi, int64_t step, ValueRange inits,
                                    LoopBody body) {
  auto op = scf::ForOp::create(b, loc, lo, hi, i64c(step), inits,
                               [&](OpBuilder &inner, Location, Value iv, ValueRange carried) {
                                 OpBuilder saved = b;
                                 b = inner;
                                 llvm::SmallVector<Value> results = body(iv, carried);
                                 scf::YieldOp::create(b, loc, results);
                                 b = saved;
                               });
  return llvm::SmallVector<Value>(op.getResults());
}

void Emit::loop(Value lo, Value hi, int64_t step, function_ref<void(Value)> body) {
  loop(lo, hi, step, ValueRange(), [&](Value iv, ValueRange) {
    body(iv);
    return llvm::SmallVector<Value>();
  });
}

void Emit::when(Value condition, function_ref<void()> then, function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(b, loc, condition, /*withElseRegion=*/static_cast<bool>(otherwise));
  OpBuilder saved = b;
  b.setInsertionPointToStart(&op.getThenRegion().front());
  then();
  if (otherwise) {
    b.setInsertionPointToStart(&op.getElseRegion().front());
    otherwise();
  }
  b = saved;
}

func::FuncOp Emit::function(StringRef name, ArrayRef<Type> args, bool internal,
                            function_ref<void(ValueRange)> body) {
  OpBuilder saved = b;
  b.setInsertionPointToEnd(module.getBody());
  auto op = func::FuncOp::create(b, loc, name, b.getFunctionType(args, {}));
  if (internal)
    op->setAttr("llvm.linkage", LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
  SmallVector<Attribute> attrs = {b.getStringAttr("nounwind")};
  if (internal)
    attrs.push_back(b.getStringAttr("noinline"));
  op->setAttr("passthrough", b.getArrayAttr(attrs));
  Block *entry = op.addEntryBlock();
  b.setInsertionPointToStart(entry);
  body(entry->getArguments());
  func::ReturnOp::create(b, loc);
  b = saved;
  return op;
}

void Emit::call(StringRef name, ValueRange args) {
  func::CallOp::create(b, loc, name, TypeRange(), args);
}

bool Emit::hasFunction(StringRef name) { return module.lookupSymbol(name) != nullptr; }

} // namespace axiom::codegen
