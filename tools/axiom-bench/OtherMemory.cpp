#include "tools/axiom-bench/OtherMemory.h"

#include "runtime/base/Checked.h"
#include "tools/axiom-bench/LimitLoops.h"
#include "tools/axiom-bench/TouchedPages.h"

#include <chrono>

namespace axiom::bench {

namespace {
volatile uint64_t sink; ///< keeps what the loop returns alive
}

Result<std::unique_ptr<OtherMemory>> OtherMemory::create(uint64_t bytes) {
  AXIOM_ASSIGN_OR_RETURN(Pages pages,
                         touchedPages(alignUp(bytes, uint64_t(1024)), "memory to be read"));
  return std::unique_ptr<OtherMemory>(new OtherMemory(std::move(pages)));
}

double OtherMemory::read() const {
  auto begin = std::chrono::steady_clock::now();
  sink = streamLoops().front().read(pages_.data(), pages_.size());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

} // namespace axiom::bench
