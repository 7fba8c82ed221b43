// Uses the driver that LD_LIBRARY_PATH gives, as any program would, and prints what it finds:
// devices, memory, capability, version. Then allocates as often as its argument says, and frees all
// but the last one.
#include "test/standin/Api.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

template <typename F> F *find(void *library, const char *name) {
  void *address = dlsym(library, name);
  if (!address) {
    printf("no %s\n", name);
    exit(2);
  }
  return reinterpret_cast<F *>(address);
}

} // namespace

int main(int argc, char **argv) {
  using namespace axiom::standin;
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    printf("%s\n", dlerror());
    return 2;
  }
#define FIND(name) auto *name = find<decltype(::name)>(library, #name)
  FIND(cuInit);
  FIND(cuDriverGetVersion);
  FIND(cuDeviceGetCount);
  FIND(cuDeviceTotalMem_v2);
  FIND(cuDeviceGetAttribute);
  FIND(cuDevicePrimaryCtxRetain);
  FIND(cuDevicePrimaryCtxRelease_v2);
  FIND(cuCtxSetCurrent);
  FIND(cuMemAlloc_v2);
  FIND(cuMemFree_v2);
#undef FIND
  if (int error = cuInit(0)) {
    printf("cuInit %d\n", error);
    return 0;
  }
  int devices = 0, major = -1, minor = -1, version = 0;
  size_t bytes = 0;
  ContextHandle context = nullptr;
  cuDeviceGetCount(&devices);
  cuDeviceTotalMem_v2(&bytes, devices - 1);
  cuDeviceGetAttribute(&major, 75, 0);
  cuDeviceGetAttribute(&minor, 76, 0);
  cuDriverGetVersion(&version);
  printf("%d devices of %zu bytes, %d.%d, driver %d\n", devices, bytes, major, minor, version);
  cuDevicePrimaryCtxRetain(&context, 0);
  cuCtxSetCurrent(context);
  std::vector<DevicePointer> pointers;
  for (int i = 0; i < (argc > 1 ? atoi(argv[1]) : 0); ++i) {
    DevicePointer pointer = 0;
    int error = cuMemAlloc_v2(&pointer, 100);
    printf("alloc %d\n", error);
    if (pointer)
      pointers.push_back(pointer);
  }
  for (size_t i = 0; i + 1 < pointers.size(); ++i)
    cuMemFree_v2(pointers[i]);
  if (pointers.empty())
    cuDevicePrimaryCtxRelease_v2(0);
  return 0;
}
