#include "codegen/cuda/Nvrtc.h"

#include "codegen/cuda/DeviceHeaders.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace axiom::codegen {

namespace {

/// The functions of NVRTC's C interface that are used; 0 is success.
struct Nvrtc {
  using Program = struct ProgramTag *;
  int (*version)(int *major, int *minor) = nullptr;
  const char *(*errorString)(int result) = nullptr;
  int (*createProgram)(Program *, const char *source, const char *name, int numHeaders,
                       const char *const *headers, const char *const *includeNames) = nullptr;
  int (*destroyProgram)(Program *) = nullptr;
  int (*compileProgram)(Program, int numOptions, const char *const *options) = nullptr;
  int (*logSize)(Program, size_t *) = nullptr;
  int (*log)(Program, char *) = nullptr;
  int (*cubinSize)(Program, size_t *) = nullptr;
  int (*cubin)(Program, char *) = nullptr;
  int (*ptxSize)(Program, size_t *) = nullptr;
  int (*ptx)(Program, char *) = nullptr;
};

constexpr const char *kLibraries[] = {"libnvrtc.so.13", "libnvrtc.so.12",
                                      "/usr/local/cuda/lib64/libnvrtc.so.13",
                                      "/usr/local/cuda/lib64/libnvrtc.so.12"};

/// The numerics contract: an fma only where it is written, subnormals kept, exact division and
/// root.
constexpr const char *kOptions[] = {"--std=c++20", "--fmad=false", "--ftz=false", "--prec-div=true",
                                    "--prec-sqrt=true"};

/// What tools/install-cuda-tools leaves: build/cuda-tools for a program in build/bin.
std::string installedLibrary() {
  std::error_code none;
  auto program = std::filesystem::read_symlink("/proc/self/exe", none);
  return program.parent_path().parent_path() / "cuda-tools/nvidia/cu13/lib/libnvrtc.so.13";
}

void *openLibrary(std::string &tried) {
  const char *named = getenv("AXIOM_NVRTC");
  auto open = [&](const char *path) {
    tried += std::string(tried.empty() ? "" : ", ") + path;
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
  };
  if (named && *named)
    return open(named);
  if (void *library = open(installedLibrary().c_str()))
    return library;
  for (const char *path : kLibraries)
    if (void *library = open(path))
      return library;
  return nullptr;
}

/// NVRTC opens its built-in functions by a bare name, which the system does not know where the
/// library lies in a folder of its own: the one beside it is opened first.
void openBuiltins(const Nvrtc &n) {
  Dl_info place;
  int major = 0, minor = 0;
  if (n.version(&major, &minor) != 0 || !dladdr(reinterpret_cast<void *>(n.version), &place))
    return;
  std::string name = "libnvrtc-builtins.so." + std::to_string(major) + "." + std::to_string(minor);
  dlopen((std::filesystem::path(place.dli_fname).parent_path() / name).c_str(),
         RTLD_NOW | RTLD_LOCAL);
}

Result<Nvrtc> load() {
  std::string tried;
  void *library = openLibrary(tried);
  if (!library)
    return Status(
        Code::Unsupported,
        "compiling for CUDA needs NVRTC, and none of " + tried +
            " can be loaded: tools/install-cuda-tools brings it into the build folder; or "
            "install the CUDA toolkit or the PyPI package nvidia-cuda-nvrtc, and name "
            "the libnvrtc.so.13 in AXIOM_NVRTC");
  Nvrtc n;
  std::string missing;
  auto find = [&](auto &function, const char *name) {
    void *address = dlsym(library, name);
    if (!address)
      missing = name;
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(address);
  };
  find(n.version, "nvrtcVersion");
  find(n.errorString, "nvrtcGetErrorString");
  find(n.createProgram, "nvrtcCreateProgram");
  find(n.destroyProgram, "nvrtcDestroyProgram");
  find(n.compileProgram, "nvrtcCompileProgram");
  find(n.logSize, "nvrtcGetProgramLogSize");
  find(n.log, "nvrtcGetProgramLog");
  find(n.cubinSize, "nvrtcGetCUBINSize");
  find(n.cubin, "nvrtcGetCUBIN");
  find(n.ptxSize, "nvrtcGetPTXSize");
  find(n.ptx, "nvrtcGetPTX");
  if (!missing.empty())
    return Status(Code::Unsupported, "the NVRTC library has no function " + missing +
                                         ": it is damaged or older than CUDA 12");
  openBuiltins(n);
  return n;
}

const Result<Nvrtc> &nvrtc() {
  static const Result<Nvrtc> loaded = load();
  return loaded;
}

/// A program of NVRTC's, destroyed at the end.
class Program {
public:
  explicit Program(const Nvrtc &n) : n(n) {}
  ~Program() {
    if (program)
      n.destroyProgram(&program);
  }
  Program(const Program &) = delete;
  Program &operator=(const Program &) = delete;

