#include "test/unit/device/FakeDriver.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

namespace axiom::test {

using namespace axiom::cuda;

namespace {

constexpr Error kInvalidContext = 201, kInvalidHandle = 400, kCaptureUnsupported = 900;

using Work = std::function<void()>;
struct Stream {
  bool capturing = false;
  std::vector<Work> captured;
};
struct Memory {
  uint64_t bytes;
  bool device;
};

FakeDriver *fake;

} // namespace

struct FakeDriver::State {
  explicit State(FakeDriver &owner) : owner(owner) {}

  FakeDriver &owner;
  std::recursive_mutex mutex;
  std::map<void *, Memory> memory;
  std::map<void *, std::unique_ptr<Stream>> streams;
  std::map<void *, std::vector<Work>> graphs;
  std::map<void *, std::string> functions;
  std::map<void *, const char *> others; ///< contexts, modules, events: what they are
  std::string failFunction;
  uint64_t failIn = 0;
  Error failError = 0, sticky = 0;
  bool failStays = false, failed = false;
  uintptr_t next = 1;

  template <typename T> T handle() { return reinterpret_cast<T>(++next * 64); }
  void misuse(const std::string &what) {
    if (owner.misuse.empty())
      owner.misuse = what;
  }
  /// The start of every call.
  Error enter(const char *name);
  bool erase(void *handle) { return others.erase(handle) == 1; }
};

namespace {

thread_local std::vector<ContextHandle> current;

FakeDriver::State *now();

/// Names the call; returns its error if it has one.
#define ENTER(name)                                                                                \
  FakeDriver::State &s = *now();                                                                   \
  std::lock_guard lock(s.mutex);                                                                   \
  if (Error error = s.enter(name))                                                                 \
  return error
#define ENTER_CONTEXT(name)                                                                        \
  ENTER(name);                                                                                     \
  if (current.empty()) {                                                                           \
    s.misuse(std::string(name) + " without a context");                                            \
    return kInvalidContext;                                                                        \
  }

Error init(unsigned) {
  ENTER("cuInit");
  return fake->devices.empty() ? kNoDevice : kSuccess;
}
Error driverVersion(int *version) {
  ENTER("cuDriverGetVersion");
  *version = fake->version;
  return kSuccess;
}
Error errorName(Error error, const char **text) {
  *text = error == kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_FAKE";
  return error == 12345 ? kInvalidValue : kSuccess;
}
Error errorString(Error error, const char **text) {
  *text = "as the test wants it";
  return error == 12345 ? kInvalidValue : kSuccess;
}
Error count(int *count) {
  ENTER("cuDeviceGetCount");
  *count = static_cast<int>(fake->devices.size());
  return kSuccess;
}
Error get(Device *device, int ordinal) {
  ENTER("cuDeviceGet");
  *device = ordinal + 100;
  return kSuccess;
}
Error name(char *to, int size, Device device) {
  ENTER("cuDeviceGetName");
  std::snprintf(to, static_cast<size_t>(size), "%s",
                fake->devices.at(static_cast<size_t>(device - 100)).c_str());
  return kSuccess;
}
Error attribute(int *value, int which, Device) {
  ENTER("cuDeviceGetAttribute");
  *value = which == kCapabilityMajor ? fake->major : which == kCapabilityMinor ? fake->minor : 0;
  if (which == kSharedPerBlockOptIn)
    *value = fake->sharedBytes;
  return kSuccess;
}
Error contextCreate(ContextHandle *context, unsigned, Device) {
  ENTER("cuCtxCreate");
  *context = s.handle<ContextHandle>();
  s.others[*context] = "context";
  current.push_back(*context);
  return kSuccess;
}
Error contextDestroy(ContextHandle context) {
  FakeDriver::State &s = *now();
  std::lock_guard lock(s.mutex);
  ++fake->calls["cuCtxDestroy"];
  s.sticky = 0;
  return s.erase(context) ? kSuccess : kInvalidContext;
}
Error push(ContextHandle context) {
  FakeDriver::State &s = *now();
  std::lock_guard lock(s.mutex);
  if (!s.others.count(context)) {
    s.misuse("a context that is gone");
    return kInvalidContext;
  }
  current.push_back(context);
  return kSuccess;
}
Error pop(ContextHandle *context) {
  if (current.empty())
    return kInvalidContext;
  *context = current.back();
  current.pop_back();
  return kSuccess;
}
Error contextSynchronize() {
  ENTER_CONTEXT("cuCtxSynchronize");
  return kSuccess;
}
Error moduleLoad(ModuleHandle *module, const void *, unsigned, int *, void **) {
  ENTER_CONTEXT("cuModuleLoadDataEx");
  *module = s.handle<ModuleHandle>();
  s.others[*module] = "module";
  return kSuccess;
}
Error moduleUnload(ModuleHandle module) {
  FakeDriver::State &s = *now();
  std::lock_guard lock(s.mutex);
  return s.erase(module) ? kSuccess : kInvalidHandle;
}
Error function(FunctionHandle *function, ModuleHandle, const char *symbol) {
  ENTER_CONTEXT("cuModuleGetFunction");
  auto &missing = fake->missing;
  if (std::find(missing.begin(), missing.end(), symbol) != missing.end())
    return kNotFound;
  *function = s.handle<FunctionHandle>();
  s.functions[*function] = symbol;
  return kSuccess;
}
Error functionAttribute(FunctionHandle, int, int) {
  ENTER_CONTEXT("cuFuncSetAttribute");
  return kSuccess;
}
Error memoryInfo(size_t *free, size_t *total) {
  ENTER_CONTEXT("cuMemGetInfo");
  *free = fake->freeBytes();
  *total = fake->totalBytes;
  return kSuccess;
}
/// What was never written is not zero.
void *take(FakeDriver::State &s, size_t bytes, bool device) {
  void *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xa5, std::min<size_t>(bytes, 1 << 20));
  s.memory[memory] = {bytes, device};
  return memory;
}
Error allocate(DevicePointer *memory, size_t bytes) {
  ENTER_CONTEXT("cuMemAlloc");
  if (bytes > fake->freeBytes())
    return kOutOfMemory;
  *memory = reinterpret_cast<DevicePointer>(take(s, bytes, true));
  return kSuccess;
}
Error hostAllocate(void **memory, size_t bytes, unsigned) {
  ENTER_CONTEXT("cuMemHostAlloc");
  *memory = take(s, bytes, false);
  return kSuccess;
}
Error freeAny(void *memory) {
  FakeDriver::State &s = *now();
  std::lock_guard lock(s.mutex);
  if (s.memory.erase(memory) != 1) {
    s.misuse("memory that is not there is freed");
    return kInvalidValue;
  }
  std::free(memory);
  return kSuccess;
}
Error freeDevice(DevicePointer memory) { return freeAny(reinterpret_cast<void *>(memory)); }

/// True if these bytes lie in one piece of memory of this kind.
bool inside(FakeDriver::State &s, const void *at, size_t bytes, bool device) {
  auto next = s.memory.upper_bound(const_cast<void *>(at));
  if (next == s.memory.begin())
    return false;
  auto [base, piece] = *std::prev(next);
  auto offset = static_cast<uint64_t>(static_cast<const char *>(at) - static_cast<char *>(base));
  return piece.device == device && offset <= piece.bytes && bytes <= piece.bytes - offset;
}
Error enqueue(FakeDriver::State &s, StreamHandle handle, const char *name, bool launch, Work work) {
  auto found = s.streams.find(handle);
  if (found == s.streams.end()) {
    s.misuse(std::string(name) + " on a stream that is gone");
    return kInvalidHandle;
  }
  if (found->second->capturing) {
    if (!launch) {
      s.misuse(std::string(name) + " while the stream is captured");
      return kCaptureUnsupported;
    }
    found->second->captured.push_back(std::move(work));
    return kSuccess;
  }
  work();
  return kSuccess;
}
Error toDevice(DevicePointer to, const void *from, size_t bytes, StreamHandle stream) {
  ENTER_CONTEXT("cuMemcpyHtoDAsync");
  auto *target = reinterpret_cast<void *>(to);
  if (!inside(s, target, bytes, true) || !inside(s, from, bytes, false)) {
    s.misuse("a copy to the device outside of memory");
    return kInvalidValue;
  }
  return enqueue(s, stream, "a copy", false, [=] { std::memcpy(target, from, bytes); });
}
Error toHost(void *to, DevicePointer from, size_t bytes, StreamHandle stream) {
  ENTER_CONTEXT("cuMemcpyDtoHAsync");
  auto *source = reinterpret_cast<const void *>(from);
  if (!inside(s, source, bytes, true)) {
    s.misuse("a copy from the device outside of memory");
    return kInvalidValue;
  }
  return enqueue(s, stream, "a copy", false, [=] { std::memcpy(to, source, bytes); });
}
Error fill(DevicePointer to, unsigned char value, size_t bytes, StreamHandle stream) {
  ENTER_CONTEXT("cuMemsetD8Async");
  auto *target = reinterpret_cast<void *>(to);
  if (!inside(s, target, bytes, true)) {
    s.misuse("memory outside is filled");
    return kInvalidValue;
  }
  return enqueue(s, stream, "a fill", false, [=] { std::memset(target, value, bytes); });
}
Error streamCreate(StreamHandle *stream, unsigned) {
  ENTER_CONTEXT("cuStreamCreate");
  *stream = s.handle<StreamHandle>();
  s.streams[*stream] = std::make_unique<Stream>();
  return kSuccess;
}
Error streamDestroy(StreamHandle stream) {
  FakeDriver::State &s = *now();
  std::lock_guard lock(s.mutex);
  return s.streams.erase(stream) == 1 ? kSuccess : kInvalidHandle;
}
Error streamSynchronize(StreamHandle stream) {
  ENTER_CONTEXT("cuStreamSynchronize");
  return enqueue(s, stream, "a wait", false, [] {});
}
Error eventCreate(EventHandle *event, unsigned) {
  ENTER_CONTEXT("cuEventCreate");
  *event = s.handle<EventHandle>();
  s.others[*event] = "event";
  return kSuccess;
}
Error eventDestroy(EventHandle event) {
  FakeDriver::State &s = *now();
  std::lock_guard lock(s.mutex);
  return s.erase(event) ? kSuccess : kInvalidHandle;
}
Error eventRecord(EventHandle, StreamHandle) {
  ENTER_CONTEXT("cuEventRecord");
  return kSuccess;
}
Error eventSynchronize(EventHandle) {
  ENTER_CONTEXT("cuEventSynchronize");
  return kSuccess;
}
Error launch(FunctionHandle function, unsigned x, unsigned, unsigned, unsigned threads, unsigned,
             unsigned, unsigned shared, StreamHandle stream, void **parameters, void **) {
  ENTER_CONTEXT("cuLaunchKernel");
  FakeLaunch entry{s.functions.at(function), x, threads, shared,
                   *static_cast<AxmCudaLaunch *>(parameters[0])};
  return enqueue(s, stream, "a launch", true, [entry] {
    fake->launches.push_back(entry);
    if (fake->kernel)
      fake->kernel(entry);
  });
}
Error beginCapture(StreamHandle stream, int) {
  ENTER_CONTEXT("cuStreamBeginCapture");
  s.streams.at(stream)->capturing = true;
  return kSuccess;
}
Error endCapture(StreamHandle stream, GraphHandle *graph) {
  // Not ENTER: a capture can be ended after an error.
  FakeDriver::State &s = *now();
  std::lock_guard lock(s.mutex);
  Stream &captured = *s.streams.at(stream);
  captured.capturing = false;
  if (Error error = s.enter("cuStreamEndCapture"))
    return error;
  *graph = s.handle<GraphHandle>();
  s.graphs[*graph] = std::move(captured.captured);
  captured.captured.clear();
  return kSuccess;
}
Error graphDestroy(GraphHandle graph) {
  FakeDriver::State &s = *now();
  std::lock_guard lock(s.mutex);
  return s.graphs.erase(graph) == 1 ? kSuccess : kInvalidHandle;
}
Error instantiate(GraphExecHandle *exec, GraphHandle graph, unsigned long long) {
  ENTER_CONTEXT("cuGraphInstantiate");
  *exec = s.handle<GraphExecHandle>();
  s.graphs[*exec] = s.graphs.at(graph);
  return kSuccess;
}
Error execDestroy(GraphExecHandle exec) {
  FakeDriver::State &s = *now();
  std::lock_guard lock(s.mutex);
  return s.graphs.erase(exec) == 1 ? kSuccess : kInvalidHandle;
}
Error graphLaunch(GraphExecHandle exec, StreamHandle stream) {
  ENTER_CONTEXT("cuGraphLaunch");
  return enqueue(s, stream, "a graph", false, [&s, exec] {
    for (const Work &work : s.graphs.at(exec))
      work();
  });
}

FakeDriver::State *state = nullptr;
FakeDriver::State *now() { return state; }

} // namespace

