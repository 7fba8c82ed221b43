#include "passes/Pipeline.h"

#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"

namespace axiom {

using namespace mlir;

static constexpr const char *kPhaseNames[] = {"import", "normalize", "quantize",
                                              "fuse",   "outline",   "plan"};

const char *phaseName(Phase phase) { return kPhaseNames[static_cast<int>(phase)]; }

std::optional<Phase> phaseByName(const std::string &name) {
  for (int i = 0; i < 6; ++i)
    if (name == kPhaseNames[i])
      return static_cast<Phase>(i);
  return std::nullopt;
}

void registerDialects(DialectRegistry &registry) {
  registry.insert<ir::AxiomDialect, plan::PlanDialect, func::FuncDialect>();
}

void addPhase(Phase phase, const PipelineOptions &options, OpPassManager &manager) {
  switch (phase) {
  case Phase::Import:
    break;
  case Phase::Normalize:
    manager.addPass(createFoldUnitOffset());
    manager.addPass(createUniqueConstants());
    manager.addPass(createDropDeadWeights());
    break;
  case Phase::Quantize: {
    AssignFormatsOptions formats;
    formats.quant = options.quant;
    for (const auto &[pattern, format] : options.overrides)
      formats.overrides.push_back(pattern + "=" + format);
    manager.addPass(createAssignFormats(formats));
    manager.addPass(createInsertQuantize());
    break;
  }
  case Phase::Fuse:
    manager.addPass(createFuseLinearList());
    manager.addPass(createFuseNormQuantize());
    manager.addPass(createFuseQkv());
    manager.addPass(createFuseSwiGlu());
    manager.addPass(createFuseResidual());
    manager.addPass(createFuseHead());
    break;
  case Phase::Outline:
    manager.addPass(createOutlineLayers());
    break;
  case Phase::Plan:
    manager.addPass(createFormKernels());
    manager.addPass(createUniqueKernels());
    manager.addPass(createMergeSlots());
    break;
  }
}

namespace {
/// Options of the phase pipelines in axiom-opt.
struct PhaseOptions : PassPipelineOptions<PhaseOptions> {
  Option<std::string> quant{*this, "quant", llvm::cl::desc("Format of every weight")};
  ListOption<std::string> overrides{*this, "overrides", llvm::cl::desc("Entries REGEX=FORMAT")};
};
} // namespace

void registerPasses() {
  registerAxiomPasses();
  for (int i = 1; i < 6; ++i) {
    auto phase = static_cast<Phase>(i);
    PassPipelineRegistration<PhaseOptions>(
        std::string("axiom-phase-") + phaseName(phase),
        std::string("The passes of the phase ") + phaseName(phase),
        [phase](OpPassManager &manager, const PhaseOptions &given) {
          PipelineOptions options;
          options.quant = given.quant;
          for (const std::string &text : given.overrides) {
            auto [pattern, format] = StringRef(text).rsplit('=');
            options.overrides.emplace_back(pattern.str(), format.str());
          }
          addPhase(phase, options, manager);
        });
  }
}

Status runPipeline(ModuleOp module, const PipelineOptions &options, Phase stopAfter,
                   const std::function<void(Phase, ModuleOp)> &after) {
  if (after)
    after(Phase::Import, module);
  for (int i = 1; i <= static_cast<int>(stopAfter); ++i) {
    auto phase = static_cast<Phase>(i);
    PassManager manager(module.getContext());
    manager.enableVerifier(options.verify);
    addPhase(phase, options, manager);
    std::string errors;
    ScopedDiagnosticHandler collect(module.getContext(), [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return failure(); // warnings go on to the next handler
      errors += (errors.empty() ? "" : "; ") + diagnostic.str();
      return success();
    });
    if (failed(manager.run(module)))
      return Status(Code::Unsupported, std::string("phase ") + phaseName(phase) + ": " +
                                           (errors.empty() ? "failed" : errors));
    if (after)
      after(phase, module);
  }
  return Status::okStatus();
}

} // namespace axiom
