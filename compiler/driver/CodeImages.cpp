#include "compiler/driver/CodeImages.h"

#include "codegen/cuda/CudaImage.h"
#include "codegen/cuda/Nvrtc.h"
#include "compiler/calibrate/Workers.h"
#include "compiler/driver/ModuleCache.h"
#include "compiler/driver/Targets.h"
#include "compiler/package/OutputFile.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

namespace axiom {

namespace {

/// The images of one call; generate() may run for several targets at the same time.
class Generation {
public:
  Generation(const std::vector<plan::KernelSpec> &kernels, const std::vector<std::string> &targets,
             Progress &progress, KernelTexts *texts)
      : kernels_(kernels), targets_(targets), progress_(progress), texts_(texts),
        slots_(targets.size()) {}

  Status prepare();
  void generate(uint32_t index);
  void keepNewModules() const;
  Result<std::vector<TargetImage>> takeImages();

private:
  struct Slot {
    TargetImage image;
    Status status;
    std::string key;    ///< of the module in the cache; empty: it is not kept
    bool found = false; ///< in the cache
  };
  Status generateCpu(Slot &slot, bool keepText) const;
  Status generateCuda(Slot &slot) const;

  const std::vector<plan::KernelSpec> &kernels_;
  const std::vector<std::string> &targets_;
  Progress &progress_;
  KernelTexts *texts_;
  ModuleCache cache_;
  codegen::CudaSource source_;
  std::string fingerprint_; ///< of NVRTC
  std::vector<Slot> slots_;
  std::mutex mutex_; ///< of progress_ and done_
  size_t done_ = 0;
};

/// Errors that hold for all targets of a kind come before anything takes time.
Status Generation::prepare() {
  auto nvrtc = std::find_if(targets_.begin(), targets_.end(), needsNvrtc);
  if (nvrtc != targets_.end()) {
    auto fingerprint = codegen::cudaFingerprint();
    if (!fingerprint.ok())
      return fingerprint.status().withContext("generating code for " + *nvrtc);
    fingerprint_ = std::move(*fingerprint);
  }
  if (std::none_of(targets_.begin(), targets_.end(), isCudaTarget))
    return Status();
  source_ = codegen::emitCuda(kernels_);
  if (texts_)
    texts_->cuda = source_.text;
  return codegen::checkKernels(source_);
}

Status Generation::generateCpu(Slot &slot, bool keepText) const {
  AXIOM_ASSIGN_OR_RETURN(codegen::CodeImage image,
                         codegen::compileCpuImage(kernels_, machineOf(slot.image.target),
                                                  keepText ? &texts_->cpu : nullptr));
  if (image.rows.size() != kernels_.size())
    return Status(Code::Internal, format("the code image has %zu kernels instead of %zu",
                                         image.rows.size(), kernels_.size()));
  slot.image.bytes = std::move(image.bytes);
  return Status();
}

Status Generation::generateCuda(Slot &slot) const {
  std::string arch = machineOf(slot.image.target);
  std::string &module = slot.image.module;
  // What the host's compiler gives depends on more than is known here.
  if (needsNvrtc(slot.image.target)) {
    slot.key = ModuleCache::key({fingerprint_, arch, source_.text});
    if (std::optional<std::string> found = cache_.find(slot.key)) {
      module = std::move(*found);
      slot.found = true;
    }
  }
  if (!slot.found) {
    AXIOM_ASSIGN_OR_RETURN(module, codegen::compileCudaModule(source_.text, arch));
  }
  AXIOM_ASSIGN_OR_RETURN(slot.image.bytes, codegen::packCudaImage(kernels_, source_, arch, module));
  return Status();
}

void Generation::generate(uint32_t index) {
  Slot &slot = slots_[index];
  slot.image.target = targets_[index];
  auto start = std::chrono::steady_clock::now();
  auto firstCpu = std::find_if(targets_.begin(), targets_.end(), isCpuTarget);
  bool keepText = texts_ && firstCpu == targets_.begin() + index;
  slot.status = isCudaTarget(slot.image.target) ? generateCuda(slot) : generateCpu(slot, keepText);
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::lock_guard<std::mutex> lock(mutex_);
  ++done_;
  if (slot.status.ok())
    progress_.part(slot.image.target + (slot.found ? " (cached)" : ""), seconds.count(), done_,
                   targets_.size());
}

/// After all have ended: then no other thread takes a signal while a file is made.
void Generation::keepNewModules() const {
  for (const Slot &slot : slots_)
    if (slot.status.ok() && !slot.found && !slot.key.empty())
      cache_.store(slot.key, slot.image.module);
}

Result<std::vector<TargetImage>> Generation::takeImages() {
  std::vector<TargetImage> images;
  for (Slot &slot : slots_) {
    if (!slot.status.ok())
      return slot.status.withContext("generating code for " + slot.image.target);
    images.push_back(std::move(slot.image));
  }
  return images;
}

} // namespace

Result<std::vector<TargetImage>> generateImages(const std::vector<plan::KernelSpec> &kernels,
                                                const std::vector<std::string> &targets,
                                                uint32_t threads, Progress &progress,
                                                KernelTexts *texts) {
  progress.stage("codegen",
                 targets.size() == 1 ? targets[0] : std::to_string(targets.size()) + " targets");
  std::optional<SignalThread> signals; // NVRTC has handlers of its own, and they do not end it
  if (std::any_of(targets.begin(), targets.end(), needsNvrtc))
    signals.emplace();
  Generation generation(kernels, targets, progress, texts);
  AXIOM_RETURN_IF_ERROR(generation.prepare());
  auto count = static_cast<uint32_t>(targets.size());
  AXIOM_ASSIGN_OR_RETURN(calibrate::Workers workers,
                         calibrate::Workers::create(std::min(threads, count)));
  workers.each(count, [&](uint32_t index) { generation.generate(index); });
  signals.reset();
  generation.keepNewModules();
  return generation.takeImages();
}

} // namespace axiom
