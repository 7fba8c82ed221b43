#include "runtime/engine/Setup.h"

#include "runtime/base/Checked.h"

#include <algorithm>

namespace axiom::engine {
namespace {

constexpr uint64_t kDefaultPositions = 16384; ///< at most, when the caller names no number
constexpr uint32_t kMaxBlocks = 1u << 24;     ///< 2^30 positions

uint64_t rowBytes(const ArtifactConfig &config, uint32_t rows) {
  return uint64_t(rows) *
         (uint64_t(config.logitsStride()) * sizeof(float) + config.numTiles() * sizeof(AxmTile));
}

} // namespace

std::string MemoryPlan::text() const {
  return format("weights %s + KV %s (%llu positions) + workspace %s = %s",
                formatBytes(weights).c_str(), formatBytes(kv).c_str(),
                static_cast<unsigned long long>(kvPositions), formatBytes(workspace).c_str(),
                formatBytes(total()).c_str());
}

Result<MemoryPlan> planMemory(const Artifact &artifact, const EngineSettings &settings) {
  const LoadedProgram &program = artifact.program();
  const ArtifactConfig &config = program.config;
  MemoryPlan plan;
  plan.limits = {settings.maxBatchedTokens, settings.maxSequences,
                 settings.maxRows == 0 ? settings.maxSequences : settings.maxRows};
  plan.executor.threads = settings.threads;
  plan.executor.oversubscribe = settings.oversubscribe;
  plan.executor.maxTokens = settings.maxBatchedTokens;
  plan.executor.numBlocks = 1;
  AXIOM_ASSIGN_OR_RETURN(ExecutorMemory one, Executor::plan(program, plan.executor));
  plan.weights = program.weightsSize;
  plan.workspace = one.total() - one.kv + rowBytes(config, plan.limits.maxRows);
  MemoryLimit limit = memoryLimit();
  if (settings.weightsResident) // they are missing in what is free now
    limit.bytes = checkedAdd(limit.bytes, plan.weights).value_or(UINT64_MAX);
  if (settings.memoryLimit != 0 && settings.memoryLimit < limit.bytes)
    limit = memoryLimit(settings.memoryLimit);
  plan.limit = limit.bytes;
  plan.limitSource = limit.source;
  uint64_t fixed = plan.workspace + plan.weights;
  uint64_t blockBytes = std::max<uint64_t>(program.kv.blockBytes, 1);
  uint64_t mostBlocks = plan.limit > fixed ? (plan.limit - fixed) / blockBytes : 0;
  mostBlocks = std::min<uint64_t>(mostBlocks, kMaxBlocks);
  plan.largestPositions = mostBlocks * AXM_KV_BLOCK;
  uint64_t positions = settings.kvPositions;
  if (positions == 0) {
    positions = std::max<uint64_t>(config.maxContext, 512ull * settings.maxSequences);
    positions = std::min(positions, kDefaultPositions);
    if (plan.largestPositions > 0)
      positions = std::min(positions, plan.largestPositions);
  }
  if (positions > uint64_t(kMaxBlocks) * AXM_KV_BLOCK)
    return {Code::InvalidArgument,
            format("KV memory for %llu positions is asked for; at most %llu are possible",
                   static_cast<unsigned long long>(positions),
                   static_cast<unsigned long long>(kMaxBlocks) * AXM_KV_BLOCK)};
  plan.executor.numBlocks = static_cast<uint32_t>(ceilDiv(positions, AXM_KV_BLOCK));
  plan.kvPositions = uint64_t(plan.executor.numBlocks) * AXM_KV_BLOCK;
  AXIOM_ASSIGN_OR_RETURN(ExecutorMemory all, Executor::plan(program, plan.executor));
  plan.kv = all.kv;
  plan.workspace = all.total() - all.kv + rowBytes(config, plan.limits.maxRows);
  return plan;
}

Result<std::unique_ptr<Engine>>
createEngine(std::shared_ptr<const Artifact> artifact, const EngineSettings &settings,
             std::function<std::unique_ptr<TextStream>(bool)> newText) {
  AXIOM_ASSIGN_OR_RETURN(MemoryPlan plan, planMemory(*artifact, settings));
  if (!plan.fits())
    return {Code::Resource,
            format("not enough memory: %s, but %s is %s; %s", plan.text().c_str(),
                   plan.limitSource.c_str(), formatBytes(plan.limit).c_str(),
                   plan.largestPositions > 0
                       ? format("KV memory for %llu positions would fit",
                                static_cast<unsigned long long>(plan.largestPositions))
                             .c_str()
                       : "fewer tokens a step or a smaller model are needed")};
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<Executor> executor,
                         Executor::create(artifact, plan.executor));
  const ArtifactConfig &config = artifact->config();
  ModelInfo info;
  info.vocab = config.vocab;
  info.logitsStride = config.logitsStride();
  info.numTiles = config.numTiles();
  info.maxContext = config.maxContext;
  info.eos = config.eos;
  info.newText = std::move(newText);
  info.broken = [artifact] { return artifact->broken(); };
  EngineOptions options;
  options.limits = plan.limits;
  options.numBlocks = plan.executor.numBlocks;
  options.maxRequests = settings.maxRequests;
  return Engine::create(std::move(info), options,
                        std::make_unique<ExecutorRunner>(std::move(executor)));
}

} // namespace axiom::engine
