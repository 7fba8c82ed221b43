#include "runtime/artifact/Validate.h"

#include "runtime/artifact/Decode.h"
#include "runtime/base/Checked.h"
#include "runtime/schema/Header.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace axiom {

namespace {

using ull = unsigned long long;

// Count limits: far above what any model needs, low enough that nothing grows without bound.
constexpr uint64_t kMaxDim = 1u << 24; ///< hidden, intermediate, vocab
constexpr uint64_t kMaxTensors = 1u << 18, kMaxCuts = 4096, kMaxSegments = 64;
constexpr uint64_t kMaxSlots = 4096, kMaxRepeats = 4096, kMaxCount = 1u << 16;
constexpr uint64_t kMaxResolved = 1u << 22; ///< arguments of all launches of a step
constexpr uint64_t kMaxSlotBytes = 1ull << 40;
constexpr uint64_t kMaxName = 4096;

Status bad(const std::string &message) { return Status(Code::BadInput, message); }

Status inRange(const char *what, uint64_t value, uint64_t low, uint64_t high) {
  if (value < low || value > high)
    return bad(format("%s is %llu; %llu to %llu are possible", what, static_cast<ull>(value),
                      static_cast<ull>(low), static_cast<ull>(high)));
  return Status::okStatus();
}

Status validateConfig(const ArtifactConfig &c) {
  AXIOM_RETURN_IF_ERROR(inRange("config.hidden", c.hidden, 1, kMaxDim));
  AXIOM_RETURN_IF_ERROR(inRange("config.intermediate", c.intermediate, 1, kMaxDim));
  AXIOM_RETURN_IF_ERROR(inRange("config.layers", c.layers, 1, 4096));
  AXIOM_RETURN_IF_ERROR(inRange("config.heads", c.heads, 1, 4096));
  AXIOM_RETURN_IF_ERROR(inRange("config.kv_heads", c.kvHeads, 1, c.heads));
  AXIOM_RETURN_IF_ERROR(inRange("config.head_dim", c.headDim, 2, 4096));
  AXIOM_RETURN_IF_ERROR(inRange("config.vocab", c.vocab, 1, kMaxDim));
  // Rope angles are exact for positions below 2^20 (docs/numerics.md).
  AXIOM_RETURN_IF_ERROR(inRange("config.max_context", c.maxContext, 1, 1u << 20));
  if (c.heads % c.kvHeads != 0 || c.headDim % 2 != 0)
    return bad(format("config: %u heads are no multiple of %u KV heads, or head_dim %u is odd",
                      c.heads, c.kvHeads, c.headDim));
  if (c.bos < -1 || c.bos >= static_cast<int64_t>(c.vocab))
    return bad(format("config.bos is %d; -1 to %u are possible", c.bos, c.vocab - 1));
  AXIOM_RETURN_IF_ERROR(inRange("number of config.eos", c.eos.size(), 0, 1024));
  for (int32_t id : c.eos)
    if (id < 0 || id >= static_cast<int64_t>(c.vocab))
      return bad(format("config.eos holds %d; 0 to %u are possible", id, c.vocab - 1));
  if (!c.windows.empty() && c.windows.size() != c.layers)
    return bad(format("config.windows has %zu entries for %u layers", c.windows.size(), c.layers));
  for (uint32_t window : c.windows)
    AXIOM_RETURN_IF_ERROR(inRange("an entry of config.windows", window, 0, 1u << 30));
  for (const std::string *text : {&c.family, &c.name, &c.bosToken, &c.eosToken})
    AXIOM_RETURN_IF_ERROR(inRange("the length of a text of config", text->size(), 0, kMaxName));
  return Status::okStatus();
}

Status validateKv(const KvInfo &kv, const ArtifactConfig &c) {
  // All factors are at most 2^24, 2^12 and 2^12 by now: no overflow.
  uint64_t head = kvHeadBytes(kv.type, c.headDim);
  uint64_t layer = head * c.kvHeads, block = layer * c.layers;
  if (kv.headBytes != head || kv.layerBytes != layer || kv.blockBytes != block)
    return bad(
        format("the KV layout has %llu, %llu, %llu bytes a head, layer, block; %u KV heads of "
               "%u in %s over %u layers have %llu, %llu, %llu",
               static_cast<ull>(kv.headBytes), static_cast<ull>(kv.layerBytes),
               static_cast<ull>(kv.blockBytes), c.kvHeads, c.headDim, kvTypeName(kv.type), c.layers,
               static_cast<ull>(head), static_cast<ull>(layer), static_cast<ull>(block)));
  return Status::okStatus();
}

Status validateTensor(const TensorInfo &t, uint64_t segmentSize) {
  if (t.name.empty() || t.name.size() > kMaxName)
    return bad("a tensor has no name or one that is too long");
  auto size = packedTensorBytes(t);
  if (!size)
    return bad(format("rows %llu, cols %llu, heads %u, row_align %u and %zu cuts make no %s tensor",
                      static_cast<ull>(t.rows), static_cast<ull>(t.cols), t.heads, t.rowAlign,
                      t.cuts.size(), formatName(t.format)));
  if (*size != t.size)
    return bad(format("it has %llu bytes; its sizes and format need %llu", static_cast<ull>(t.size),
                      static_cast<ull>(*size)));
  if (t.offset % kTensorAlign != 0)
    return bad(format("offset %llu is no multiple of %llu", static_cast<ull>(t.offset),
                      static_cast<ull>(kTensorAlign)));
  if (!rangeFits(t.offset, t.size, segmentSize))
    return bad(format("offset %llu and %llu bytes are outside the weights (%llu bytes)",
                      static_cast<ull>(t.offset), static_cast<ull>(t.size),
                      static_cast<ull>(segmentSize)));
  if (!std::isfinite(t.maxError) || t.maxError < 0)
    return bad("max_error is not a finite number from 0");
  return Status::okStatus();
}

Status validateTensors(const std::vector<TensorInfo> &tensors, uint64_t segmentSize) {
  AXIOM_RETURN_IF_ERROR(inRange("number of tensors", tensors.size(), 1, kMaxTensors));
  for (const TensorInfo &tensor : tensors) {
    Status status = validateTensor(tensor, segmentSize);
    if (!status.ok())
      return status.withContext("tensor " + quoted(tensor.name));
  }
  std::vector<uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return tensors[a].offset < tensors[b].offset; });
  // Tensors fill the segment: between them there is only padding to the alignment.
  uint64_t end = 0;
  for (uint32_t i : order) {
    if (tensors[i].offset != alignUp(end, kTensorAlign))
      return bad(format("tensor %s starts at %llu of the weights; the one before it ends at %llu",
                        quoted(tensors[i].name).c_str(), static_cast<ull>(tensors[i].offset),
                        static_cast<ull>(end)));
    end = tensors[i].offset + tensors[i].size;
  }
  if (alignUp(end, kTensorAlign) < segmentSize)
    return bad(format("the weights have %llu bytes; the tensors end at %llu",
                      static_cast<ull>(segmentSize), static_cast<ull>(end)));
  std::set<std::string_view> names;
  for (const TensorInfo &tensor : tensors)
    if (!names.insert(tensor.name).second)
      return bad("two tensors have the name " + quoted(tensor.name));
  return Status::okStatus();
}

