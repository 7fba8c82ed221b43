// gpu-record: writes the cases of the device functions and of the kernels with their modules for
// chosen architectures, for gpu-replay (test/gpu/Replay.h).
#include "test/gpu/Record.h"

#include "codegen/cuda/CudaImage.h"
#include "runtime/base/MappedFile.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>

using namespace axiom;
namespace fs = std::filesystem;

namespace {

Status writeFile(const fs::path &path, const void *data, size_t size) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(static_cast<const char *>(data), static_cast<std::streamsize>(size));
  file.close();
  if (!file)
    return Status(Code::Resource, "cannot write " + path.string() + ": " + std::strerror(errno));
  return Status::okStatus();
}

/// Every module for every architecture, as many at a time as there are cores.
Status compileAll(const std::vector<replay::ModuleSource> &modules,
                  const std::vector<std::string> &archs, const fs::path &folder, uint64_t &bytes) {
  struct Job {
    const replay::ModuleSource *module;
    const std::string *arch;
  };
  std::vector<Job> jobs;
  for (const std::string &arch : archs)
    for (const replay::ModuleSource &module : modules)
      jobs.push_back({&module, &arch});
  std::mutex mutex;
  size_t next = 0;
  Status result;
  auto work = [&] {
    for (;;) {
      std::unique_lock lock(mutex);
      if (next == jobs.size() || !result.ok())
        return;
      const Job job = jobs[next++];
      printf("[%zu/%zu] %s for %s\n", next, jobs.size(), job.module->name.c_str(),
             job.arch->c_str());
      fflush(stdout);
      lock.unlock();
      Result<std::string> image = codegen::compileCudaModule(job.module->text, *job.arch);
      Status status = image.ok()
                          ? writeFile(folder / replay::moduleFile(job.module->name, *job.arch),
                                      image->data(), image->size())
                          : image.status();
      lock.lock();
      bytes += image.ok() ? image->size() : 0;
      if (result.ok())
        result = status;
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i)
    threads.emplace_back(work);
  for (std::thread &thread : threads)
    thread.join();
  return result;
}

Status record(const fs::path &folder, const std::vector<std::string> &archs,
              const std::function<Status(replay::Recording &)> &make) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return Status(Code::Resource,
                  "cannot make the folder " + folder.string() + ": " + error.message());
  replay::Recording recording;
  AXIOM_RETURN_IF_ERROR(make(recording));
  const std::vector<uint8_t> pack = recording.pack.finish(archs);
  if (Result<replay::Pack> again = replay::parsePack(pack); !again.ok())
    return again.status().withContext("what was recorded");
  printf("%s: %zu cases, %.1f MB\n", folder.filename().c_str(), recording.pack.cases(),
         double(pack.size()) / 1e6);
  uint64_t bytes = pack.size();
  // The pack last: with it the folder is whole.
  fs::remove(folder / replay::kPackName, error);
  AXIOM_RETURN_IF_ERROR(compileAll(recording.modules, archs, folder, bytes));
  AXIOM_RETURN_IF_ERROR(writeFile(folder / replay::kPackName, pack.data(), pack.size()));
  printf("%s: %zu modules, %.1f MB with the cases\n", folder.filename().c_str(),
         recording.modules.size(), double(bytes) / 1e6);
  return Status::okStatus();
}

/// A changed wrappers.cuh, to see that gpu-replay finds what it does wrong.
Status compileFile(const std::string &source, const std::vector<std::string> &archs,
                   const fs::path &folder) {
  AXIOM_ASSIGN_OR_RETURN(std::string text, readSmallFile(source, 1 << 20));
  std::error_code error;
  fs::create_directories(folder, error);
  uint64_t bytes = 0;
  return compileAll({{"wrappers", text}}, archs, folder, bytes);
}

} // namespace

int main(int argc, char **argv) {
  std::string out, part, source;
  std::vector<std::string> archs;
  bool quick = false;
  std::vector<std::string> known = codegen::cudaArchs();
  known.push_back(codegen::kHostArch);
  CLI::App app("Writes cases of the device functions and of the kernels, for gpu-replay",
               "gpu-record");
  app.add_option("OUT_DIR", out, "Folder to write")->required();
  app.add_option("--arch", archs, "Architectures, or host for the stand-in driver")
      ->required()
      ->delimiter(',')
      ->check(CLI::IsMember(known));
  app.add_option("--part", part, "One of both")->check(CLI::IsMember({"wrappers", "kernels"}));
  app.add_flag("--quick", quick, "Some of the kernels");
  app.add_option("--wrappers", source, "Compile this file for its place, without cases");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  setenv("CXX", AXIOM_HOST_COMPILER, 0);
  if (!source.empty()) {
    Status status = compileFile(source, archs, fs::path(out) / "wrappers");
    if (!status.ok())
      fprintf(stderr, "gpu-record: %s\n", status.message().c_str());
    return status.ok() ? 0 : 1;
  }
  for (bool wrappers : {true, false}) {
    if (!part.empty() && part != (wrappers ? "wrappers" : "kernels"))
      continue;
    Status status =
        wrappers
            ? record(fs::path(out) / "wrappers", archs,
                     [&](auto &recording) { return recordWrappers(recording, AXIOM_GPU_WRAPPERS); })
            : record(fs::path(out) / "kernels", archs,
                     [&](auto &recording) { return recordKernels(recording, quick); });
    if (!status.ok()) {
      fprintf(stderr, "gpu-record: %s\n", status.message().c_str());
      return 1;
    }
  }
  return 0;
}
