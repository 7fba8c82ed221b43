#include "codegen/cpu/CodeImage.h"

#include "codegen/cpu/KernelContext.h"
#include "codegen/cpu/LowerKernels.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"

namespace axiom::codegen {

std::vector<std::string> cpuLevels() {
  std::vector<std::string> names;
  for (const CpuLevel &level : levels())
    names.push_back(level.name);
  return names;
}

Result<CodeImage> compileCpuImage(const std::vector<plan::KernelSpec> &kernels,
                                  const std::string &name, CodeText *text, const ModuleEdit &edit) {
  const CpuLevel *level = findLevel(name);
  if (!level) {
    std::string known;
    for (const CpuLevel &candidate : levels())
      known += (known.empty() ? "" : ", ") + candidate.name;
    return Status(Code::Unsupported,
                  "unknown CPU level '" + name + "'; this compiler has: " + known);
  }
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<mlir::arith::ArithDialect, mlir::func::FuncDialect, mlir::scf::SCFDialect,
                      mlir::vector::VectorDialect, mlir::LLVM::LLVMDialect,
                      mlir::cf::ControlFlowDialect>();
  mlir::OwningOpRef<mlir::ModuleOp> module(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context)));
  Emit emit(*module, *level);
  CodeImage image;
  image.target = "cpu:" + name;
  std::vector<std::string> names;
  for (const plan::KernelSpec &spec : kernels) {
    emitKernel(emit, spec);
    names.push_back(spec.name);
    image.rows.push_back(plan::kernelRow(spec));
  }
  if (edit)
    edit(*module);
  AXIOM_ASSIGN_OR_RETURN(std::vector<uint8_t> object, lowerToObject(*module, *level, text));
  AXIOM_ASSIGN_OR_RETURN(image.bytes, linkImage(object, names, image.rows));
  return image;
}

} // namespace axiom::codegen