Status validateSegments(const std::vector<SegmentInfo> &segments, uint64_t metadataOffset) {
  AXIOM_RETURN_IF_ERROR(inRange("number of segments", segments.size(), 1, kMaxSegments));
  uint64_t end = sizeof(ArtifactHeader);
  std::set<std::pair<SegmentKind, std::string>> seen;
  for (const SegmentInfo &s : segments) {
    const char *kind = segmentKindName(s.kind);
    if (s.size == 0)
      return bad(format("the %s segment is empty", kind));
    uint64_t align = segmentAlign(static_cast<uint32_t>(s.kind), s.size);
    // The end of what came before lies in the file, so this does not overflow.
    if (s.offset != alignUp(end, align) || !rangeFits(s.offset, s.size, metadataOffset))
      return bad(
          format("the %s segment has %llu bytes at %llu; the part before it ends at %llu, the "
                 "alignment is %llu and the metadata starts at %llu",
                 kind, static_cast<ull>(s.size), static_cast<ull>(s.offset), static_cast<ull>(end),
                 static_cast<ull>(align), static_cast<ull>(metadataOffset)));
    end = s.offset + s.size;
    if ((s.kind == SegmentKind::Code) == s.target.empty() || s.target.size() > 256)
      return bad(format("the %s segment has the target %s", kind, quoted(s.target).c_str()));
    if (!seen.insert({s.kind, s.target}).second)
      return bad(format("there are two %s segments %s", kind, s.target.c_str()));
  }
  if (alignUp(end, kMetadataAlign) != metadataOffset)
    return bad(format("the segments end at %llu, but the metadata starts at %llu",
                      static_cast<ull>(end), static_cast<ull>(metadataOffset)));
  return Status::okStatus();
}

