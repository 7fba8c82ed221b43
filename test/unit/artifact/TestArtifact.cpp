#include "test/unit/artifact/TestArtifact.h"

#include "runtime/artifact/Validate.h"
#include "runtime/base/Checked.h"
#include "runtime/schema/Header.h"
#include "runtime/schema/axm_generated.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <unistd.h>

namespace axiom::test {

namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

Offset<flatbuffers::Vector<uint8_t>> digestOf(FlatBufferBuilder &b, const Sha256Digest &digest) {
  return b.CreateVector(digest.data(), digest.size());
}

/// The number in an enum, also where a mutant put one there that has no name.
template <typename E> uint32_t raw(const E &value) {
  uint32_t number;
  static_assert(sizeof number == sizeof value);
  std::memcpy(&number, &value, sizeof number);
  return number;
}

Offset<fb::Plan> buildPlan(FlatBufferBuilder &b, const Plan &plan) {
  std::vector<Offset<fb::Repeat>> repeats;
  for (const RepeatInfo &repeat : plan.repeats) {
    std::vector<Offset<fb::Phase>> phases;
    for (const PhaseInfo &phase : repeat.phases) {
      std::vector<Offset<fb::Task>> tasks;
      for (const TaskInfo &task : phase.tasks) {
        std::vector<Offset<fb::Binding>> bindings;
        for (const BindingInfo &binding : task.bindings) {
          auto values = b.CreateVector(binding.values);
          auto tensors = b.CreateVector(binding.tensors);
          bindings.push_back(
              fb::CreateBinding(b, raw(binding.space), binding.slot, values, tensors));
        }
        auto kernels = b.CreateVector(task.kernels.data(), task.kernels.size());
        auto signatures = b.CreateVector(task.signatures.data(), task.signatures.size());
        auto list = b.CreateVector(bindings);
        auto name = b.CreateString(task.name);
        tasks.push_back(fb::CreateTask(b, kernels, signatures, list, name, task.balance));
      }
      phases.push_back(fb::CreatePhase(b, b.CreateVector(tasks)));
    }
    auto list = b.CreateVector(phases);
    repeats.push_back(
        fb::CreateRepeat(b, repeat.count, list, static_cast<uint32_t>(repeat.firstLayer)));
  }
  std::vector<Offset<fb::Slot>> slots;
  for (const SlotInfo &slot : plan.slots)
    slots.push_back(fb::CreateSlot(b, slot.fixed, slot.perToken, b.CreateString(slot.name)));
  auto repeatList = b.CreateVector(repeats);
  auto slotList = b.CreateVector(slots);
  return fb::CreatePlan(b, repeatList, slotList, plan.residualSlot,
                        static_cast<uint32_t>(plan.finalNorm), plan.finalNormEps);
}

Offset<fb::Config> buildConfig(FlatBufferBuilder &b, const ArtifactConfig &c) {
  auto family = b.CreateString(c.family), name = b.CreateString(c.name);
  auto bos = b.CreateString(c.bosToken), eos = b.CreateString(c.eosToken);
  auto eosIds = b.CreateVector(c.eos);
  auto windows = b.CreateVector(c.windows);
  return fb::CreateConfig(b, family, name, c.hidden, c.intermediate, c.layers, c.heads, c.kvHeads,
                          c.headDim, c.vocab, c.maxContext, eosIds, c.bos, bos, eos, windows);
}

} // namespace

