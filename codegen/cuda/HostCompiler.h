// Compiles generated CUDA C++ for the host twin with the host's C++ compiler (target cuda:host,
// for tests).
#ifndef AXIOM_CODEGEN_CUDA_HOSTCOMPILER_H
#define AXIOM_CODEGEN_CUDA_HOSTCOMPILER_H

#include "runtime/base/Status.h"

#include <string>

namespace axiom::codegen {

/// The bytes of a shared library with the kernels of `source`, the text of emitCuda: each line that
/// begins with AXIOM_KERNEL( is one, and takes a Launch. It has no twin: twin/Library.h loads it
/// and gives it one. The same source and compiler give the same bytes. The compiler is the command
/// of the environment variable CXX (words apart by spaces), else the first of c++, g++ and clang++
/// on PATH; the headers are those that this program carries. `name` is the file's name in messages.
/// Unsupported: there is no compiler. Internal: the source does not compile; the message has the
/// compiler's own. Resource: no temporary folder, no process. Any thread.
Result<std::string> compileForTwin(const std::string &name, const std::string &source);

} // namespace axiom::codegen

#endif