Status validateBinding(const BindingInfo &b, const Metadata &m, uint32_t count) {
  bool each = b.space == AXM_SPACE_WEIGHTS || b.space == AXM_SPACE_KV;
  if (each && b.values.size() != 1 && b.values.size() != count)
    return bad(format("%zu entries for %u repetitions", b.values.size(), count));
  if (!each && std::any_of(b.values.begin(), b.values.end(), [](uint64_t v) { return v != 0; }))
    return bad("offsets in memory that has none");
  if (!each && b.values.size() > count)
    return bad(format("%zu offsets for %u repetitions", b.values.size(), count));
  if (b.tensors.size() != (b.space == AXM_SPACE_WEIGHTS ? b.values.size() : 0))
    return bad(format("%zu tensors for %zu entries", b.tensors.size(), b.values.size()));
  if (b.space == AXM_SPACE_WORKSPACE ? b.slot >= m.plan.slots.size() : b.slot != 0)
    return bad(format("slot %u of %zu", b.slot, m.plan.slots.size()));
  if (b.space == AXM_SPACE_KV)
    for (uint64_t layer : b.values)
      if (layer >= m.config.layers)
        return bad(format("layer %llu of %u", static_cast<ull>(layer), m.config.layers));
  for (size_t i = 0; i < b.tensors.size(); ++i) {
    if (b.tensors[i] >= m.tensors.size())
      return bad(format("tensor %u of %zu", b.tensors[i], m.tensors.size()));
    if (b.values[i] != m.tensors[b.tensors[i]].offset)
      return bad(format("offset %llu is not where tensor %s starts (%llu)",
                        static_cast<ull>(b.values[i]), quoted(m.tensors[b.tensors[i]].name).c_str(),
                        static_cast<ull>(m.tensors[b.tensors[i]].offset)));
  }
  return Status::okStatus();
}

Status validatePlan(const Metadata &m) {
  const Plan &plan = m.plan;
  AXIOM_RETURN_IF_ERROR(inRange("number of workspace slots", plan.slots.size(), 1, kMaxSlots));
  for (const SlotInfo &slot : plan.slots) {
    AXIOM_RETURN_IF_ERROR(inRange("fixed bytes of a slot", slot.fixed, 0, kMaxSlotBytes));
    AXIOM_RETURN_IF_ERROR(inRange("bytes per token of a slot", slot.perToken, 0, kMaxSlotBytes));
  }
  AXIOM_RETURN_IF_ERROR(inRange("plan.residual_slot", plan.residualSlot, 0, plan.slots.size() - 1));
  if (plan.slots[plan.residualSlot].perToken < 4ull * m.config.hiddenStride())
    return bad(format("the residual slot has %llu bytes a token; %u features need %llu",
                      static_cast<ull>(plan.slots[plan.residualSlot].perToken), m.config.hidden,
                      4ull * m.config.hiddenStride()));
  if (plan.finalNorm >= 0) {
    AXIOM_RETURN_IF_ERROR(inRange("plan.final_norm", static_cast<uint64_t>(plan.finalNorm), 0,
                                  m.tensors.empty() ? 0 : m.tensors.size() - 1));
    const TensorInfo &gain = m.tensors[static_cast<size_t>(plan.finalNorm)];
    if (!gain.vector || gain.heads != 1 || gain.cols != m.config.hidden)
      return bad(format("the final norm's tensor %s is no vector of %u elements",
                        quoted(gain.name).c_str(), m.config.hidden));
    if (!(plan.finalNormEps > 0.0f && plan.finalNormEps < 1.0f))
      return bad(format("the final norm's epsilon is %g; it must be above 0 and below 1",
                        static_cast<double>(plan.finalNormEps)));
  }
  AXIOM_RETURN_IF_ERROR(inRange("number of repeats", plan.repeats.size(), 1, kMaxRepeats));
  uint64_t resolved = 0;
  int64_t nextLayer = 0;
  for (const RepeatInfo &repeat : plan.repeats) {
    AXIOM_RETURN_IF_ERROR(inRange("count of a repeat", repeat.count, 1, kMaxCount));
    if (repeat.firstLayer >= 0) {
      if (repeat.firstLayer < nextLayer || repeat.firstLayer + repeat.count > m.config.layers)
        return bad(format("a repeat covers %u layers from %lld; layers %lld to %u are left",
                          repeat.count, static_cast<long long>(repeat.firstLayer),
                          static_cast<long long>(nextLayer), m.config.layers));
      nextLayer = repeat.firstLayer + repeat.count;
    }
    uint64_t launches = 0, arguments = 0;
    for (const PhaseInfo &phase : repeat.phases) {
      launches += 1 + phase.tasks.size();
      for (const TaskInfo &task : phase.tasks) {
        arguments += task.bindings.size();
        for (size_t i = 0; i < task.bindings.size(); ++i) {
          Status status = validateBinding(task.bindings[i], m, repeat.count);
          if (!status.ok())
            return status.withContext(
                format("binding %zu of task %s", i, quoted(task.name).c_str()));
        }
      }
    }
    // Bounded by the metadata's size times kMaxCount: no overflow.
    resolved += repeat.count * (launches + arguments);
    AXIOM_RETURN_IF_ERROR(inRange("number of arguments of a step", resolved, 0, kMaxResolved));
  }
  return Status::okStatus();
}

} // namespace

