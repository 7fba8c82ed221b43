// Memory of the device, pinned memory of the host, copies.
#include "test/standin/Queue.h"

#include <sys/mman.h>

#include <cstring>

using namespace axiom::standin;

int cuMemGetInfo_v2(size_t *free, size_t *total) {
  AXIOM_ENTRY(Context);
  if (!free || !total)
    return InvalidValue;
  *free = entry.context->budget.total - entry.context->budget.used;
  *total = entry.context->budget.total;
  return Success;
}

int cuMemAlloc_v2(DevicePointer *pointer, size_t bytes) {
  AXIOM_ENTRY(Context);
  if (!pointer || bytes == 0)
    return InvalidValue;
  if (int refused = entry.refusedByCapture())
    return refused;
  *pointer = entry.context->memory.allocate(bytes);
  return *pointer ? Success : OutOfMemory;
}

int cuMemFree_v2(DevicePointer pointer) {
  AXIOM_ENTRY(Teardown);
  if (int refused = entry.refusedByCapture())
    return refused;
  DeviceMemory &memory = entry.context->memory;
  size_t bytes = memory.sizeOf(pointer);
  if (bytes == 0)
    return InvalidValue;
  // The driver would wait here, which nobody wants: who frees has to know that nothing uses it.
  if (!entry.result && inUse(*entry.context, Span{pointer, bytes})) {
    state().complain("device memory is freed while work that uses it waits to be run");
    return InvalidValue;
  }
  memory.release(pointer);
  return entry.result;
}

int cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
  AXIOM_ENTRY(Context);
  if (!pointer || bytes == 0 || flags > 7)
    return InvalidValue;
  if (int refused = entry.refusedByCapture())
    return refused;
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return OutOfMemory;
  std::memset(memory, 0xff, bytes);
  entry.context->pinned[reinterpret_cast<uintptr_t>(memory)] = bytes;
  *pointer = memory;
  return Success;
}

int cuMemFreeHost(void *pointer) {
  AXIOM_ENTRY(Teardown);
  if (int refused = entry.refusedByCapture())
    return refused;
  auto address = reinterpret_cast<uintptr_t>(pointer);
  auto found = entry.context->pinned.find(address);
  if (found == entry.context->pinned.end())
    return InvalidValue;
  if (!entry.result && inUse(*entry.context, Span{address, found->second})) {
    state().complain("pinned memory is freed while a copy that uses it waits to be run");
    return InvalidValue;
  }
  entry.context->releasePinned(address);
  return entry.result;
}

/// Whether a range of host memory can be one: not null, nothing of the device.
static bool isHost(const Context &context, const void *host) {
  return host && !context.memory.owns(reinterpret_cast<uintptr_t>(host));
}

int cuMemcpyHtoDAsync_v2(DevicePointer to, const void *from, size_t bytes, StreamHandle stream) {
  AXIOM_ENTRY(Context);
  Context &context = *entry.context;
  auto own = context.stream(stream);
  if (!own)
    return InvalidHandle;
  if (bytes == 0)
    return Success;
  if (!isHost(context, from) || !context.memory.holds(to, bytes))
    return InvalidValue;
  auto work = std::make_shared<HostToDevice>();
  work->to = to;
  work->bytes = bytes;
  work->from = from;
  if (!context.isPinned(from, bytes)) {
    // Pageable memory is read before the call returns; a graph could not do so.
    if (own->capture) {
      own->capture->valid = false;
      return CaptureUnsupported;
    }
    auto *begin = static_cast<const uint8_t *>(from);
    work->staged.assign(begin, begin + bytes);
    work->from = nullptr;
  }
  return enqueue(context, own, work);
}

int cuMemcpyDtoHAsync_v2(void *to, DevicePointer from, size_t bytes, StreamHandle stream) {
  AXIOM_ENTRY(Context);
  Context &context = *entry.context;
  auto own = context.stream(stream);
  if (!own)
    return InvalidHandle;
  if (bytes == 0)
    return Success;
  if (!isHost(context, to) || !context.memory.holds(from, bytes))
    return InvalidValue;
  bool pinned = context.isPinned(to, bytes);
  if (!pinned && own->capture) {
    own->capture->valid = false;
    return CaptureUnsupported;
  }
  auto work = std::make_shared<DeviceToHost>();
  work->to = to;
  work->from = from;
  work->bytes = bytes;
  if (int error = enqueue(context, own, work))
    return error;
  // To pageable memory the call returns when the copy is done.
  if (!pinned)
    drain(context, *own);
  return pinned ? Success : context.error;
}

int cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t bytes, StreamHandle stream) {
  AXIOM_ENTRY(Context);
  Context &context = *entry.context;
  auto own = context.stream(stream);
  if (!own)
    return InvalidHandle;
  if (bytes == 0)
    return Success;
  if (!context.memory.holds(to, bytes) || !context.memory.holds(from, bytes) ||
      Span{to, bytes}.meets({from, bytes}))
    return InvalidValue;
  auto work = std::make_shared<DeviceToDevice>();
  work->to = to;
  work->from = from;
  work->bytes = bytes;
  return enqueue(context, own, work);
}

int cuMemsetD8Async(DevicePointer to, unsigned char value, size_t bytes, StreamHandle stream) {
  AXIOM_ENTRY(Context);
  Context &context = *entry.context;
  auto own = context.stream(stream);
  if (!own)
    return InvalidHandle;
  if (bytes == 0)
    return Success;
  if (!context.memory.holds(to, bytes))
    return InvalidValue;
  auto work = std::make_shared<Fill>();
  work->to = to;
  work->bytes = bytes;
  work->value = value;
  return enqueue(context, own, work);
}
