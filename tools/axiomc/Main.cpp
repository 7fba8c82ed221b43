#include "compiler/driver/CommandLine.h"

int main(int argc, char **argv) { return axiom::axiomcMain(argc, argv); }
