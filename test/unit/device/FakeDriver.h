// A driver without a GPU, for tests: memory of the host, work done at once, launches written down
// and answered by functions of the test. It keeps the rules that the real one has: a context must
// be the thread's, a stream that is captured takes launches only, an error may stay until its
// context goes.
#ifndef AXIOM_TEST_UNIT_DEVICE_FAKEDRIVER_H
#define AXIOM_TEST_UNIT_DEVICE_FAKEDRIVER_H

#include "runtime/abi/cuda_abi.h"
#include "runtime/device/cuda/Driver.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace axiom::test {

struct FakeLaunch {
  std::string symbol;
  unsigned blocks, threads, sharedBytes;
  AxmCudaLaunch launch;
};

/// One at a time.
class FakeDriver {
public:
  FakeDriver();
  ~FakeDriver();
  FakeDriver(const FakeDriver &) = delete;

  cuda::Driver driver;

  // What the machine is.
  std::vector<std::string> devices = {"Fake GPU"};
  int major = 9, minor = 0, version = 13000, sharedBytes = 232448;
  uint64_t totalBytes = 1ull << 40;
  /// Symbols that the module lacks.
  std::vector<std::string> missing;

  /// Called for each launch as it runs.
  std::function<void(const FakeLaunch &)> kernel;

  // What happened.
  std::vector<FakeLaunch> launches; ///< that ran, from graphs too
  std::map<std::string, uint64_t> calls;
  uint64_t freeBytes() const;
  /// Contexts, modules, streams, events, graphs and memory that are there now.
  size_t live() const;
  std::string misuse; ///< the first broken rule

  /// The call number `count` (from 1) of `function` from now on gives `error`; if it stays, so do
  /// all later calls until the context is destroyed.
  void failAt(const std::string &function, uint64_t count, cuda::Error error, bool stays);
  bool failed() const;
  /// No error stays any more.
  void calm();

  struct State;

private:
  std::unique_ptr<State> state_;
};

} // namespace axiom::test

#endif
