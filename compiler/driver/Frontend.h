// The part of the compiler that sees MLIR: model -> graph -> passes -> plan.
#ifndef AXIOM_COMPILER_DRIVER_FRONTEND_H
#define AXIOM_COMPILER_DRIVER_FRONTEND_H

#include "compiler/driver/CompilerOptions.h"
#include "compiler/import/ModelSource.h"
#include "dialects/plan/ExecutionPlan.h"
#include "runtime/base/Status.h"

#include <functional>
#include <optional>
#include <string>

namespace axiom {

struct FrontendResult {
  std::optional<plan::ExecutionPlan> plan; ///< empty if a phase before plan was the last
  std::string module; ///< text of the module after the last phase; only for --emit=mlir
};

/// Calls `onPhase` with the name of each phase that has run and, if dumps are wanted, writes
/// <dumpIrDir>/<number>-<phase>.mlir.
Result<FrontendResult> runFrontend(const ModelSource &source, const CompilerOptions &options,
                                   const std::function<void(const char *)> &onPhase);

/// The phases, comma separated, for help texts and errors.
std::string phaseNames();

/// Version of LLVM that this build uses, "22.1.8".
const char *llvmVersion();

} // namespace axiom

#endif
