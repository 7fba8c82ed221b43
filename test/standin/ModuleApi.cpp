// Modules, their functions, launches. Modules are libraries that codegen/cuda/HostCompiler.h made.
#include "test/standin/Queue.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

using namespace axiom::standin;

/// The bytes of a 64-bit ELF file, which its headers tell: up to the end of its last section or
/// table.
static size_t elfBytes(const void *image) {
  auto *bytes = static_cast<const char *>(image);
  Elf64_Ehdr header;
  std::memcpy(&header, bytes, sizeof(header));
  size_t end = header.e_shoff + static_cast<size_t>(header.e_shnum) * header.e_shentsize;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    std::memcpy(&segment, bytes + header.e_phoff + i * header.e_phentsize, sizeof(segment));
    end = std::max(end, static_cast<size_t>(segment.p_offset + segment.p_filesz));
  }
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    std::memcpy(&section, bytes + header.e_shoff + i * header.e_shentsize, sizeof(section));
    if (section.sh_type != SHT_NOBITS)
      end = std::max(end, static_cast<size_t>(section.sh_offset + section.sh_size));
  }
  return end;
}

static int loadModule(const Entry &entry, ModuleHandle *module, const void *image) {
  if (int refused = entry.refusedByCapture())
    return refused;
  constexpr uint16_t kCubinMachine = 190;
  if (std::memcmp(image, ELFMAG, SELFMAG) != 0) {
    bool text = std::memcmp(image, "//", 2) == 0 || std::memcmp(image, ".version", 8) == 0;
    state().complain(text ? "PTX cannot be run here, only modules for cuda:host"
                          : "a module is neither an ELF file nor PTX");
    return text ? InvalidPtx : InvalidImage;
  }
  uint16_t machine;
  std::memcpy(&machine, static_cast<const char *>(image) + offsetof(Elf64_Ehdr, e_machine), 2);
  if (machine == kCubinMachine) {
    state().complain("a cubin cannot be run here, only modules for cuda:host");
    return NoBinaryForGpu;
  }
  auto library = axiom::twin::Library::load(image, elfBytes(image));
  if (!library.ok()) {
    state().complain(library.status().message());
    return InvalidImage;
  }
  auto made = std::make_shared<Module>();
  made->library = std::move(*library);
  entry.context->modules.add(module, made);
  return Success;
}

/// The log's options, if they are there, become the text and its size.
static void writeLog(int buffer, int bytes, const std::string &text, unsigned numOptions,
                     const int *options, void **values) {
  const int *end = options + numOptions;
  const int *to = std::find(options, end, buffer), *size = std::find(options, end, bytes);
  if (to == end || size == end)
    return;
  void *&room = values[size - options];
  size_t written = std::min(text.size(), reinterpret_cast<size_t>(room));
  std::memcpy(values[to - options], text.data(), written);
  room = reinterpret_cast<void *>(written);
}

int cuModuleLoadData(ModuleHandle *module, const void *image) {
  AXIOM_ENTRY(Context);
  return module && image ? loadModule(entry, module, image) : static_cast<int>(InvalidValue);
}

int cuModuleLoadDataEx(ModuleHandle *module, const void *image, unsigned numOptions, int *options,
                       void **values) {
  AXIOM_ENTRY(Context);
  if (!module || !image || (numOptions > 0 && (!options || !values)))
    return InvalidValue;
  auto has = [&](int option) { return std::count(options, options + numOptions, option); };
  if (has(kErrorLog) != has(kErrorLogBytes) || has(kInfoLog) != has(kInfoLogBytes))
    return InvalidValue;
  int error = loadModule(entry, module, image);
  std::string log = error ? state().lastFault : "";
  writeLog(kErrorLog, kErrorLogBytes, log, numOptions, options, values);
  writeLog(kInfoLog, kInfoLogBytes, "", numOptions, options, values);
  return error;
}

int cuModuleUnload(ModuleHandle module) {
  AXIOM_ENTRY(Teardown);
  if (int refused = entry.refusedByCapture())
    return refused;
  Context &context = *entry.context;
  auto own = context.modules.find(module);
  if (!own)
    return InvalidHandle;
  if (!entry.result && inUse(context, *own)) {
    state().complain("a module is unloaded while a kernel of it waits to be run");
    return InvalidValue;
  }
  std::erase_if(context.functions.items,
                [&](const auto &item) { return item.second->module == own; });
  context.modules.erase(module);
  return entry.result;
}