std::vector<uint8_t> serialize(const Metadata &m) {
  FlatBufferBuilder b;
  b.ForceDefaults(true);
  auto config = buildConfig(b, m.config);
  auto kv = fb::CreateKvLayout(b, raw(m.kv.type), m.kv.headBytes, m.kv.layerBytes, m.kv.blockBytes);
  auto plan = buildPlan(b, m.plan);
  std::vector<Offset<fb::Tensor>> tensors;
  for (const TensorInfo &t : m.tensors) {
    auto name = b.CreateString(t.name), source = b.CreateString(t.sourceType);
    auto cuts = b.CreateVector(t.cuts);
    auto digest = digestOf(b, t.sha256);
    tensors.push_back(fb::CreateTensor(b, name, raw(t.format), t.rows, t.cols, t.rowAlign, t.heads,
                                       cuts, t.offset, t.size, source, t.maxError, digest,
                                       t.vector));
  }
  std::vector<Offset<fb::Segment>> segments;
  for (const SegmentInfo &s : m.segments) {
    auto digest = digestOf(b, s.sha256);
    auto target = b.CreateString(s.target);
    segments.push_back(fb::CreateSegment(b, static_cast<fb::SegmentKind>(s.kind), s.offset, s.size,
                                         digest, target));
  }
  const ProvenanceInfo &p = m.provenance;
  std::vector<Offset<fb::Input>> inputs;
  for (const InputInfo &input : p.inputs) {
    auto name = b.CreateString(input.name);
    auto digest = digestOf(b, input.sha256);
    inputs.push_back(fb::CreateInput(b, name, input.size, digest));
  }
  auto compiler = b.CreateString(p.compiler), llvm = b.CreateString(p.llvm);
  auto options = b.CreateVectorOfStrings(p.options);
  auto inputList = b.CreateVector(inputs);
  auto format = b.CreateString(p.sourceFormat);
  auto provenance = fb::CreateProvenance(b, compiler, llvm, options, inputList, format,
                                         p.sourceBits, p.storedBits);
  auto tensorList = b.CreateVector(tensors);
  auto segmentList = b.CreateVector(segments);
  fb::FinishMetadataBuffer(
      b, fb::CreateMetadata(b, config, kv, plan, tensorList, segmentList, provenance));
  return {b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()};
}

void TestArtifact::seal() {
  places.assign(blobs.size(), 0);
  uint64_t end = sizeof(ArtifactHeader);
  for (size_t i = 0; i < blobs.size(); ++i) {
    SegmentInfo &s = metadata.segments[i];
    s.size = blobs[i].size();
    s.offset = alignUp(end, segmentAlign(static_cast<uint32_t>(s.kind), s.size));
    s.sha256 = Sha256::of(blobs[i]);
    places[i] = s.offset;
    end = s.offset + s.size;
    if (s.kind == SegmentKind::Weights)
      for (TensorInfo &t : metadata.tensors)
        t.sha256 = Sha256::of(std::span<const uint8_t>(blobs[i]).subspan(t.offset, t.size));
  }
  metadataPlace = alignUp(end, kMetadataAlign);
}

std::vector<uint8_t> TestArtifact::bytes() const { return bytesWith(serialize(metadata)); }

std::vector<uint8_t> TestArtifact::bytesWith(const std::vector<uint8_t> &metadataBytes) const {
  std::vector<uint8_t> file(metadataPlace + metadataBytes.size());
  ArtifactHeader header{};
  header.magic = kArtifactMagic;
  header.formatVersion = kArtifactFormatVersion;
  header.numericsVersion = AXM_NUMERICS_VERSION;
  header.kernelAbiVersion = AXM_KERNEL_ABI_VERSION;
  header.metadataOffset = metadataPlace;
  header.metadataSize = metadataBytes.size();
  Sha256Digest digest = Sha256::of(metadataBytes);
  std::memcpy(header.metadataSha256, digest.data(), digest.size());
  std::memcpy(file.data(), &header, sizeof header);
  for (size_t i = 0; i < blobs.size(); ++i)
    std::memcpy(file.data() + places[i], blobs[i].data(), blobs[i].size());
  std::memcpy(file.data() + metadataPlace, metadataBytes.data(), metadataBytes.size());
  return file;
}

