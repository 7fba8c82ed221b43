#include "runtime/base/SharedLibrary.h"

#include <dlfcn.h>

namespace axiom {

Result<SharedLibrary> SharedLibrary::open(const char *name) {
  if (void *handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL))
    return SharedLibrary(handle);
  const char *why = ::dlerror();
  return Status(Code::NotFound, why ? why : format("%s can't be loaded", name));
}

void *SharedLibrary::symbol(const char *name) const { return ::dlsym(handle_, name); }

} // namespace axiom
