#include "tools/axiom-inspect/Report.h"

#include "runtime/base/Checked.h"
#include "runtime/base/Memory.h"
#include "runtime/base/Threads.h"

#include <algorithm>

namespace axiom::inspect {

const char *variantName(size_t variant) {
  static const char *const names[] = {"1", "2-8", "9+"};
  return names[variant];
}

const char *spaceName(uint32_t space) {
  static const char *const names[] = {"weights",   "workspace",     "kv",           "tokens",
                                      "positions", "table_offsets", "block_tables", "rows",
                                      "logits",    "tiles"};
  return space < sizeof names / sizeof names[0] ? names[space] : "unknown";
}

namespace {

/// Which tasks use each kernel of the table: "qkv (1, 2-8)".
std::vector<std::string> kernelUses(const Plan &plan, size_t numKernels) {
  std::vector<std::string> uses(numKernels);
  for (const RepeatInfo &repeat : plan.repeats)
    for (const PhaseInfo &phase : repeat.phases)
      for (const TaskInfo &task : phase.tasks)
        for (size_t v = 0; v < 3; ++v) {
          uint32_t kernel = task.kernels[v];
          if (kernel >= numKernels || (v > 0 && kernel == task.kernels[v - 1]))
            continue;
          std::string counts = variantName(v);
          for (size_t next = v + 1; next < 3 && task.kernels[next] == kernel; ++next)
            counts += std::string(", ") + variantName(next);
          uses[kernel] += (uses[kernel].empty() ? "" : "; ") + task.name + " (" + counts + ")";
        }
  return uses;
}

/// The artifact's program with the kernels of its first image with rows, which all images share:
/// their scratch counts, and they need not be able to run here.
LoadedProgram describedProgram(const Artifact &artifact, const std::vector<ImageInfo> &images) {
  LoadedProgram program = artifact.program();
  for (const ImageInfo &image : images) {
    for (const AxmKernelRow &row : image.rows)
      program.kernels.push_back({nullptr, nullptr, row});
    if (!image.rows.empty())
      break;
  }
  return program;
}

Result<MemoryAnswer> answer(const LoadedProgram &program, const MemoryQuestion &question) {
  const ArtifactConfig &config = program.config;
  MemoryAnswer memory;
  memory.question = question;
  uint32_t &context = memory.question.context;
  if (context == 0)
    context = config.maxContext;
  if (context > config.maxContext)
    return Status(Code::InvalidArgument,
                  format("--context %u is more than the model's %u", context, config.maxContext));
  if (memory.question.threads == 0)
    memory.question.threads = usableCores();
  uint64_t blocks = ceilDiv(context, AXM_KV_BLOCK) * question.batch;
  if (blocks > UINT32_MAX)
    return Status(Code::InvalidArgument, format("--batch %u with --context %u needs more than 2^32 "
                                                "KV blocks",
                                                question.batch, context));
  memory.blocks = static_cast<uint32_t>(blocks);
  ExecutorOptions options;
  options.threads = memory.question.threads;
  options.oversubscribe = true;
  options.maxTokens = question.tokens;
  options.numBlocks = memory.blocks;
  AXIOM_ASSIGN_OR_RETURN(memory.executor, Executor::plan(program, options));
  memory.weights = program.weightsSize;
  memory.outputs =
      question.batch * (4ull * config.logitsStride() + sizeof(AxmTile) * config.numTiles());
  MemoryLimit limit = memoryLimit();
  memory.limit = limit.bytes;
  memory.limitSource = limit.source;
  return memory;
}

/// Steps that stand for decoding, small batches and prefill.
Result<std::vector<RooflineFact>> rooflineFacts(const Facts &facts, uint32_t context) {
  std::vector<RooflineFact> list;
  const Metadata &metadata = facts.artifact->metadata();
  for (const ImageInfo &image : facts.images) {
    if (image.rows.empty())
      continue;
    if (context == 0)
      context = std::min(512u, metadata.config.maxContext);
    for (uint32_t tokens : {1u, 8u, 32u, 512u}) {
      RooflineFact fact;
      bool prefill = tokens > 32;
      fact.sequences = prefill ? 1 : tokens;
      fact.tokensEach = prefill ? std::min(tokens, context) : 1;
      fact.context = context;
      std::vector<SequenceSlice> slices(fact.sequences, {fact.tokensEach, context, 1});
      AXIOM_ASSIGN_OR_RETURN(fact.work, stepWork(metadata, image.rows, slices));
      list.push_back(std::move(fact));
    }
    break;
  }
  return list;
}

Result<GpuAnswer> gpuAnswer(const Facts &facts, GpuQuestion question) {
  GpuAnswer answer;
  AXIOM_ASSIGN_OR_RETURN(answer.device, findGpu(question.device));
  const Metadata &metadata = facts.artifact->metadata();
  if (question.context == 0)
    question.context = std::min(std::max(512u, question.tokens), metadata.config.maxContext);
  answer.question = question;
  std::vector<SequenceSlice> slices(question.sequences, {question.tokens, question.context, 1});
  for (const ImageInfo &image : facts.images)
    if (!image.launches.empty()) {
      AXIOM_ASSIGN_OR_RETURN(StepWork work, stepWork(metadata, image.rows, slices));
      AXIOM_ASSIGN_OR_RETURN(answer.step,
                             predictStep(*answer.device, metadata, work, image.launches, slices));
      return answer;
    }
  return Status(Code::Unsupported, "the artifact has no code for GPUs, whose launches a prediction "
                                   "needs: compile it with axiomc --target=cpu,cuda:sm_90a");
}

} // namespace

Result<Facts> gather(std::shared_ptr<const Artifact> artifact, const MemoryQuestion &question,
                     const GpuQuestion &gpu) {
  Facts facts;
  facts.artifact = std::move(artifact);
  AXIOM_ASSIGN_OR_RETURN(facts.images, facts.artifact->images());
  const Plan &plan = facts.artifact->metadata().plan;
  for (const ImageInfo &image : facts.images) {
    std::vector<std::string> uses = kernelUses(plan, image.rows.size());
    std::vector<KernelFact> kernels;
    for (size_t i = 0; i < image.rows.size(); ++i) {
      const AxmKernelRow &row = image.rows[i];
      kernels.push_back({i, uses[i], row.bodyEnd - row.body, row,
                         image.launches.empty() ? AxmCudaKernel{} : image.launches[i]});
    }
    if (facts.codeBytes == 0 && !image.rows.empty() && image.launches.empty())
      facts.codeBytes = facts.artifact->metadata().segments[image.segment].size -
                        sizeof(AxmImageHeader) - image.rows.size() * sizeof(AxmKernelRow);
    facts.kernels.push_back(std::move(kernels));
  }
  for (const RepeatInfo &repeat : plan.repeats)
    if (repeat.firstLayer >= 0)
      facts.barriersPerLayer =
          std::max(facts.barriersPerLayer, static_cast<uint32_t>(repeat.phases.size()));
  AXIOM_ASSIGN_OR_RETURN(facts.memory,
                         answer(describedProgram(*facts.artifact, facts.images), question));
  AXIOM_ASSIGN_OR_RETURN(facts.roofline, rooflineFacts(facts, question.context));
  if (!gpu.device.empty()) {
    AXIOM_ASSIGN_OR_RETURN(facts.gpu, gpuAnswer(facts, gpu));
  }
  return facts;
}

} // namespace axiom::inspect
