// The kernel table of a code image, and the proof that the plan fits it.
#include "runtime/artifact/Decode.h"
#include "runtime/artifact/Validate.h"
#include "runtime/base/Checked.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace axiom {

namespace {

using ull = unsigned long long;

/// Per argument and scratch; sums of such numbers times a token count stay far below 2^64.
constexpr uint64_t kMaxArgBytes = 1ull << 40;
constexpr uint32_t kMaxKernels = 65536;
constexpr uint32_t kMaxUnits = 1u << 24;
constexpr uint64_t kMaxSpanUnits = 1u << 30;

Status bad(const std::string &message) { return Status(Code::BadInput, message); }

/// The bytes that an argument may declare depend on its memory: nothing may write weights, and what
/// belongs to a step has a fixed form.
bool argRowFits(const AxmArgRow &a) {
  if (a.reserved != 0 ||
      std::max({a.readFixed, a.readPerToken, a.writeFixed, a.writePerToken}) > kMaxArgBytes)
    return false;
  bool writes = a.writeFixed != 0 || a.writePerToken != 0;
  switch (a.space) {
  case AXM_SPACE_WEIGHTS:
    return !writes && a.readPerToken == 0;
  case AXM_SPACE_WORKSPACE:
    return true;
  case AXM_SPACE_KV:
    return a.readPerToken == 0 && a.writePerToken == 0;
  case AXM_SPACE_TOKENS:
  case AXM_SPACE_POSITIONS:
  case AXM_SPACE_TABLE_OFFSETS:
  case AXM_SPACE_ROWS:
    return !writes && a.readFixed == 0 && a.readPerToken <= 4;
  case AXM_SPACE_BLOCK_TABLES:
    return !writes && a.readFixed == 0 && a.readPerToken == 0;
  case AXM_SPACE_LOGITS:
  case AXM_SPACE_TILES:
    return a.readFixed == 0 && a.readPerToken == 0 && a.writeFixed == 0;
  default:
    return false;
  }
}

Status checkEntries(const AxmKernelRow &row, uint64_t codeBegin, uint64_t imageSize) {
  bool prologueFits = row.prologue == 0 || (row.prologue >= codeBegin && row.prologue < imageSize);
  if (!prologueFits || row.body < codeBegin || row.body >= imageSize || row.bodyEnd <= row.body ||
      row.bodyEnd > imageSize)
    return bad(format("entries %u, %u and end %u are outside the code, %llu to %llu", row.prologue,
                      row.body, row.bodyEnd, static_cast<ull>(codeBegin),
                      static_cast<ull>(imageSize)));
  return Status::okStatus();
}

} // namespace

Status checkKernelRow(const AxmKernelRow &row) {
  if (row.unitKind > AXM_UNITS_PER_SPAN || row.unitCount == 0 || row.unitCount > kMaxUnits)
    return bad(format("%u units of kind %u", row.unitCount, row.unitKind));
  bool spans = row.unitKind == AXM_UNITS_PER_SPAN;
  if (spans != (row.maxSpans != 0) || spans != (row.spansPerToken != 0) ||
      uint64_t(row.unitCount) * row.maxSpans > kMaxSpanUnits)
    return bad(format("%u units of kind %u with at most %u spans, %u a token", row.unitCount,
                      row.unitKind, row.maxSpans, row.spansPerToken));
  if (row.numArgs == 0 || row.numArgs > AXM_MAX_ARGS)
    return bad(format("%u arguments; 1 to %u are possible", row.numArgs, AXM_MAX_ARGS));
  if (row.scratchFixed > kMaxArgBytes || row.scratchPerToken > kMaxArgBytes)
    return bad("scratch of more than 2^40 bytes");
  bool kv = false;
  for (uint32_t i = 0; i < AXM_MAX_ARGS; ++i) {
    static const AxmArgRow none{};
    if (i < row.numArgs ? !argRowFits(row.args[i])
                        : std::memcmp(&row.args[i], &none, sizeof none) != 0)
      return bad(format("argument %u has a malformed row", i));
    kv |= i < row.numArgs && row.args[i].space == AXM_SPACE_KV;
  }
  if (kv != (row.kvBlockBytes != 0))
    return bad(format("%llu bytes from KV block to block in a kernel with%s KV memory",
                      static_cast<ull>(row.kvBlockBytes), kv ? "" : "out"));
  if (row.signature != kernelSignature(row))
    return bad(format("signature %016llx; its rows have %016llx", static_cast<ull>(row.signature),
                      static_cast<ull>(kernelSignature(row))));
  return Status::okStatus();
}