namespace {

AxmArgRow reads(AxmSpace space, uint64_t fixed, uint64_t perToken) {
  return {space, 0, fixed, perToken, 0, 0};
}
AxmArgRow writes(AxmSpace space, uint64_t fixed, uint64_t perToken) {
  return {space, 0, 0, 0, fixed, perToken};
}

AxmKernelRow makeRow(AxmUnits kind, uint32_t count, std::vector<AxmArgRow> args,
                     uint64_t scratchFixed, uint64_t scratchPerToken) {
  AxmKernelRow row{};
  row.unitKind = kind;
  row.unitCount = count;
  row.numArgs = static_cast<uint32_t>(args.size());
  row.scratchFixed = scratchFixed;
  row.scratchPerToken = scratchPerToken;
  std::copy(args.begin(), args.end(), row.args);
  return row;
}

enum Slots { X, AnglesSlot, Q, Out, Spans };

TensorInfo tensor(const std::string &name, AxmFormat format, uint64_t rows, uint64_t cols) {
  TensorInfo t;
  t.name = name;
  t.format = format;
  t.rows = rows;
  t.cols = cols;
  t.sourceType = "F32";
  return t;
}

TensorInfo vectorTensor(const std::string &name, uint64_t elements) {
  TensorInfo t = tensor(name, AXM_FORMAT_F32, 1, elements);
  t.vector = true;
  return t;
}

/// Tensors 0 embed, 1 invfreq, then four a layer (norm, qkv, bias, o), then the final norm.
std::vector<TensorInfo> makeTensors(uint32_t layers) {
  std::vector<TensorInfo> tensors = {tensor("embed", AXM_FORMAT_Q8, 70, 40),
                                     vectorTensor("invfreq", 5)};
  for (uint32_t l = 0; l < layers; ++l) {
    std::string prefix = "layers." + std::to_string(l) + ".";
    tensors.push_back(vectorTensor(prefix + "norm", 40));
    tensors.push_back(tensor(prefix + "qkv", AXM_FORMAT_Q4, 40, 40));
    tensors.back().heads = 4;
    tensors.push_back(vectorTensor(prefix + "bias", 40));
    tensors.back().heads = 4;
    tensors.push_back(tensor(prefix + "o", AXM_FORMAT_Q4, 40, 40));
    tensors.back().cuts = {32};
  }
  tensors.push_back(vectorTensor("norm", 40));
  uint64_t end = 0;
  for (TensorInfo &t : tensors) {
    t.offset = alignUp(end, kTensorAlign);
    t.size = packedTensorBytes(t).value();
    end = t.offset + t.size;
  }
  return tensors;
}

BindingInfo slot(uint32_t index) { return {AXM_SPACE_WORKSPACE, index, {0}, {}}; }
BindingInfo step(AxmSpace space) { return {space, 0, {}, {}}; }
BindingInfo kvLayers(uint32_t layers) {
  BindingInfo binding{AXM_SPACE_KV, 0, {}, {}};
  for (uint32_t l = 0; l < layers; ++l)
    binding.values.push_back(l);
  return binding;
}
BindingInfo weight(const Metadata &m, std::vector<uint32_t> indices) {
  BindingInfo binding{AXM_SPACE_WEIGHTS, 0, {}, indices};
  for (uint32_t index : indices)
    binding.values.push_back(m.tensors[index].offset);
  return binding;
}

TaskInfo task(const std::string &name, TestKernel kernel, std::vector<BindingInfo> bindings,
              const std::vector<AxmKernelRow> &rows, bool balance = false) {
  TaskInfo t;
  t.name = name;
  t.balance = balance;
  t.bindings = std::move(bindings);
  for (uint32_t v = 0; v < 3; ++v) {
    t.kernels[v] = 3u * kernel + v;
    t.signatures[v] = rows[3u * kernel + v].signature;
  }
  return t;
}

void makePlan(Metadata &m, const std::vector<AxmKernelRow> &rows) {
  uint32_t layers = m.config.layers;
  auto perLayer = [&](uint32_t first) {
    std::vector<uint32_t> indices;
    for (uint32_t l = 0; l < layers; ++l)
      indices.push_back(2 + 4 * l + first);
    return weight(m, indices);
  };
  m.plan.slots = {
      {"x", 0, 256}, {"angles", 0, 40}, {"q", 0, 128}, {"out", 64, 256}, {"spans", 192, 0}};
  m.plan.residualSlot = X;
  std::vector<BindingInfo> kv = {kvLayers(layers), step(AXM_SPACE_POSITIONS),
                                 step(AXM_SPACE_TABLE_OFFSETS), step(AXM_SPACE_BLOCK_TABLES)};
  std::vector<BindingInfo> qkv = {slot(X),     perLayer(0),      perLayer(1),
                                  perLayer(2), slot(AnglesSlot), slot(Q)};
  qkv.insert(qkv.end(), kv.begin(), kv.end());
  std::vector<BindingInfo> attention = {slot(Q), slot(Out)};
  attention.insert(attention.end(), kv.begin(), kv.end());
  attention.push_back(slot(Spans));

  RepeatInfo begin, body, end;
  begin.phases.push_back(
      {{task("embed", Embed, {step(AXM_SPACE_TOKENS), weight(m, {0}), slot(X)}, rows),
        task("angles", Angles, {step(AXM_SPACE_POSITIONS), weight(m, {1}), slot(AnglesSlot)},
             rows)}});
  body.count = layers;
  body.firstLayer = 0;
  body.phases = {{{task("qkv", Qkv, qkv, rows)}},
                 {{task("attention", Attention, attention, rows, true)}},
                 {{task("o", Output, {slot(Out), perLayer(3), slot(X)}, rows)}}};
  uint32_t norm = static_cast<uint32_t>(m.tensors.size() - 1);
  m.plan.finalNorm = norm;
  m.plan.finalNormEps = 1e-5f;
  end.phases.push_back({{task("head", Head,
                              {slot(X), weight(m, {norm}), weight(m, {0}), step(AXM_SPACE_ROWS),
                               step(AXM_SPACE_LOGITS), step(AXM_SPACE_TILES)},
                              rows)}});
  m.plan.repeats = {begin, body, end};
}

} // namespace

