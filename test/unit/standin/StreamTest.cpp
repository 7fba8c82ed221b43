// The order of streams and events, captures and graphs.
#include "test/unit/standin/Driver.h"

#include <thread>

namespace axiom::standin {

TEST_P(StandIn, NothingOrdersStreamsButEvents) {
  StreamHandle other = newStream();
  EventHandle event = newEvent();
  DevicePointer a = allocate(128);
  for (bool wait : {true, false}) {
    EXPECT_EQ(d.cuMemsetD8Async(a, 0, 128, stream), Success);
    EXPECT_EQ(d.cuStreamSynchronize(stream), Success);
    EXPECT_EQ(launch("addOne", stream, a, a), Success);
    EXPECT_EQ(d.cuEventRecord(event, stream), Success);
    if (wait) {
      EXPECT_EQ(d.cuStreamWaitEvent(other, event, 0), Success);
    }
    uint32_t seen = 99;
    EXPECT_EQ(d.cuMemcpyDtoHAsync_v2(&seen, a, 4, other), Success);
    // Lazy: what nothing waits for has not run.
    EXPECT_EQ(seen, wait || !isLazy() ? 1u : 0u);
    EXPECT_EQ(d.cuCtxSynchronize(), Success);
  }
}

TEST_P(StandIn, TheDefaultStreamWaitsAndIsWaitedFor) {
  StreamHandle blocking = newStream(0);
  DevicePointer a = allocate(128);
  EXPECT_EQ(d.cuMemsetD8Async(a, 0, 128, nullptr), Success);
  EXPECT_EQ(launch("addOne", blocking, a, a), Success);
  EXPECT_EQ(launch("addOne", nullptr, a, a), Success);
  EXPECT_EQ(launch("addOne", blocking, a, a), Success);
  uint32_t seen = 0;
  EXPECT_EQ(d.cuMemcpyDtoHAsync_v2(&seen, a, 4, nullptr), Success);
  EXPECT_EQ(seen, 3u);
}

TEST_P(StandIn, EventsTellWhatIsDone) {
  EventHandle begin = newEvent(), end = newEvent(), plain = newEvent(kDisableTiming);
  DevicePointer a = allocate(128);
  float milliseconds = -1;
  EXPECT_EQ(d.cuEventQuery(begin), Success); // not recorded: nothing to wait for
  EXPECT_EQ(d.cuEventElapsedTime(&milliseconds, begin, end), InvalidHandle);
  EXPECT_EQ(d.cuEventRecord(begin, stream), Success);
  EXPECT_EQ(d.cuMemsetD8Async(a, 0, 128, stream), Success);
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(d.cuEventRecord(end, stream), Success);
  EXPECT_EQ(d.cuEventRecord(plain, stream), Success);
  int questions = 1;
  if (isLazy()) {
    EXPECT_EQ(d.cuEventElapsedTime(&milliseconds, begin, end), NotReady);
  }
  while (d.cuEventQuery(end) == NotReady)
    ++questions;
  EXPECT_EQ(questions, isLazy() ? 5 : 1); // four pieces of work, one with each question
  EXPECT_EQ(d.cuEventElapsedTime(&milliseconds, begin, end), Success);
  EXPECT_GE(milliseconds, 0);
  EXPECT_EQ(d.cuEventElapsedTime(&milliseconds, begin, plain), InvalidHandle);
  EXPECT_EQ(d.cuEventSynchronize(plain), Success);
  EXPECT_EQ(d.cuStreamQuery(stream), Success);
}

TEST_P(StandIn, ThreadsDoNotDisturbEachOther) {
  constexpr int kThreads = 3, kLaunches = 40;
  std::vector<std::thread> threads;
  std::vector<uint32_t> results(kThreads);
  std::vector<DevicePointer> memory;
  std::vector<StreamHandle> own;
  for (int i = 0; i < kThreads; ++i) {
    memory.push_back(allocate(128));
    own.push_back(newStream());
  }
  for (size_t i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      EXPECT_EQ(d.cuMemsetD8Async(memory[i], 0, 128, own[i]), InvalidContext);
      EXPECT_EQ(d.cuCtxPushCurrent_v2(context), Success);
      EXPECT_EQ(d.cuMemsetD8Async(memory[i], 0, 128, own[i]), Success);
      for (int n = 0; n < kLaunches; ++n)
        EXPECT_EQ(launch("addOne", own[i], memory[i], memory[i]), Success);
      EXPECT_EQ(d.cuMemcpyDtoHAsync_v2(&results[i], memory[i], 4, own[i]), Success);
      EXPECT_EQ(d.cuCtxPopCurrent_v2(nullptr), Success);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(results, std::vector<uint32_t>(kThreads, kLaunches));
}

TEST_P(StandIn, HandlesOfWhatIsDestroyedAreKnown) {
  StreamHandle gone = nullptr;
  EventHandle event = nullptr;
  DevicePointer a = allocate(128);
  ASSERT_EQ(d.cuStreamCreate(&gone, kNonBlocking), Success);
  ASSERT_EQ(d.cuEventCreate(&event, 0), Success);
  EXPECT_EQ(d.cuMemsetD8Async(a, 3, 128, gone), Success);
  EXPECT_EQ(d.cuEventRecord(event, gone), Success);
  EXPECT_EQ(d.cuStreamDestroy_v2(gone), Success);
  EXPECT_EQ(d.cuEventSynchronize(event), Success);
  EXPECT_EQ(read(a, 1)[0], 0x03030303u); // its work was done
  EXPECT_EQ(d.cuStreamSynchronize(gone), InvalidHandle);
  EXPECT_EQ(launch("addOne", gone, a, a), InvalidHandle);
  EXPECT_EQ(d.cuEventRecord(event, gone), InvalidHandle);
  EXPECT_EQ(d.cuStreamDestroy_v2(gone), InvalidHandle);
  EXPECT_EQ(d.cuEventDestroy_v2(event), Success);
  EXPECT_EQ(d.cuStreamWaitEvent(stream, event, 0), InvalidHandle);
}

class StandInGraph : public StandIn {
protected:
  GraphHandle graph = nullptr;
  GraphExecHandle exec = nullptr;

  ~StandInGraph() override {
    if (graph)
      d.cuGraphDestroy(graph);
    if (exec)
      d.cuGraphExecDestroy(exec);
  }
  int begin(int mode = CaptureGlobal) { return d.cuStreamBeginCapture_v2(stream, mode); }
  int end() { return d.cuStreamEndCapture(stream, &graph); }
  int status() {
    int status = -1;
    EXPECT_EQ(d.cuStreamIsCapturing(stream, &status), Success);
    return status;
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, StandInGraph, testing::Values("eager", "lazy"),
                         [](const auto &param) { return std::string(param.param); });

TEST_P(StandInGraph, WhatIsCapturedRunsWhenLaunched) {
  DevicePointer a = allocate(128);
  auto *host = static_cast<uint32_t *>(allocateHost(128));
  host[0] = 10;
  EXPECT_EQ(status(), CaptureNone);
  EXPECT_EQ(begin(), Success);
  EXPECT_EQ(begin(), IllegalState);
  EXPECT_EQ(status(), CaptureActive);
  EXPECT_EQ(d.cuMemcpyHtoDAsync_v2(a, host, 128, stream), Success);
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(d.cuMemcpyDtoHAsync_v2(host, a, 128, stream), Success);
  EXPECT_EQ(end(), Success);
  EXPECT_EQ(status(), CaptureNone);
  EXPECT_EQ(d.cuCtxSynchronize(), Success);
  EXPECT_EQ(host[0], 10u);
  EXPECT_EQ(d.axiomStandInCount("kernel"), 0u);
  ASSERT_EQ(d.cuGraphInstantiateWithFlags(&exec, graph, 0), Success);
  EXPECT_EQ(d.cuGraphDestroy(graph), Success);
  graph = nullptr;
  for (uint32_t i = 0; i < 3; ++i)
    EXPECT_EQ(d.cuGraphLaunch(exec, stream), Success);
  EXPECT_EQ(host[0], isLazy() ? 10u : 16u);
  EXPECT_EQ(d.cuStreamSynchronize(stream), Success);
  EXPECT_EQ(host[0], 16u);
  EXPECT_EQ(d.axiomStandInCount("kernel"), 6u);
}

TEST_P(StandInGraph, StreamsJoinByEventsAndHaveToComeBack) {
  StreamHandle other = newStream();
  EventHandle fork = newEvent(), join = newEvent();
  DevicePointer a = allocate(128), b = allocate(128);
  for (bool back : {false, true}) {
    EXPECT_EQ(begin(), Success);
    EXPECT_EQ(d.cuMemsetD8Async(a, 0, 128, stream), Success);
    EXPECT_EQ(d.cuEventRecord(fork, stream), Success);
    EXPECT_EQ(d.cuStreamWaitEvent(other, fork, 0), Success);
    EXPECT_EQ(launch("addOne", other, b, a), Success);
    EXPECT_EQ(d.cuEventRecord(join, other), Success);
    EXPECT_EQ(d.cuEventQuery(join), CapturedEvent);
    if (back) {
      EXPECT_EQ(d.cuStreamWaitEvent(stream, join, 0), Success);
    }
    EXPECT_EQ(launch("addOne", stream, a, back ? b : a), Success);
    EXPECT_EQ(end(), back ? Success : CaptureUnjoined);
  }
  ASSERT_EQ(d.cuGraphInstantiateWithFlags(&exec, graph, 0), Success);
  EXPECT_EQ(d.cuGraphLaunch(exec, stream), Success);
  EXPECT_EQ(read(a, 1)[0], 2u);
}

TEST_P(StandInGraph, WhatACaptureForbids) {
  DevicePointer a = allocate(128), none = 0;
  StreamHandle other = newStream(), blocking = newStream(0);
  EventHandle event = newEvent();
  uint32_t host[1];
  auto expect = [&](const char *what, int error, auto call, bool spoils = true) {
    ASSERT_EQ(begin(), Success) << what;
    EXPECT_EQ(call(), error) << what;
    EXPECT_EQ(status(), spoils ? CaptureInvalid : CaptureActive) << what;
    if (spoils) {
      EXPECT_EQ(d.cuMemsetD8Async(a, 0, 4, stream), CaptureInvalidated) << what;
    }
    EXPECT_EQ(end(), spoils ? CaptureInvalidated : Success) << what;
    if (graph) {
      EXPECT_EQ(d.cuGraphDestroy(graph), Success);
    }
    graph = nullptr;
  };
  expect("alloc", CaptureUnsupported, [&] { return d.cuMemAlloc_v2(&none, 4); });
  expect("free", CaptureUnsupported, [&] { return d.cuMemFree_v2(a); });
  expect("sync", CaptureUnsupported, [&] { return d.cuStreamSynchronize(stream); });
  expect("query", CaptureUnsupported, [&] { return d.cuStreamQuery(stream); });
  expect("context", CaptureUnsupported, [&] { return d.cuCtxSynchronize(); });
  expect("pageable", CaptureUnsupported,
         [&] { return d.cuMemcpyHtoDAsync_v2(a, host, 4, stream); });
  expect("pageable", CaptureUnsupported,
         [&] { return d.cuMemcpyDtoHAsync_v2(host, a, 4, stream); });
  expect("isolation", CaptureIsolation, [&] {
    EXPECT_EQ(d.cuEventRecord(event, other), Success);
    return d.cuStreamWaitEvent(stream, event, 0);
  });
  expect("other streams", Success, [&] { return d.cuStreamSynchronize(other); }, false);
  EXPECT_EQ(d.cuStreamBeginCapture_v2(nullptr, CaptureGlobal), CaptureUnsupported);
  EXPECT_EQ(end(), IllegalState);
  EXPECT_EQ(d.cuStreamBeginCapture_v2(blocking, CaptureRelaxed), Success);
  EXPECT_EQ(d.cuMemsetD8Async(a, 0, 4, nullptr), CaptureImplicit);
  EXPECT_EQ(d.cuStreamEndCapture(blocking, &graph), CaptureInvalidated);
  EXPECT_EQ(begin(CaptureRelaxed), Success);
  EXPECT_EQ(d.cuMemAlloc_v2(&none, 4), Success);
  EXPECT_EQ(end(), Success);
  EXPECT_EQ(d.cuMemFree_v2(none), Success);
}

TEST_P(StandInGraph, AGraphFindsMemoryThatIsGone) {
  DevicePointer a = 0;
  ASSERT_EQ(d.cuMemAlloc_v2(&a, 128), Success);
  EXPECT_EQ(begin(), Success);
  EXPECT_EQ(launch("addOne", stream, a, a), Success);
  EXPECT_EQ(end(), Success);
  ASSERT_EQ(d.cuGraphInstantiateWithFlags(&exec, graph, 0), Success);
  EXPECT_EQ(d.cuMemFree_v2(a), Success);
  EXPECT_EQ(d.cuGraphLaunch(exec, stream), Success);
  EXPECT_EQ(d.cuStreamSynchronize(stream), IllegalAddress);
  EXPECT_NE(std::string(d.axiomStandInLastFault()).find("no global memory lies there"),
            std::string::npos)
      << d.axiomStandInLastFault();
}

} // namespace axiom::standin
