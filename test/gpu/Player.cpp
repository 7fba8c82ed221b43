#include "test/gpu/Player.h"

#include "runtime/base/MappedFile.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace axiom::replay {

namespace fs = std::filesystem;

namespace {

/// Behind every segment, with a value of their own: a kernel that writes there is found out.
constexpr uint64_t kGuard = 256;
constexpr uint8_t kGuardByte = 0xa5;
/// More than this a kernel gets only after it was asked for.
constexpr uint32_t kPlainShared = 48 * 1024;
/// Wrong segments of a case that are told.
constexpr size_t kMostProblems = 8;

Result<std::vector<uint8_t>> readFile(const std::string &path) {
  AXIOM_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return std::vector<uint8_t>(file.bytes().begin(), file.bytes().end());
}

std::string describe(const Difference &d, const Blob &want, Compare how) {
  const bool bytes = how == Compare::Bytes;
  const unsigned unit = how == Compare::F32 ? 4 : how == Compare::F16 ? 2 : 1;
  return format("%llu of %llu %s differ, the first at byte %llu: found %s, expected %s%s",
                static_cast<unsigned long long>(d.count),
                static_cast<unsigned long long>(want.size / unit), bytes ? "bytes" : "numbers",
                static_cast<unsigned long long>(d.first), d.found.c_str(), d.expected.c_str(),
                bytes ? "" : " (bytes in their order)");
}

} // namespace

Result<std::unique_ptr<Folder>> Folder::open(const std::string &path) {
  auto folder = std::make_unique<Folder>();
  folder->path = path;
  const std::string name = path + "/" + kPackName;
  AXIOM_ASSIGN_OR_RETURN(folder->file, readFile(name));
  Result<Pack> pack = parsePack(folder->file);
  if (!pack.ok())
    return pack.status().withContext(name);
  folder->pack = std::move(pack).value();
  std::string missing;
  for (const std::string &arch : folder->pack.archs) {
    bool whole = true;
    for (const std::string &module : folder->pack.modules) {
      const std::string file = path + "/" + moduleFile(module, arch);
      std::error_code error;
      if (!fs::is_regular_file(file, error)) {
        whole = false;
        missing = file;
      }
    }
    if (whole)
      folder->archs.push_back(arch);
  }
  if (folder->archs.empty())
    return Status(Code::NotFound, path + ": no architecture has all its modules, " + missing +
                                      " is missing: record it anew with gpu-record");
  return folder;
}

Status Player::load(uint32_t number) {
  const std::string name = moduleFile(folder.pack.modules[number], arch);
  AXIOM_ASSIGN_OR_RETURN(std::vector<uint8_t> image, readFile(folder.path + "/" + name));
  image.push_back(0); // the end of PTX text
  cuda::ModuleHandle handle = nullptr;
  char log[1024] = {}; // of the driver's PTX compiler
  int options[] = {cuda::kJitErrorLog, cuda::kJitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log - 1)};
  Status status =
      context->check("cuModuleLoadDataEx",
                     gpu->driver().cuModuleLoadDataEx(&handle, image.data(), 2, options, values));
  if (!status.ok()) {
    std::replace(log, log + sizeof log, '\n', ' ');
    return status.withContext(name + (log[0] ? std::string("; the driver: ") + log : ""));
  }
  module = cuda::Module(context, handle);
  return Status::okStatus();
}

Status Player::prepare(const Case &c) {
  if (!context) {
    AXIOM_ASSIGN_OR_RETURN(context, cuda::Context::create(gpu));
  }
  if (loaded == c.module)
    return Status::okStatus();
  cuda::Current current(*context);
  AXIOM_RETURN_IF_ERROR(context->check("cuCtxPushCurrent", current.error()));
  module = cuda::Module();
  loaded = c.module;
  whyNot = load(c.module).message();
  return Status::okStatus();
}

std::vector<std::string> Player::play(const Case &c) {
  if (!whyNot.empty())
    return {whyNot};
  std::vector<std::string> problems;
  Status status = run(c, problems);
  if (!status.ok())
    problems.push_back(status.message());
  if (!status.ok() && !context->synchronize().ok()) {
    problems.push_back("the context is broken; the next case has a new one");
    module = cuda::Module();
    loaded = kNone;
    context.reset();
  }
  return problems;
}

