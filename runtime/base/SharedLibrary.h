// A shared library that is looked up while the program runs.
#ifndef AXIOM_RUNTIME_BASE_SHAREDLIBRARY_H
#define AXIOM_RUNTIME_BASE_SHAREDLIBRARY_H

#include "runtime/base/Status.h"

namespace axiom {

/// The library stays until the process ends. NotFound: what the loader says.
class SharedLibrary {
public:
  static Result<SharedLibrary> open(const char *name);

  /// Null: it has no such symbol.
  void *symbol(const char *name) const;

private:
  explicit SharedLibrary(void *handle) : handle_(handle) {}
  void *handle_;
};

} // namespace axiom

#endif
