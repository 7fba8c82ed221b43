#include "codegen/cuda/HostCompiler.h"

#include "codegen/TemporaryFolder.h"
#include "codegen/cuda/DeviceHeaders.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace axiom::codegen {

namespace fs = std::filesystem;

namespace {

bool writeFile(const fs::path &path, const std::string &text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return file.good();
}

std::string readFile(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/// The compiler's command; empty: there is none.
std::vector<std::string> compilerCommand() {
  std::vector<std::string> command;
  if (const char *named = getenv("CXX")) {
    std::istringstream words(named);
    for (std::string word; words >> word;)
      command.push_back(word);
    if (!command.empty())
      return command;
  }
  const char *path = getenv("PATH");
  for (const char *name : {"c++", "g++", "clang++"}) {
    std::istringstream folders(path ? path : "");
    for (std::string folder; std::getline(folders, folder, ':');)
      if (std::string file = folder + "/" + name; access(file.c_str(), X_OK) == 0)
        return {file};
  }
  return {};
}

/// The kernels of a source as rows of twin/Door.h's table.
std::string kernelRows(const std::string &source) {
  std::istringstream lines(source);
  std::string rows;
  constexpr char kEntry[] = "AXIOM_KERNEL(";
  for (std::string line; std::getline(lines, line);) {
    if (line.compare(0, sizeof(kEntry) - 1, kEntry) != 0)
      continue;
    std::string threads = line.substr(sizeof(kEntry) - 1);
    threads.resize(threads.find(','));
    size_t begin = line.find(") ") + 2;
    std::string name = line.substr(begin, line.find('(', begin) - begin);
    // A template of codegen/cuda/kernels may have the same name.
    rows += "    axiom::twin::Kernel<static_cast<void (*)(Launch)>(" + name + ")>::row(\"" + name +
            "\", " + threads + "),\n";
  }
  return rows;
}

/// Runs a command in a folder with its output in the file `log` there. Gives its exit status, or
/// -1 and errno.
int run(const std::vector<std::string> &command, const std::string &folder) {
  std::vector<char *> arguments;
  for (const std::string &word : command)
    arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0)
    return -1;
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  // This thread may block signals; the compiler shall end by them and remove what is its own.
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int error = posix_spawnattr_init(&attributes);
  pid_t child = 0;
  if (error == 0) {
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    error = posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  errno = error;
  if (error != 0)
    return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Status writeSources(const fs::path &folder, const std::string &name, const std::string &source,
                    const std::string &rows) {
  auto add = [&](const DeviceHeader &header) {
    fs::path path = folder / header.name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    return writeFile(path, header.text);
  };
  bool written = true;
  for (const DeviceHeader &header : deviceHeaders())
    written = written && add(header);
  for (const DeviceHeader &header : twinHeaders())
    written = written && add(header);
  std::string text =
      "#include \"codegen/cuda/twin/Module.h\"\n#line 1 \"" + name + "\"\n" + source +
      "\nnamespace axiom::device {\nstatic constexpr AxmTwinKernel kKernels[] = {\n" + rows +
      "};\nAXIOM_TWIN_LIBRARY(kKernels)\n} // namespace axiom::device\n";
  if (!written || !writeFile(folder / "kernels.cpp", text))
    return Status(Code::Resource, "cannot write to " + folder.string() +
                                      ": is the disk full? TMPDIR may name another place");
  return Status::okStatus();
}

} // namespace

Result<std::string> compileForTwin(const std::string &name, const std::string &source) {
  std::vector<std::string> command = compilerCommand();
  if (command.empty())
    return Status(Code::Unsupported,
                  "compiling for the host twin needs a C++ compiler, and there is no c++, g++ or "
                  "clang++ on PATH: install one, or name it in the environment variable CXX");
  std::string rows = kernelRows(source);
  if (rows.empty())
    return Status(Code::InvalidArgument, name + " has no kernel for the host twin");
  TemporaryFolder folder("axiom-twin");
  AXIOM_RETURN_IF_ERROR(folder.status());
  AXIOM_RETURN_IF_ERROR(writeSources(folder.path(), name, source, rows));
  const std::string compiler = command[0];
  // The numerics contract: an fma only where it is written. No name of a place, no time and no
  // number of the build gets into the library.
  for (const char *option :
       {"-std=c++20", "-O1", "-ffp-contract=off", "-fno-fast-math", "-fPIC", "-shared", "-w",
        "-fvisibility=hidden", "-fno-exceptions", "-frandom-seed=axiom", "-I.",
        "-Wl,--build-id=none", "-Wl,-s", "-Wl,--as-needed", "-Wl,-z,defs",
#ifdef __x86_64__
        "-mfma", // std::fma as an instruction
#endif
        "-o", "kernels.so", "kernels.cpp"})
    command.push_back(option);
  int status = run(command, folder.path().string());
  if (status < 0)
    return Status(errno == ENOENT || errno == EACCES ? Code::Unsupported : Code::Resource,
                  "the C++ compiler " + compiler + " cannot be started: " + std::strerror(errno) +
                      "; the environment variable CXX may name another");
  std::string library = status == 0 ? readFile(folder.path() / "kernels.so") : std::string();
  if (library.empty())
    return Status(status == 127 ? Code::Unsupported : Code::Internal,
                  name + " for the host twin: " + compiler + " ended with status " +
                      std::to_string(status) + "\n" + readFile(folder.path() / "log"));
  return library;
}

} // namespace axiom::codegen
