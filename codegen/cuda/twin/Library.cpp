#include "codegen/cuda/twin/Library.h"

#include "codegen/cuda/twin/Calls.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace axiom::twin {

static_assert(sizeof(Operands) == sizeof(uint32_t) * (kMostIn + kMostOut),
              "the door passes operands as an array");

static const AxmTwinCalls kCalls = {
    threadIndex,
    blockThreads,
    blockIndex,
    gridBlocks,
    [](const void *from, void *to, size_t bytes, int kind, int site) {
      readGlobal(from, to, bytes, static_cast<Read>(kind), site);
    },
    writeGlobal,
    readShared,
    writeShared,
    copyAsync,
    copyCommit,
    copyWait,
    [](int kind, uint32_t mask, uint32_t *operands, int site) {
      meet(static_cast<Meeting>(kind), mask, *reinterpret_cast<Operands *>(operands), site);
    },
    blockSync,
    takeTicket,
    waitFor,
    countDot,
};

/// The dynamic linker knows a library by its path, so a path of one that is loaded would give that
/// one: the number of a closed file comes again.
static void *open(int file) {
  std::string path = "/proc/self/fd/" + std::to_string(file);
  void *other = dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (!other)
    return dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  dlclose(other);
  int next = dup(file);
  void *handle = next < 0 ? nullptr : open(next);
  close(next);
  return handle;
}

Result<std::unique_ptr<Library>> Library::load(const void *bytes, size_t size) {
  // A file without a name: nothing is left behind, whatever happens.
  int file = memfd_create("axiom-twin", MFD_CLOEXEC);
  if (file < 0)
    return Status(Code::Resource, "no file in memory for a library of the host twin");
  auto *from = static_cast<const char *>(bytes);
  for (size_t done = 0; done < size;) {
    ssize_t wrote = write(file, from + done, size - done);
    if (wrote <= 0) {
      close(file);
      return Status(Code::Resource,
                    "no memory for a library of the host twin, " + std::to_string(size) + " bytes");
    }
    done += static_cast<size_t>(wrote);
  }
  void *handle = open(file);
  std::string why = handle ? "" : dlerror();
  close(file);
  if (!handle)
    return Status(Code::BadInput, "a library for the host twin cannot be loaded: " + why);
  auto *table = static_cast<const AxmTwinLibrary *>(dlsym(handle, AXM_TWIN_SYMBOL));
  if (!table || table->magic != AXM_TWIN_MAGIC || table->version != AXM_TWIN_VERSION ||
      table->callsBytes != sizeof(AxmTwinCalls)) {
    dlclose(handle);
    return Status(Code::BadInput, "not a library for this host twin: it was made for another "
                                  "version, compile it again");
  }
  table->bind(&kCalls);
  return std::unique_ptr<Library>(new Library(handle, *table));
}

Library::~Library() { dlclose(handle); }

const AxmTwinKernel *Library::find(const std::string &name) const {
  for (uint32_t i = 0; i < table.numKernels; ++i)
    if (name == table.kernels[i].name)
      return &table.kernels[i];
  return nullptr;
}

} // namespace axiom::twin
