// What the stand-in knows: devices with their primary contexts, and in each the program's objects.
// Handles are numbers that are never given out twice, so a stale one is always found out.
#ifndef AXIOM_TEST_STANDIN_STATE_H
#define AXIOM_TEST_STANDIN_STATE_H

#include "codegen/cuda/twin/Launch.h"
#include "codegen/cuda/twin/Library.h"
#include "test/standin/Api.h"
#include "test/standin/DeviceMemory.h"
#include "test/standin/Faults.h"

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace axiom::standin {

/// Shared memory of a block: without, and with the function's attribute.
inline constexpr int kSharedDefault = 48 << 10, kSharedMost = 227 << 10;

using Clock = std::chrono::steady_clock;
struct Context;
struct Stream;
struct Work;

/// A place in a stream's work; events remember it, others wait for it.
struct Mark {
  bool done = false;
  Clock::time_point time; ///< when it was done
  std::weak_ptr<Stream> stream;
};

/// A piece of work in a stream's queue.
struct Item {
  std::shared_ptr<Work> work; ///< null: only the mark
  std::shared_ptr<Mark> mark;
  std::vector<std::shared_ptr<Mark>> after; ///< of other streams
  bool started = false;
  Clock::time_point ready; ///< of one that has started: not before this
};

/// What streams record instead of running it.
struct Capture {
  struct Node {
    std::shared_ptr<Work> work;
    std::vector<size_t> after;
  };
  Stream *origin;
  int mode;
  std::thread::id thread;
  bool valid = true;
  std::vector<Node> nodes;
};

struct Stream {
  uintptr_t handle = 0; ///< 0: the default stream
  bool blocking = true; ///< waits for the default stream, and that for it
  std::deque<Item> queue;
  std::shared_ptr<Mark> last; ///< of its latest work
  std::shared_ptr<Capture> capture;
  std::vector<size_t> ends; ///< nodes that the next one it records comes behind
};

struct Event {
  unsigned flags;
  std::shared_ptr<Mark> mark; ///< null: not recorded, or by a capture
  std::shared_ptr<Capture> capture;
  std::vector<size_t> ends;
};

struct Module {
  std::unique_ptr<twin::Library> library;
};

struct Function {
  std::shared_ptr<Module> module;
  const AxmTwinKernel *kernel;
  int mostShared; ///< dynamic bytes of a block
};

struct Graph {
  std::vector<Capture::Node> nodes;
};

/// Objects of a kind by their handles.
template <typename T> class Table {
public:
  std::shared_ptr<T> find(const void *handle) const {
    auto found = items.find(reinterpret_cast<uintptr_t>(handle));
    return found == items.end() ? nullptr : found->second;
  }
  template <typename Handle> void add(Handle *handle, std::shared_ptr<T> object);
  bool erase(const void *handle) { return items.erase(reinterpret_cast<uintptr_t>(handle)) > 0; }

  std::map<uintptr_t, std::shared_ptr<T>> items;
};

struct Context {
  Context(int device, bool primary, Budget &budget);

  uintptr_t handle;
  int device;
  bool primary;
  Budget &budget;
  uint64_t retained = 0;
  bool active = false;
  int error = 0; ///< sticky
  DeviceMemory memory;
  std::map<uintptr_t, size_t> pinned;
  std::shared_ptr<Stream> defaultStream;
  Table<Stream> streams;
  Table<Event> events;
  Table<Module> modules;
  Table<Function> functions;
  Table<Graph> graphs, execs;

  /// Null: there is no such stream.
  std::shared_ptr<Stream> stream(StreamHandle stream) const;
  /// Whether these bytes lie in pinned memory.
  bool isPinned(const void *host, size_t bytes) const;
  void releasePinned(uintptr_t address);
  /// The end of everything in it.
  void clear();
  std::string leaks() const;
};

struct Options {
  bool lazy = false; ///< work runs when something waits for it
  int devices = 1, major = 0, minor = 0, driver = 13000;
  size_t memory = size_t(1) << 30;
  twin::LaunchOptions launch;

  /// False: not understood.
  bool set(const std::string &option, const std::string &value);
};

struct State {
  State();

  std::mutex mutex;
  Options options;
  Faults faults;
  bool initialized = false;
  int lost = 0; ///< what calls return since the device is gone
  std::vector<Budget> devices;
  std::vector<std::unique_ptr<Context>> contexts; ///< the primary ones first
  std::string lastFault;
  bool leaked = false; ///< a context ended with something in it
  uint64_t launches = 0;

  uintptr_t newHandle() { return handles += 16; }
  /// Says on stderr, and remembers, what is wrong.
  void complain(const std::string &text);
  std::string leaks() const;

private:
  uintptr_t handles = uintptr_t(0xa1) << 32; ///< where no memory lies
};

/// Lives to the end of the process.
State &state();

/// Null: there is no such context.
Context *contextOf(ContextHandle handle);

/// The contexts that are current for this thread, the last one being it.
std::vector<Context *> &currentContexts();

template <typename T>
template <typename Handle>
void Table<T>::add(Handle *handle, std::shared_ptr<T> object) {
  uintptr_t number = state().newHandle();
  items[number] = std::move(object);
  *handle = reinterpret_cast<Handle>(number);
}

/// What a call needs to be made at all.
enum class Needs {
  Nothing,
  Driver,   ///< cuInit
  Context,  ///< a current context that has not failed
  Teardown, ///< a current context; if that has failed, the call does its work and says so
};

/// The frame of each call: the lock, counts, faults on demand, errors that stay.
class Entry {
public:
  Entry(const char *function, Needs needs);

  int error = Success;  ///< return it
  int result = Success; ///< what to return in the end
  Context *context = nullptr;

  /// For what no stream may be captured for.
  int refusedByCapture() const;

private:
  std::unique_lock<std::mutex> lock;
};

#define AXIOM_ENTRY(needs)                                                                         \
  ::axiom::standin::Entry entry(__func__, ::axiom::standin::Needs::needs);                         \
  if (entry.error)                                                                                 \
  return entry.error

} // namespace axiom::standin

#endif
