// A stack of its own that runs a function in pieces: it goes on when it is resumed and stops when
// it yields.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_FIBER_H
#define AXIOM_CODEGEN_CUDA_TWIN_FIBER_H

#include <cstddef>

#ifndef __x86_64__
#include <ucontext.h>
#endif

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
#ifdef __x86_64__
  void *own = nullptr, *caller = nullptr; ///< stack pointers of whoever is not running
#else
  ucontext_t own = {}, caller = {};
#endif
  void *stack = nullptr;
  void (*body)(void *) = nullptr;
  void *data = nullptr;

  bool begin();
  static void run(Fiber *self);
#ifndef __x86_64__
  static void enter(unsigned high, unsigned low);
#endif
};

} // namespace axiom::twin

#endif
