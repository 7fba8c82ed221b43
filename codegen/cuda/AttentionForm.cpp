#include "codegen/cuda/AttentionForm.h"

#include "codegen/cuda/kernels/Layout.h"
#include "runtime/abi/cuda_abi.h"

#include <algorithm>

namespace axiom::codegen {

using plan::KernelSpec;

namespace {

constexpr uint32_t kTeam = 16, kSpanBlocks = AXM_ATTENTION_SPAN / AXM_KV_BLOCK;
/// Shared memory of a stage, of all KV blocks that are in work at a time.
constexpr uint32_t kStageBytes = 16 * 1024;

uint32_t ceilDiv(uint32_t a, uint32_t b) { return (a + b - 1) / b; }

uint32_t elementBytes(const KernelSpec &spec) {
  return spec.kvType == AXM_KV_F32 ? 4 : spec.kvType == AXM_KV_F16 ? 2 : 1;
}

/// The heads of a KV head in units of at most `most`, as equal as can be.
void shareHeads(const KernelSpec &spec, AttentionForm &form, uint32_t most) {
  uint32_t group = spec.heads / spec.kvHeads;
  form.heads = ceilDiv(group, ceilDiv(group, most));
  form.unitsOfHead = ceilDiv(group, form.heads);
  form.units = form.unitsOfHead * spec.kvHeads;
}

/// Slabs of `blocks` KV blocks, with as many stages as fit; whether two do.
bool placeMemory(const KernelSpec &spec, AttentionForm &form, uint32_t blocks) {
  uint32_t padded = plan::headDimPadded(spec.headDim), element = elementBytes(spec);
  uint32_t teams = form.threads / kTeam, keys = AXM_KV_BLOCK * element, values = padded * element;
  uint32_t share = kStageBytes / blocks;
  form.dims = std::clamp(share / keys, 1u, spec.headDim);
  form.positions = AXM_KV_BLOCK;
  while (form.positions > 4 && form.positions * values > share)
    form.positions /= 2;
  form.slabBytes = device::roundUp(std::max(form.dims * keys, form.positions * values), 16) +
                   (spec.kvType == AXM_KV_INT8 ? 2 * 4 * AXM_KV_BLOCK : 0);
  form.queryBytes = 4 * form.rows * spec.headDim;
  uint32_t end = 0;
  auto take = [&](uint32_t &begin, uint32_t bytes) {
    begin = end;
    end += device::roundUp(bytes, 16);
  };
  take(form.queries, teams * form.queryBytes);
  take(form.weights, teams * 4 * AXM_KV_BLOCK * form.rows);
  take(form.places, form.tiles ? 8 * form.tokens : 0);
  take(form.parts, form.tiles ? 0 : blocks * 4 * form.teamsOfBlock * form.rows * (padded + 2));
  take(form.slabs, 0);
  // Three of them keep as much under way as four, for more blocks on a multiprocessor.
  for (form.stages = form.tiles ? 4 : 3; form.stages >= 2; --form.stages) {
    // Bytes of two KV blocks that a warp reads at a time lie in different banks.
    form.areaBytes = device::roundUp(form.stages * form.slabBytes, 128) + (element == 1 ? 64 : 0);
    form.sharedBytes = end + blocks * form.areaBytes;
    if (form.sharedBytes <= AXM_CUDA_SHARED)
      return true;
  }
  return false;
}

/// Blocks of the grid for `tokens` tokens are as many as fill it twice.
AttentionForm spansForm(const KernelSpec &spec, uint32_t tokens, uint32_t most,
                        const FullGrid &full) {
  AttentionForm form;
  for (uint32_t heads = 16;; heads /= 2) {
    form.mostTokens = most;
    shareHeads(spec, form, heads);
    form.rows = form.heads <= 4 ? 2 : 4;
    if (plan::headDimPadded(spec.headDim) > 128)
      form.rows = 2;
    form.teamsOfBlock = ceilDiv(form.heads, form.rows);
    form.threads = kSpanBlocks * form.groupThreads();
    if (placeMemory(spec, form, kSpanBlocks) || heads == 1)
      break;
  }
  form.splits = std::clamp(ceilDiv(2 * full.blocks, form.units * tokens), 1u, 64u);
  form.spans = full.spans;
  uint64_t state = device::roundUp(
      4 * form.teamsOfBlock * form.rows * (plan::headDimPadded(spec.headDim) + 2), 16);
  form.scratchBytes = form.splits > 1 ? form.spans * form.units * state : 0;
  return form;
}

AttentionForm tilesForm(const KernelSpec &spec) {
  AttentionForm form;
  form.mostTokens = UINT32_MAX;
  form.tiles = true;
  form.rows = plan::headDimPadded(spec.headDim) > 128 ? 2 : 4;
  for (form.teamsOfBlock = 8;; form.teamsOfBlock /= 2) {
    uint32_t rows = form.teamsOfBlock * form.rows;
    shareHeads(spec, form, rows);
    form.tokens = rows / form.heads;
    form.threads = form.groupThreads();
    if (placeMemory(spec, form, 1) || form.teamsOfBlock == 2)
      return form;
  }
}

} // namespace

std::vector<AttentionForm> attentionForms(const KernelSpec &spec, const FullGrid &full) {
  std::vector<AttentionForm> forms;
  for (auto [tokens, most] : {std::pair(1u, 8u), std::pair(16u, 64u)}) {
    AttentionForm form = spansForm(spec, tokens, most, full);
    // A counter for each token and unit.
    if (form.splits == 1 || most * form.units <= AXM_CUDA_COUNTERS)
      forms.push_back(form);
  }
  forms.push_back(tilesForm(spec));
  return forms;
}

} // namespace axiom::codegen
