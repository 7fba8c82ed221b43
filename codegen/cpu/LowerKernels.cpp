#include "codegen/cpu/LowerKernels.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

#include <mutex>

namespace axiom::codegen {

static Status lowerToLLVMDialect(mlir::ModuleOp module) {
  mlir::PassManager pm(module.getContext());
  pm.enableVerifier(false);
  pm.addPass(mlir::createSCFToControlFlowPass());
  pm.addPass(mlir::createConvertVectorToLLVMPass());
  pm.addPass(mlir::createArithToLLVMConversionPass());
  pm.addPass(mlir::createConvertControlFlowToLLVMPass());
  pm.addPass(mlir::createConvertFuncToLLVMPass());
  pm.addPass(mlir::createReconcileUnrealizedCastsPass());
  if (mlir::failed(pm.run(module)))
    return Status(Code::Internal, "lowering the kernels to the LLVM dialect failed");
  return Status();
}

/// Scalar clean-up and loop-invariant motion; no vectorizing, no unrolling, no calls to a C
/// library.
static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions options;
  options.LoopVectorization = options.SLPVectorization = false;
  options.LoopInterleaving = options.LoopUnrolling = false;
  llvm::PassBuilder builder(&machine, options);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::TargetLibraryInfoImpl library(machine.getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
}

namespace {

/// Inner products are emitted in an order that fits the registers; LLVM's scheduler, which looks
/// for parallel work that the processor finds by itself, would make them spill. With 16 registers
/// only q8 fits, and the scheduler has the better order for the others.
class KeepOrderOfDots : public llvm::OptPassGate {
public:
  explicit KeepOrderOfDots(const CpuLevel &level)
      : dots_(level.registers < 32 ? "(dot.q8." : "(dot.") {}
  bool shouldRunPass(llvm::StringRef pass, llvm::StringRef where) const override {
    return pass != "machine-scheduler" || !where.contains(dots_);
  }
  bool isEnabled() const override { return true; }

private:
  const char *dots_; ///< how the names of the functions begin
};

} // namespace

static bool emitFile(llvm::Module &module, llvm::TargetMachine &machine, llvm::CodeGenFileType type,
                     llvm::SmallVectorImpl<char> &out) {
  llvm::raw_svector_ostream stream(out);
  llvm::legacy::PassManager passes;
  llvm::TargetLibraryInfoImpl library(machine.getTargetTriple());
  library.disableAllFunctions();
  passes.add(new llvm::TargetLibraryInfoWrapperPass(library));
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return false;
  passes.run(module);
  return true;
}

Result<std::vector<uint8_t>> lowerToObject(mlir::ModuleOp module, const CpuLevel &level,
                                           CodeText *text) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
  });
  if (text) {
    llvm::raw_string_ostream stream(text->mlir);
    module.print(stream);
  }
  AXIOM_RETURN_IF_ERROR(lowerToLLVMDialect(module));
  mlir::registerBuiltinDialectTranslation(*module.getContext());
  mlir::registerLLVMDialectTranslation(*module.getContext());
  KeepOrderOfDots gate(level);
  llvm::LLVMContext context;
  context.setOptPassGate(gate);
  std::unique_ptr<llvm::Module> llvmModule =
      mlir::translateModuleToLLVMIR(module, context, "kernels");
  if (!llvmModule)
    return Status(Code::Internal, "translating the kernels to LLVM IR failed");

  std::string error;
  llvm::Triple triple(level.triple);
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return Status(Code::Unsupported, "this LLVM has no target for " + level.triple + ": " + error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, level.cpu, level.features, options, llvm::Reloc::PIC_,
                                  llvm::CodeModel::Small, llvm::CodeGenOptLevel::Aggressive));
  llvmModule->setDataLayout(machine->createDataLayout());
  llvmModule->setTargetTriple(triple);
  for (llvm::Function &function : *llvmModule)
    if (!function.isDeclaration()) {
      function.setDSOLocal(true);
      function.addFnAttr("target-cpu", level.cpu);
      function.addFnAttr("target-features", level.features);
      function.addFnAttr("no-builtins");
      if (!triple.isX86())
        continue;
      // Vectors are emitted as wide as they are wanted: LLVM has to keep 512 bits whole.
      const char *width = level.stripes == 2 && !level.plainDots ? "512" : "256";
      function.addFnAttr("prefer-vector-width", width);
      function.addFnAttr("min-legal-vector-width", width);
    }
  optimize(*llvmModule, *machine);
  if (text) {
    llvm::raw_string_ostream stream(text->llvm);
    llvmModule->print(stream, nullptr);
    llvm::SmallVector<char> assembly;
    std::unique_ptr<llvm::Module> copy = llvm::CloneModule(*llvmModule);
    if (!emitFile(*copy, *machine, llvm::CodeGenFileType::AssemblyFile, assembly))
      return Status(Code::Internal, "LLVM cannot print assembly for " + level.name);
    text->assembly.assign(assembly.begin(), assembly.end());
  }
  llvm::SmallVector<char> object;
  if (!emitFile(*llvmModule, *machine, llvm::CodeGenFileType::ObjectFile, object))
    return Status(Code::Internal, "LLVM cannot emit an object for " + level.name);
  std::vector<uint8_t> bytes(object.begin(), object.end());
  if (text)
    text->object = bytes;
  return bytes;
}

} // namespace axiom::codegen
