#include "compiler/import/SafetensorsModel.h"

#include "compiler/import/ConfigReader.h"
#include "compiler/import/Safetensors.h"
#include "compiler/import/StrictJson.h"
#include "compiler/import/TensorBinding.h"
#include "runtime/base/MappedFile.h"
#include "runtime/base/Sha256.h"

#include <deque>
#include <filesystem>

namespace axiom {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char *kIndexName = "model.safetensors.index.json";
constexpr const char *kSingleName = "model.safetensors";
constexpr uint64_t kMaxTextFile = 64u << 20;

bool endsWith(const std::string &text, const char *end) {
  std::string_view e(end);
  return text.size() >= e.size() && text.compare(text.size() - e.size(), e.size(), e) == 0;
}

class SafetensorsModel final : public ModelSource {
public:
  SafetensorsModel() { format_ = "safetensors"; }

  Status load(const std::string &path) {
    AXIOM_RETURN_IF_ERROR(locate(path));
    AXIOM_ASSIGN_OR_RETURN(auto configText, readText("config.json", true));
    AXIOM_ASSIGN_OR_RETURN(HfConfig hf, readHfConfig(configText, notes_));
    config_ = std::move(hf.config);
    AXIOM_ASSIGN_OR_RETURN(auto generation, readText("generation_config.json", false));
    if (!generation.empty())
      AXIOM_RETURN_IF_ERROR(readGenerationConfig(generation, config_));
    AXIOM_RETURN_IF_ERROR(loadText());

    FoundTensors found;
    AXIOM_RETURN_IF_ERROR(index_.empty() ? loadFile(weights_, nullptr, found) : loadShards(found));
    return bindTensors(std::move(found), *hf.family, hf.biases, config_, tensors_, notes_);
  }

  Result<std::vector<InputDigest>> digests() const override {
    std::vector<InputDigest> all = smallDigests_;
    for (const MappedFile &file : files_)
      all.push_back({file.name(), sha256Hex(sha256OfFile(file)), file.size()});
    return all;
  }

  void releasePages(std::span<const uint8_t> bytes) const override {
    for (const MappedFile &file : files_)
      file.release(bytes);
  }

private:
  Status locate(const std::string &path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      folder_ = fs::path(path).parent_path().string();
      (endsWith(path, ".json") ? index_ : weights_) = path;
      return Status::okStatus();
    }
    folder_ = path;
    if (fs::exists(inFolder(kSingleName), error))
      weights_ = inFolder(kSingleName);
    else if (fs::exists(inFolder(kIndexName), error))
      index_ = inFolder(kIndexName);
    else
      return locateOnly();
    return Status::okStatus();
  }

  /// A folder with neither of the usual names: a single other .safetensors file will do.
  Status locateOnly() {
    std::error_code error;
    std::vector<std::string> candidates;
    for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error))
      if (endsWith(it->path().filename().string(), ".safetensors"))
        candidates.push_back(it->path().filename().string());
    if (candidates.size() != 1)
      return Status(
          candidates.empty() ? Code::NotFound : Code::BadInput,
          axiom::format("%s holds neither %s nor %s, and %zu other .safetensors files; name "
                        "the file to compile",
                        folder_.c_str(), kSingleName, kIndexName, candidates.size()));
    weights_ = inFolder(candidates[0].c_str());
    return Status::okStatus();
  }

  std::string inFolder(const std::string &name) const {
    return folder_.empty() ? name : (fs::path(folder_) / name).string();
  }

  /// A file beside the weights, recorded for digests(); "" if it is optional and absent.
  Result<std::string> readText(const std::string &name, bool required) {
    auto text = readSmallFile(inFolder(name), kMaxTextFile);
    if (!text.ok()) {
      if (text.status().code() != Code::NotFound)
        return text.status();
      if (!required)
        return std::string();
      return Status(Code::NotFound,
                    axiom::format("%s is missing; a safetensors model needs it beside its "
                                  "weights",
                                  inFolder(name).c_str()));
    }
    record(name, *text);
    return text;
  }

  void record(const std::string &name, const std::string &text) {
    Sha256 hash;
    hash.update(text.data(), text.size());
    smallDigests_.push_back({name, sha256Hex(hash.finish()), text.size()});
  }

  Status loadText() {
    AXIOM_ASSIGN_OR_RETURN(text_.tokenizerJson, readText("tokenizer.json", false));
    AXIOM_ASSIGN_OR_RETURN(text_.tokenizerConfigJson, readText("tokenizer_config.json", false));
    if (!text_.tokenizerConfigJson.empty())
      AXIOM_RETURN_IF_ERROR(readTokenizerConfig(text_.tokenizerConfigJson, text_, notes_));
    AXIOM_ASSIGN_OR_RETURN(std::string own, readText("chat_template.jinja", false));
    if (!own.empty())
      text_.chatTemplate = std::move(own);
    std::error_code error;
    if (text_.tokenizerJson.empty())
      notes_.push_back(fs::exists(inFolder("tokenizer.model"), error)
                           ? "there is a tokenizer.model but no tokenizer.json, which is what is "
                             "read; transformers can save one"
                           : "there is no tokenizer.json");
    return Status::okStatus();
  }

  /// Maps `path` and adds its tensors. With `wanted` (name in file -> true) each of those must be
  /// there, and others are left for the notes.
  Status loadFile(const std::string &path, const std::vector<std::string> *wanted,
                  FoundTensors &found) {
    AXIOM_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::open(path));
    files_.push_back(std::move(mapped));
    auto parsed = SafetensorsFile::parse(files_.back().bytes());
    if (!parsed.ok())
      return parsed.status().withContext(path);
    if (wanted)
      for (const std::string &name : *wanted)
        if (parsed->tensors.count(name) == 0)
          return Status(Code::BadInput, "the index places tensor " + shownText(name) + " in " +
                                            files_.back().name() + ", which does not hold it");
    for (auto &[name, tensor] : parsed->tensors) {
      FoundTensor f;
      f.sourceName = name;
      f.shape = tensor.shape;
      f.typeName = tensor.dtype;
      f.typeSupported = tensor.type.has_value();
      f.type = tensor.type.value_or(SourceType::F32);
      f.bytes = tensor.bytes;
      std::string canonical = canonicalTensorName(name);
      auto [it, added] = found.emplace(canonical, std::move(f));
      if (!added)
        return Status(Code::BadInput, "tensors " + shownText(it->second.sourceName) + " and " +
                                          shownText(name) + " stand for the same weight");
    }
    return Status::okStatus();
  }

  Status loadShards(FoundTensors &found) {
    AXIOM_ASSIGN_OR_RETURN(std::string text, readSmallFile(index_, kMaxTextFile));
    std::string name = fs::path(index_).filename().string();
    record(name, text);
    auto map = parseSafetensorsIndex(text);
    if (!map.ok())
      return map.status().withContext(name);
    std::map<std::string, std::vector<std::string>> shards;
    for (const auto &[tensor, shard] : *map)
      shards[shard].push_back(tensor);
    if (shards.size() > 4096)
      return Status(Code::BadInput, axiom::format("%s names %zu files; at most 4096 are read",
                                                  name.c_str(), shards.size()));
    for (const auto &[shard, tensors] : shards)
      AXIOM_RETURN_IF_ERROR(loadFile(inFolder(shard), &tensors, found));
    return Status::okStatus();
  }

  std::string folder_, weights_, index_;
  std::deque<MappedFile> files_;
  std::vector<InputDigest> smallDigests_;
};

