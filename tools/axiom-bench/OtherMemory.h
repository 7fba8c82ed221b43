// Memory that has nothing to do with the model, to be read when its weights and KV memory are to
// come from memory and not out of a cache.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_OTHERMEMORY_H
#define AXIOM_TOOLS_AXIOM_BENCH_OTHERMEMORY_H

#include "runtime/base/Memory.h"

#include <memory>

namespace axiom::bench {

class OtherMemory {
public:
  /// Fails if there is not so much.
  static Result<std::unique_ptr<OtherMemory>> create(uint64_t bytes);
  /// Reads all of it once, on the thread that calls. Seconds.
  double read() const;

private:
  explicit OtherMemory(Pages pages) : pages_(std::move(pages)) {}
  Pages pages_;
};

} // namespace axiom::bench

#endif
