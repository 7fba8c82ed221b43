// axiomc as a function.
#ifndef AXIOM_COMPILER_DRIVER_COMPILE_H
#define AXIOM_COMPILER_DRIVER_COMPILE_H

#include "compiler/driver/CompilerOptions.h"
#include "runtime/base/Status.h"

namespace axiom {

/// Compiles as asked. Results go to the output or stdout, progress and notes to stderr.
Status compile(const CompilerOptions &options);

/// The compiler's name and version as artifacts record it, "axiomc 0.1.0".
const char *compilerVersion();

/// 0 ok, 1 failure, 2 usage, 3 bad model, 4 not enough resources.
int exitCode(const Status &status);

} // namespace axiom

#endif
