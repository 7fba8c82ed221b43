// Loads a library of kernels for the twin (twin/Door.h) and binds it to the twin of this program.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_LIBRARY_H
#define AXIOM_CODEGEN_CUDA_TWIN_LIBRARY_H

#include "codegen/cuda/twin/Door.h"
#include "runtime/base/Status.h"

#include <memory>
#include <string>

namespace axiom::twin {

class Library {
public:
  /// `bytes` is the library's file; it is not needed afterwards. Its code is trusted.
  static Result<std::unique_ptr<Library>> load(const void *bytes, size_t size);
  ~Library();
  Library(const Library &) = delete;
  Library &operator=(const Library &) = delete;

  /// Null: there is no kernel of this name. Lives as long as the library.
  const AxmTwinKernel *find(const std::string &name) const;
  /// For the LaunchOptions of its kernels. So only one launch at a time may be of this library.
  AxmTwinPlace *place() const { return table.place; }

private:
  Library(void *handle, const AxmTwinLibrary &table) : handle(handle), table(table) {}
  void *handle;
  const AxmTwinLibrary &table;
};

} // namespace axiom::twin

#endif
