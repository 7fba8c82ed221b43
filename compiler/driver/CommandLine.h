// axiomc's flags.
#ifndef AXIOM_COMPILER_DRIVER_COMMANDLINE_H
#define AXIOM_COMPILER_DRIVER_COMMANDLINE_H

namespace axiom {

/// Parses, compiles, reports; returns the exit code.
int axiomcMain(int argc, char **argv);

} // namespace axiom

#endif