/// "<s>" or {"content": "<s>", ...}.
std::string tokenText(const json &config, const char *key) {
  auto it = config.find(key);
  if (it == config.end())
    return "";
  if (it->is_string())
    return it->get<std::string>();
  if (it->is_object() && it->contains("content") && (*it)["content"].is_string())
    return (*it)["content"].get<std::string>();
  return "";
}

} // namespace

Status readTokenizerConfig(const std::string &text, TextSource &out,
                           std::vector<std::string> &notes) {
  AXIOM_ASSIGN_OR_RETURN(json root, parseStrictJson(text, "tokenizer_config.json"));
  if (!root.is_object())
    return Status(Code::BadInput, "tokenizer_config.json: an object is needed");
  out.bosToken = tokenText(root, "bos_token");
  out.eosToken = tokenText(root, "eos_token");
  auto it = root.find("chat_template");
  if (it == root.end() || it->is_null())
    return Status::okStatus();
  if (it->is_string()) {
    out.chatTemplate = it->get<std::string>();
    return Status::okStatus();
  }
  if (!it->is_array())
    return Status(Code::BadInput,
                  "tokenizer_config.json: chat_template must be a string or a list");
  for (const json &entry : *it) {
    bool good = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                entry.contains("template") && entry["template"].is_string();
    if (!good)
      return Status(Code::BadInput, "tokenizer_config.json: each entry of chat_template needs a "
                                    "name and a template");
    if (entry["name"] == "default")
      out.chatTemplate = entry["template"].get<std::string>();
  }
  if (out.chatTemplate.empty())
    return Status(Code::Unsupported,
                  "tokenizer_config.json: none of its chat templates is named default");
  if (it->size() > 1)
    notes.push_back(format("of %zu chat templates the one named default is used", it->size()));
  return Status::okStatus();
}

std::string canonicalTensorName(const std::string &name) {
  // Longest first: model.language_model. also begins with model.
  for (std::string_view prefix :
       {"model.language_model.model.", "model.language_model.", "language_model.model."})
    if (name.compare(0, prefix.size(), prefix) == 0)
      return "model." + name.substr(prefix.size());
  for (std::string_view prefix : {"language_model.lm_head.", "model.lm_head."})
    if (name.compare(0, prefix.size(), prefix) == 0)
      return "lm_head." + name.substr(prefix.size());
  return name;
}

Result<std::unique_ptr<ModelSource>> openSafetensors(const std::string &path) {
  auto model = std::make_unique<SafetensorsModel>();
  AXIOM_RETURN_IF_ERROR(model->load(path));
  return std::unique_ptr<ModelSource>(std::move(model));
}

} // namespace axiom
