// axiomc's flags.
#ifndef AXIOM_COMPILER_DRIVER_COMMANDLINE_H
#define AXIOM_COMPILER_DRIVER_COMMANDLINE_H

#include <functional>

namespace CLI {
class App;
}

namespace axiom {

/// Parses the flags and calls the body, or says why not; returns the exit code. The program gives
/// it (tools/common/CommandLine.h), since all tools share it and the compiler does not see tools.
using ParseAndRun =
    std::function<int(CLI::App &app, int argc, char **argv, const std::function<int()> &body)>;

/// Parses, compiles, reports; returns the exit code.
int axiomcMain(int argc, char **argv, const ParseAndRun &parseAndRun);

} // namespace axiom

#endif
