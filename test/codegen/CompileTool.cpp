// cuda-compile FILE ARCH: the PTX (compute_80), cubin (sm_80) or library for the host twin (host)
// of a kernel source, on standard output; for tests. `cuda-compile --version` says which NVRTC
// there is.
#include "codegen/cuda/HostCompiler.h"
#include "codegen/cuda/Nvrtc.h"

#include <cstdio>
#include <fstream>
#include <sstream>

using namespace axiom;

static int fail(const Status &status) {
  fprintf(stderr, "cuda-compile: %s\n", status.message().c_str());
  return 1;
}

int main(int argc, char **argv) {
  if (argc == 2 && std::string(argv[1]) == "--version") {
    Result<std::string> version = codegen::nvrtcVersion();
    if (!version.ok())
      return fail(version.status());
    printf("NVRTC %s\n", version->c_str());
    return 0;
  }
  if (argc != 3) {
    fprintf(stderr, "usage: cuda-compile FILE ARCH | --version\n");
    return 2;
  }
  std::ifstream file(argv[1]);
  std::stringstream text;
  text << file.rdbuf();
  if (!file)
    return fail(Status(Code::NotFound, std::string("cannot read ") + argv[1]));
  std::string arch = argv[2];
  Result<std::string> image = arch == "host" ? codegen::compileForTwin(argv[1], text.str())
                                             : codegen::compileCuda(argv[1], text.str(), arch);
  if (!image.ok())
    return fail(image.status());
  fwrite(image->data(), 1, image->size(), stdout);
  return 0;
}
