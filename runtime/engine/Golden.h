// Golden answers: what an artifact must compute and contain, stored in it by axiomc and replayed by
// axiom-check on any machine. Digests are SHA-256.
//
// The golden segment, little endian: u32 magic, u32 version; u32 count and that many parts {u8
// kind, string name, digest}; u32 count and that many prompts {u32 count, i32 tokens, u32 layers,
// that many digests of the hidden state after each layer, digest of the logits}. A hidden state is
// digested as [tokens][hidden] f32, logits as [tokens][vocab] f32, padding left out; one step
// computes the prompt.
#ifndef AXIOM_RUNTIME_ENGINE_GOLDEN_H
#define AXIOM_RUNTIME_ENGINE_GOLDEN_H

#include "runtime/base/Sha256.h"
#include "runtime/base/Status.h"
#include "runtime/engine/LoadedModel.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace axiom::engine {

enum class PartKind : uint8_t { Tensor = 0, Tokenizer = 1, Template = 2, Code = 3 };
const char *partKindName(PartKind kind);

struct GoldenPart {
  PartKind kind = PartKind::Tensor;
  std::string name; ///< tensor name; target of a code image
  Sha256Digest digest{};
};

struct GoldenPrompt {
  std::vector<int32_t> tokens;
  std::vector<Sha256Digest> layers;
  Sha256Digest logits{};
};

struct Golden {
  std::vector<GoldenPart> parts;
  std::vector<GoldenPrompt> prompts;
};

inline constexpr uint32_t kMaxGoldenTokens = 512; ///< of one prompt
inline constexpr uint32_t kMaxGoldenPrompts = 64;

std::vector<uint8_t> writeGolden(const Golden &golden);
/// Checks the form; the bytes may come from anywhere.
Result<Golden> readGolden(std::span<const uint8_t> bytes);

/// Digests of everything that the artifact contains, from its bytes and not from its metadata.
std::vector<GoldenPart> digestParts(const Artifact &artifact);
/// Runs prompts through the model; each gets its digests.
Status runPrompts(const LoadedModel &model, uint32_t threads, std::vector<GoldenPrompt> &prompts);

/// What one comparison said.
struct Finding {
  std::string name; ///< "tensor model.norm.weight", "prompt 1, layer 3"
  bool same = true;
  std::string detail; ///< what differs
};

/// Compares an artifact with its golden segment: every part, then, if the kernels are as compiled,
/// every prompt. Of a prompt only the first layer that differs is named: what follows from it
/// differs too.
Result<std::vector<Finding>> checkGolden(const LoadedModel &model, uint32_t threads);

} // namespace axiom::engine

#endif
