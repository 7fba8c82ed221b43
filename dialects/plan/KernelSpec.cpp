#include "dialects/plan/KernelSpec.h"

#include "dialects/plan/AttentionLayout.h"

#include <algorithm>
#include <cstring>

namespace axiom::plan {

uint32_t packedRows(const LinearRange &range) {
  uint32_t perHead = padTo(range.rows / range.heads, range.rowAlign);
  return padTo(perHead * range.heads, AXM_STRIPE);
}

const char *formatName(AxmFormat format) {
  switch (format) {
  case AXM_FORMAT_F32:
    return "f32";
  case AXM_FORMAT_F16:
    return "f16";
  case AXM_FORMAT_BF16:
    return "bf16";
  case AXM_FORMAT_Q8:
    return "q8";
  case AXM_FORMAT_Q4F16:
    return "q4f16";
  case AXM_FORMAT_Q4:
    return "q4";
  case AXM_FORMAT_Q6:
    return "q6";
  }
  return "?";
}

uint32_t groupBytes(AxmFormat format) {
  switch (format) {
  case AXM_FORMAT_F32:
    return 1024;
  case AXM_FORMAT_F16:
  case AXM_FORMAT_BF16:
    return 512;
  case AXM_FORMAT_Q8:
    return 272;
  case AXM_FORMAT_Q4F16:
    return 160;
  case AXM_FORMAT_Q4:
    return 144;
  case AXM_FORMAT_Q6:
    return 208;
  }
  return 0;
}

uint32_t runBytes(AxmFormat format) {
  return format == AXM_FORMAT_Q4 ? 32 : format == AXM_FORMAT_Q6 ? 16 : 0;
}

uint64_t stripeBytes(AxmFormat format, uint32_t inner, const std::vector<uint32_t> &cuts) {
  uint64_t groups = padTo(inner, AXM_GROUP) / AXM_GROUP, bytes = groups * groupBytes(format);
  // A run of groups shares its f16 scales; a cut inside a run repeats them.
  uint64_t begin = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    uint64_t end = i < cuts.size() ? cuts[i] / AXM_GROUP : groups;
    bytes += ((end + 7) / 8 - begin / 8) * runBytes(format);
    begin = end;
  }
  return bytes;
}

uint64_t segmentBegin(AxmFormat format, const std::vector<uint32_t> &cuts, size_t index) {
  if (index == 0)
    return 0;
  // A stripe that ends there has the bytes before it.
  size_t last = index - 1;
  return stripeBytes(format, cuts[last], {cuts.data(), cuts.data() + last});
}

uint64_t packedBytes(const LinearRange &range, uint32_t inner, const std::vector<uint32_t> &cuts) {
  return packedRows(range) / AXM_STRIPE * stripeBytes(range.format, inner, cuts);
}

static uint64_t kvElementBytes(AxmKvType type) {
  return type == AXM_KV_F32 ? 4 : type == AXM_KV_F16 ? 2 : 1;
}

uint64_t kvKeyBytes(AxmKvType type, uint32_t headDim) {
  return kvElementBytes(type) * headDim * AXM_KV_BLOCK;
}

uint64_t kvHeadBytes(AxmKvType type, uint32_t headDim) {
  uint64_t bytes = kvKeyBytes(type, headDim) +
                   kvElementBytes(type) * headDimPadded(headDim) * AXM_KV_BLOCK +
                   (type == AXM_KV_INT8 ? 2 * 4 * AXM_KV_BLOCK : 0);
  return (bytes + 63) / 64 * 64;
}

bool anyRange(const KernelSpec &spec, bool quantized) {
  return std::any_of(spec.ranges.begin(), spec.ranges.end(), [&](const LinearRange &range) {
    return isQuantized(range.format) == quantized;
  });
}

bool hasPrologue(const KernelSpec &spec) {
  if (spec.kind != KernelKind::Linear || spec.prologue == Prologue::None)
    return false;
  return spec.prologue == Prologue::Norm || anyRange(spec, true);
}

static void addKvArgs(const KernelSpec &spec, bool write, std::vector<KernelArg> &args) {
  KernelArg kv{"kv", AXM_SPACE_KV};
  (write ? kv.writeFixed : kv.readFixed) = spec.kvHeadBytes * spec.kvHeads;
  args.push_back(kv);
  args.push_back({"positions", AXM_SPACE_POSITIONS, 0, 4});
  args.push_back({"tableOffsets", AXM_SPACE_TABLE_OFFSETS, 0, 4});
  args.push_back({"blockTables", AXM_SPACE_BLOCK_TABLES});
}

