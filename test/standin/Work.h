// What a stream or a graph runs, and the running of it.
#ifndef AXIOM_TEST_STANDIN_WORK_H
#define AXIOM_TEST_STANDIN_WORK_H

#include "test/standin/State.h"

namespace axiom::standin {

/// Bytes of memory that work needs until it is done.
struct Span {
  uintptr_t begin;
  size_t bytes;
  bool meets(const Span &other) const {
    return begin < other.begin + other.bytes && other.begin < begin + bytes;
  }
};

/// May run many times, in graphs.
struct Work {
  virtual ~Work() = default;
  /// Success, or the error that its context has from then on.
  virtual int run(Context &context) = 0;
  virtual bool uses(const Span &memory) const = 0;
  virtual bool uses(const Module &) const { return false; }
  /// Of a copy between host and device.
  virtual bool isCopy() const { return false; }
};

struct HostToDevice : Work {
  uintptr_t to;
  const void *from;
  size_t bytes;
  std::vector<uint8_t> staged; ///< of pageable memory: what it held when the call was made

  int run(Context &context) override;
  bool uses(const Span &memory) const override;
  bool isCopy() const override { return true; }
};

struct DeviceToHost : Work {
  void *to;
  uintptr_t from;
  size_t bytes;

  int run(Context &context) override;
  bool uses(const Span &memory) const override;
  bool isCopy() const override { return true; }
};

struct DeviceToDevice : Work {
  uintptr_t to, from;
  size_t bytes;

  int run(Context &context) override;
  bool uses(const Span &memory) const override;
};

struct Fill : Work {
  uintptr_t to;
  size_t bytes;
  uint8_t value;

  int run(Context &context) override;
  bool uses(const Span &memory) const override;
};

struct Launch : Work {
  std::shared_ptr<Function> function;
  uint32_t blocks, threads;
  size_t sharedBytes;
  std::vector<uint64_t> parameters;

  int run(Context &context) override;
  /// Its parameters hold an address there.
  bool uses(const Span &memory) const override;
  bool uses(const Module &module) const override { return function->module.get() == &module; }
};

struct GraphRun : Work {
  std::shared_ptr<const Graph> graph;

  int run(Context &context) override;
  bool uses(const Span &memory) const override;
  bool uses(const Module &module) const override;
};

/// Whether something that waits to be run uses it.
template <typename What> bool inUse(const Context &context, const What &what) {
  auto waits = [&](const Stream &stream) {
    for (const Item &item : stream.queue)
      if (item.work && item.work->uses(what))
        return true;
    return false;
  };
  for (const auto &[handle, stream] : context.streams.items)
    if (waits(*stream))
      return true;
  return waits(*context.defaultStream);
}

} // namespace axiom::standin

#endif
