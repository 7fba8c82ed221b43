// What axiom-inspect shows: facts derived from an opened artifact, as text and as JSON.
#ifndef AXIOM_TOOLS_AXIOM_INSPECT_REPORT_H
#define AXIOM_TOOLS_AXIOM_INSPECT_REPORT_H

#include "runtime/artifact/Artifact.h"
#include "runtime/device/cpu/Executor.h"
#include "tools/axiom-inspect/Predict.h"
#include "tools/axiom-inspect/Roofline.h"

#include <string>
#include <vector>

namespace axiom::inspect {

/// What memory is planned for.
struct MemoryQuestion {
  uint32_t batch = 1;    ///< sequences at the same time
  uint32_t context = 0;  ///< positions of each; 0: the model's limit
  uint32_t tokens = 512; ///< tokens a step
  uint32_t threads = 0;  ///< 0: usable cores
};

/// A step on a GPU.
struct GpuQuestion {
  std::string device;     ///< empty: not asked
  uint32_t sequences = 1; ///< at the same time
  uint32_t tokens = 1;    ///< of each in the step
  uint32_t context = 0;   ///< positions that the last token of each sees; 0: 512 or the limit
};

struct GpuAnswer {
  const GpuDevice *device = nullptr; ///< null: not asked
  GpuQuestion question;              ///< zeros filled in
  StepPrediction step;
};

struct MemoryAnswer {
  MemoryQuestion question; ///< zeros filled in
  uint32_t blocks = 0;     ///< KV blocks
  uint64_t weights = 0;    ///< bytes of the weights segment
  uint64_t outputs = 0;    ///< logits and tiles, a row for each sequence
  ExecutorMemory executor;
  uint64_t limit = 0; ///< bytes that this process may use now
  std::string limitSource;
  uint64_t total() const { return weights + outputs + executor.total(); }
};

/// One kernel of an image.
struct KernelFact {
  size_t index;
  std::string uses; ///< tasks and token counts, for example "qkv (1)"
  uint64_t bytes;   ///< of code; 0 for CUDA, where the module has it
  AxmKernelRow row;
  AxmCudaKernel launches; ///< of CUDA code
};

/// What one step of some shape takes.
struct RooflineFact {
  uint32_t sequences = 1, tokensEach = 1; ///< tokens of the step: their product
  uint32_t context = 1;                   ///< positions that the last token of each sees
  StepWork work;
};

struct Facts {
  std::shared_ptr<const Artifact> artifact;
  std::vector<ImageInfo> images;
  std::vector<std::vector<KernelFact>> kernels; ///< per image
  uint64_t codeBytes = 0;        ///< of the machine code of the first CPU image, without its table
  uint32_t barriersPerLayer = 0; ///< most of any layer
  MemoryAnswer memory;
  std::vector<RooflineFact> roofline; ///< empty: no code image tells
  GpuAnswer gpu;
};

/// Of question.context the memory takes 0 as the model's limit, the roofline as 512 at most.
Result<Facts> gather(std::shared_ptr<const Artifact> artifact, const MemoryQuestion &question,
                     const GpuQuestion &gpu = {});

/// "1", "2-8" or "9+": the token counts that use a task's kernel `variant`.
const char *variantName(size_t variant);
const char *spaceName(uint32_t space);

struct Sections {
  bool summary = false, tensors = false, kernels = false, phases = false, memory = false,
       provenance = false, roofline = false;
};

std::string rooflineText(const Facts &facts);
std::string predictText(const Facts &facts);
std::string textReport(const Facts &facts, const Sections &sections);
std::string jsonReport(const Facts &facts);

} // namespace axiom::inspect

#endif
