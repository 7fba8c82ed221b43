// The compile pipeline as named phases.
//
//   import     the graph as compiler/import/graph builds it (no passes)
//   normalize  gain forms folded into vectors, constants unique, dead weights gone
//   quantize   every weight has its stored format; quantize ops where integer linears read
//   fuse       one op per kernel-to-be
//   outline    one axiom.layer per distinct layer
//   plan       the plan dialect: kernels, weights, slots, phases
#ifndef AXIOM_PASSES_PIPELINE_H
#define AXIOM_PASSES_PIPELINE_H

#include "runtime/base/Status.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mlir {
class DialectRegistry;
class MLIRContext;
class ModuleOp;
class OpPassManager;
} // namespace mlir

namespace axiom {

enum class Phase { Import, Normalize, Quantize, Fuse, Outline, Plan };
const char *phaseName(Phase phase);
std::optional<Phase> phaseByName(const std::string &name);

struct PipelineOptions {
  /// "" keeps the formats of the source; else f32, f16, bf16, q8, q6, q4f16 or q4 for every matrix.
  std::string quant;
  /// Regular expression on tensor names -> format; the first match wins.
  std::vector<std::pair<std::string, std::string>> overrides;
  /// Runs the IR verifier after every pass.
  bool verify = true;
};

/// The dialects of the compiler: axiom, plan, func.
void registerDialects(mlir::DialectRegistry &registry);
/// All passes and the phase pipelines, for axiom-opt.
void registerPasses();

/// Appends the passes of one phase.
void addPhase(Phase phase, const PipelineOptions &options, mlir::OpPassManager &manager);

/// Runs the phases after Import up to and including `stopAfter`. `after` (may be empty) is called
/// with the module after each phase, Import included. Diagnostics become the Status.
Status runPipeline(mlir::ModuleOp module, const PipelineOptions &options, Phase stopAfter,
                   const std::function<void(Phase, mlir::ModuleOp)> &after = {});

} // namespace axiom

#endif
