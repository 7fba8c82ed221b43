// libaxiom consists of AxiomApi, linked as a whole; CMake wants at least one source of its own.
// What belongs here is what concerns the shared library alone.
#include "runtime/include/axiom/axiom.h"

static_assert(AXIOM_ABI_VERSION == 1, "raise the SOVERSION in CMakeLists.txt with the ABI version");