Status Player::run(const Case &c, std::vector<std::string> &problems) {
  cuda::Current current(*context);
  AXIOM_RETURN_IF_ERROR(context->check("cuCtxPushCurrent", current.error()));
  const cuda::Driver &driver = gpu->driver();
  AXIOM_ASSIGN_OR_RETURN(cuda::Stream stream, cuda::createStream(context));
  std::vector<cuda::DeviceMemory> memory;
  for (const Segment &segment : c.segments) {
    const Blob &blob = folder.pack.blobs[segment.before];
    AXIOM_ASSIGN_OR_RETURN(cuda::DeviceMemory made,
                           cuda::allocateDevice(context, blob.size + kGuard, segment.name.c_str()));
    if (blob.fill)
      AXIOM_CUDA(*gpu, cuMemsetD8Async, made.get(), blob.value, blob.size, stream.get());
    else
      AXIOM_CUDA(*gpu, cuMemcpyHtoDAsync, made.get(), blob.bytes.data(), blob.size, stream.get());
    AXIOM_CUDA(*gpu, cuMemsetD8Async, made.get() + blob.size, kGuardByte, kGuard, stream.get());
    memory.push_back(std::move(made));
  }
  for (const Launch &launch : c.launches) {
    cuda::FunctionHandle function = nullptr;
    Status found =
        context->check("cuModuleGetFunction",
                       driver.cuModuleGetFunction(&function, module.get(), launch.symbol.c_str()));
    if (!found.ok())
      return found.withContext("kernel " + launch.symbol);
    if (launch.sharedBytes > kPlainShared)
      AXIOM_CUDA(*gpu, cuFuncSetAttribute, function, cuda::kMaxDynamicShared,
                 static_cast<int>(launch.sharedBytes));
    alignas(16) unsigned char parameter[4096];
    std::copy(launch.parameter.begin(), launch.parameter.end(), parameter);
    for (const Relocation &relocation : launch.relocations) {
      const cuda::DevicePointer address = memory[relocation.segment].get() + relocation.offset;
      std::memcpy(parameter + relocation.place, &address, sizeof address);
    }
    void *parameters[] = {parameter};
    Status launched = context->check("cuLaunchKernel",
                                     driver.cuLaunchKernel(function, launch.grid, 1, 1,
                                                           launch.threads, 1, 1, launch.sharedBytes,
                                                           stream.get(), parameters, nullptr));
    if (!launched.ok())
      return launched.withContext("kernel " + launch.symbol);
  }
  AXIOM_CUDA(*gpu, cuStreamSynchronize, stream.get());
  for (size_t i = 0; i < c.segments.size() && problems.size() < kMostProblems; ++i) {
    const Segment &segment = c.segments[i];
    const Blob &before = folder.pack.blobs[segment.before];
    std::vector<uint8_t> found(before.size + kGuard);
    AXIOM_CUDA(*gpu, cuMemcpyDtoHAsync, found.data(), memory[i].get(), found.size(), stream.get());
    AXIOM_CUDA(*gpu, cuStreamSynchronize, stream.get());
    const Blob &want =
        segment.readOnly || segment.after == kNone ? before : folder.pack.blobs[segment.after];
    const Compare how = segment.readOnly ? Compare::Bytes : segment.compare;
    if (segment.readOnly || segment.after != kNone)
      if (auto difference = compare(want, found, how))
        problems.push_back(segment.name +
                           (segment.readOnly ? " is an input that was written to: " : ": ") +
                           describe(*difference, want, how));
    if (std::any_of(found.end() - kGuard, found.end(),
                    [](uint8_t byte) { return byte != kGuardByte; }))
      problems.push_back(format("%s: bytes behind its end (%llu) were written",
                                segment.name.c_str(),
                                static_cast<unsigned long long>(before.size)));
  }
  return Status::okStatus();
}

} // namespace axiom::replay
