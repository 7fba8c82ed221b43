#include "runtime/device/Step.h"

#include <exception>

namespace axiom {

using ull = unsigned long long;

Status checkStep(const StepInput &in, const ArtifactConfig &config, const StepBounds &bounds) {
  auto wrong = [](const std::string &message) {
    return Status(Code::InvalidArgument, "step: " + message);
  };
  size_t count = in.tokens.size();
  if (count == 0 || count > bounds.maxTokens)
    return wrong(format("%zu tokens; 1 to %u are possible", count, bounds.maxTokens));
  if (in.positions.size() != count || in.tableOffsets.size() != count || in.rows.size() > count)
    return wrong(format("%zu tokens with %zu positions, %zu table offsets and %zu rows", count,
                        in.positions.size(), in.tableOffsets.size(), in.rows.size()));
  if (!in.tilesOnly.empty() && in.tilesOnly.size() != in.rows.size())
    return wrong(format("%zu rows, and for %zu is said whether tiles do", in.rows.size(),
                        in.tilesOnly.size()));
  for (size_t i = 0; i < count; ++i) {
    if (in.tokens[i] < 0 || static_cast<uint32_t>(in.tokens[i]) >= config.vocab)
      return wrong(format("token %d; 0 to %u are possible", in.tokens[i], config.vocab - 1));
    if (in.positions[i] < 0 || static_cast<uint32_t>(in.positions[i]) >= config.maxContext)
      return wrong(
          format("position %d; 0 to %u are possible", in.positions[i], config.maxContext - 1));
    uint64_t last =
        uint64_t(in.tableOffsets[i]) + static_cast<uint32_t>(in.positions[i]) / AXM_KV_BLOCK;
    if (last >= in.blockTables.size())
      return wrong(format(
          "position %d of a sequence whose table starts at %u needs entry %llu of %zu",
          in.positions[i], in.tableOffsets[i], static_cast<ull>(last), in.blockTables.size()));
  }
  for (uint32_t block : in.blockTables)
    if (block >= bounds.numBlocks)
      return wrong(format("block %u of %u", block, bounds.numBlocks));
  if (in.firstPhase >= in.endPhase || in.firstPhase >= bounds.numPhases)
    return wrong(format("phases %u to %u of %zu", in.firstPhase, in.endPhase, bounds.numPhases));
  for (uint32_t row : in.rows)
    if (row >= count)
      return wrong(format("row %u of %zu tokens", row, count));
  if (!in.rows.empty()) {
    uintptr_t logits = reinterpret_cast<uintptr_t>(in.logits),
              tiles = reinterpret_cast<uintptr_t>(in.tiles);
    if (bounds.ownResults && !logits && !tiles)
      return Status::okStatus();
    if (!logits || !tiles || logits % kResultAlign != 0 || tiles % kResultAlign != 0)
      return wrong("logits and tiles must be given, aligned to 64 bytes");
  }
  return Status::okStatus();
}

Status callLayerHook(const LayerHook &hook, uint32_t layer, const float *hidden,
                     uint32_t numTokens) {
  try {
    hook(layer, hidden, numTokens);
  } catch (const std::exception &error) {
    return Status(Code::Internal, format("the layer hook failed: %s", error.what()));
  } catch (...) {
    return Status(Code::Internal, "the layer hook failed");
  }
  return Status::okStatus();
}

} // namespace axiom