Error FakeDriver::State::enter(const char *name) {
  ++owner.calls[name];
  if (sticky)
    return sticky;
  if (failIn > 0 && failFunction == name && --failIn == 0) {
    failed = true;
    sticky = failStays ? failError : 0;
    return failError;
  }
  return kSuccess;
}

FakeDriver::FakeDriver() : state_(new State(*this)) {
  fake = this;
  state = state_.get();
  driver = Driver{init,
                  driverVersion,
                  errorName,
                  errorString,
                  count,
                  get,
                  name,
                  attribute,
                  contextCreate,
                  contextDestroy,
                  push,
                  pop,
                  contextSynchronize,
                  moduleLoad,
                  moduleUnload,
                  function,
                  functionAttribute,
                  memoryInfo,
                  allocate,
                  freeDevice,
                  hostAllocate,
                  freeAny,
                  toDevice,
                  toHost,
                  fill,
                  streamCreate,
                  streamDestroy,
                  streamSynchronize,
                  eventCreate,
                  eventDestroy,
                  eventRecord,
                  eventSynchronize,
                  launch,
                  beginCapture,
                  endCapture,
                  graphDestroy,
                  instantiate,
                  execDestroy,
                  graphLaunch};
}

FakeDriver::~FakeDriver() {
  for (auto &[memory, piece] : state_->memory)
    std::free(memory);
  fake = nullptr;
  state = nullptr;
}

uint64_t FakeDriver::freeBytes() const {
  uint64_t used = 0;
  for (auto &[memory, piece] : state_->memory)
    used += piece.device ? piece.bytes : 0;
  return totalBytes - std::min(used, totalBytes);
}

size_t FakeDriver::live() const {
  return state_->memory.size() + state_->streams.size() + state_->graphs.size() +
         state_->others.size();
}

void FakeDriver::failAt(const std::string &function, uint64_t count, Error error, bool stays) {
  state_->failFunction = function;
  state_->failIn = count;
  state_->failError = error;
  state_->failStays = stays;
  state_->failed = false;
}

void FakeDriver::calm() { state_->sticky = 0; }

bool FakeDriver::failed() const { return state_->failed; }

} // namespace axiom::test