int cuModuleGetFunction(FunctionHandle *function, ModuleHandle module, const char *name) {
  AXIOM_ENTRY(Context);
  if (!function || !name)
    return InvalidValue;
  auto own = entry.context->modules.find(module);
  if (!own)
    return InvalidHandle;
  const AxmTwinKernel *kernel = own->library->find(name);
  if (!kernel)
    return NotFound;
  // The same function each time.
  for (const auto &[handle, known] : entry.context->functions.items)
    if (known->kernel == kernel) {
      *function = reinterpret_cast<FunctionHandle>(handle);
      return Success;
    }
  auto made = std::make_shared<Function>();
  made->module = own;
  made->kernel = kernel;
  made->mostShared = kSharedDefault;
  entry.context->functions.add(function, made);
  return Success;
}

int cuFuncGetAttribute(int *value, int attribute, FunctionHandle function) {
  AXIOM_ENTRY(Context);
  if (!value)
    return InvalidValue;
  auto own = entry.context->functions.find(function);
  if (!own)
    return InvalidHandle;
  const Options &options = state().options;
  switch (attribute) {
  case MaxThreadsPerBlock:
    *value = static_cast<int>(own->kernel->threads);
    return Success;
  case SharedSizeBytes: // static
  case ConstSizeBytes:
  case LocalSizeBytes:
  case NumRegs:
  case CacheModeCa:
    *value = 0;
    return Success;
  case PtxVersion:
  case BinaryVersion:
    *value = 10 * options.major + options.minor;
    return Success;
  case MaxDynamicSharedSizeBytes:
    *value = own->mostShared;
    return Success;
  case PreferredSharedMemoryCarveout:
    *value = -1;
    return Success;
  }
  return InvalidValue;
}

int cuFuncSetAttribute(FunctionHandle function, int attribute, int value) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->functions.find(function);
  if (!own)
    return InvalidHandle;
  if (attribute == MaxDynamicSharedSizeBytes && value >= 0 && value <= kSharedMost)
    own->mostShared = value;
  else if (attribute != PreferredSharedMemoryCarveout || value < -1 || value > 100)
    return InvalidValue;
  return Success;
}

/// The parameters' bytes, from an array of addresses or from a buffer; empty: neither is right.
static std::vector<uint64_t> parametersOf(const AxmTwinKernel &kernel, void **parameters,
                                          void **extra) {
  const void *from = parameters && !extra ? parameters[0] : nullptr;
  if (extra && !parameters) { // pairs of a key (1: the buffer, 2: its size) and a value, then 0
    size_t bytes = 0;
    for (; *extra; extra += 2) {
      auto key = reinterpret_cast<uintptr_t>(*extra);
      if (key == 1)
        from = extra[1];
      else if (key == 2)
        bytes = *static_cast<size_t *>(extra[1]);
    }
    if (bytes != kernel.parameterBytes)
      return {};
  }
  if (!from)
    return {};
  std::vector<uint64_t> words((kernel.parameterBytes + 7) / 8);
  std::memcpy(words.data(), from, kernel.parameterBytes);
  return words;
}

int cuLaunchKernel(FunctionHandle function, unsigned gridX, unsigned gridY, unsigned gridZ,
                   unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
                   StreamHandle stream, void **parameters, void **extra) {
  AXIOM_ENTRY(Context);
  Context &context = *entry.context;
  auto own = context.functions.find(function);
  auto on = context.stream(stream);
  if (!own || !on)
    return InvalidHandle;
  auto wrong = [&](const std::string &what, int error) {
    state().complain(std::string("a launch of ") + own->kernel->name + " with " + what);
    return error;
  };
  if (gridX == 0 || gridY != 1 || gridZ != 1 || gridX > 0x7fffffffu)
    return wrong("a grid of " + std::to_string(gridX) + " x " + std::to_string(gridY) + " x " +
                     std::to_string(gridZ) + " blocks; there have to be some, in x only",
                 InvalidValue);
  if (blockX == 0 || blockY != 1 || blockZ != 1 || blockX > 1024)
    return wrong("blocks of " + std::to_string(blockX) + " x " + std::to_string(blockY) + " x " +
                     std::to_string(blockZ) + " threads; there have to be 1 to 1024, in x only",
                 InvalidValue);
  if (blockX > own->kernel->threads)
    return wrong(std::to_string(blockX) + " threads to a block; it is compiled for " +
                     std::to_string(own->kernel->threads),
                 LaunchOutOfResources);
  if (sharedBytes > static_cast<unsigned>(own->mostShared))
    return wrong(std::to_string(sharedBytes) + " bytes of shared memory; its attribute allows " +
                     std::to_string(own->mostShared),
                 InvalidValue);
  auto work = std::make_shared<Launch>();
  work->parameters = parametersOf(*own->kernel, parameters, extra);
  if (work->parameters.empty())
    return wrong("no parameters", InvalidValue);
  work->function = own;
  work->blocks = gridX;
  work->threads = blockX;
  work->sharedBytes = sharedBytes;
  return enqueue(context, on, work);
}
