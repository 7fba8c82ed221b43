#include "test/standin/Work.h"

#include <cstring>

namespace axiom::standin {

/// Memory that was there when the work was asked for may be gone when a graph runs.
static int checkDevice(Context &context, uintptr_t at, size_t bytes, const char *what) {
  if (context.memory.holds(at, bytes))
    return Success;
  state().complain(std::string(what) + " " + std::to_string(bytes) +
                   " bytes of device memory that is freed or was never allocated");
  return IllegalAddress;
}

static bool meets(uintptr_t at, size_t bytes, const Span &memory) {
  return memory.meets({at, bytes});
}
static bool meets(const void *at, size_t bytes, const Span &memory) {
  return memory.meets({reinterpret_cast<uintptr_t>(at), bytes});
}

int HostToDevice::run(Context &context) {
  if (int error = checkDevice(context, to, bytes, "a copy writes"))
    return error;
  std::memcpy(context.memory.host(to), from ? from : staged.data(), bytes);
  return Success;
}
bool HostToDevice::uses(const Span &memory) const {
  return meets(to, bytes, memory) || (from && meets(from, bytes, memory));
}

int DeviceToHost::run(Context &context) {
  if (int error = checkDevice(context, from, bytes, "a copy reads"))
    return error;
  std::memcpy(to, context.memory.host(from), bytes);
  return Success;
}
bool DeviceToHost::uses(const Span &memory) const {
  return meets(from, bytes, memory) || meets(to, bytes, memory);
}

int DeviceToDevice::run(Context &context) {
  if (int error = checkDevice(context, from, bytes, "a copy reads"))
    return error;
  if (int error = checkDevice(context, to, bytes, "a copy writes"))
    return error;
  std::memcpy(context.memory.host(to), context.memory.host(from), bytes);
  return Success;
}
bool DeviceToDevice::uses(const Span &memory) const {
  return meets(from, bytes, memory) || meets(to, bytes, memory);
}

int Fill::run(Context &context) {
  if (int error = checkDevice(context, to, bytes, "a fill writes"))
    return error;
  std::memset(context.memory.host(to), value, bytes);
  return Success;
}
bool Fill::uses(const Span &memory) const { return meets(to, bytes, memory); }

int Launch::run(Context &context) {
  State &all = state();
  if (int fault = all.faults.next("kernel")) {
    all.complain(std::string("kernel ") + function->kernel->name + " fails, as was asked for");
    return fault;
  }
  twin::LaunchOptions options = all.options.launch;
  options.place = function->module->library->place();
  options.blocks = blocks;
  options.threads = threads;
  options.sharedBytes = sharedBytes;
  options.seed = ++all.launches;
  std::string fault = twin::launch(options, context.memory.global(), [&] {
                        function->kernel->run(parameters.data());
                      }).fault;
  if (fault.empty())
    return Success;
  all.complain(std::string("kernel ") + function->kernel->name + ": " + fault);
  if (fault.find("no multiple of its size") != std::string::npos)
    return MisalignedAddress;
  return fault.find("bytes of global memory") != std::string::npos ? IllegalAddress : LaunchFailed;
}
bool Launch::uses(const Span &memory) const {
  for (uint64_t word : parameters)
    if (word - memory.begin < memory.bytes)
      return true;
  return false;
}

int GraphRun::run(Context &context) {
  // Eager: as recorded. Lazy: each time the latest one that may run, so that an order which was not
  // asked for is not there by chance.
  const auto &nodes = graph->nodes;
  std::vector<bool> done(nodes.size());
  auto mayRun = [&](size_t i) {
    for (size_t before : nodes[i].after)
      if (!done[before])
        return false;
    return !done[i];
  };
  for (size_t count = 0; count < nodes.size(); ++count) {
    size_t i = count;
    if (state().options.lazy)
      for (i = nodes.size() - 1; !mayRun(i);)
        --i;
    Work &work = *nodes[i].work;
    if (work.isCopy())
      std::this_thread::sleep_for(std::chrono::milliseconds(state().faults.next("copy")));
    if (int error = work.run(context))
      return error;
    done[i] = true;
  }
  return Success;
}
bool GraphRun::uses(const Span &memory) const {
  for (const auto &node : graph->nodes)
    if (node.work->uses(memory))
      return true;
  return false;
}
bool GraphRun::uses(const Module &module) const {
  for (const auto &node : graph->nodes)
    if (node.work->uses(module))
      return true;
  return false;
}

} // namespace axiom::standin