static void addLinearArgs(const KernelSpec &spec, std::vector<KernelArg> &args) {
  bool qrows = spec.prologue == Prologue::None && anyRange(spec, true);
  args.push_back(
      {"input", AXM_SPACE_WORKSPACE, 0,
       qrows ? AXM_QROW_BYTES(padTo(spec.inner, AXM_GROUP)) : 4ull * rowStride(spec.inner)});
  if (spec.prologue == Prologue::Norm)
    args.push_back({"norm", AXM_SPACE_WEIGHTS, vectorBytes(spec.inner)});
  for (size_t i = 0; i < spec.ranges.size(); ++i) {
    const LinearRange &range = spec.ranges[i];
    std::string index = std::to_string(i);
    args.push_back(
        {"weights" + index, AXM_SPACE_WEIGHTS, packedBytes(range, spec.inner, spec.cuts)});
    if (range.bias)
      args.push_back(
          {"bias" + index, AXM_SPACE_WEIGHTS, 4ull * padTo(packedRows(range), AXM_GROUP)});
  }
  uint32_t rows = spec.ranges[0].rows;
  switch (spec.epilogue) {
  case Epilogue::Store:
    args.push_back({"y", AXM_SPACE_WORKSPACE, 0, 0, 0, 4ull * rowStride(rows)});
    break;
  case Epilogue::Residual:
    args.push_back(
        {"x", AXM_SPACE_WORKSPACE, 0, 4ull * rowStride(rows), 0, 4ull * rowStride(rows)});
    break;
  case Epilogue::Qkv:
    args.push_back({"angles", AXM_SPACE_WORKSPACE, 0, 4ull * spec.headDim});
    args.push_back(
        {"q", AXM_SPACE_WORKSPACE, 0, 0, 0, 4ull * spec.heads * headDimPadded(spec.headDim)});
    addKvArgs(spec, true, args);
    if (spec.qkNorm) {
      args.push_back({"qnorm", AXM_SPACE_WEIGHTS, vectorBytes(spec.headDim)});
      args.push_back({"knorm", AXM_SPACE_WEIGHTS, vectorBytes(spec.headDim)});
    }
    break;
  case Epilogue::SwiGlu:
    args.push_back(
        {"h", AXM_SPACE_WORKSPACE, 0, 0, 0,
         spec.quantizeOut ? AXM_QROW_BYTES(padTo(rows, AXM_GROUP)) : 4ull * rowStride(rows)});
    break;
  case Epilogue::Head:
    args.push_back({"rows", AXM_SPACE_ROWS, 0, 4});
    args.push_back({"logits", AXM_SPACE_LOGITS, 0, 0, 0, 4ull * logitsStride(rows)});
    args.push_back({"tiles", AXM_SPACE_TILES, 0, 0, 0,
                    sizeof(AxmTile) * ((rows + AXM_TILE_IDS - 1ull) / AXM_TILE_IDS)});
    break;
  }
}

std::vector<KernelArg> kernelArgs(const KernelSpec &spec) {
  std::vector<KernelArg> args;
  switch (spec.kind) {
  case KernelKind::Embed:
    args.push_back({"tokens", AXM_SPACE_TOKENS, 0, 4});
    args.push_back(
        {"table", AXM_SPACE_WEIGHTS, packedBytes(spec.ranges[0], spec.inner, spec.cuts)});
    args.push_back({"x", AXM_SPACE_WORKSPACE, 0, 0, 0, 4ull * rowStride(spec.inner)});
    break;
  case KernelKind::RopeAngles:
    args.push_back({"positions", AXM_SPACE_POSITIONS, 0, 4});
    args.push_back({"invFreq", AXM_SPACE_WEIGHTS, vectorBytes(spec.headDim / 2)});
    args.push_back({"angles", AXM_SPACE_WORKSPACE, 0, 0, 0, 4ull * spec.headDim});
    break;
  case KernelKind::Linear:
    addLinearArgs(spec, args);
    break;
  case KernelKind::Attention:
    args.push_back({"q", AXM_SPACE_WORKSPACE, 0, 4ull * spec.heads * headDimPadded(spec.headDim)});
    args.push_back(
        {"out", AXM_SPACE_WORKSPACE, 0, 0, 0, 4ull * rowStride(spec.heads * spec.headDim)});
    addKvArgs(spec, false, args);
    // All variants of a task have the same arguments; only those with span units use this one.
    args.push_back({"spans", AXM_SPACE_WORKSPACE});
    if (spec.spanUnits)
      args.back().readFixed = args.back().writeFixed = attentionSlot(spec).bytes;
    break;
  }
  return args;
}

