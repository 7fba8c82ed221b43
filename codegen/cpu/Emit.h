// A thin layer over OpBuilder for writing kernels: byte-addressed loads and stores, arithmetic on
// f32 and integer scalars or vectors, counted loops. Everything emitted is plain arith, scf, func
// and LLVM dialect; one ISA level differs from another only in the few intrinsics of DotOps.cpp.
#ifndef AXIOM_CODEGEN_CPU_EMIT_H
#define AXIOM_CODEGEN_CPU_EMIT_H

#include "codegen/cpu/Level.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>
#include <string>
#include <vector>

namespace axiom::codegen {

using mlir::Type;
using mlir::Value;

class Emit {
public:
  Emit(mlir::ModuleOp module, const CpuLevel &level);

  mlir::OpBuilder b;
  mlir::Location loc;
  mlir::ModuleOp module;
  const CpuLevel &level;
  Type i1, i8, i16, i32, i64, f16, f32, ptr;

  /// vector<n x element>; n = 1 gives the element itself, so that code can be written once for
  /// whole vectors and for single elements.
  Type vec(int64_t n, Type element) const;

  // Constants. Float constants are given by value and must be exact in f32.
  Value i64c(int64_t value);
  Value i32c(int64_t value);
  /// A constant of `type` (scalar or vector), splat.
  Value intOf(Type type, int64_t value);
  Value floatOf(Type type, float value);

  // Integer arithmetic on equal types.
  Value add(Value a, Value b_);
  Value sub(Value a, Value b_);
  Value mul(Value a, Value b_);
  Value udiv(Value a, Value b_);
  Value urem(Value a, Value b_);
  Value and_(Value a, Value b_);
  Value or_(Value a, Value b_);
  Value shl(Value a, int64_t bits);
  Value lshr(Value a, int64_t bits);
  Value ashr(Value a, int64_t bits);
  Value cmp(mlir::arith::CmpIPredicate predicate, Value a, Value b_);
  Value umin(Value a, Value b_);
  Value umax(Value a, Value b_);

  // f32 arithmetic; each rounds once, nothing is contracted.
  Value fadd(Value a, Value b_);
  Value fsub(Value a, Value b_);
  Value fmul(Value a, Value b_);
  Value fdiv(Value a, Value b_);
  Value fneg(Value a);
  Value fma(Value a, Value b_, Value c);
  Value sqrt(Value a);
  Value fcmp(mlir::arith::CmpFPredicate predicate, Value a, Value b_);
  Value select(Value condition, Value a, Value b_);

  // Conversions; `like` has the shape (scalar or vector) of the result.
  Value bitcast(Value a, Type to);
  Value zext(Value a, Type to);
  Value sext(Value a, Type to);
  Value trunc(Value a, Type to);
  Value extf(Value a, Type to);
  Value truncf(Value a, Type to);
  Value sitofp(Value a, Type to);

  // Memory. Offsets are bytes.
  Value at(Value base, Value offset);
  Value at(Value base, int64_t offset);
  Value load(Type type, Value address, unsigned align = 1);
  void store(Value value, Value address, unsigned align = 1);
  /// A scalar loaded from memory and repeated to `type`.
  Value loadSplat(Type type, Value address);
  Value splat(Value scalar, Type type);
  Value stack(int64_t bytes, int64_t align = 32);
  /// Into the cache of this level and those behind it.
  void prefetch(Value address, int level = 1);
  /// The same pointer or vector of 32 bytes, about which LLVM knows nothing. Addresses that are
  /// made of such a pointer stay a register and a constant: LLVM's strength reduction prefers one
  /// index register for all arrays of a loop, but Intel's cores split an instruction that computes
  /// with what it loads by an index into two. Sums stay in the order they are written in.
  /// `ordered`: the value is made here, before the loads and stores that follow and after those
  /// before it; else LLVM's scheduler takes registers for what is needed much later. Vectors: x86
  /// only.
  Value opaque(Value value, bool ordered = false);

  // Vector helpers.
  Value extract(Value vector, int64_t lane);
  Value shuffle(Value a, Value b_, llvm::ArrayRef<int64_t> mask);
  /// Joins the lanes of a vector of 8 by halving with `op`: [i] op [i+4], then 2, then 1.
  Value halve8(Value v, llvm::function_ref<Value(Value, Value)> op);
  Value intrinsic(llvm::StringRef name, Type result, mlir::ValueRange args);
  /// One without a result.
  void effect(llvm::StringRef name, mlir::ValueRange args);

  using LoopBody = llvm::function_ref<llvm::SmallVector<Value>(Value iv, mlir::ValueRange carried)>;
  /// for (iv = lo; iv < hi; iv += step): i64, with loop-carried values.
  llvm::SmallVector<Value> loop(Value lo, Value hi, int64_t step, mlir::ValueRange inits,
                                LoopBody body);
  void loop(Value lo, Value hi, int64_t step, llvm::function_ref<void(Value)> body);
  void when(Value condition, llvm::function_ref<void()> then,
            llvm::function_ref<void()> otherwise = nullptr);

  /// A function of the module. Internal ones are never inlined, so that shared inner loops exist
  /// once.
  mlir::func::FuncOp function(llvm::StringRef name, llvm::ArrayRef<Type> args, bool internal,
                              llvm::function_ref<void(mlir::ValueRange)> body);
  void call(llvm::StringRef name, mlir::ValueRange args);
  bool hasFunction(llvm::StringRef name);
};

} // namespace axiom::codegen

#endif