std::vector<AxmKernelRow> testKernelRows(const Metadata &m) {
  const ArtifactConfig &c = m.config;
  auto bytes = [&](size_t index) { return m.tensors[index].size; };
  uint64_t x = 4ull * c.hiddenStride();
  std::vector<AxmArgRow> kvRead = {
      reads(AXM_SPACE_KV, m.kv.layerBytes, 0), reads(AXM_SPACE_POSITIONS, 0, 4),
      reads(AXM_SPACE_TABLE_OFFSETS, 0, 4), reads(AXM_SPACE_BLOCK_TABLES, 0, 0)};
  std::vector<AxmArgRow> kvWrite = kvRead;
  kvWrite[0] = writes(AXM_SPACE_KV, m.kv.layerBytes, 0);
  std::vector<AxmArgRow> qkv = {
      reads(AXM_SPACE_WORKSPACE, 0, x),      reads(AXM_SPACE_WEIGHTS, bytes(2), 0),
      reads(AXM_SPACE_WEIGHTS, bytes(3), 0), reads(AXM_SPACE_WEIGHTS, bytes(4), 0),
      reads(AXM_SPACE_WORKSPACE, 0, 40),     writes(AXM_SPACE_WORKSPACE, 0, 128)};
  qkv.insert(qkv.end(), kvWrite.begin(), kvWrite.end());
  std::vector<AxmArgRow> attention = {reads(AXM_SPACE_WORKSPACE, 0, 128),
                                      writes(AXM_SPACE_WORKSPACE, 64, x)};
  attention.insert(attention.end(), kvRead.begin(), kvRead.end());
  attention.push_back({AXM_SPACE_WORKSPACE, 0, 0, 0, 0, 0});
  AxmKernelRow specs[NumTestKernels] = {
      makeRow(AXM_UNITS_PER_TOKEN, 1,
              {reads(AXM_SPACE_TOKENS, 0, 4), reads(AXM_SPACE_WEIGHTS, bytes(0), 0),
               writes(AXM_SPACE_WORKSPACE, 0, x)},
              0, 0),
      makeRow(AXM_UNITS_PER_TOKEN, 1,
              {reads(AXM_SPACE_POSITIONS, 0, 4), reads(AXM_SPACE_WEIGHTS, bytes(1), 0),
               writes(AXM_SPACE_WORKSPACE, 0, 40)},
              0, 0),
      makeRow(AXM_UNITS_FIXED, 4, qkv, 100, 64),
      makeRow(AXM_UNITS_PER_TOKEN, c.kvHeads, attention, 1000, 0),
      makeRow(AXM_UNITS_FIXED, 5,
              {reads(AXM_SPACE_WORKSPACE, 64, x),
               reads(AXM_SPACE_WEIGHTS, bytes(5), 0),
               {AXM_SPACE_WORKSPACE, 0, 0, x, 0, x}},
              0, 0),
      makeRow(AXM_UNITS_FIXED, 1,
              {reads(AXM_SPACE_WORKSPACE, 0, x),
               reads(AXM_SPACE_WEIGHTS, bytes(m.tensors.size() - 1), 0),
               reads(AXM_SPACE_WEIGHTS, bytes(0), 0), reads(AXM_SPACE_ROWS, 0, 4),
               writes(AXM_SPACE_LOGITS, 0, 4ull * c.logitsStride()),
               writes(AXM_SPACE_TILES, 0, sizeof(AxmTile) * c.numTiles())},
              64, 100)};
  std::vector<AxmKernelRow> rows;
  specs[Qkv].kvBlockBytes = specs[Attention].kvBlockBytes = m.kv.blockBytes;
  for (const AxmKernelRow &spec : specs)
    rows.insert(rows.end(), 3, spec);
  // Attention of few tokens has units per span and a slot in which the spans meet.
  for (AxmKernelRow *row : {&rows[3 * Attention], &rows[3 * Attention + 1]}) {
    row->unitKind = AXM_UNITS_PER_SPAN;
    row->spansPerToken = UINT32_MAX;
    row->maxSpans = kTestMaxSpans;
    row->args[row->numArgs - 1].readFixed = row->args[row->numArgs - 1].writeFixed = 192;
  }
  for (AxmKernelRow &row : rows)
    row.signature = kernelSignature(row);
  return rows;
}

