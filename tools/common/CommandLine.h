// What every tool's command line has beside its own flags: environment variables, --completion,
// --help's form.
#ifndef AXIOM_TOOLS_COMMON_COMMANDLINE_H
#define AXIOM_TOOLS_COMMON_COMMANDLINE_H

#include <CLI/CLI.hpp>

#include <functional>
#include <set>
#include <string>

namespace axiom::tool {

/// Parses and calls `body`, unless parsing said all (--help, a usage error). Returns the exit code;
/// exceptions of `body` go through. `app` has all its flags; those named in `without` ("--memory")
/// get no environment variable.
int parseAndRun(CLI::App &app, int argc, char **argv, const std::function<int()> &body,
                const std::set<std::string> &without = {});

/// The name under which the program was called, without its folder.
std::string programName(const CLI::App &app);

} // namespace axiom::tool

#endif
