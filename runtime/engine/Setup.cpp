#include "runtime/engine/Setup.h"

#include "runtime/base/Checked.h"

#include <algorithm>
#include <cstring>

namespace axiom::engine {
namespace {

constexpr uint64_t kDefaultPositions = 16384; ///< at most, when the caller names no number
constexpr uint32_t kMaxDraftRows = 48;    ///< for guesses, when the caller names no number of rows
constexpr uint32_t kMaxBlocks = 1u << 24; ///< 2^30 positions
/// Of a GPU's memory, for graphs and what else the driver takes as it goes.
constexpr uint64_t kDeviceReserve = 256ull << 20;

uint64_t rowBytes(const ArtifactConfig &config, uint32_t rows) {
  return uint64_t(rows) *
         (uint64_t(config.logitsStride()) * sizeof(float) + config.numTiles() * sizeof(AxmTile));
}

Result<MemoryLimit> limitOf(const LoadedModel &model, const EngineSettings &settings) {
  uint64_t weights = model.artifact->program().weightsSize;
  if (!model.gpu) {
    MemoryLimit limit = memoryLimit();
    if (settings.weightsResident) // they are missing in what is free now
      limit.bytes = checkedAdd(limit.bytes, weights).value_or(UINT64_MAX);
    if (settings.memoryLimit != 0 && settings.memoryLimit < limit.bytes)
      limit = memoryLimit(settings.memoryLimit);
    return limit;
  }
  AXIOM_ASSIGN_OR_RETURN(cuda::GpuModel::Memory memory, model.gpu->memory());
  uint64_t reserve = std::min(kDeviceReserve, memory.total / 32);
  MemoryLimit limit{memory.free - std::min(memory.free, reserve),
                    "free memory of " + model.gpu->gpu().name()};
  if (memory.weightsResident)
    limit.bytes += weights;
  if (settings.memoryLimit != 0 && settings.memoryLimit < limit.bytes)
    limit = {settings.memoryLimit, "--memory"};
  return limit;
}

} // namespace

std::string MemoryPlan::text() const {
  return format("weights %s + KV %s (%llu positions) + workspace %s = %s",
                formatBytes(weights).c_str(), formatBytes(kv).c_str(),
                static_cast<unsigned long long>(kvPositions), formatBytes(workspace).c_str(),
                formatBytes(total()).c_str());
}

Result<MemoryPlan> planMemory(const LoadedModel &model, const EngineSettings &settings) {
  const LoadedProgram &program = model.artifact->program();
  const ArtifactConfig &config = program.config;
  MemoryPlan plan;
  uint64_t draftRows =
      std::min<uint64_t>(uint64_t(settings.maxSequences) * settings.maxDraftTokens, kMaxDraftRows);
  uint64_t rows = std::min<uint64_t>(settings.maxSequences + draftRows,
                                     std::max(settings.maxBatchedTokens, settings.maxSequences));
  plan.limits = {settings.maxBatchedTokens, settings.maxSequences,
                 settings.maxRows == 0 ? static_cast<uint32_t>(rows) : settings.maxRows,
                 settings.prefixCache};
  plan.runner.threads = settings.threads;
  plan.runner.oversubscribe = settings.oversubscribe;
  plan.runner.graphs = settings.graphs;
  plan.runner.maxTokens = settings.maxBatchedTokens;
  plan.runner.maxRows = plan.limits.maxRows;
  plan.runner.numBlocks = 1;
  // Where sequences share blocks, each may have a table of all, as far as its context goes.
  uint64_t contextBlocks = ceilDiv(config.maxContext, AXM_KV_BLOCK);
  auto tableEntries = [&](uint64_t blocks) {
    return settings.prefixCache ? settings.maxSequences * std::min(blocks, contextBlocks) : blocks;
  };
  plan.runner.tableEntries = tableEntries(1);
  // The rows that the engine reads are on the host; a GPU has its own beside them.
  uint64_t hostRows = model.gpu ? 0 : rowBytes(config, plan.limits.maxRows);
  AXIOM_ASSIGN_OR_RETURN(RunnerMemory one, planRunner(model, plan.runner));
  plan.weights = program.weightsSize;
  plan.workspace = one.workspace + hostRows;
  AXIOM_ASSIGN_OR_RETURN(MemoryLimit limit, limitOf(model, settings));
  plan.limit = limit.bytes;
  plan.limitSource = limit.source;
  uint64_t fixed = plan.workspace + plan.weights;
  uint64_t blockBytes = std::max<uint64_t>(program.kv.blockBytes, 1);
  if (model.gpu) { // KV memory and tables are rounded up
    fixed += 2 * cuda::kMemoryGranule;
    uint64_t most = tableEntries(contextBlocks) * sizeof(uint32_t);
    if (settings.prefixCache && plan.limit > fixed + most + contextBlocks * blockBytes)
      fixed += most; // tables are as large as they get
    else
      blockBytes += tableEntries(1) * sizeof(uint32_t);
  }
  uint64_t mostBlocks = plan.limit > fixed ? (plan.limit - fixed) / blockBytes : 0;
  mostBlocks = std::min<uint64_t>(mostBlocks, kMaxBlocks);
  plan.largestPositions = mostBlocks * AXM_KV_BLOCK;
  uint64_t positions = settings.kvPositions;
  if (positions == 0) {
    // A GPU's memory is there for nothing else: as many as the sequences could ever use.
    if (model.gpu)
      positions = settings.maxSequences * alignUp(config.maxContext, AXM_KV_BLOCK);
    else
      positions = std::min(std::max<uint64_t>(config.maxContext, 512ull * settings.maxSequences),
                           kDefaultPositions);
    positions = std::min(positions, uint64_t(kMaxBlocks) * AXM_KV_BLOCK);
    if (plan.largestPositions > 0)
      positions = std::min(positions, plan.largestPositions);
  }
  if (positions > uint64_t(kMaxBlocks) * AXM_KV_BLOCK)
    return {Code::InvalidArgument,
            format("KV memory for %llu positions is asked for; at most %llu are possible",
                   static_cast<unsigned long long>(positions),
                   static_cast<unsigned long long>(kMaxBlocks) * AXM_KV_BLOCK)};
  plan.runner.numBlocks = static_cast<uint32_t>(ceilDiv(positions, AXM_KV_BLOCK));
  plan.kvPositions = uint64_t(plan.runner.numBlocks) * AXM_KV_BLOCK;
  plan.runner.tableEntries = tableEntries(plan.runner.numBlocks);
  AXIOM_ASSIGN_OR_RETURN(RunnerMemory all, planRunner(model, plan.runner));
  plan.kv = all.kv;
  plan.workspace = all.workspace + hostRows;
  return plan;
}

Result<std::unique_ptr<Engine>>
createEngine(const LoadedModel &model, const EngineSettings &settings,
             std::function<std::unique_ptr<TextStream>(TextOptions)> newText) {
  AXIOM_ASSIGN_OR_RETURN(MemoryPlan plan, planMemory(model, settings));
  if (!plan.fits())
    return {Code::Resource,
            format("not enough memory: %s, but %s is %s; %s", plan.text().c_str(),
                   plan.limitSource.c_str(), formatBytes(plan.limit).c_str(),
                   plan.largestPositions > 0
                       ? format("KV memory for %llu positions would fit",
                                static_cast<unsigned long long>(plan.largestPositions))
                             .c_str()
                       : "fewer tokens a step or a smaller model are needed")};
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<StepRunner> runner,
                         createRunner(model, plan.runner, settings.progress));
  const ArtifactConfig &config = model.artifact->config();
  ModelInfo info;
  info.vocab = config.vocab;
  info.logitsStride = config.logitsStride();
  info.numTiles = config.numTiles();
  info.maxContext = config.maxContext;
  info.eos = config.eos;
  const Plan &program = model.artifact->program().plan;
  if (program.finalNorm >= 0) {
    const TensorInfo &gain =
        model.artifact->metadata().tensors[static_cast<size_t>(program.finalNorm)];
    info.finalNorm.gain.resize(config.hidden);
    std::memcpy(info.finalNorm.gain.data(), model.artifact->program().weights + gain.offset,
                config.hidden * sizeof(float));
    info.finalNorm.eps = program.finalNormEps;
    info.finalNorm.stride = config.hiddenStride();
  }
  info.newText = std::move(newText);
  if (!model.gpu) // a GPU has its own copy of the weights
    info.broken = [artifact = model.artifact] { return artifact->broken(); };
  EngineOptions options;
  options.limits = plan.limits;
  options.numBlocks = plan.runner.numBlocks;
  options.admission = settings.admission;
  options.maxStepMs = settings.maxStepMs;
  options.maxDraftTokens = settings.maxDraftTokens;
  options.sleepAfterMs = settings.sleepAfterMs;
  options.sleeps = [artifact = model.artifact, then = settings.sleeps] {
    artifact->release(artifact->mapping()); // read again from the file when they are needed
    if (then)
      then();
  };
  return Engine::create(std::move(info), options, std::move(runner));
}

} // namespace axiom::engine