uint64_t kernelSignature(const AxmKernelRow &row) {
  uint64_t hash = 14695981039346656037ull;
  auto add = [&hash](uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) {
      hash ^= value >> shift & 0xff;
      hash *= 1099511628211ull;
    }
  };
  add(row.unitKind);
  add(row.unitCount);
  add(row.numArgs);
  add(row.scratchFixed);
  add(row.scratchPerToken);
  add(row.kvBlockBytes);
  add(row.spansPerToken);
  add(row.maxSpans);
  for (uint32_t i = 0; i < std::min(row.numArgs, AXM_MAX_ARGS); ++i) {
    add(row.args[i].space);
    add(row.args[i].readFixed);
    add(row.args[i].readPerToken);
    add(row.args[i].writeFixed);
    add(row.args[i].writePerToken);
  }
  return hash;
}

Result<std::vector<AxmKernelRow>> readKernelTable(std::span<const uint8_t> image) {
  AxmImageHeader header;
  if (image.size() < sizeof header)
    return bad(
        format("the code image has %zu bytes; its header has %zu", image.size(), sizeof header));
  std::memcpy(&header, image.data(), sizeof header);
  if (header.magic != AXM_IMAGE_MAGIC || header.rowBytes != sizeof(AxmKernelRow))
    return bad("the code image does not start with a kernel table");
  if (header.abiVersion != AXM_KERNEL_ABI_VERSION)
    return Status(Code::Unsupported,
                  format("the code image has kernel ABI version %u; this runtime has %u",
                         header.abiVersion, AXM_KERNEL_ABI_VERSION));
  uint64_t tableBytes = uint64_t(header.numKernels) * sizeof(AxmKernelRow);
  if (header.numKernels == 0 || header.numKernels > kMaxKernels ||
      !rangeFits(sizeof header, tableBytes, image.size()))
    return bad(format("a kernel table of %u rows does not fit the code image of %zu bytes",
                      header.numKernels, image.size()));
  std::vector<AxmKernelRow> rows(header.numKernels);
  std::memcpy(rows.data(), image.data() + sizeof header, tableBytes);
  for (size_t i = 0; i < rows.size(); ++i) {
    Status status = checkEntries(rows[i], sizeof header + tableBytes, image.size());
    if (status.ok())
      status = checkKernelRow(rows[i]);
    if (!status.ok())
      return status.withContext(format("kernel %zu of the code image", i));
  }
  return rows;
}

namespace {

class Prover {
public:
  Prover(const Metadata &m, const std::vector<AxmKernelRow> &kernels) : m_(m), kernels_(kernels) {}

  Status run() {
    std::vector<bool> layers(m_.config.layers);
    for (const RepeatInfo &repeat : m_.plan.repeats)
      for (const PhaseInfo &phase : repeat.phases)
        AXIOM_RETURN_IF_ERROR(provePhase(phase, layers));
    if (!logits_ || !tiles_ || !embeds_)
      return bad("the plan has no embedding, or no task that writes logits and tiles");
    // A plan that never touches a layer's cache does not belong to this number of layers.
    size_t missing = std::find(layers.begin(), layers.end(), false) - layers.begin();
    if (missing < layers.size())
      return bad(format("no task of the plan uses the KV cache of layer %zu", missing));
    return Status::okStatus();
  }

private:
  Status provePhase(const PhaseInfo &phase, std::vector<bool> &layers) {
    // Tasks of a phase run at the same time: what one argument writes, no other may touch.
    std::map<uint32_t, std::pair<int, int>> slots; // slot -> arguments, of these writing
    for (const TaskInfo &task : phase.tasks) {
      for (size_t variant = 0; variant < 3; ++variant) {
        Status status = proveTask(task, variant);
        if (!status.ok())
          return status.withContext("task " + quoted(task.name));
      }
      for (size_t i = 0; i < task.bindings.size(); ++i) {
        const BindingInfo &binding = task.bindings[i];
        if (binding.space == AXM_SPACE_WORKSPACE) {
          auto &[uses, writes] = slots[binding.slot];
          ++uses;
          writes += std::any_of(task.kernels.begin(), task.kernels.end(), [&](uint32_t kernel) {
            const AxmArgRow &arg = kernels_[kernel].args[i];
            return arg.writeFixed != 0 || arg.writePerToken != 0;
          });
        } else if (binding.space == AXM_SPACE_KV) {
          for (uint64_t layer : binding.values)
            layers[layer] = true;
        }
        logits_ |= binding.space == AXM_SPACE_LOGITS;
        tiles_ |= binding.space == AXM_SPACE_TILES;
        embeds_ |= binding.space == AXM_SPACE_TOKENS;
      }
    }
    for (const auto &[slot, counts] : slots)
      if (counts.second > 0 && counts.first > 1)
        return bad(format("slot %s is written in a phase in which another argument uses it",
                          quoted(m_.plan.slots[slot].name).c_str()));
    return Status::okStatus();
  }