KernelUnits kernelUnits(const KernelSpec &spec) {
  switch (spec.kind) {
  case KernelKind::Embed:
  case KernelKind::RopeAngles:
    return {AXM_UNITS_PER_TOKEN, 1};
  case KernelKind::Attention:
    return {spec.spanUnits ? AXM_UNITS_PER_SPAN : AXM_UNITS_PER_TOKEN, spec.kvHeads};
  case KernelKind::Linear:
    break;
  }
  uint32_t rows = packedRows(spec.ranges[0]);
  switch (spec.epilogue) {
  case Epilogue::Store:
  case Epilogue::Residual:
    return {AXM_UNITS_FIXED, rows / AXM_STRIPE};
  case Epilogue::Qkv:
    return {AXM_UNITS_FIXED, spec.heads + 2 * spec.kvHeads};
  case Epilogue::SwiGlu:
    return {AXM_UNITS_FIXED, rows / AXM_GROUP};
  case Epilogue::Head:
    return {AXM_UNITS_FIXED, (spec.ranges[0].rows + AXM_TILE_IDS - 1) / AXM_TILE_IDS};
  }
  return {AXM_UNITS_FIXED, 0};
}

// The tile holds the rows of a unit for AXM_TILE_TOKENS tokens in f32, plus, where K is cut, the
// partial sums of kPartialStripes stripes for each segment.
uint64_t scratchTileBytes(const KernelSpec &spec) {
  if (spec.kind == KernelKind::Attention)
    return attentionScratch(spec).bytes;
  if (spec.kind != KernelKind::Linear)
    return 0;
  uint64_t rows = 8 * AXM_STRIPE; // Store and Residual work on up to 8 units at a time
  if (spec.epilogue == Epilogue::Qkv)
    rows = headDimPadded(spec.headDim);
  else if (spec.epilogue == Epilogue::SwiGlu)
    rows = 2 * AXM_GROUP;
  else if (spec.epilogue == Epilogue::Head)
    rows = 0; // goes straight to the logits
  uint64_t segments = spec.cuts.empty() ? 0 : spec.cuts.size() + 1;
  return 4 * AXM_TILE_TOKENS * (rows + segments * kPartialStripes * AXM_STRIPE);
}

KernelScratch kernelScratch(const KernelSpec &spec) {
  KernelScratch scratch{(scratchTileBytes(spec) + 63) / 64 * 64, 0};
  if (spec.kind == KernelKind::Linear && spec.prologue != Prologue::None) {
    // Normalized rows are kept for float weights; for quantized ones a single row is a passing
    // stage.
    if (spec.prologue == Prologue::Norm)
      (anyRange(spec, false) ? scratch.perToken : scratch.fixed) += 4ull * rowStride(spec.inner);
    if (anyRange(spec, true))
      scratch.perToken += AXM_QROW_BYTES(padTo(spec.inner, AXM_GROUP));
    scratch.fixed += 64;
  }
  return scratch;
}

AxmKernelRow kernelRow(const KernelSpec &spec) {
  AxmKernelRow row;
  std::memset(&row, 0, sizeof row);
  KernelUnits units = kernelUnits(spec);
  KernelScratch scratch = kernelScratch(spec);
  row.unitKind = units.kind;
  row.unitCount = units.count;
  row.scratchFixed = scratch.fixed;
  row.scratchPerToken = scratch.perToken;
  if (units.kind == AXM_UNITS_PER_SPAN) {
    row.maxSpans = kAttentionMaxSpans;
    // A window of W positions touches this many spans at most.
    row.spansPerToken =
        spec.window ? (spec.window + AXM_ATTENTION_SPAN - 2) / AXM_ATTENTION_SPAN + 1 : UINT32_MAX;
  }
  std::vector<KernelArg> args = kernelArgs(spec);
  row.numArgs = static_cast<uint32_t>(args.size());
  for (size_t i = 0; i < args.size() && i < AXM_MAX_ARGS; ++i) {
    if (args[i].space == AXM_SPACE_KV)
      row.kvBlockBytes = spec.kvBlockBytes;
    row.args[i] = {static_cast<uint32_t>(args[i].space),
                   0,
                   args[i].readFixed,
                   args[i].readPerToken,
                   args[i].writeFixed,
                   args[i].writePerToken};
  }
  uint64_t hash = 0xcbf29ce484222325u;
  auto mix = [&](uint64_t value) {
    for (int i = 0; i < 8; ++i, value >>= 8)
      hash = (hash ^ (value & 0xff)) * 0x100000001b3u;
  };
  mix(row.unitKind);
  mix(row.unitCount);
  mix(row.numArgs);
  mix(row.scratchFixed);
  mix(row.scratchPerToken);
  mix(row.kvBlockBytes);
  mix(row.spansPerToken);
  mix(row.maxSpans);
  for (uint32_t i = 0; i < row.numArgs; ++i) {
    const AxmArgRow &arg = row.args[i];
    for (uint64_t value :
         {uint64_t(arg.space), arg.readFixed, arg.readPerToken, arg.writeFixed, arg.writePerToken})
      mix(value);
  }
  row.signature = hash;
  return row;
}

} // namespace axiom::plan
