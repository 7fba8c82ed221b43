// Memory that is there for certain: asked of the system's limit first, then written to, since pages
// that nobody wrote to would all be the one of zeros.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_TOUCHEDPAGES_H
#define AXIOM_TOOLS_AXIOM_BENCH_TOUCHEDPAGES_H

#include "runtime/base/Memory.h"

namespace axiom::bench {

/// An error that names both numbers if the system or a control group has fewer than `bytes`.
Status enoughMemory(uint64_t bytes);

/// Anonymous pages of at least `bytes`; `what` names them in an error.
Result<Pages> touchedPages(uint64_t bytes, const char *what);

} // namespace axiom::bench

#endif