std::vector<uint8_t> makeImage(std::vector<AxmKernelRow> &rows) {
  AxmImageHeader header{AXM_IMAGE_MAGIC, AXM_KERNEL_ABI_VERSION, static_cast<uint32_t>(rows.size()),
                        sizeof(AxmKernelRow)};
  size_t table = sizeof header + rows.size() * sizeof(AxmKernelRow);
  std::vector<uint8_t> image(table + rows.size() * 16);
  for (size_t i = 0; i < rows.size(); ++i) {
    // Even kernels have a prologue; both entries only return (x86: c3).
    rows[i].body = static_cast<uint32_t>(table + 16 * i);
    rows[i].prologue = i % 2 == 0 ? rows[i].body + 8 : 0;
    rows[i].bodyEnd = rows[i].body + 16;
    image[rows[i].body] = image[rows[i].body + 8] = 0xc3;
  }
  std::memcpy(image.data(), &header, sizeof header);
  std::memcpy(image.data() + sizeof header, rows.data(), rows.size() * sizeof(AxmKernelRow));
  return image;
}

TestArtifact makeTestArtifact() {
  TestArtifact a;
  Metadata &m = a.metadata;
  ArtifactConfig &c = m.config;
  c.family = "llama";
  c.name = "tiny";
  c.hidden = 40;
  c.intermediate = 80;
  c.layers = 2;
  c.heads = 2;
  c.kvHeads = 1;
  c.headDim = 10;
  c.vocab = 70;
  c.maxContext = 256;
  c.eos = {2};
  c.bos = 1;
  c.windows = {0, 64};
  m.kv = {AXM_KV_F16, 2 * 64 * (10 + 16), 2 * 64 * (10 + 16), 2 * 2 * 64 * (10 + 16)};
  m.tensors = makeTensors(c.layers);
  std::vector<AxmKernelRow> rows = testKernelRows(m);
  makePlan(m, rows);
  m.provenance = {
      "axiomc test", "22", {"--quant", "q4"}, {{"model.safetensors", 1234, {}}}, "safetensors", 32,
      4.7f};

  const TensorInfo &last = m.tensors.back();
  std::vector<uint8_t> weights(last.offset + last.size);
  for (const TensorInfo &t : m.tensors)
    for (uint64_t i = 0; i < t.size; ++i)
      weights[t.offset + i] = static_cast<uint8_t>(i * 7 + t.offset / 64);
  a.blobs = {makeImage(rows), weights, {'t', 'o', 'k'}, {'t', 'e', 'm', 'p', 'l'}, {'g'}};
  m.segments.resize(5);
  const SegmentKind kinds[] = {SegmentKind::Code, SegmentKind::Weights, SegmentKind::Tokenizer,
                               SegmentKind::Template, SegmentKind::Golden};
  for (size_t i = 0; i < m.segments.size(); ++i)
    m.segments[i].kind = kinds[i];
  m.segments[0].target = "cpu:x86-64-v3";
  a.seal();
  return a;
}

