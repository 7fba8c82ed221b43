// The driver, its devices and their contexts.
#include "test/standin/Queue.h"

#include <cstring>

using namespace axiom::standin;

int cuInit(unsigned flags) {
  AXIOM_ENTRY(Nothing);
  if (flags != 0)
    return InvalidValue;
  if (state().options.devices == 0)
    return NoDevice;
  state().initialized = true;
  return Success;
}

int cuDriverGetVersion(int *version) {
  AXIOM_ENTRY(Nothing);
  if (!version)
    return InvalidValue;
  *version = state().options.driver;
  return Success;
}

int cuDeviceGetCount(int *count) {
  AXIOM_ENTRY(Driver);
  if (!count)
    return InvalidValue;
  *count = state().options.devices;
  return Success;
}

static bool isDevice(int device) { return device >= 0 && device < state().options.devices; }

int cuDeviceGet(int *device, int ordinal) {
  AXIOM_ENTRY(Driver);
  if (!device)
    return InvalidValue;
  if (!isDevice(ordinal))
    return InvalidDevice;
  *device = ordinal;
  return Success;
}

int cuDeviceGetName(char *name, int bytes, int device) {
  AXIOM_ENTRY(Driver);
  if (!name || bytes <= 0)
    return InvalidValue;
  if (!isDevice(device))
    return InvalidDevice;
  std::strncpy(name, "Axiom host twin", static_cast<size_t>(bytes));
  name[bytes - 1] = '\0';
  return Success;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
  AXIOM_ENTRY(Driver);
  if (!bytes)
    return InvalidValue;
  if (!isDevice(device))
    return InvalidDevice;
  *bytes = state().options.memory;
  return Success;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  AXIOM_ENTRY(Driver);
  if (!value)
    return InvalidValue;
  if (!isDevice(device))
    return InvalidDevice;
  const Options &options = state().options;
  // Number, value: those of an H100 where the twin has no own.
  const struct {
    int attribute, value;
  } kAttributes[] = {
      {1, 1024},                // threads of a block
      {2, 1024},                // of a block in x
      {3, 1024},                // in y
      {4, 64},                  // in z
      {5, 0x7fffffff},          // blocks of a grid in x
      {6, 65535},               // in y
      {7, 65535},               // in z
      {8, kSharedDefault},      // shared memory of a block
      {9, 65536},               // constant memory
      {10, 32},                 // lanes of a warp
      {12, 65536},              // registers of a block
      {13, 1000000},            // clock, kHz
      {15, 1},                  // copies beside kernels
      {16, 4},                  // multiprocessors
      {17, 0},                  // limit on a kernel's time
      {18, 0},                  // integrated
      {19, 1},                  // maps host memory
      {20, 0},                  // compute mode
      {31, 1},                  // concurrent kernels
      {32, 0},                  // ECC
      {33, device},             // PCI bus
      {34, 0},                  // PCI device
      {36, 1000000},            // memory clock, kHz
      {37, 64},                 // memory bus, bits
      {38, 1 << 20},            // level 2 cache
      {39, 2048},               // threads of a multiprocessor
      {40, 1},                  // copy engines
      {41, 1},                  // unified addresses
      {75, options.major},      // compute capability
      {76, options.minor},      //
      {78, 1},                  // stream priorities
      {81, kSharedMost + 1024}, // shared memory of a multiprocessor
      {82, 65536},              // registers of a multiprocessor
      {83, 0},                  // managed memory
      {88, 0},                  // kernels read pageable memory
      {95, 0},                  // cooperative launches
      {97, kSharedMost},        // shared memory of a block, if asked for
      {106, 32},                // blocks of a multiprocessor
      {111, 1024},              // shared memory that the driver keeps of a block
      {115, 0},                 // memory pools
  };
  for (const auto &row : kAttributes)
    if (row.attribute == attribute) {
      *value = row.value;
      return Success;
    }
  state().complain("device attribute " + std::to_string(attribute) + " is not known here");
  return InvalidValue;
}

/// The primary context, made when it is first asked for.
static Context &primary(int device) {
  auto &contexts = state().contexts;
  while (contexts.size() < state().devices.size()) {
    int next = static_cast<int>(contexts.size());
    contexts.push_back(std::make_unique<Context>(next, true, state().devices[contexts.size()]));
  }
  return *contexts[static_cast<size_t>(device)];
}

