#include "runtime/artifact/CudaImage.h"

#include "runtime/artifact/Decode.h"
#include "runtime/artifact/Validate.h"
#include "runtime/base/Checked.h"

#include <algorithm>
#include <cstring>

namespace axiom {

namespace {

using ull = unsigned long long;

constexpr uint64_t kModuleAlign = 64;
constexpr uint32_t kMaxKernels = 65536;
constexpr uint32_t kWarp = 32, kMaxThreads = 1024;
constexpr uint32_t kMaxShared = AXM_CUDA_SHARED;
/// So that the blocks of 65536 tokens stay below 2^31, the most of a grid.
constexpr uint32_t kMaxUnits = 1u << 24;
constexpr uint64_t kMaxBlocks = (uint64_t(1) << 31) - 1;
constexpr uint32_t kMostTokens = 65536;
constexpr uint64_t kMaxScratch = 1ull << 40;

Status bad(const std::string &message) { return Status(Code::BadInput, message); }

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// A C identifier with nothing but zeros behind it.
bool isSymbol(const char (&text)[AXM_CUDA_SYMBOL]) {
  const char *end = std::find(text, text + AXM_CUDA_SYMBOL, '\0');
  return end != text && end != text + AXM_CUDA_SYMBOL && isLetter(text[0]) &&
         std::all_of(text, end, [](char c) { return isLetter(c) || (c >= '0' && c <= '9'); }) &&
         std::all_of(end, text + AXM_CUDA_SYMBOL, [](char c) { return c == '\0'; });
}

bool isEmpty(const AxmCudaStage &stage) {
  static const AxmCudaStage none{};
  return std::memcmp(&stage, &none, sizeof none) == 0;
}

Status checkStage(const AxmCudaStage &s) {
  if (isEmpty(s))
    return Status::okStatus();
  if (!isSymbol(s.symbol))
    return bad("its symbol is no identifier with zeros behind it");
  if (s.threads == 0 || s.threads > kMaxThreads || s.threads % kWarp != 0)
    return bad(format("%u threads a block; multiples of %u up to %u are possible", s.threads, kWarp,
                      kMaxThreads));
  if (s.sharedBytes > kMaxShared)
    return bad(
        format("%u bytes of shared memory; at most %u are possible", s.sharedBytes, kMaxShared));
  if (s.units == 0 || s.units > kMaxUnits || s.unitsPerBlock == 0 || s.tokensPerTile == 0 ||
      cudaBlocks(s, kMostTokens) > kMaxBlocks)
    return bad(format("%u units, %u a block, tiles of %u tokens", s.units, s.unitsPerBlock,
                      s.tokensPerTile));
  return Status::okStatus();
}

Status checkBodies(const AxmCudaKernel &kernel) {
  uint32_t most = 0;
  for (size_t i = 0; i < AXM_CUDA_BODIES; ++i) {
    const AxmCudaStage &body = kernel.bodies[i];
    Status status = checkStage(body);
    if (!status.ok())
      return status.withContext(format("body %zu", i));
    // The last one takes what the others leave.
    bool ended = most == UINT32_MAX || (i == 0 && isEmpty(body));
    if (!ended && isEmpty(body))
      return bad(format("no body is for more than %u tokens", most));
    if (ended != isEmpty(body) || (!ended && body.mostTokens <= most))
      return bad(format("body %zu is for up to %u tokens, the one before it for up to %u", i,
                        body.mostTokens, most));
    most = ended ? UINT32_MAX : body.mostTokens;
  }
  return most == UINT32_MAX ? Status::okStatus()
                            : bad(format("no body is for more than %u tokens", most));
}

Status checkKernel(const AxmCudaKernel &kernel) {
  Status status = checkStage(kernel.prologue);
  if (status.ok() && !isEmpty(kernel.prologue) && kernel.prologue.mostTokens != UINT32_MAX)
    status = bad("it is not for any number of tokens");
  if (!status.ok())
    return status.withContext("prologue");
  AXIOM_RETURN_IF_ERROR(checkBodies(kernel));
  if (kernel.scratchFixed > kMaxScratch || kernel.scratchPerToken > kMaxScratch)
    return bad("scratch of more than 2^40 bytes, or so much a token");
  return Status::okStatus();
}

Status checkHeader(const AxmCudaImageHeader &h, uint64_t size) {
  if (h.magic != AXM_CUDA_IMAGE_MAGIC)
    return bad("the code image does not start as one for CUDA");
  if (h.abiVersion != AXM_CUDA_ABI_VERSION)
    return Status(Code::Unsupported,
                  format("the code image has CUDA ABI version %u; this runtime has %u",
                         h.abiVersion, AXM_CUDA_ABI_VERSION));
  if (h.rowBytes != sizeof(AxmKernelRow) || h.kernelBytes != sizeof(AxmCudaKernel) ||
      h.reserved != 0)
    return bad(format("the code image has rows of %u and %u bytes; %zu and %zu are known",
                      h.rowBytes, h.kernelBytes, sizeof(AxmKernelRow), sizeof(AxmCudaKernel)));
  uint64_t tables =
      sizeof h + uint64_t(h.numKernels) * (sizeof(AxmKernelRow) + sizeof(AxmCudaKernel));
  if (h.numKernels == 0 || h.numKernels > kMaxKernels || tables > size)
    return bad(format("tables of %u kernels do not fit the code image of %llu bytes", h.numKernels,
                      static_cast<ull>(size)));
  if (h.moduleOffset != alignUp(tables, kModuleAlign) || h.moduleSize == 0 ||
      !rangeFits(h.moduleOffset, h.moduleSize, size) || h.moduleOffset + h.moduleSize != size)
    return bad(format("a module of %llu bytes at %llu; it begins at %llu and ends with the image "
                      "of %llu bytes",
                      static_cast<ull>(h.moduleSize), static_cast<ull>(h.moduleOffset),
                      static_cast<ull>(alignUp(tables, kModuleAlign)), static_cast<ull>(size)));
  return Status::okStatus();
}

} // namespace

bool isCudaTarget(const std::string &target) { return target.rfind("cuda:", 0) == 0; }
bool isPtxTarget(const std::string &target) { return target.rfind("cuda:compute_", 0) == 0; }

Result<CudaImage> readCudaImage(const std::string &target, std::span<const uint8_t> image) {
  AxmCudaImageHeader header;
  if (image.size() < sizeof header)
    return bad(
        format("the code image has %zu bytes; its header has %zu", image.size(), sizeof header));
  std::memcpy(&header, image.data(), sizeof header);
  AXIOM_RETURN_IF_ERROR(checkHeader(header, image.size()));
  CudaImage out;
  out.target = target;
  out.rows.resize(header.numKernels);
  out.kernels.resize(header.numKernels);
  uint64_t rowBytes = out.rows.size() * sizeof(AxmKernelRow);
  uint64_t kernelBytes = out.kernels.size() * sizeof(AxmCudaKernel);
  std::memcpy(out.rows.data(), image.data() + sizeof header, rowBytes);
  std::memcpy(out.kernels.data(), image.data() + sizeof header + rowBytes, kernelBytes);
  uint64_t tablesEnd = sizeof header + rowBytes + kernelBytes;
  auto padding = image.subspan(tablesEnd, header.moduleOffset - tablesEnd);
  if (std::any_of(padding.begin(), padding.end(), [](uint8_t b) { return b != 0; }))
    return bad("the bytes before the module of the code image are not zero");
  for (size_t i = 0; i < out.rows.size(); ++i) {
    const AxmKernelRow &row = out.rows[i];
    Status status = row.prologue == 0 && row.body == 0 && row.bodyEnd == 0
                        ? checkKernelRow(row)
                        : bad(format("entries %u, %u, %u in a CUDA image, whose kernels have none",
                                     row.prologue, row.body, row.bodyEnd));
    if (status.ok())
      status = checkKernel(out.kernels[i]);
    if (!status.ok())
      return status.withContext(format("kernel %zu of the code image", i));
  }
  out.module = image.subspan(header.moduleOffset);
  // The driver reads PTX up to its zero.
  if (isPtxTarget(target) &&
      std::find(out.module.begin(), out.module.end(), 0) + 1 != out.module.end())
    return bad("the PTX of the code image does not end with the first zero in it");
  return out;
}

std::vector<const AxmCudaStage *> cudaStages(const AxmCudaKernel &kernel) {
  std::vector<const AxmCudaStage *> stages;
  if (!isEmpty(kernel.prologue))
    stages.push_back(&kernel.prologue);
  for (const AxmCudaStage &body : kernel.bodies)
    if (!isEmpty(body))
      stages.push_back(&body);
  return stages;
}

Status proveCudaPlan(const Metadata &metadata, const CudaImage &image) {
  AXIOM_RETURN_IF_ERROR(provePlan(metadata, image.rows));
  for (const RepeatInfo &repeat : metadata.plan.repeats)
    for (const PhaseInfo &phase : repeat.phases)
      for (const TaskInfo &task : phase.tasks)
        if (isEmpty(image.kernels[task.kernels[2]].bodies[0]))
          return bad(format("task %s: kernel %u has no launch", quoted(task.name).c_str(),
                            task.kernels[2]));
  return Status::okStatus();
}

} // namespace axiom
