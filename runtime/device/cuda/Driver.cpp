#include "runtime/device/cuda/Driver.h"

#include "runtime/base/SharedLibrary.h"

#include <cstring>

namespace axiom::cuda {

namespace {

constexpr const char *kLibrary = "libcuda.so.1";

template <typename F> bool find(const SharedLibrary &library, const char *name, F &function) {
  void *address = library.symbol(name);
  static_assert(sizeof address == sizeof function);
  std::memcpy(&function, &address, sizeof function);
  return address != nullptr;
}

Result<Driver> loadDriver() {
  auto library = SharedLibrary::open(kLibrary);
  if (!library.ok())
    return Status(Code::Unsupported,
                  format("a CUDA device was asked for, but there is no NVIDIA driver (%s): install "
                         "the driver for CUDA %s or later, or give --device=cpu",
                         library.status().message().c_str(), versionText(kOldestDriver).c_str()));
  Driver driver;
  const char *missing = nullptr;
#define AXIOM_CUDA_FIND(member, symbol, parameters)                                                \
  if (!find(*library, #symbol, driver.member) && !missing)                                         \
    missing = #symbol;
  AXIOM_CUDA_FUNCTIONS(AXIOM_CUDA_FIND)
#undef AXIOM_CUDA_FIND
  int version = 0;
  if (driver.cuDriverGetVersion && driver.cuDriverGetVersion(&version) == kSuccess &&
      version < kOldestDriver)
    return Status(Code::Unsupported,
                  format("the NVIDIA driver here is for CUDA %s; %s or later is needed: install a "
                         "newer driver, or give --device=cpu",
                         versionText(version).c_str(), versionText(kOldestDriver).c_str()));
  if (missing)
    return Status(Code::Unsupported,
                  format("%s has no function %s: install an NVIDIA driver for CUDA %s or later, or "
                         "give --device=cpu",
                         kLibrary, missing, versionText(kOldestDriver).c_str()));
  return driver;
}

} // namespace

std::string versionText(int version) {
  return format("%d.%d", version / 1000, version % 1000 / 10);
}

Result<const Driver *> Driver::load() {
  static const Result<Driver> driver = loadDriver();
  if (!driver.ok())
    return driver.status();
  return &*driver;
}

} // namespace axiom::cuda