int cuDevicePrimaryCtxRetain(ContextHandle *context, int device) {
  AXIOM_ENTRY(Driver);
  if (!context)
    return InvalidValue;
  if (!isDevice(device))
    return InvalidDevice;
  if (state().lost)
    return state().lost;
  Context &own = primary(device);
  ++own.retained;
  own.active = true;
  *context = reinterpret_cast<ContextHandle>(own.handle);
  return Success;
}

/// What is left in a context goes with it, but is told first: the end of the process would not see
/// it.
static void tellLeaks(Context &context, const char *how) {
  context.active = false;
  std::string leaks = context.leaks();
  // Of one that has failed that is the way to free all.
  if (leaks.empty() || context.error || state().lost)
    return;
  state().complain(std::string("a context is ") + how + " with this in it:\n" + leaks);
  state().leaked = true;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  AXIOM_ENTRY(Driver);
  if (!isDevice(device))
    return InvalidDevice;
  Context &own = primary(device);
  if (own.retained == 0)
    return InvalidContext;
  if (--own.retained > 0)
    return Success;
  tellLeaks(own, "released");
  own.clear();
  return Success;
}

int cuDevicePrimaryCtxReset_v2(int device) {
  AXIOM_ENTRY(Driver);
  if (!isDevice(device))
    return InvalidDevice;
  if (int refused = entry.refusedByCapture())
    return refused;
  // Those who hold it still do; it is there again when somebody retains it.
  primary(device).clear();
  return state().lost;
}

int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
  AXIOM_ENTRY(Driver);
  if (!flags || !active)
    return InvalidValue;
  if (!isDevice(device))
    return InvalidDevice;
  *flags = 0;
  *active = primary(device).active;
  return Success;
}

int cuCtxCreate_v2(ContextHandle *context, unsigned flags, int device) {
  AXIOM_ENTRY(Driver);
  if (!context || (flags & ~0x1fu))
    return InvalidValue;
  if (!isDevice(device))
    return InvalidDevice;
  if (state().lost)
    return state().lost;
  primary(device); // those come first
  auto &budget = state().devices[static_cast<size_t>(device)];
  auto made = std::make_unique<Context>(device, false, budget);
  made->active = true;
  currentContexts().push_back(made.get());
  *context = reinterpret_cast<ContextHandle>(made->handle);
  state().contexts.push_back(std::move(made));
  return Success;
}

int cuCtxDestroy_v2(ContextHandle context) {
  AXIOM_ENTRY(Driver);
  Context *own = contextOf(context);
  if (!own || own->primary)
    return InvalidContext;
  if (!own->active)
    return ContextIsDestroyed;
  tellLeaks(*own, "destroyed");
  own->clear(); // it stays known, for threads that it is current for
  own->memory.end();
  if (!currentContexts().empty() && currentContexts().back() == own)
    currentContexts().pop_back();
  return Success;
}

int cuCtxSetCurrent(ContextHandle context) {
  AXIOM_ENTRY(Driver);
  auto &stack = currentContexts();
  Context *own = contextOf(context);
  if (context && !own)
    return InvalidContext;
  if (own && !own->active)
    return ContextIsDestroyed;
  if (!stack.empty())
    stack.pop_back();
  if (own)
    stack.push_back(own);
  return Success;
}

int cuCtxGetCurrent(ContextHandle *context) {
  AXIOM_ENTRY(Driver);
  if (!context)
    return InvalidValue;
  auto &stack = currentContexts();
  *context = reinterpret_cast<ContextHandle>(stack.empty() ? 0 : stack.back()->handle);
  return Success;
}

int cuCtxPushCurrent_v2(ContextHandle context) {
  AXIOM_ENTRY(Driver);
  Context *own = contextOf(context);
  if (!own)
    return InvalidContext;
  if (!own->active)
    return ContextIsDestroyed;
  currentContexts().push_back(own);
  return Success;
}

int cuCtxPopCurrent_v2(ContextHandle *context) {
  AXIOM_ENTRY(Driver);
  auto &stack = currentContexts();
  if (stack.empty())
    return InvalidContext;
  if (context)
    *context = reinterpret_cast<ContextHandle>(stack.back()->handle);
  stack.pop_back();
  return Success;
}

int cuCtxGetDevice(int *device) {
  AXIOM_ENTRY(Context);
  if (!device)
    return InvalidValue;
  *device = entry.context->device;
  return Success;
}

int cuCtxSynchronize() {
  AXIOM_ENTRY(Context);
  if (int refused = entry.refusedByCapture())
    return refused;
  for (auto &[handle, stream] : entry.context->streams.items)
    if (stream->capture) {
      stream->capture->valid = false;
      return CaptureUnsupported;
    }
  drainAll(*entry.context);
  return entry.context->error;
}