std::vector<AxmCudaKernel> testCudaKernels() {
  std::vector<AxmCudaKernel> kernels;
  const char *names[NumTestKernels] = {"embed", "angles", "qkv", "attention", "output", "head"};
  auto stage = [](const std::string &symbol, uint32_t units, uint32_t unitsPerBlock,
                  uint32_t tokensPerTile, uint32_t mostTokens) {
    AxmCudaStage s{};
    std::snprintf(s.symbol, sizeof s.symbol, "%s", symbol.c_str());
    s.threads = 64;
    s.sharedBytes = 256 * tokensPerTile;
    s.units = units;
    s.unitsPerBlock = unitsPerBlock;
    s.tokensPerTile = tokensPerTile;
    s.mostTokens = mostTokens;
    return s;
  };
  for (uint32_t k = 0; k < 3 * NumTestKernels; ++k) {
    std::string name = std::string(names[k / 3]) + std::to_string(k % 3);
    AxmCudaKernel kernel{};
    if (k / 3 == Qkv || k / 3 == Head) {
      kernel.prologue = stage(name + "_rows", 1, 4, 1, UINT32_MAX);
      kernel.scratchPerToken = 100 + 28 * (k / 3);
    }
    kernel.bodies[0] = stage(name + "_few", 5, 2, 8, 8);
    kernel.bodies[1] = stage(name + "_many", 5, 3, 32, UINT32_MAX);
    kernels.push_back(kernel);
  }
  return kernels;
}

std::vector<uint8_t> makeCudaImage(std::vector<AxmKernelRow> rows,
                                   const std::vector<AxmCudaKernel> &kernels,
                                   const std::string &module) {
  for (AxmKernelRow &row : rows)
    row.prologue = row.body = row.bodyEnd = 0;
  size_t rowBytes = rows.size() * sizeof(AxmKernelRow);
  size_t kernelBytes = kernels.size() * sizeof(AxmCudaKernel);
  AxmCudaImageHeader header{};
  header.magic = AXM_CUDA_IMAGE_MAGIC;
  header.abiVersion = AXM_CUDA_ABI_VERSION;
  header.numKernels = static_cast<uint32_t>(rows.size());
  header.rowBytes = sizeof(AxmKernelRow);
  header.kernelBytes = sizeof(AxmCudaKernel);
  header.moduleOffset = alignUp(sizeof header + rowBytes + kernelBytes, 64);
  header.moduleSize = module.size();
  std::vector<uint8_t> image(header.moduleOffset + module.size());
  std::memcpy(image.data(), &header, sizeof header);
  std::memcpy(image.data() + sizeof header, rows.data(), rowBytes);
  std::memcpy(image.data() + sizeof header + rowBytes, kernels.data(), kernelBytes);
  std::memcpy(image.data() + header.moduleOffset, module.data(), module.size());
  return image;
}

void addCudaImage(TestArtifact &a, const std::string &target, const std::string &module) {
  a.blobs.push_back(makeCudaImage(testKernelRows(a.metadata), testCudaKernels(), module));
  SegmentInfo segment;
  segment.kind = SegmentKind::Code;
  segment.target = target;
  a.metadata.segments.push_back(segment);
}

LoadedProgram makeTestProgram() {
  TestArtifact a = makeTestArtifact();
  LoadedProgram program;
  program.config = a.metadata.config;
  program.kv = a.metadata.kv;
  program.plan = a.metadata.plan;
  for (const AxmKernelRow &row : testKernelRows(a.metadata))
    program.kernels.push_back({nullptr, nullptr, row});
  program.weightsSize = a.blobs[1].size();
  return program;
}

std::string writeTemporary(const std::vector<uint8_t> &bytes, const std::string &name) {
  // /dev/shm keeps a hundred thousand rewrites off the disk.
  const char *folder = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  std::string path = std::string(folder) + "/axiom-" + std::to_string(::getpid()) + "-" + name;
  // Files go when the process ends; a fork does not own them.
  static struct Files {
    pid_t owner = ::getpid();
    std::set<std::string> paths;
    ~Files() {
      if (owner == ::getpid())
        for (const std::string &path : paths)
          ::unlink(path.c_str());
    }
  } files;
  files.paths.insert(path);
  // Unlinked first: an artifact that is still open keeps its own file.
  ::unlink(path.c_str());
  FILE *file = std::fopen(path.c_str(), "wb");
  if (!file || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size() ||
      std::fclose(file) != 0)
    std::abort();
  return path;
}

} // namespace axiom::test
