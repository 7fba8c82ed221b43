#include "codegen/cuda/twin/Fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

namespace axiom::twin {

/// A page that faults below the stack, so that an overflow is not silent.
static constexpr size_t kGuard = 64 << 10, kStack = 128 << 10;

/// Where a stack begins in its memory. If all did so at the same place of a page, the stacks of a
/// block's threads would drive each other out of the processor's caches.
static char *topOf(void *stack) {
  constexpr size_t kLine = 64, kPlaces = 256;
  size_t number = reinterpret_cast<uintptr_t>(stack) / (kGuard + kStack);
  return static_cast<char *>(stack) + kGuard + kStack - number * 11 % kPlaces * kLine;
}

namespace {

/// Stacks that no fiber uses, for the next ones: a launch has thousands.
struct Pool {
  std::vector<void *> stacks;
  ~Pool() {
    for (void *stack : stacks)
      munmap(stack, kGuard + kStack);
  }
};
thread_local Pool pool;

} // namespace

Fiber::~Fiber() {
  if (stack)
    pool.stacks.push_back(stack);
}

bool Fiber::prepare(void (*newBody)(void *), void *newData) {
  if (!stack && !pool.stacks.empty()) {
    stack = pool.stacks.back();
    pool.stacks.pop_back();
  }
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
  return begin();
}

void Fiber::run(Fiber *self) {
  self->body(self->data);
  abort();
}

#ifdef __x86_64__

// Saves what a call must keep (System V ABI) on this stack, its pointer in *from, and goes on where
// the stack `to` was left. swapcontext would ask the kernel for the signal mask each time, and a
// processor guesses wrong where a ret goes that has no call.
extern "C" void axiomSwitchStack(void **from, void *to);
asm(R"(
  .text
  .p2align 4
  .hidden axiomSwitchStack
  .globl axiomSwitchStack
  .type axiomSwitchStack, @function
axiomSwitchStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmpq *%rcx
  .size axiomSwitchStack, .-axiomSwitchStack

  .p2align 4
  .hidden axiomEnterFiber
  .globl axiomEnterFiber
  .type axiomEnterFiber, @function
axiomEnterFiber:
  movq %r12, %rdi
  callq *%r13
  .size axiomEnterFiber, .-axiomEnterFiber
)");
extern "C" void axiomEnterFiber();

bool Fiber::begin() {
  // As axiomSwitchStack leaves a stack: r15 r14 r13 r12 rbx rbp, where to return; then the stack is
  // a multiple of 16.
  auto **top = reinterpret_cast<void **>(topOf(stack)) - 9;
  void *saved[8] = {nullptr, nullptr, reinterpret_cast<void *>(&Fiber::run),     this,
                    nullptr, nullptr, reinterpret_cast<void *>(axiomEnterFiber), nullptr};
  for (int i = 0; i < 8; ++i)
    top[i] = saved[i];
  own = top;
  return true;
}

void Fiber::resume() { axiomSwitchStack(&caller, own); }
void Fiber::yield() { axiomSwitchStack(&own, caller); }

#else

bool Fiber::begin() {
  if (getcontext(&own) != 0)
    return false;
  own.uc_stack.ss_sp = static_cast<char *>(stack) + kGuard;
  own.uc_stack.ss_size = static_cast<size_t>(topOf(stack) - static_cast<char *>(stack)) - kGuard;
  own.uc_link = nullptr;
  // makecontext passes ints only.
  auto self = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(this));
  makecontext(&own, reinterpret_cast<void (*)()>(&Fiber::enter), 2,
              static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
  return true;
}

void Fiber::enter(unsigned high, unsigned low) {
  run(reinterpret_cast<Fiber *>(static_cast<uintptr_t>(static_cast<uint64_t>(high) << 32 | low)));
}

void Fiber::resume() { swapcontext(&caller, &own); }
void Fiber::yield() { swapcontext(&own, &caller); }

#endif

} // namespace axiom::twin