std::optional<uint64_t> packedTensorBytes(const TensorInfo &t) {
  constexpr uint64_t kMaxSide = 1ull << 31;
  if (t.rows == 0 || t.cols == 0 || t.rows > kMaxSide || t.cols > kMaxSide || t.heads == 0 ||
      t.rowAlign == 0 || t.rowAlign > 65536 || t.cuts.size() > kMaxCuts)
    return std::nullopt;
  // A vector's elements are its columns; they come in heads like the rows of a matrix.
  uint64_t items = t.vector ? t.cols : t.rows;
  if (items % t.heads != 0)
    return std::nullopt;
  uint64_t packed = alignUp(alignUp(items / t.heads, t.rowAlign) * t.heads, AXM_STRIPE);
  if (t.vector) {
    if (t.rows != 1 || t.format != AXM_FORMAT_F32 || !t.cuts.empty())
      return std::nullopt;
    return checkedMul(4, alignUp(packed, AXM_GROUP));
  }
  if (t.rowAlign % AXM_STRIPE != 0)
    return std::nullopt;
  uint64_t k = alignUp(t.cols, AXM_GROUP), groups = k / AXM_GROUP;
  uint64_t previous = 0;
  for (uint32_t cut : t.cuts) {
    if (cut <= previous || cut >= k || cut % AXM_GROUP != 0)
      return std::nullopt;
    previous = cut;
  }
  uint64_t stripe = 0;
  switch (t.format) {
  case AXM_FORMAT_F32:
    stripe = k * 32;
    break;
  case AXM_FORMAT_F16:
  case AXM_FORMAT_BF16:
    stripe = k * 16;
    break;
  case AXM_FORMAT_Q8:
    stripe = groups * 272;
    break;
  case AXM_FORMAT_Q4F16:
    stripe = groups * 160;
    break;
  case AXM_FORMAT_Q4:
  case AXM_FORMAT_Q6: {
    // Each segment stores f16 scales for every 256 columns that it touches: for q4 pairs, 32 bytes.
    bool q4 = t.format == AXM_FORMAT_Q4;
    uint64_t begin = 0, run = q4 ? 32 : 16, group = q4 ? 144 : 208;
    for (size_t i = 0; i <= t.cuts.size(); ++i) {
      uint64_t end = i < t.cuts.size() ? t.cuts[i] / AXM_GROUP : groups;
      stripe += (ceilDiv(end, 8) - begin / 8) * run + (end - begin) * group;
      begin = end;
    }
    break;
  }
  }
  return checkedMul(packed / AXM_STRIPE, stripe);
}

uint64_t kvHeadBytes(AxmKvType type, uint32_t headDim) {
  uint64_t element = type == AXM_KV_F32 ? 4 : type == AXM_KV_F16 ? 2 : 1;
  // K as [head_dim][64], V as [64][head_dim padded to 8], for int8 two scales a position.
  uint64_t bytes = element * AXM_KV_BLOCK * (headDim + alignUp(headDim, AXM_STRIPE)) +
                   (type == AXM_KV_INT8 ? 2 * 4 * AXM_KV_BLOCK : 0);
  return alignUp(bytes, 64);
}

Status validateMetadata(const Metadata &metadata, uint64_t metadataOffset) {
  AXIOM_RETURN_IF_ERROR(validateConfig(metadata.config));
  AXIOM_RETURN_IF_ERROR(validateKv(metadata.kv, metadata.config));
  AXIOM_RETURN_IF_ERROR(validateSegments(metadata.segments, metadataOffset));
  const SegmentInfo *weights = nullptr;
  bool code = false;
  for (const SegmentInfo &segment : metadata.segments) {
    if (segment.kind == SegmentKind::Weights)
      weights = &segment;
    code |= segment.kind == SegmentKind::Code;
  }
  if (!weights || !code)
    return bad(format("there is no %s segment", weights ? "code" : "weights"));
  AXIOM_RETURN_IF_ERROR(validateTensors(metadata.tensors, weights->size));
  AXIOM_RETURN_IF_ERROR(validatePlan(metadata));
  const ProvenanceInfo &p = metadata.provenance;
  if (!std::isfinite(p.sourceBits) || !std::isfinite(p.storedBits) || p.sourceBits < 0 ||
      p.storedBits < 0)
    return bad("the bits a weight are not finite numbers from 0");
  return Status::okStatus();
}

} // namespace axiom
