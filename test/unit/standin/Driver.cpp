#include "test/unit/standin/Driver.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace axiom::standin {

const Driver &driver() {
  static const Driver loaded = [] {
    void *library = dlopen(AXIOM_STANDIN_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    Driver d = {};
    auto find = [&](auto &function, const char *name) {
      void *address = library ? dlsym(library, name) : nullptr;
      if (!address) {
        fprintf(stderr, "%s\n", dlerror());
        abort();
      }
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(address);
    };
#define AXIOM_STANDIN_FIND(name) find(d.name, #name);
    AXIOM_STANDIN_FUNCTIONS(AXIOM_STANDIN_FIND)
#undef AXIOM_STANDIN_FIND
    return d;
  }();
  return loaded;
}

const std::string &testModule() {
  static const std::string bytes = [] {
    std::ifstream file(AXIOM_STANDIN_MODULE, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }();
  return bytes;
}

StandIn::StandIn() {
  EXPECT_EQ(d.axiomStandInSet("AXIOM_STANDIN_MODE", GetParam()), Success);
  EXPECT_EQ(d.axiomStandInSetFault(""), Success);
  EXPECT_EQ(d.cuInit(0), Success);
  makeContext();
}

StandIn::~StandIn() {
  d.axiomStandInSetFault("");
  freeAll();
}

void StandIn::makeContext() {
  EXPECT_EQ(d.cuDevicePrimaryCtxRetain(&context, 0), Success);
  EXPECT_EQ(d.cuCtxSetCurrent(context), Success);
  EXPECT_EQ(d.cuModuleLoadDataEx(&module, testModule().data(), 0, nullptr, nullptr), Success);
  for (const char *name : {"addOne", "beyond", "crooked", "race", "shared"})
    EXPECT_EQ(d.cuModuleGetFunction(&functions[name], module, name), Success);
  stream = newStream();
}

void StandIn::freeAll() {
  for (StreamHandle s : streams)
    d.cuStreamDestroy_v2(s);
  for (EventHandle event : events)
    d.cuEventDestroy_v2(event);
  for (DevicePointer pointer : allocations)
    d.cuMemFree_v2(pointer);
  for (void *pointer : hostAllocations)
    d.cuMemFreeHost(pointer);
  d.cuModuleUnload(module);
  streams.clear();
  events.clear();
  allocations.clear();
  hostAllocations.clear();
  EXPECT_EQ(d.cuDevicePrimaryCtxRelease_v2(0), Success);
  EXPECT_STREQ(d.axiomStandInLeaks(), "");
  EXPECT_EQ(std::string(d.axiomStandInLastFault()).find("a context is released"),
            std::string::npos);
}

DevicePointer StandIn::allocate(size_t bytes) {
  DevicePointer pointer = 0;
  EXPECT_EQ(d.cuMemAlloc_v2(&pointer, bytes), Success);
  allocations.push_back(pointer);
  return pointer;
}

void *StandIn::allocateHost(size_t bytes) {
  void *pointer = nullptr;
  EXPECT_EQ(d.cuMemHostAlloc(&pointer, bytes, 0), Success);
  hostAllocations.push_back(pointer);
  return pointer;
}

StreamHandle StandIn::newStream(unsigned flags) {
  StreamHandle made = nullptr;
  EXPECT_EQ(d.cuStreamCreate(&made, flags), Success);
  streams.push_back(made);
  return made;
}

EventHandle StandIn::newEvent(unsigned flags) {
  EventHandle made = nullptr;
  EXPECT_EQ(d.cuEventCreate(&made, flags), Success);
  events.push_back(made);
  return made;
}

int StandIn::launch(const char *name, StreamHandle on, DevicePointer to, DevicePointer from,
                    unsigned blocks, unsigned sharedBytes) {
  AxmCudaLaunch parameters = {};
  parameters.args[0] = reinterpret_cast<void *>(to);
  parameters.args[1] = reinterpret_cast<void *>(from);
  void *list[] = {&parameters};
  return d.cuLaunchKernel(function(name), blocks, 1, 1, 32, 1, 1, sharedBytes, on, list, nullptr);
}

std::vector<uint32_t> StandIn::read(DevicePointer from, size_t words) {
  std::vector<uint32_t> values(words);
  EXPECT_EQ(d.cuMemcpyDtoHAsync_v2(values.data(), from, 4 * words, stream), Success);
  return values;
}

} // namespace axiom::standin
