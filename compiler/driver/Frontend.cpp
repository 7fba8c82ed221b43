#include "compiler/driver/Frontend.h"

#include "compiler/driver/TextOutput.h"
#include "compiler/import/graph/GraphBuilder.h"
#include "dialects/plan/ReadPlan.h"
#include "passes/Pipeline.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/raw_ostream.h"

namespace axiom {

const char *llvmVersion() { return LLVM_VERSION_STRING; }

static constexpr Phase kPhases[] = {Phase::Import, Phase::Normalize, Phase::Quantize,
                                    Phase::Fuse,   Phase::Outline,   Phase::Plan};

std::string phaseNames() {
  std::string names;
  for (Phase phase : kPhases)
    names += (names.empty() ? "" : ", ") + std::string(phaseName(phase));
  return names;
}

static std::string printModule(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream);
  stream << "\n";
  return text;
}

Result<FrontendResult> runFrontend(const ModelSource &source, const CompilerOptions &options,
                                   const std::function<void(const char *)> &onPhase) {
  Phase stopAfter = Phase::Plan;
  if (!options.stopAfter.empty()) {
    std::optional<Phase> named = phaseByName(options.stopAfter);
    if (!named)
      return Status(Code::InvalidArgument, format("unknown phase '%s'; phases are %s",
                                                  options.stopAfter.c_str(), phaseNames().c_str()));
    stopAfter = *named;
  }
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();

  GraphOptions graphOptions;
  graphOptions.kvType = options.kvType;
  graphOptions.quant = options.quant;
  AXIOM_ASSIGN_OR_RETURN(mlir::OwningOpRef<mlir::ModuleOp> module,
                         buildGraph(context, source, graphOptions));

  PipelineOptions pipeline;
  pipeline.quant = options.quant;
  pipeline.overrides = options.overrides;
  FrontendResult result;
  Status dumped;
  auto after = [&](Phase phase, mlir::ModuleOp current) {
    if (!options.dumpIrDir.empty() && dumped.ok())
      dumped = writeText(format("%s/%d-%s.mlir", options.dumpIrDir.c_str(), static_cast<int>(phase),
                                phaseName(phase)),
                         printModule(current));
    onPhase(phaseName(phase));
  };
  AXIOM_RETURN_IF_ERROR(runPipeline(*module, pipeline, stopAfter, after));
  AXIOM_RETURN_IF_ERROR(dumped);
  if (options.emit == Emit::Mlir)
    result.module = printModule(*module);
  if (stopAfter == Phase::Plan) {
    AXIOM_ASSIGN_OR_RETURN(plan::ExecutionPlan plan, plan::readPlan(*module));
    result.plan = std::move(plan);
  }
  return result;
}

} // namespace axiom
