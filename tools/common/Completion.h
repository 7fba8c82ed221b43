// Completion scripts for shells, from the flags that a tool has.
#ifndef AXIOM_TOOLS_COMMON_COMPLETION_H
#define AXIOM_TOOLS_COMMON_COMPLETION_H

#include <CLI/CLI.hpp>

#include <string>

namespace axiom::tool {

/// The script that makes `shell` (bash, zsh or fish) complete the arguments of `program`.
std::string completionScript(const CLI::App &app, const std::string &program,
                             const std::string &shell);

} // namespace axiom::tool

#endif
