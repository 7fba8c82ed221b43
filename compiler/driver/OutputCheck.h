// Which file a compilation may write.
#ifndef AXIOM_COMPILER_DRIVER_OUTPUTCHECK_H
#define AXIOM_COMPILER_DRIVER_OUTPUTCHECK_H

#include "compiler/driver/CompilerOptions.h"
#include "runtime/base/Status.h"

#include <string>

namespace axiom {

/// The output's path: the one asked for, or for an artifact the input's name with .axm in the
/// current folder. Refuses a path that is an input, or, for an artifact, an existing file of
/// another kind.
Result<std::string> chooseOutput(const CompilerOptions &options);

} // namespace axiom

#endif
