// A stack of its own that runs a function in pieces: it goes on when it is resumed and stops when
// it yields.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_FIBER_H
#define AXIOM_CODEGEN_CUDA_TWIN_FIBER_H

#include <ucontext.h>

#include <cstddef>

namespace axiom::twin {

class Fiber {
public:
  Fiber() = default;
  ~Fiber();
  Fiber(const Fiber &) = delete;
  Fiber &operator=(const Fiber &) = delete;

  /// Will run body(data) at the next resume. The body must not return: it yields for good instead.
  /// False where there is no memory for the stack.
  bool prepare(void (*body)(void *), void *data);
  /// Runs until the fiber yields. Never called from a fiber.
  void resume();
  /// Called by the fiber itself.
  void yield();

private:
  ucontext_t own = {}, caller = {};
  void *stack = nullptr;
  void (*body)(void *) = nullptr;
  void *data = nullptr;

  static void enter(unsigned high, unsigned low);
};

} // namespace axiom::twin

#endif
