// config.json and generation_config.json to ModelConfig, in the spelling of the hub (rope_theta,
// rope_scaling, torch_dtype) and of transformers 5 (rope_parameters, dtype).
#ifndef AXIOM_COMPILER_IMPORT_CONFIGREADER_H
#define AXIOM_COMPILER_IMPORT_CONFIGREADER_H

#include "compiler/import/ModelSource.h"
#include "compiler/import/models/Family.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

namespace axiom {

// Bounds on what a model file may ask for. They are far above any real model and keep every product
// of two sizes far below 2^64.
inline constexpr uint32_t kMaxLayers = 4096;
inline constexpr uint32_t kMaxWidth = 1u << 22; ///< hidden and intermediate size
inline constexpr uint32_t kMaxHeads = 65536;
inline constexpr uint32_t kMaxHeadDim = 4096;
inline constexpr uint32_t kMaxVocab = 1u << 24;
inline constexpr uint32_t kMaxContext = 1u << 30;
inline constexpr double kMinTheta = 1.0, kMaxTheta = 1e15;
/// Smallest normal float to a value no model uses.
inline constexpr double kMinEps = 1.1754943508222875e-38, kMaxEps = 1.0;

/// One JSON object of a configuration with typed, range-checked getters. Each leaves `out` as it is
/// (the default) when the key is absent, and names file, key, value and bound when it is wrong.
class ConfigView {
public:
  /// `object` must be a JSON object and outlive the view. `prefix` stands before keys in messages.
  ConfigView(const nlohmann::json &object, std::string prefix)
      : object_(object), prefix_(std::move(prefix)) {}

  bool has(const char *key) const { return get(key) != nullptr; } ///< present and not null
  bool isNull(const char *key) const;                             ///< present and null
  const nlohmann::json *get(const char *key) const;               ///< null if absent or null

  Status u32(const char *key, uint32_t low, uint32_t high, uint32_t &out) const;
  Status requiredU32(const char *key, uint32_t low, uint32_t high, uint32_t &out) const;
  Status number(const char *key, double low, double high, double &out) const;
  Status boolean(const char *key, bool &out) const;
  Status string(const char *key, std::string &out) const;
  Status strings(const char *key, size_t most, std::vector<std::string> &out) const;
  /// An integer or a list of them; -1 and null mean none. Appends those not yet in `out`.
  Status tokenIds(const char *key, uint32_t vocab, std::vector<int32_t> &out) const;

  Status error(const char *key, const std::string &what) const;
  Status unsupported(const char *key, const std::string &value, const char *supported) const;

private:
  const nlohmann::json &object_;
  std::string prefix_;
};

struct HfConfig {
  const FamilySpec *family = nullptr;
  BiasUse biases; ///< Always or Never
  ModelConfig config;
};
/// `text` is config.json.
Result<HfConfig> readHfConfig(std::string_view text, std::vector<std::string> &notes);

/// Merges eos_token_id (and bos_token_id if there is none yet) of generation_config.json.
Status readGenerationConfig(std::string_view text, ModelConfig &config);

/// Relations between values, whichever file they came from.
Status checkConfig(const ModelConfig &config);

inline void addUnique(std::vector<int32_t> &ids, int32_t id) {
  if (std::find(ids.begin(), ids.end(), id) == ids.end())
    ids.push_back(id);
}

} // namespace axiom

#endif
