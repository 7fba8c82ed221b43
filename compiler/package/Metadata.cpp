#include "compiler/package/Metadata.h"

#include "runtime/schema/axm_generated.h"

#include <flatbuffers/flatbuffers.h>

namespace axiom {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

namespace {

auto digestVector(FlatBufferBuilder &builder, const Sha256Digest &digest) {
  return builder.CreateVector(digest.data(), digest.size());
}

Offset<fb::Config> buildConfig(FlatBufferBuilder &builder, const MetadataInput &input) {
  const ModelConfig &config = input.config;
  auto family = builder.CreateString(config.family);
  auto name = builder.CreateString(config.name);
  auto eos = builder.CreateVector(config.eosIds);
  auto bosToken = builder.CreateString(input.text.bosToken);
  auto eosToken = builder.CreateString(input.text.eosToken);
  auto windows = builder.CreateVector(config.layerWindow);
  fb::ConfigBuilder table(builder);
  table.add_family(family);
  table.add_name(name);
  table.add_hidden(config.hiddenSize);
  table.add_intermediate(config.intermediateSize);
  table.add_layers(config.numLayers);
  table.add_heads(config.numHeads);
  table.add_kv_heads(config.numKvHeads);
  table.add_head_dim(config.headDim);
  table.add_vocab(config.vocabSize);
  table.add_max_context(config.maxContext);
  table.add_eos(eos);
  table.add_bos(config.bosId);
  table.add_bos_token(bosToken);
  table.add_eos_token(eosToken);
  table.add_windows(windows);
  return table.Finish();
}

Offset<fb::Binding> buildBinding(FlatBufferBuilder &builder, const MetadataInput &input,
                                 const plan::PlanBinding &binding) {
  std::vector<uint64_t> offsets;
  std::vector<uint32_t> tensors;
  if (binding.space == AXM_SPACE_WEIGHTS) {
    for (uint32_t index : binding.indices)
      offsets.push_back(input.layout.places[index].offset);
    tensors = binding.indices;
  } else if (binding.space == AXM_SPACE_KV) {
    offsets.assign(binding.indices.begin(), binding.indices.end());
  } else if (binding.space == AXM_SPACE_WORKSPACE) {
    offsets.push_back(0);
  }
  auto offsetVector = builder.CreateVector(offsets);
  auto tensorVector = builder.CreateVector(tensors);
  return fb::CreateBinding(builder, binding.space, binding.slot, offsetVector, tensorVector);
}

Offset<fb::Task> buildTask(FlatBufferBuilder &builder, const MetadataInput &input,
                           const plan::PlanTask &task) {
  std::vector<Offset<fb::Binding>> bindings;
  for (const plan::PlanBinding &binding : task.bindings)
    bindings.push_back(buildBinding(builder, input, binding));
  std::vector<uint32_t> kernels(task.kernels.begin(), task.kernels.end());
  std::vector<uint64_t> signatures;
  for (uint32_t kernel : kernels)
    signatures.push_back(plan::kernelRow(input.plan.kernels[kernel]).signature);
  auto kernelVector = builder.CreateVector(kernels);
  auto signatureVector = builder.CreateVector(signatures);
  auto bindingVector = builder.CreateVector(bindings);
  auto name = builder.CreateString(task.name);
  return fb::CreateTask(builder, kernelVector, signatureVector, bindingVector, name, task.balance);
}

Offset<fb::Repeat> buildRepeat(FlatBufferBuilder &builder, const MetadataInput &input,
                               const plan::PlanRepeat &repeat) {
  std::vector<Offset<fb::Phase>> phases;
  for (const plan::PlanPhase &phase : repeat.phases) {
    std::vector<Offset<fb::Task>> tasks;
    for (const plan::PlanTask &task : phase.tasks)
      tasks.push_back(buildTask(builder, input, task));
    auto taskVector = builder.CreateVector(tasks);
    phases.push_back(fb::CreatePhase(builder, taskVector));
  }
  auto phaseVector = builder.CreateVector(phases);
  auto firstLayer = repeat.firstLayer < 0 ? 0xffffffffu : static_cast<uint32_t>(repeat.firstLayer);
  return fb::CreateRepeat(builder, repeat.count, phaseVector, firstLayer);
}

struct FinalNorm {
  uint32_t tensor = 0xffffffffu;
  float eps = 0;
};

/// What the head's prologue normalizes with: embeddings take the hidden state from there.
FinalNorm finalNorm(const plan::ExecutionPlan &plan) {
  for (const plan::PlanRepeat &repeat : plan.repeats)
    for (const plan::PlanPhase &phase : repeat.phases)
      for (const plan::PlanTask &task : phase.tasks) {
        const plan::KernelSpec &spec = plan.kernels[task.kernels[0]];
        if (spec.kind != plan::KernelKind::Linear || spec.epilogue != plan::Epilogue::Head ||
            spec.prologue != plan::Prologue::Norm)
          continue;
        std::vector<plan::KernelArg> args = plan::kernelArgs(spec);
        for (size_t i = 0; i < args.size(); ++i)
          if (args[i].name == std::string_view("norm"))
            return {task.bindings[i].indices[0], spec.normEps};
      }
  return {};
}

Offset<fb::Plan> buildPlan(FlatBufferBuilder &builder, const MetadataInput &input) {
  std::vector<Offset<fb::Repeat>> repeats;
  for (const plan::PlanRepeat &repeat : input.plan.repeats)
    repeats.push_back(buildRepeat(builder, input, repeat));
  std::vector<Offset<fb::Slot>> slots;
  for (const plan::PlanSlot &slot : input.plan.slots) {
    auto name = builder.CreateString(slot.name);
    slots.push_back(fb::CreateSlot(builder, slot.fixed, slot.perToken, name));
  }
  auto repeatVector = builder.CreateVector(repeats);
  auto slotVector = builder.CreateVector(slots);
  FinalNorm norm = finalNorm(input.plan);
  return fb::CreatePlan(builder, repeatVector, slotVector, input.plan.residualSlot, norm.tensor,
                        norm.eps);
}

Offset<fb::Tensor> buildTensor(FlatBufferBuilder &builder, const plan::PlanWeight &weight,
                               const WeightLayout::Place &place, const PackedTensor &packed) {
  auto name = builder.CreateString(weight.name);
  auto cuts = builder.CreateVector(weight.cuts);
  auto sourceType = builder.CreateString(packed.sourceType);
  auto digest = digestVector(builder, packed.sha256);
  fb::TensorBuilder table(builder);
  table.add_name(name);
  table.add_format(weight.vector ? AXM_FORMAT_F32 : weight.format);
  table.add_rows(weight.vector ? 1 : weight.rows);
  table.add_cols(weight.cols);
  table.add_row_align(weight.rowAlign);
  table.add_heads(weight.heads);
  table.add_cuts(cuts);
  table.add_offset(place.offset);
  table.add_size(place.size);
  table.add_source_type(sourceType);
  table.add_max_error(packed.maxError);
  table.add_sha256(digest);
  table.add_vector(weight.vector);
  return table.Finish();
}

Offset<fb::Segment> buildSegment(FlatBufferBuilder &builder, const SegmentRecord &segment) {
  auto digest = digestVector(builder, segment.sha256);
  auto target = builder.CreateString(segment.target);
  return fb::CreateSegment(builder, static_cast<fb::SegmentKind>(segment.kind), segment.offset,
                           segment.size, digest, target);
}

Result<Offset<fb::Input>> buildInput(FlatBufferBuilder &builder, const InputDigest &digest) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < digest.sha256Hex.size(); i += 2) {
    auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    bytes.push_back(
        static_cast<uint8_t>(nibble(digest.sha256Hex[i]) << 4 | nibble(digest.sha256Hex[i + 1])));
  }
  if (bytes.size() != 32)
    return Status(Code::Internal, format("the digest of input '%s' has %zu bytes instead of 32",
                                         digest.name.c_str(), bytes.size()));
  auto name = builder.CreateString(digest.name);
  auto sha256 = builder.CreateVector(bytes);
  return fb::CreateInput(builder, name, digest.bytes, sha256);
}

