#include "tools/axiom-bench/OtherMemory.h"

#include "runtime/base/Checked.h"
#include "tools/axiom-bench/LimitLoops.h"

#include <chrono>
#include <cstring>

namespace axiom::bench {

namespace {
volatile uint64_t sink; ///< keeps what the loop returns alive
}

Result<std::unique_ptr<OtherMemory>> OtherMemory::create(uint64_t bytes) {
  MemoryLimit limit = memoryLimit();
  if (bytes > limit.bytes)
    return Status(Code::Resource, format("%s are needed and %s is %s", formatBytes(bytes).c_str(),
                                         limit.source.c_str(), formatBytes(limit.bytes).c_str()));
  Result<Pages> pages = Pages::allocate(alignUp(bytes, uint64_t(1024)), "memory to be read");
  if (!pages.ok())
    return pages.status();
  std::memset(pages->data(), 1, pages->size()); // untouched pages would all be the one of zeros
  return std::unique_ptr<OtherMemory>(new OtherMemory(std::move(*pages)));
}

double OtherMemory::read() const {
  auto begin = std::chrono::steady_clock::now();
  sink = streamLoops().front().read(pages_.data(), pages_.size());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

} // namespace axiom::bench
