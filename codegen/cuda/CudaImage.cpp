#include "codegen/cuda/CudaImage.h"

#include "codegen/cuda/HostCompiler.h"
#include "codegen/cuda/Nvrtc.h"

#include <cstring>

namespace axiom::codegen {

namespace {

constexpr const char *kSourceName = "kernels.cu";
constexpr uint64_t kModuleAlign = 64;

AxmCudaStage packStage(const CudaStage &stage) {
  AxmCudaStage packed;
  std::memset(&packed, 0, sizeof packed);
  if (stage.symbol.empty())
    return packed;
  std::memcpy(packed.symbol, stage.symbol.data(), stage.symbol.size());
  packed.threads = stage.threads;
  packed.sharedBytes = stage.sharedBytes;
  packed.units = stage.units;
  packed.unitsPerBlock = stage.unitsPerBlock;
  packed.tokensPerTile = stage.tokensPerTile;
  packed.mostTokens = stage.mostTokens;
  return packed;
}

/// Puts a structure of the image behind what there is.
template <typename T> void append(std::vector<uint8_t> &bytes, const T &value) {
  const auto *first = reinterpret_cast<const uint8_t *>(&value);
  bytes.insert(bytes.end(), first, first + sizeof value);
}

} // namespace

std::vector<std::string> cudaArchs() {
  return {"sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120", "compute_80"};
}

CudaModuleKind cudaModuleKind(const std::string &arch) {
  if (arch == kHostArch)
    return CudaModuleKind::HostLibrary;
  return arch.rfind("compute_", 0) == 0 ? CudaModuleKind::Ptx : CudaModuleKind::Cubin;
}

const char *cudaModuleSuffix(const std::string &arch) {
  switch (cudaModuleKind(arch)) {
  case CudaModuleKind::Cubin:
    return ".cubin";
  case CudaModuleKind::Ptx:
    return ".ptx";
  case CudaModuleKind::HostLibrary:
    return ".so";
  }
  return "";
}

Result<std::string> compileCudaModule(const std::string &source, const std::string &arch) {
  return cudaModuleKind(arch) == CudaModuleKind::HostLibrary
             ? compileForTwin(kSourceName, source)
             : compileCuda(kSourceName, source, arch);
}

static Status checkStage(const CudaStage &stage) {
  if (stage.symbol.size() >= AXM_CUDA_SYMBOL)
    return Status(Code::Internal,
                  format("the kernel symbol '%s' has %zu bytes and a CUDA image takes %u at most; "
                         "the plan must give its kernel a shorter name",
                         stage.symbol.c_str(), stage.symbol.size(), AXM_CUDA_SYMBOL - 1));
  if (stage.sharedBytes > AXM_CUDA_SHARED)
    return Status(Code::Unsupported,
                  format("the kernel %s needs %u bytes of shared memory in a "
                         "block and the architectures lend %u",
                         stage.symbol.c_str(), stage.sharedBytes, AXM_CUDA_SHARED));
  return Status();
}

Status checkKernels(const CudaSource &source) {
  for (const CudaKernel &kernel : source.kernels) {
    if (kernel.bodies.empty() || kernel.bodies.size() > AXM_CUDA_BODIES)
      return Status(Code::Internal, format("a CUDA kernel has %zu bodies; 1 to %u are possible",
                                           kernel.bodies.size(), AXM_CUDA_BODIES));
    AXIOM_RETURN_IF_ERROR(checkStage(kernel.prologue));
    for (const CudaStage &body : kernel.bodies)
      AXIOM_RETURN_IF_ERROR(checkStage(body));
  }
  return Status();
}

Result<std::vector<uint8_t>> packCudaImage(const std::vector<plan::KernelSpec> &specs,
                                           const CudaSource &source, const std::string &arch,
                                           const std::string &module) {
  AXIOM_RETURN_IF_ERROR(checkKernels(source));
  if (source.kernels.size() != specs.size())
    return Status(Code::Internal, format("%zu kernels were emitted for %zu planned ones",
                                         source.kernels.size(), specs.size()));
  // PTX is text for the driver, which needs its end.
  bool text = cudaModuleKind(arch) == CudaModuleKind::Ptx;
  uint64_t tables =
      sizeof(AxmCudaImageHeader) + specs.size() * (sizeof(AxmKernelRow) + sizeof(AxmCudaKernel));
  AxmCudaImageHeader header;
  std::memset(&header, 0, sizeof header);
  header.magic = AXM_CUDA_IMAGE_MAGIC;
  header.abiVersion = AXM_CUDA_ABI_VERSION;
  header.numKernels = static_cast<uint32_t>(specs.size());
  header.rowBytes = sizeof(AxmKernelRow);
  header.kernelBytes = sizeof(AxmCudaKernel);
  header.moduleOffset = (tables + kModuleAlign - 1) / kModuleAlign * kModuleAlign;
  header.moduleSize = module.size() + (text ? 1 : 0);

  std::vector<uint8_t> bytes;
  bytes.reserve(header.moduleOffset + header.moduleSize);
  append(bytes, header);
  for (const plan::KernelSpec &spec : specs)
    append(bytes, plan::kernelRow(spec));
  for (const CudaKernel &kernel : source.kernels) {
    AxmCudaKernel packed;
    std::memset(&packed, 0, sizeof packed);
    packed.prologue = packStage(kernel.prologue);
    for (size_t i = 0; i < kernel.bodies.size(); ++i)
      packed.bodies[i] = packStage(kernel.bodies[i]);
    packed.scratchFixed = kernel.scratchFixed;
    packed.scratchPerToken = kernel.scratchPerToken;
    append(bytes, packed);
  }
  bytes.resize(header.moduleOffset);
  bytes.insert(bytes.end(), module.begin(), module.end());
  if (text)
    bytes.push_back(0);
  return bytes;
}

} // namespace axiom::codegen
