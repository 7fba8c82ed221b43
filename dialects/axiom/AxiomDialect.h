// C++ side of the axiom dialect. Ops are in the .td files.
#ifndef AXIOM_DIALECTS_AXIOM_AXIOMDIALECT_H
#define AXIOM_DIALECTS_AXIOM_AXIOMDIALECT_H

#include "dialects/axiom/WeightFormat.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace axiom::ir {

/// tensor<?xNxf32>
bool isRows(mlir::Type type);
/// tensor<?xi32>
bool isTokens(mlir::Type type);
mlir::RankedTensorType rowsType(mlir::MLIRContext *context, uint32_t width);
/// Features of rows or quantized rows.
uint32_t widthOf(mlir::Type type);

} // namespace axiom::ir

#include "dialects/axiom/AxiomDialect.h.inc"
#include "dialects/axiom/AxiomEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/axiom/AxiomTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/axiom/AxiomOps.h.inc"

#endif
