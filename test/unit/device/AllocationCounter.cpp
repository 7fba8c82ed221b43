#include "test/unit/device/AllocationCounter.h"

#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define AXIOM_SANITIZED 1
#endif
#endif

#if defined(AXIOM_SANITIZED) || defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)

std::optional<uint64_t> axiom::test::allocationCount() { return std::nullopt; }

#else

static std::atomic<uint64_t> allocations{0};

void *operator new(size_t size) {
  ++allocations;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }

std::optional<uint64_t> axiom::test::allocationCount() { return allocations; }

#endif
