#include "codegen/cuda/LinearForm.h"

#include "codegen/cuda/kernels/Layout.h"
#include "runtime/abi/cuda_abi.h"

#include <algorithm>

namespace axiom::codegen {

using plan::Epilogue;
using plan::KernelSpec;

namespace {

/// Warps of a block, where the shape leaves a choice.
constexpr uint32_t kWarps = 8;

uint32_t ceilDiv(uint32_t a, uint32_t b) { return (a + b - 1) / b; }

bool isQkv(const KernelSpec &spec) { return spec.epilogue == Epilogue::Qkv; }

/// Stripes of a head, with its padding.
uint32_t headStripes(const KernelSpec &spec) {
  return plan::headDimPadded(spec.headDim) / AXM_STRIPE;
}

bool all(const KernelSpec &spec, bool quantized) {
  return std::all_of(spec.ranges.begin(), spec.ranges.end(), [&](const plan::LinearRange &r) {
    return plan::isQuantized(r.format) == quantized;
  });
}

/// Shared memory of a warp, for the range with float weights, or with others, that needs most.
uint32_t areaBytes(const KernelSpec &spec, const LinearForm &form, bool quantized) {
  uint32_t most = 0;
  for (const plan::LinearRange &range : spec.ranges) {
    if (plan::isQuantized(range.format) != quantized)
      continue;
    uint32_t group = plan::groupBytes(range.format), run = plan::runBytes(range.format), bytes;
    bool hasMin = range.format == AXM_FORMAT_Q4 || range.format == AXM_FORMAT_Q4F16;
    if (!quantized)
      bytes = form.floatStages *
              device::floatSlot(group, form.many ? device::kFloatTokens : form.tokens);
    else if (form.many)
      bytes = form.stages * device::panelWeights(group, run);
    else if (form.quads)
      bytes = form.stages * device::quadsSlot(group, run, form.tokens);
    else if (form.tokens <= 4)
      bytes = form.stages * device::dotsSlot(group, run, form.tokens) +
              device::dotsTerms(hasMin, form.tokens);
    else
      bytes = form.stages * device::tilesSlot(group, run);
    most = std::max(most, bytes);
  }
  return most;
}

/// Places the parts of shared memory one behind the other; whether they fit.
bool placeMemory(const KernelSpec &spec, LinearForm &form) {
  auto segments = static_cast<uint32_t>(spec.cuts.size() + 1);
  uint32_t warps = form.ranges * form.warpsOfRange;
  form.areaBytes = areaBytes(spec, form, true);
  form.floatAreaBytes = areaBytes(spec, form, false);
  if (!form.many) // a warp takes whatever comes
    form.areaBytes = form.floatAreaBytes = std::max(form.areaBytes, form.floatAreaBytes);
  form.areas = form.many && !all(spec, false) ? form.stages * device::panelTokens(form.tokens) : 0;
  form.joins = form.areas + std::max(warps * form.areaBytes, form.floatWarps * form.floatAreaBytes);
  uint32_t sums =
      std::max(all(spec, false) ? 0 : form.tokens / 2, all(spec, true) ? 0 : device::kFloatTokens);
  uint32_t end = form.joins + (form.many ? form.threads() * device::joinBytes(segments, sums) : 0);
  uint32_t results = device::resultBytes(form.many ? 1 : segments, form.tokens, form.rows());
  // Results of many tokens take the place of the stages, unless warps finish at different times.
  form.results = form.many && all(spec, true) ? 0 : end;
  form.sharedBytes = std::max(end, form.results + results);
  return form.sharedBytes <= AXM_CUDA_SHARED;
}

/// With as many stages, up to `most`, as fit; whether any do.
bool fit(const KernelSpec &spec, LinearForm &form, uint32_t most = 4) {
  form.floatWarps = form.ranges * form.warpsOfRange;
  for (uint32_t stages = most; stages >= 2; --stages) {
    form.stages = form.floatStages = stages;
    if (placeMemory(spec, form))
      return true;
  }
  // Of many tokens, some warps can take the part of all.
  while (form.many && form.floatWarps > 1) {
    form.floatWarps /= 2;
    if (placeMemory(spec, form))
      return true;
  }
  return false;
}

/// Blocks that share a head so that the grid is full, each with `unit` stripes of a half or more.
uint32_t headParts(const KernelSpec &spec, uint32_t unit, const FullGrid &full) {
  // The norm of a head and the scale of its int8 are of all its rows.
  if (spec.qkNorm || spec.kvType == AXM_KV_INT8 || spec.headDim % (2 * AXM_STRIPE) != 0)
    return 1;
  uint32_t half = spec.headDim / (2 * AXM_STRIPE), heads = spec.heads + 2 * spec.kvHeads, parts = 1;
  for (uint32_t n = 2; n <= half && heads * parts < full.blocks; ++n)
    if (half % n == 0 && half / n >= unit)
      parts = n;
  return parts;
}

/// A warp has a unit: some stripes and a segment of K.
LinearForm fewForm(const KernelSpec &spec, uint32_t tokens, uint32_t most, const FullGrid &full) {
  LinearForm form;
  form.mostTokens = most;
  form.tokens = tokens;
  form.ranges = spec.epilogue == Epilogue::SwiGlu ? 2 : 1;
  auto segments = static_cast<uint32_t>(spec.cuts.size() + 1);
  uint32_t stripes = plan::packedRows(spec.ranges[0]) / AXM_STRIPE, allStripes = 0;
  for (const plan::LinearRange &range : spec.ranges)
    allStripes += plan::packedRows(range) / AXM_STRIPE;
  form.quads = tokens <= 4 && all(spec, true) && allStripes / 4 * segments >= full.warps;
  uint32_t unit = form.quads ? 4 : all(spec, false) ? device::kFloatStripes : tokens <= 4 ? 1 : 2;
  if (isQkv(spec)) {
    form.headParts = headParts(spec, unit, full);
    form.ranges = form.headParts > 1 ? 2 : 1;
  }
  for (uint32_t warps = form.quads ? kWarps / 2 : kWarps; warps >= 1; warps /= 2) {
    uint32_t ofRange = std::max(1u, warps / form.ranges);
    // Units beside each other; of more segments than warps, the same number for each warp.
    uint32_t beside = std::max(1u, ofRange / segments);
    form.warpsOfRange =
        segments <= ofRange ? segments * beside : ceilDiv(segments, ceilDiv(segments, ofRange));
    switch (spec.epilogue) {
    case Epilogue::Store:
    case Epilogue::Residual: {
      // Fewer stripes a block where the grid would not be full.
      uint32_t units = ceilDiv(stripes, unit);
      uint32_t fill = std::clamp(units / full.blocks, 1u, beside);
      if (segments <= ofRange)
        form.warpsOfRange = segments * fill;
      form.stripes = unit * fill;
      break;
    }
    case Epilogue::SwiGlu:
      form.stripes = AXM_GROUP / AXM_STRIPE;
      break;
    case Epilogue::Qkv:
      // Of a part, from each half.
      form.stripes = headStripes(spec) / (form.headParts == 1 ? 1 : 2 * form.headParts);
      break;
    case Epilogue::Head:
      form.stripes = 8;
      break;
    }
    uint32_t useful = ceilDiv(form.stripes, unit) * segments;
    form.warpsOfRange = std::min(form.warpsOfRange, useful);
    // Where several blocks share a multiprocessor, more of them are better than longer queues.
    uint32_t most = form.quads && stripes / form.stripes > 2 * full.blocks ? 3 : 4;
    if (fit(spec, form, most) && (form.stages >= most || warps <= 4))
      return form;
  }
  return form;
}

/// A warp has 16 rows and all tokens of a tile.
LinearForm manyForm(const KernelSpec &spec, uint32_t tokens, uint32_t most) {
  LinearForm form;
  form.mostTokens = most;
  form.tokens = tokens;
  form.many = true;
  form.ranges = spec.epilogue == Epilogue::SwiGlu ? 2 : 1;
  uint32_t stripes = plan::packedRows(spec.ranges[0]) / AXM_STRIPE;
  // What waits in a join takes as much shared memory as the stages: then for fewer warps.
  bool small = all(spec, false) || !spec.cuts.empty();
  uint32_t warps = (small ? kWarps / 2 : kWarps) / form.ranges;
  switch (spec.epilogue) {
  case Epilogue::Store:
  case Epilogue::Residual:
    while (warps > 2 && stripes / (2 * warps) < 8)
      warps /= 2;
    break;
  case Epilogue::Qkv:
    warps = ceilDiv(headStripes(spec), 2);
    break;
  case Epilogue::SwiGlu:
  case Epilogue::Head:
    break;
  }
  form.warpsOfRange = warps;
  form.stripes = isQkv(spec) ? headStripes(spec) : 2 * warps;
  // Float weights leave much to do between copies: more blocks are better than longer queues.
  fit(spec, form, all(spec, false) ? 2 : 4);
  return form;
}

} // namespace

RowsForm rowsForm(const KernelSpec &spec) {
  RowsForm form;
  uint32_t inner = plan::rowStride(spec.inner);
  form.threads = std::min(32 * kWarps, plan::padTo(inner / 4, 32));
  form.parts = ceilDiv(inner, 4 * form.threads);
  if (spec.prologue == plan::Prologue::Norm) {
    form.staged = 16 + 4 * inner <= AXM_CUDA_SHARED;
    form.sharedBytes = 16 + (form.staged ? 4 * inner : 0);
  }
  return form;
}

std::vector<LinearForm> linearForms(const KernelSpec &spec, const FullGrid &full) {
  std::vector<LinearForm> forms;
  for (uint32_t tokens : {1u, 4u, 8u})
    forms.push_back(fewForm(spec, tokens, tokens, full));
  LinearForm many;
  for (uint32_t tokens = all(spec, true) ? 64 : 32;; tokens /= 2) {
    many = manyForm(spec, tokens, UINT32_MAX);
    if (many.sharedBytes <= AXM_CUDA_SHARED)
      break;
    if (tokens == 16) { // heads of 256 and many segments: slower, but it fits
      forms.back().mostTokens = UINT32_MAX;
      return forms;
    }
  }
  if (many.tokens > 32)
    forms.push_back(manyForm(spec, 32, 32));
  forms.push_back(many);
  return forms;
}

} // namespace axiom::codegen
