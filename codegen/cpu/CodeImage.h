// Kernel specs -> one position-independent code image per ISA level.
#ifndef AXIOM_CODEGEN_CPU_CODEIMAGE_H
#define AXIOM_CODEGEN_CPU_CODEIMAGE_H

#include "dialects/plan/KernelSpec.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
}

namespace axiom::codegen {

struct CodeImage {
  std::string target;             ///< "cpu:x86-64-v3"
  std::vector<uint8_t> bytes;     ///< starts with AxmImageHeader and the kernel table
  std::vector<AxmKernelRow> rows; ///< a copy of the table, in the order of the specs
};

/// Which stages to keep as text, for --emit and --dump-ir-dir; filled when not null.
struct CodeText {
  std::string mlir;     ///< the kernels before lowering (vector, scf, LLVM dialects)
  std::string llvm;     ///< LLVM IR after optimization
  std::string assembly; ///< of the ISA level
  std::vector<uint8_t> object;
};

/// ISA levels that the emitter has, for example {"x86-64-v3"}.
std::vector<std::string> cpuLevels();

/// For tests: changes the emitted module before it is lowered (seeded faults).
using ModuleEdit = std::function<void(mlir::ModuleOp)>;

/// Generates all kernels for one level. Deterministic: the same specs give the same bytes.
Result<CodeImage> compileCpuImage(const std::vector<plan::KernelSpec> &kernels,
                                  const std::string &level, CodeText *text = nullptr,
                                  const ModuleEdit &edit = {});

} // namespace axiom::codegen

#endif