Result<Offset<fb::Provenance>> buildProvenance(FlatBufferBuilder &builder,
                                               const MetadataInput &input) {
  std::vector<Offset<fb::Input>> inputs;
  for (const InputDigest &digest : input.inputs) {
    AXIOM_ASSIGN_OR_RETURN(Offset<fb::Input> offset, buildInput(builder, digest));
    inputs.push_back(offset);
  }
  auto compiler = builder.CreateString(input.compiler);
  auto llvm = builder.CreateString(input.llvm);
  auto options = builder.CreateVectorOfStrings(input.options);
  auto inputVector = builder.CreateVector(inputs);
  auto sourceFormat = builder.CreateString(input.sourceFormat);
  return fb::CreateProvenance(builder, compiler, llvm, options, inputVector, sourceFormat,
                              input.sourceBits, input.storedBits);
}

} // namespace

Result<std::vector<uint8_t>> buildMetadata(const MetadataInput &input) {
  FlatBufferBuilder builder(64 * 1024);
  // Zero-valued fields are written too: the file does not depend on what the schema's defaults are.
  builder.ForceDefaults(true);
  auto config = buildConfig(builder, input);
  auto kv = fb::CreateKvLayout(builder, input.plan.kvType, input.plan.kvHeadBytes,
                               input.plan.kvLayerBytes, input.plan.kvBlockBytes);
  auto plan = buildPlan(builder, input);
  std::vector<Offset<fb::Tensor>> tensors;
  for (size_t i = 0; i < input.plan.weights.size(); ++i)
    tensors.push_back(
        buildTensor(builder, input.plan.weights[i], input.layout.places[i], input.tensors[i]));
  std::vector<Offset<fb::Segment>> segments;
  for (const SegmentRecord &segment : input.segments)
    segments.push_back(buildSegment(builder, segment));
  AXIOM_ASSIGN_OR_RETURN(Offset<fb::Provenance> provenance, buildProvenance(builder, input));
  auto tensorVector = builder.CreateVector(tensors);
  auto segmentVector = builder.CreateVector(segments);
  auto root =
      fb::CreateMetadata(builder, config, kv, plan, tensorVector, segmentVector, provenance);
  fb::FinishMetadataBuffer(builder, root);
  const uint8_t *data = builder.GetBufferPointer();
  return std::vector<uint8_t>(data, data + builder.GetSize());
}

} // namespace axiom
