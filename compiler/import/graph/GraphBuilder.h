// ModelSource -> a module of the axiom dialect: one table-driven builder for every family.
//
// K cuts (part of the numerics; never depends on a machine). With K padded to 32, a linear has
// n = max(ceil(K / 1024), 2 for the roles o and down when K >= 512) segments. Boundary i (0 < i <
// n) is the multiple of 32 nearest to i * K / n, ties to the lower; for o it is the nearest
// interior multiple of heads / kvHeads * headDim (one KV head's share of the input) that is a
// multiple of 32, if there is one, ties to the lower. Duplicates are dropped.
#ifndef AXIOM_COMPILER_IMPORT_GRAPH_GRAPHBUILDER_H
#define AXIOM_COMPILER_IMPORT_GRAPH_GRAPHBUILDER_H

#include "compiler/import/ModelSource.h"
#include "runtime/abi/kernel_abi.h"
#include "runtime/base/Status.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>

namespace axiom {

struct GraphOptions {
  std::optional<AxmKvType> kvType; ///< unset: defaultKvType()
  std::string quant;               ///< the --quant option, for the default KV type
};

/// f32 if the linears will be stored in f32, else f16.
AxmKvType defaultKvType(const ModelSource &source, const std::string &quant);

/// The module holds `func.func @step`. `context` must have the axiom and func dialects available.
Result<mlir::OwningOpRef<mlir::ModuleOp>>
buildGraph(mlir::MLIRContext &context, const ModelSource &source, const GraphOptions &options);

/// The inner K boundaries by the rule above; `kvShare` is heads / kvHeads * headDim for the role o,
/// else 0; `twoAtLeast` for o and down.
std::vector<uint32_t> segmentCuts(uint32_t inner, bool twoAtLeast, uint32_t kvShare);

/// Inverse frequencies of rotary embedding, headDim / 2 of them: f64 without libm, scaled, rounded
/// once to f32.
std::vector<float> inverseFrequencies(const RopeConfig &rope, uint32_t headDim);

} // namespace axiom

#endif
