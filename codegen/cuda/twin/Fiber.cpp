#include "codegen/cuda/twin/Fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

namespace axiom::twin {

/// A page that faults below the stack, so that an overflow is not silent.
static constexpr size_t kGuard = 64 << 10, kStack = 128 << 10;

Fiber::~Fiber() {
  if (stack)
    munmap(stack, kGuard + kStack);
}

bool Fiber::prepare(void (*newBody)(void *), void *newData) {
  if (!stack) {
    void *memory = mmap(nullptr, kGuard + kStack, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
      return false;
    if (mprotect(memory, kGuard, PROT_NONE) != 0) {
      munmap(memory, kGuard + kStack);
      return false;
    }
    stack = memory;
  }
  body = newBody;
  data = newData;
  if (getcontext(&own) != 0)
    return false;
  own.uc_stack.ss_sp = static_cast<char *>(stack) + kGuard;
  own.uc_stack.ss_size = kStack;
  own.uc_link = nullptr;
  // makecontext passes ints only.
  auto self = reinterpret_cast<uintptr_t>(this);
  makecontext(&own, reinterpret_cast<void (*)()>(&Fiber::enter), 2,
              static_cast<unsigned>(static_cast<uint64_t>(self) >> 32),
              static_cast<unsigned>(self));
  return true;
}

void Fiber::enter(unsigned high, unsigned low) {
  auto *self =
      reinterpret_cast<Fiber *>(static_cast<uintptr_t>(static_cast<uint64_t>(high) << 32 | low));
  self->body(self->data);
  abort();
}

void Fiber::resume() { swapcontext(&caller, &own); }
void Fiber::yield() { swapcontext(&own, &caller); }

} // namespace axiom::twin
