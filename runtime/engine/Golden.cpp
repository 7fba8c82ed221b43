#include "runtime/engine/Golden.h"

#include "runtime/base/ByteStream.h"
#include "runtime/base/Memory.h"
#include "runtime/engine/Runners.h"
#include "runtime/kv/BlockTable.h"

#include <algorithm>
#include <map>

namespace axiom::engine {
namespace {

constexpr uint32_t kMagic = 0x44475841u; // "AXGD"
constexpr uint32_t kVersion = 1;

Sha256Digest readDigest(ByteReader &reader) {
  Sha256Digest digest{};
  auto bytes = reader.bytes(digest.size());
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

Status badGolden(const char *what) {
  return {Code::BadInput,
          format("the golden segment is damaged: %s; compile the model again", what)};
}

/// Digest of the first `used` of each `stride` elements.
Sha256Digest digestRows(const float *values, uint32_t rows, uint32_t used, uint32_t stride) {
  Sha256 sha;
  for (uint32_t r = 0; r < rows; ++r)
    sha.update(values + uint64_t(r) * stride, uint64_t(used) * sizeof(float));
  return sha.finish();
}

std::string shortHex(const Sha256Digest &digest) { return sha256Hex(digest).substr(0, 12); }

} // namespace

const char *partKindName(PartKind kind) {
  switch (kind) {
  case PartKind::Tensor:
    return "tensor";
  case PartKind::Tokenizer:
    return "tokenizer";
  case PartKind::Template:
    return "template";
  case PartKind::Code:
    return "kernel image";
  }
  return "unknown";
}

std::vector<uint8_t> writeGolden(const Golden &golden) {
  ByteWriter writer;
  writer.u32(kMagic);
  writer.u32(kVersion);
  writer.u32(static_cast<uint32_t>(golden.parts.size()));
  for (const GoldenPart &part : golden.parts) {
    writer.u8(static_cast<uint8_t>(part.kind));
    writer.string(part.name);
    writer.raw(part.digest.data(), part.digest.size());
  }
  writer.u32(static_cast<uint32_t>(golden.prompts.size()));
  for (const GoldenPrompt &prompt : golden.prompts) {
    writer.u32(static_cast<uint32_t>(prompt.tokens.size()));
    for (int32_t token : prompt.tokens)
      writer.i32(token);
    writer.u32(static_cast<uint32_t>(prompt.layers.size()));
    for (const Sha256Digest &digest : prompt.layers)
      writer.raw(digest.data(), digest.size());
    writer.raw(prompt.logits.data(), prompt.logits.size());
  }
  return writer.take();
}

Result<Golden> readGolden(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  if (reader.u32() != kMagic)
    return badGolden("it does not begin as one");
  if (uint32_t version = reader.u32(); version != kVersion)
    return Status(Code::Unsupported, format("the golden segment has version %u and this tool reads "
                                            "version %u; compile the model again",
                                            version, kVersion));
  Golden golden;
  // Counts are bounded by what follows: a part takes at least 37 bytes, a digest 32.
  uint32_t numParts = reader.u32();
  if (numParts > reader.remaining() / 37)
    return badGolden("more parts than bytes");
  for (uint32_t i = 0; i < numParts && !reader.failed(); ++i) {
    GoldenPart part;
    uint8_t kind = reader.u8();
    if (kind > static_cast<uint8_t>(PartKind::Code))
      return badGolden("a part of unknown kind");
    part.kind = static_cast<PartKind>(kind);
    part.name = std::string(reader.string());
    part.digest = readDigest(reader);
    golden.parts.push_back(std::move(part));
  }
  uint32_t numPrompts = reader.u32();
  if (numPrompts > kMaxGoldenPrompts)
    return badGolden("too many prompts");
  for (uint32_t i = 0; i < numPrompts && !reader.failed(); ++i) {
    GoldenPrompt prompt;
    uint32_t tokens = reader.u32();
    if (tokens == 0 || tokens > kMaxGoldenTokens)
      return badGolden("a prompt's length");
    for (uint32_t t = 0; t < tokens; ++t)
      prompt.tokens.push_back(reader.i32());
    uint32_t layers = reader.u32();
    if (layers > reader.remaining() / sizeof(Sha256Digest))
      return badGolden("more layers than bytes");
    for (uint32_t l = 0; l < layers; ++l)
      prompt.layers.push_back(readDigest(reader));
    prompt.logits = readDigest(reader);
    golden.prompts.push_back(std::move(prompt));
  }
  if (reader.failed() || reader.remaining() != 0)
    return badGolden("its length");
  return golden;
}

/// Weights of more bytes leave the memory again as soon as they were read: a check of a large model
/// needs no more than some of its layers.
static constexpr uint64_t kMostResident = 256u << 20;

std::vector<GoldenPart> digestParts(const Artifact &artifact) {
  std::vector<GoldenPart> parts;
  const Metadata &metadata = artifact.metadata();
  auto weights = artifact.segment(SegmentKind::Weights);
  for (const TensorInfo &tensor : metadata.tensors) {
    auto bytes = weights.subspan(tensor.offset, tensor.size);
    parts.push_back(
        {PartKind::Tensor, tensor.name,
         weights.size() > kMostResident ? artifact.digestAndRelease(bytes) : Sha256::of(bytes)});
  }
  for (size_t i = 0; i < metadata.segments.size(); ++i) {
    const SegmentInfo &segment = metadata.segments[i];
    auto digest = [&] { return Sha256::of(artifact.segmentBytes(i)); };
    if (segment.kind == SegmentKind::Tokenizer)
      parts.push_back({PartKind::Tokenizer, "", digest()});
    else if (segment.kind == SegmentKind::Template)
      parts.push_back({PartKind::Template, "", digest()});
    else if (segment.kind == SegmentKind::Code)
      parts.push_back({PartKind::Code, segment.target, digest()});
  }
  return parts;
}

Status runPrompts(const LoadedModel &model, uint32_t threads, std::vector<GoldenPrompt> &prompts) {
  const std::shared_ptr<const Artifact> &artifact = model.artifact;
  const ArtifactConfig &config = artifact->config();
  uint32_t longest = 1;
  for (const GoldenPrompt &prompt : prompts) {
    if (prompt.tokens.empty() || prompt.tokens.size() > kMaxGoldenTokens)
      return {Code::InvalidArgument, format("a golden prompt has %zu tokens; 1 to %u are possible",
                                            prompt.tokens.size(), kMaxGoldenTokens)};
    longest = std::max(longest, static_cast<uint32_t>(prompt.tokens.size()));
  }
  RunnerOptions options;
  options.threads = threads;
  options.maxTokens = options.maxRows = longest;
  options.numBlocks = blocksFor(longest);
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<StepRunner> runner, createRunner(model, options));
  AXIOM_ASSIGN_OR_RETURN(
      Pages logits,
      Pages::allocate(uint64_t(longest) * config.logitsStride() * sizeof(float), "logits"));
  AXIOM_ASSIGN_OR_RETURN(
      Pages tiles,
      Pages::allocate(uint64_t(longest) * config.numTiles() * sizeof(AxmTile), "tiles"));
  auto weights = artifact->segment(SegmentKind::Weights);
  std::vector<uint32_t> blocks;
  for (uint32_t b = 0; b < options.numBlocks; ++b)
    blocks.push_back(b);
  for (GoldenPrompt &prompt : prompts) {
    auto count = static_cast<uint32_t>(prompt.tokens.size());
    std::vector<int32_t> positions;
    std::vector<uint32_t> offsets(count, 0), rows;
    for (uint32_t t = 0; t < count; ++t) {
      positions.push_back(static_cast<int32_t>(t));
      rows.push_back(t);
    }
    for (uint32_t block : blocks)
      runner->clearBlock(block);
    prompt.layers.clear();
    runner->setLayerHook([&](uint32_t, const float *hidden, uint32_t numTokens) {
      if (weights.size() > kMostResident)
        artifact->release(weights);
      prompt.layers.push_back(digestRows(hidden, numTokens, config.hidden, config.hiddenStride()));
    });
    auto *out = reinterpret_cast<float *>(logits.data());
    AXIOM_RETURN_IF_ERROR(runner->step({prompt.tokens, positions, offsets, blocks, rows, out,
                                        reinterpret_cast<AxmTile *>(tiles.data())}));
    prompt.logits = digestRows(out, count, config.vocab, config.logitsStride());
  }
  return {};
}

namespace {

void compareParts(const Golden &golden, const Artifact &artifact, std::vector<Finding> &findings) {
  std::map<std::pair<PartKind, std::string>, Sha256Digest> found;
  for (GoldenPart &part : digestParts(artifact))
    found[{part.kind, part.name}] = part.digest;
  for (const GoldenPart &part : golden.parts) {
    Finding finding{partKindName(part.kind) + (part.name.empty() ? "" : " " + part.name), true, ""};
    auto at = found.find({part.kind, part.name});
    if (at == found.end())
      finding = {finding.name, false, "is missing"};
    else if (at->second != part.digest)
      finding = {finding.name, false,
                 "is " + shortHex(at->second) + ", was compiled as " + shortHex(part.digest)};
    if (at != found.end())
      found.erase(at);
    findings.push_back(std::move(finding));
  }
  for (auto &[key, digest] : found)
    findings.push_back({partKindName(key.first) + (key.second.empty() ? "" : " " + key.second),
                        false, "is not among what was compiled"});
}

} // namespace

Result<std::vector<Finding>> checkGolden(const LoadedModel &model, uint32_t threads) {
  const std::shared_ptr<const Artifact> &artifact = model.artifact;
  auto segment = artifact->segment(SegmentKind::Golden);
  if (segment.empty())
    return Status(Code::Unsupported,
                  "the artifact has no golden answers to compare with; compile the "
                  "model again");
  AXIOM_ASSIGN_OR_RETURN(Golden golden, readGolden(segment));
  std::vector<Finding> findings;
  compareParts(golden, *artifact, findings);
  for (const GoldenPrompt &prompt : golden.prompts)
    for (int32_t token : prompt.tokens)
      if (token < 0 || static_cast<uint32_t>(token) >= artifact->config().vocab)
        return badGolden("a token outside of the vocabulary");
  // Kernels that are not those that were compiled may do anything: they are named and not run.
  for (const Finding &finding : findings)
    if (!finding.same && finding.name.starts_with(partKindName(PartKind::Code)))
      return findings;
  std::vector<GoldenPrompt> ran = golden.prompts;
  AXIOM_RETURN_IF_ERROR(runPrompts(model, threads, ran));
  for (size_t i = 0; i < ran.size(); ++i) {
    const GoldenPrompt &now = ran[i], &then = golden.prompts[i];
    std::string name = format("prompt %zu", i + 1);
    if (now.layers.size() != then.layers.size()) {
      findings.push_back(
          {name, false,
           format("has %zu layers, was compiled with %zu", now.layers.size(), then.layers.size())});
      continue;
    }
    size_t layer = 0;
    while (layer < now.layers.size() && now.layers[layer] == then.layers[layer])
      ++layer;
    if (layer < now.layers.size())
      findings.push_back({format("%s, hidden state after layer %zu", name.c_str(), layer), false,
                          "is " + shortHex(now.layers[layer]) + ", was compiled as " +
                              shortHex(then.layers[layer])});
    else
      findings.push_back(
          {name + ", logits", now.logits == then.logits,
           now.logits == then.logits
               ? ""
               : "are " + shortHex(now.logits) + ", were compiled as " + shortHex(then.logits)});
  }
  return findings;
}

} // namespace axiom::engine
