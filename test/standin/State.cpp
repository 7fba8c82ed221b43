#include "test/standin/State.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

namespace axiom::standin {

State &state() {
  static State *all = new State; // outlives all destructors of the program
  return *all;
}

std::vector<Context *> &currentContexts() {
  static thread_local std::vector<Context *> contexts;
  return contexts;
}

bool Options::set(const std::string &option, const std::string &value) {
  char *end = nullptr;
  uint64_t number = std::strtoull(value.c_str(), &end, 10);
  bool isNumber = !value.empty() && *end == '\0';
  if (option == "AXIOM_STANDIN_MODE") {
    lazy = value == "lazy";
    return lazy || value == "eager";
  }
  if (option == "AXIOM_STANDIN_CHECK") {
    launch.check = value == "1";
    return launch.check || value == "0";
  }
  if (option == "AXIOM_STANDIN_ORDER") {
    launch.order = value == "reverse"  ? twin::Order::Reverse
                   : value == "random" ? twin::Order::Random
                                       : twin::Order::Forward;
    return launch.order != twin::Order::Forward || value == "forward";
  }
  if (option == "AXIOM_STANDIN_CAPABILITY") {
    major = static_cast<int>(number);
    minor = *end == '.' ? static_cast<int>(std::strtoul(end + 1, &end, 10)) : -1;
    return *end == '\0' && minor >= 0;
  }
  if (option == "AXIOM_STANDIN_MEMORY") {
    int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    memory = number << shift;
    return number > 0 && number < 1u << 30 && end[shift ? 1 : 0] == '\0';
  }
  if (option == "AXIOM_STANDIN_DEVICES")
    devices = static_cast<int>(number);
  else if (option == "AXIOM_STANDIN_DRIVER")
    driver = static_cast<int>(number);
  else if (option == "AXIOM_STANDIN_RESIDENT")
    launch.resident = static_cast<uint32_t>(number);
  else
    return false;
  return isNumber;
}

State::State() {
  options.launch.resident = 4;
  for (const char *name :
       {"AXIOM_STANDIN_MODE", "AXIOM_STANDIN_ORDER", "AXIOM_STANDIN_CHECK",
        "AXIOM_STANDIN_CAPABILITY", "AXIOM_STANDIN_MEMORY", "AXIOM_STANDIN_DEVICES",
        "AXIOM_STANDIN_DRIVER", "AXIOM_STANDIN_RESIDENT"})
    if (const char *value = getenv(name); value && !options.set(name, value)) {
      fprintf(stderr, "stand-in driver: %s=%s is not understood\n", name, value);
      abort();
    }
  if (const char *value = getenv("AXIOM_STANDIN_FAULT"); value && !faults.set(value)) {
    fprintf(stderr, "stand-in driver: AXIOM_STANDIN_FAULT=%s is not understood\n", value);
    abort();
  }
  devices.resize(static_cast<size_t>(options.devices), {options.memory, 0});
}

void State::complain(const std::string &text) {
  lastFault = text;
  fprintf(stderr, "stand-in driver: %s\n", text.c_str());
}

std::string State::leaks() const {
  std::string text;
  for (const auto &context : contexts)
    text += context->leaks();
  return text;
}

Context *contextOf(ContextHandle handle) {
  for (const auto &context : state().contexts)
    if (context->handle == reinterpret_cast<uintptr_t>(handle))
      return context.get();
  return nullptr;
}

Context::Context(int device, bool primary, Budget &budget)
    : handle(state().newHandle()), device(device), primary(primary), budget(budget), memory(budget),
      defaultStream(std::make_shared<Stream>()) {}

std::shared_ptr<Stream> Context::stream(StreamHandle stream) const {
  // 0 and 1 both name the default stream that waits for others.
  if (reinterpret_cast<uintptr_t>(stream) <= 1)
    return defaultStream;
  return streams.find(stream);
}

bool Context::isPinned(const void *host, size_t bytes) const {
  auto address = reinterpret_cast<uintptr_t>(host);
  auto next = pinned.upper_bound(address);
  if (next == pinned.begin())
    return false;
  auto [begin, size] = *std::prev(next);
  return address - begin < size && bytes <= size - (address - begin);
}

void Context::releasePinned(uintptr_t address) {
  auto found = pinned.find(address);
  munmap(reinterpret_cast<void *>(address), found->second);
  pinned.erase(found);
}

void Context::clear() {
  defaultStream = std::make_shared<Stream>();
  streams = {};
  events = {};
  graphs = {};
  execs = {};
  functions = {};
  modules = {};
  memory.releaseAll();
  while (!pinned.empty())
    releasePinned(pinned.begin()->first);
  error = Success;
  active = false;
}

std::string Context::leaks() const {
  std::string text;
  auto line = [&](size_t number, const char *what, size_t bytes) {
    if (number == 0)
      return;
    text += "device " + std::to_string(device) + ": " + std::to_string(number) + " " + what;
    text += bytes ? ", " + std::to_string(bytes) + " bytes\n" : "\n";
  };
  size_t device = 0, host = 0;
  for (const auto &[begin, bytes] : memory.ranges())
    device += bytes;
  for (const auto &[begin, bytes] : pinned)
    host += bytes;
  size_t waiting = 0;
  auto count = [&](const Stream &stream) {
    for (const Item &item : stream.queue)
      waiting += item.work != nullptr;
  };
  for (const auto &[handle, stream] : streams.items)
    count(*stream);
  count(*defaultStream);
  line(waiting, "pieces of work that never ran", 0);
  line(memory.ranges().size(), "allocations of device memory", device);
  line(pinned.size(), "allocations of pinned memory", host);
  line(streams.items.size(), "streams", 0);
  line(events.items.size(), "events", 0);
  line(modules.items.size(), "modules", 0);
  line(graphs.items.size(), "graphs", 0);
  line(execs.items.size(), "executable graphs", 0);
  if (primary)
    line(retained, "retained primary contexts", 0);
  else
    line(active, "contexts", 0);
  return text;
}

Entry::Entry(const char *function, Needs needs) : lock(state().mutex) {
  State &all = state();
  int fault = all.faults.next(function);
  if (needs == Needs::Nothing)
    return;
  if (!all.initialized) {
    error = NotInitialized;
    return;
  }
  if (needs == Needs::Driver) {
    error = fault;
    return;
  }
  if (int lost = all.faults.next("lost"); lost && !all.lost) {
    all.complain("the device is lost, as was asked for");
    all.lost = lost;
  }
  if (!currentContexts().empty())
    context = currentContexts().back();
  if (!context)
    error = InvalidContext;
  else if (!context->active)
    error = ContextIsDestroyed;
  if (error)
    return;
  result = all.lost ? all.lost : context->error;
  if (needs == Needs::Context)
    error = result ? result : fault;
  else if (!result)
    error = fault;
}

int Entry::refusedByCapture() const {
  int refused = Success;
  auto look = [&](Stream &stream) {
    Capture *capture = stream.capture.get();
    if (!capture || capture->mode == CaptureRelaxed ||
        (capture->mode == CaptureThreadLocal && capture->thread != std::this_thread::get_id()))
      return;
    capture->valid = false;
    refused = CaptureUnsupported;
  };
  for (const auto &all : state().contexts)
    for (auto &[handle, stream] : all->streams.items)
      look(*stream);
  return refused;
}

} // namespace axiom::standin

extern "C" __attribute__((destructor)) void axiomStandInEnd() {
  using namespace axiom::standin;
  std::string leaks = state().leaks();
  if (!leaks.empty())
    fprintf(stderr, "stand-in driver: not freed:\n%s", leaks.c_str());
  else if (!state().leaked)
    return;
  const char *mode = getenv("AXIOM_STANDIN_LEAKS");
  if (mode && std::string(mode) == "fail") {
    fflush(nullptr);
    _Exit(86);
  }
}