  Status proveTask(const TaskInfo &task, size_t variant) {
    uint32_t index = task.kernels[variant];
    if (index >= kernels_.size())
      return bad(format("kernel %u of %zu", index, kernels_.size()));
    const AxmKernelRow &row = kernels_[index];
    if (row.signature != task.signatures[variant])
      return bad(format("kernel %u has signature %016llx; the plan expects %016llx", index,
                        static_cast<ull>(row.signature),
                        static_cast<ull>(task.signatures[variant])));
    if (row.numArgs != task.bindings.size())
      return bad(format("%zu bindings for the %u arguments of kernel %u", task.bindings.size(),
                        row.numArgs, index));
    // What the other variants leave, long contexts included.
    if (variant == 2 && row.unitKind == AXM_UNITS_PER_SPAN)
      return bad(format("kernel %u takes %u spans; the last variant must take any number", index,
                        row.maxSpans));
    if (row.kvBlockBytes != 0 && row.kvBlockBytes != m_.kv.blockBytes)
      return bad(format("kernel %u knows %llu bytes from KV block to block, the KV layout has %llu",
                        index, static_cast<ull>(row.kvBlockBytes),
                        static_cast<ull>(m_.kv.blockBytes)));
    bool perRow = false, tokens = false;
    for (uint32_t i = 0; i < row.numArgs; ++i) {
      perRow |= row.args[i].space == AXM_SPACE_ROWS;
      tokens |= row.args[i].space == AXM_SPACE_TOKENS;
    }
    for (uint32_t i = 0; i < row.numArgs; ++i) {
      Status status = proveArg(row.args[i], task.bindings[i], perRow, tokens);
      if (!status.ok())
        return status.withContext(format("argument %u of kernel %u", i, index));
    }
    return Status::okStatus();
  }

  Status proveArg(const AxmArgRow &arg, const BindingInfo &binding, bool perRow, bool tokens) {
    if (arg.space != binding.space)
      return bad(format("memory %u is bound to memory %u", arg.space,
                        static_cast<uint32_t>(binding.space)));
    uint64_t fixed = std::max(arg.readFixed, arg.writeFixed);
    uint64_t perToken = std::max(arg.readPerToken, arg.writePerToken);
    switch (binding.space) {
    case AXM_SPACE_WEIGHTS:
      for (uint32_t index : binding.tensors) {
        const TensorInfo &tensor = m_.tensors[index];
        if (fixed > tensor.size)
          return bad(format("%llu bytes are read from tensor %s of %llu", static_cast<ull>(fixed),
                            quoted(tensor.name).c_str(), static_cast<ull>(tensor.size)));
        // The row that an embedding reads follows from the token id: the table must be the whole
        // vocabulary, in the very form that the kernel knows.
        if (tokens && (tensor.rows != m_.config.vocab || tensor.cols != m_.config.hidden ||
                       fixed != tensor.size))
          return bad(format("tensor %s (%llu x %llu) is no embedding table of %u x %u",
                            quoted(tensor.name).c_str(), static_cast<ull>(tensor.rows),
                            static_cast<ull>(tensor.cols), m_.config.vocab, m_.config.hidden));
      }
      return Status::okStatus();
    case AXM_SPACE_WORKSPACE: {
      const SlotInfo &slot = m_.plan.slots[binding.slot];
      if (fixed > slot.fixed || perToken > slot.perToken)
        return bad(format("%llu + %llu bytes a token do not fit slot %s of %llu + %llu",
                          static_cast<ull>(fixed), static_cast<ull>(perToken),
                          quoted(slot.name).c_str(), static_cast<ull>(slot.fixed),
                          static_cast<ull>(slot.perToken)));
      return Status::okStatus();
    }
    case AXM_SPACE_KV:
      if (fixed != m_.kv.layerBytes)
        return bad(format("the kernel knows %llu bytes a layer and block, the KV layout %llu",
                          static_cast<ull>(fixed), static_cast<ull>(m_.kv.layerBytes)));
      return Status::okStatus();
    case AXM_SPACE_LOGITS:
      return outputFits(perToken, 4ull * m_.config.logitsStride(), perRow);
    case AXM_SPACE_TILES:
      return outputFits(perToken, sizeof(AxmTile) * m_.config.numTiles(), perRow);
    default:
      return Status::okStatus();
    }
  }

  Status outputFits(uint64_t bytes, uint64_t expected, bool perRow) const {
    if (bytes != expected || !perRow)
      return bad(format("%llu bytes of output a row%s; a vocabulary of %u has %llu",
                        static_cast<ull>(bytes), perRow ? "" : " in a kernel without rows",
                        m_.config.vocab, static_cast<ull>(expected)));
    return Status::okStatus();
  }

  const Metadata &m_;
  const std::vector<AxmKernelRow> &kernels_;
  bool logits_ = false, tiles_ = false, embeds_ = false;
};

} // namespace

Status provePlan(const Metadata &metadata, const std::vector<AxmKernelRow> &kernels) {
  return Prover(metadata, kernels).run();
}

} // namespace axiom
