// The metadata of an artifact as plain structs: decoded once from the flatbuffer, checked by
// Validate.cpp, never changed afterwards. Field meanings: runtime/schema/axm.fbs.
#ifndef AXIOM_RUNTIME_ARTIFACT_PLAN_H
#define AXIOM_RUNTIME_ARTIFACT_PLAN_H

#include "runtime/abi/kernel_abi.h"
#include "runtime/base/Sha256.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace axiom {

/// Same values as fb::SegmentKind.
enum class SegmentKind : uint32_t {
  Weights = 0,
  Code = 1,
  Tokenizer = 2,
  Template = 3,
  Golden = 4,
  Debug = 5,
  Schemas = 6
};

const char *segmentKindName(SegmentKind kind);
const char *formatName(AxmFormat format);
const char *kvTypeName(AxmKvType type);

struct SegmentInfo {
  SegmentKind kind = SegmentKind::Weights;
  uint64_t offset = 0; ///< in the file
  uint64_t size = 0;
  Sha256Digest sha256{};
  std::string target; ///< Code: "cpu:x86-64-v3"
};

struct TensorInfo {
  std::string name;
  AxmFormat format = AXM_FORMAT_F32;
  uint64_t rows = 0, cols = 0; ///< logical
  uint32_t rowAlign = 8, heads = 1;
  std::vector<uint32_t> cuts;
  uint64_t offset = 0, size = 0; ///< in the weights segment
  std::string sourceType;
  float maxError = 0.0f;
  Sha256Digest sha256{};
  bool vector = false;
};

/// Bindings of one argument. `values` (byte offset in the weights segment, or layer index of KV)
/// and `tensors` hold one entry, or one per repetition.
struct BindingInfo {
  AxmSpace space = AXM_SPACE_WORKSPACE;
  uint32_t slot = 0; ///< WORKSPACE
  std::vector<uint64_t> values;
  std::vector<uint32_t> tensors; ///< WEIGHTS
};

struct TaskInfo {
  std::string name;
  std::array<uint32_t, 3> kernels{}; ///< for 1, 2..8, more tokens
  std::array<uint64_t, 3> signatures{};
  std::vector<BindingInfo> bindings; ///< in the order of the kernel's arguments
  bool balance = false;
};

struct PhaseInfo {
  std::vector<TaskInfo> tasks;
};

struct RepeatInfo {
  uint32_t count = 1;
  int64_t firstLayer = -1; ///< -1: no layer
  std::vector<PhaseInfo> phases;
};

struct SlotInfo {
  std::string name;
  uint64_t fixed = 0, perToken = 0; ///< bytes
};

struct Plan {
  std::vector<RepeatInfo> repeats;
  std::vector<SlotInfo> slots;
  uint32_t residualSlot = 0;
  int64_t finalNorm = -1; ///< tensor: the gain of the norm before the head; -1: not told
  float finalNormEps = 0;
};

struct KvInfo {
  AxmKvType type = AXM_KV_F16;
  uint64_t headBytes = 0, layerBytes = 0;
  uint64_t blockBytes = 0; ///< of 64 positions over all layers
};

/// Not named like the importer's ModelConfig: axiomc links both.
struct ArtifactConfig {
  std::string family, name;
  uint32_t hidden = 0, intermediate = 0, layers = 0, heads = 0, kvHeads = 0, headDim = 0;
  uint32_t vocab = 0, maxContext = 0;
  std::vector<int32_t> eos;
  int32_t bos = -1; ///< -1: none
  std::string bosToken, eosToken;
  std::vector<uint32_t> windows; ///< per layer, 0 = full attention; empty = all full

  /// f32 elements of a row of logits, of which the first `vocab` count; the rest is -inf.
  uint32_t logitsStride() const { return (vocab + 63) / 64 * 64; }
  /// Tiles of a row of logits.
  uint32_t numTiles() const { return (vocab + AXM_TILE_IDS - 1) / AXM_TILE_IDS; }
  /// f32 elements between two rows of the hidden state.
  uint32_t hiddenStride() const { return (hidden + AXM_GROUP - 1) / AXM_GROUP * AXM_GROUP; }
};

struct InputInfo {
  std::string name;
  uint64_t size = 0;
  Sha256Digest sha256{};
};

struct ProvenanceInfo {
  std::string compiler, llvm;
  std::vector<std::string> options;
  std::vector<InputInfo> inputs;
  std::string sourceFormat;
  float sourceBits = 0.0f, storedBits = 0.0f; ///< mean bits a weight
};

struct Metadata {
  ArtifactConfig config;
  KvInfo kv;
  Plan plan;
  std::vector<TensorInfo> tensors;
  std::vector<SegmentInfo> segments;
  ProvenanceInfo provenance;
};

} // namespace axiom

#endif