  int create(const std::string &name, const std::string &source) {
    std::vector<const char *> texts, names;
    for (const DeviceHeader &header : deviceHeaders()) {
      names.push_back(header.name);
      texts.push_back(header.text);
    }
    return n.createProgram(&program, source.c_str(), name.c_str(), static_cast<int>(names.size()),
                           texts.data(), names.data());
  }
  int compile(const std::vector<const char *> &options) {
    return n.compileProgram(program, static_cast<int>(options.size()), options.data());
  }
  std::string log() const { return text(n.logSize, n.log); }
  std::string cubin() const { return text(n.cubinSize, n.cubin); }
  std::string ptx() const { return text(n.ptxSize, n.ptx); }

private:
  const Nvrtc &n;
  Nvrtc::Program program = nullptr;

  std::string text(int (*size)(Nvrtc::Program, size_t *),
                   int (*get)(Nvrtc::Program, char *)) const {
    size_t bytes = 0;
    if (size(program, &bytes) != 0 || bytes == 0)
      return {};
    std::string result(bytes, '\0');
    return get(program, result.data()) == 0 ? result : std::string();
  }
};

} // namespace

Result<std::string> nvrtcVersion() {
  const Result<Nvrtc> &n = nvrtc();
  if (!n.ok())
    return n.status();
  int major = 0, minor = 0;
  if (int error = n->version(&major, &minor))
    return Status(Code::Internal, std::string("nvrtcVersion: ") + n->errorString(error));
  return std::to_string(major) + "." + std::to_string(minor);
}

Result<std::string> compileCuda(const std::string &name, const std::string &source,
                                const std::string &arch) {
  const Result<Nvrtc> &n = nvrtc();
  if (!n.ok())
    return n.status();
  Program program(*n);
  if (int error = program.create(name, source))
    return Status(Code::Internal, name + ": nvrtcCreateProgram: " + n->errorString(error));
  std::string target = "--gpu-architecture=" + arch;
  std::vector<const char *> options = {target.c_str()};
  options.insert(options.end(), std::begin(kOptions), std::end(kOptions));
  if (int error = program.compile(options)) {
    std::string log = program.log();
    Code code = log.find("invalid value for --gpu-architecture") != std::string::npos
                    ? Code::Unsupported
                    : Code::Internal;
    return Status(code, name + " for " + arch + ": " + n->errorString(error) + "\n" + log.c_str());
  }
  bool virtualArch = arch.rfind("compute_", 0) == 0;
  std::string image = virtualArch ? program.ptx() : program.cubin();
  if (image.empty())
    return Status(Code::Internal, name + " for " + arch + ": NVRTC gave no code");
  if (virtualArch)
    image.resize(image.find('\0') == std::string::npos ? image.size() : image.find('\0'));
  return image;
}

Result<std::string> cudaFingerprint() {
  // The version has no number of the build, the head of any PTX does.
  AXIOM_ASSIGN_OR_RETURN(std::string text, compileCuda("empty.cu", "", "compute_80"));
  for (const char *option : kOptions)
    text += std::string(option) + "\n";
  for (const DeviceHeader &header : deviceHeaders())
    text += std::string(header.name) + "\n" + header.text;
  return text;
}

} // namespace axiom::codegen
