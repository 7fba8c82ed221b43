#include "compiler/driver/CodeImages.h"

#include "codegen/cuda/CudaImage.h"
#include "compiler/calibrate/Workers.h"
#include "compiler/driver/Targets.h"
#include "runtime/artifact/CudaImage.h"

#include <algorithm>
#include <chrono>
#include <mutex>

namespace axiom {

namespace {

Result<std::vector<uint8_t>> cpuImage(const std::vector<plan::KernelSpec> &kernels,
                                      const std::string &target, codegen::CodeText *text) {
  AXIOM_ASSIGN_OR_RETURN(codegen::CodeImage image,
                         codegen::compileCpuImage(kernels, machineOf(target), text));
  if (image.rows.size() != kernels.size())
    return Status(Code::Internal, format("the code image has %zu kernels instead of %zu",
                                         image.rows.size(), kernels.size()));
  return std::move(image.bytes);
}

Result<std::vector<uint8_t>> cudaImage(const std::vector<plan::KernelSpec> &kernels,
                                       const codegen::CudaSource &source,
                                       const std::string &target) {
  std::string arch = machineOf(target);
  AXIOM_RETURN_IF_ERROR(codegen::checkKernels(source));
  AXIOM_ASSIGN_OR_RETURN(std::string module, codegen::compileCudaModule(source.text, arch));
  return codegen::packCudaImage(kernels, source, arch, module);
}

} // namespace

Result<std::vector<TargetImage>> generateImages(const std::vector<plan::KernelSpec> &kernels,
                                                const std::vector<std::string> &targets,
                                                uint32_t threads, Progress &progress,
                                                KernelTexts *texts) {
  progress.stage("codegen",
                 targets.size() == 1 ? targets[0] : std::to_string(targets.size()) + " targets");
  codegen::CudaSource source;
  if (std::any_of(targets.begin(), targets.end(), isCudaTarget))
    source = codegen::emitCuda(kernels);
  if (texts)
    texts->cuda = source.text;
  auto firstCpu = std::find_if(targets.begin(), targets.end(), isCpuTarget);

  std::vector<Result<std::vector<uint8_t>>> images(targets.size(),
                                                   Status(Code::Internal, "not generated"));
  std::mutex mutex; // of what is below, and of `progress`
  uint32_t done = 0;
  auto generate = [&](uint32_t i) {
    const std::string &target = targets[i];
    auto start = std::chrono::steady_clock::now();
    bool keepText = texts && firstCpu != targets.end() && target == *firstCpu;
    images[i] = isCudaTarget(target) ? cudaImage(kernels, source, target)
                                     : cpuImage(kernels, target, keepText ? &texts->cpu : nullptr);
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::lock_guard<std::mutex> lock(mutex);
    ++done;
    if (images[i].ok() && targets.size() > 1)
      progress.part(target, seconds.count(), done, targets.size());
  };
  auto count = static_cast<uint32_t>(targets.size());
  AXIOM_ASSIGN_OR_RETURN(calibrate::Workers workers,
                         calibrate::Workers::create(std::min(threads, count)));
  workers.each(count, generate);

  std::vector<TargetImage> made;
  for (size_t i = 0; i < targets.size(); ++i) {
    if (!images[i].ok())
      return images[i].status().withContext("generating code for " + targets[i]);
    made.push_back({targets[i], std::move(*images[i])});
  }
  return made;
}

} // namespace axiom
