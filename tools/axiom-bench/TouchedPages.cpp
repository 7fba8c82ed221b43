#include "tools/axiom-bench/TouchedPages.h"

#include <cstring>

namespace axiom::bench {

Status enoughMemory(uint64_t bytes) {
  MemoryLimit limit = memoryLimit();
  if (bytes <= limit.bytes)
    return Status::okStatus();
  return Status(Code::Resource, format("%s are needed and %s is %s", formatBytes(bytes).c_str(),
                                       limit.source.c_str(), formatBytes(limit.bytes).c_str()));
}

Result<Pages> touchedPages(uint64_t bytes, const char *what) {
  AXIOM_RETURN_IF_ERROR(enoughMemory(bytes));
  AXIOM_ASSIGN_OR_RETURN(Pages pages, Pages::allocate(bytes, what));
  std::memset(pages.data(), 1, pages.size());
  return pages;
}

} // namespace axiom::bench
