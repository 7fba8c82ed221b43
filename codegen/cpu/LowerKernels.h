// Kernels in arith, scf, vector, func and LLVM dialect -> an object file of the level's
// architecture.
#ifndef AXIOM_CODEGEN_CPU_LOWERKERNELS_H
#define AXIOM_CODEGEN_CPU_LOWERKERNELS_H

#include "codegen/cpu/CodeImage.h"
#include "codegen/cpu/Level.h"

#include "mlir/IR/BuiltinOps.h"

namespace axiom::codegen {

/// Lowers `module` in place to the LLVM dialect, then to an object for `level`.
Result<std::vector<uint8_t>> lowerToObject(mlir::ModuleOp module, const CpuLevel &level,
                                           CodeText *text);

/// Links an object to a flat image with the table of `rows` in front and fills their entry offsets.
/// `kernels` are the symbol stems (NAME.body, NAME.prologue).
Result<std::vector<uint8_t>> linkImage(const std::vector<uint8_t> &object,
                                       const std::vector<std::string> &kernels,
                                       std::vector<AxmKernelRow> &rows);

} // namespace axiom::codegen

#endif
