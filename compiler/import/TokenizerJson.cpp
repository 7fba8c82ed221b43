// Hugging Face's tokenizer.json and tokenizer_config.json: model, added tokens, post-processor,
// special ids. The steps around the model are in TokenizerJsonSteps.cpp.
#include "compiler/import/TokenizerCompiler.h"
#include "compiler/import/TokenizerJsonSteps.h"

#include "compiler/import/StrictJson.h"

#include <algorithm>

namespace axiom {
namespace {

using namespace tokenizer;
using nlohmann::json;

Status bad(const std::string &what) { return Status(Code::BadInput, "tokenizer.json: " + what); }

class JsonCompiler {
public:
  JsonCompiler(const json &root, const json &config) : root_(root), config_(config) {}

  Result<std::vector<uint8_t>> run() {
    AXIOM_RETURN_IF_ERROR(readNormalizer(member(root_, "normalizer"), spec_));
    AXIOM_RETURN_IF_ERROR(readPretokenizer(member(root_, "pre_tokenizer"), spec_));
    AXIOM_RETURN_IF_ERROR(readDecoder(member(root_, "decoder"), spec_));
    AXIOM_RETURN_IF_ERROR(model());
    AXIOM_RETURN_IF_ERROR(added());
    AXIOM_RETURN_IF_ERROR(postProcessor(member(root_, "post_processor")));
    AXIOM_RETURN_IF_ERROR(config());
    return writeTokenizer(spec_);
  }

private:
  int32_t idOf(const std::string &text) const {
    for (const auto &a : spec_.added)
      if (a.text == text)
        return static_cast<int32_t>(a.id);
    auto it = ids_.find(text);
    return it == ids_.end() ? -1 : static_cast<int32_t>(it->second);
  }

  Status flag(const json &model, const char *name, ModelFlag bit) {
    AXIOM_ASSIGN_OR_RETURN(bool on, readBool(model, name, false));
    if (on)
      spec_.flags |= bit;
    return Status();
  }

  Status model() {
    const json &model = member(root_, "model");
    if (!model.is_object())
      return bad("there is no object \"model\"");
    std::string type = member(model, "type").is_string() ? model["type"].get<std::string>()
                                                         : (model.contains("merges") ? "BPE" : "");
    if (type != "BPE")
      return Status(Code::Unsupported,
                    "tokenizer.json: model type \"" + shownText(type) + "\"; supported is BPE");
    for (const char *name : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      const json &affix = member(model, name);
      if (!affix.is_null() && affix != "")
        return Status(Code::Unsupported,
                      format("tokenizer.json: model.%s; supported are BPE models "
                             "without one",
                             name));
    }
    const json &dropout = member(model, "dropout");
    if (!dropout.is_null() && dropout != 0.0)
      return Status(Code::Unsupported, "tokenizer.json: model.dropout makes tokenization random; "
                                       "set it to null");
    AXIOM_RETURN_IF_ERROR(flag(model, "ignore_merges", kIgnoreMerges));
    AXIOM_RETURN_IF_ERROR(flag(model, "byte_fallback", kByteFallback));
    AXIOM_RETURN_IF_ERROR(flag(model, "fuse_unk", kFuseUnknown));
    if ((spec_.flags & kByteLevel) && (spec_.flags & kByteFallback))
      return Status(Code::Unsupported, "tokenizer.json: model.byte_fallback together with a "
                                       "ByteLevel pre-tokenizer; supported is one of them");
    AXIOM_RETURN_IF_ERROR(vocabulary(member(model, "vocab")));
    AXIOM_RETURN_IF_ERROR(merges(member(model, "merges")));
    const json &unknown = member(model, "unk_token");
    if (unknown.is_string()) {
      auto it = ids_.find(unknown.get<std::string>());
      // The reference fails only when it needs the token; here the file is refused at once.
      if (it == ids_.end())
        return bad("model.unk_token \"" + shownText(unknown.get<std::string>()) +
                   "\" is not in the vocabulary");
      spec_.unk = static_cast<int32_t>(it->second);
    }
    return Status();
  }

  Status vocabulary(const json &vocab) {
    if (!vocab.is_object() || vocab.empty())
      return bad("model.vocab is not an object with tokens");
    if (vocab.size() > kMaxVocab)
      return bad(format("model.vocab has %zu tokens, at most %u", vocab.size(), kMaxVocab));
    for (const auto &[text, id] : vocab.items()) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMaxVocab)
        return bad("model.vocab: the id of \"" + shownText(text) + "\" is not a number below " +
                   std::to_string(kMaxVocab));
      uint32_t value = id.get<uint32_t>();
      if (!spec_.tokens.emplace(value, TokenizerSpec::Token{text, true}).second)
        return bad(format("model.vocab: id %u belongs to two tokens", value));
      ids_.emplace(text, value);
    }
    return Status();
  }

  Status merges(const json &merges) {
    if (!merges.is_array())
      return bad("model.merges is not an array");
    size_t rank = 0;
    for (const json &merge : merges) {
      std::string left, right;
      if (merge.is_string()) {
        std::string text = merge.get<std::string>();
        size_t space = text.find(' ');
        if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
          return bad(format("merge %zu is not two tokens separated by a space", rank));
        left = text.substr(0, space);
        right = text.substr(space + 1);
      } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
                 merge[1].is_string()) {
        left = merge[0].get<std::string>();
        right = merge[1].get<std::string>();
      } else {
        return bad(format("merge %zu is neither a string nor a pair of strings", rank));
      }
      auto l = ids_.find(left), r = ids_.find(right), result = ids_.find(left + right);
      if (l == ids_.end() || r == ids_.end() || result == ids_.end())
        return bad(format("merge %zu, \"%s\" and \"%s\": these or their join are not in the "
                          "vocabulary",
                          rank, shownText(left).c_str(), shownText(right).c_str()));
      spec_.merges.push_back({l->second, r->second, result->second});
      ++rank;
    }
    return Status();
  }

  Status added() {
    const json &list = member(root_, "added_tokens");
    if (list.is_null())
      return Status();
    if (!list.is_array())
      return bad("added_tokens is not an array");
    for (const json &item : list) {
      const json &id = member(item, "id"), &content = member(item, "content");
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMaxVocab || !content.is_string())
        return bad(format("added token %zu has no id below %u or no content", spec_.added.size(),
                          kMaxVocab));
      TokenizerSpec::Added a;
      a.id = id.get<uint32_t>();
      a.text = content.get<std::string>();
      if (a.text.empty())
        continue;
      AXIOM_ASSIGN_OR_RETURN(a.special, readBool(item, "special", false));
      AXIOM_ASSIGN_OR_RETURN(a.normalized, readBool(item, "normalized", !a.special));
      AXIOM_ASSIGN_OR_RETURN(a.leftStrip, readBool(item, "lstrip", false));
      AXIOM_ASSIGN_OR_RETURN(a.rightStrip, readBool(item, "rstrip", false));
      AXIOM_ASSIGN_OR_RETURN(a.singleWord, readBool(item, "single_word", false));
      // A token of the model keeps its id whatever the list says, as in the reference.
      auto it = ids_.find(a.text);
      if (it != ids_.end())
        a.id = it->second;
      else if (!spec_.tokens.emplace(a.id, TokenizerSpec::Token{a.text, false}).second)
        return bad(format("added token \"%s\": id %u belongs to another token",
                          shownText(a.text).c_str(), a.id));
      spec_.added.push_back(std::move(a));
    }
    return Status();
  }

  Status postProcessor(const json &post) {
    if (post.is_null())
      return Status();
    const std::string type = typeOf(post);
    if (type == "Sequence") {
      const json &list = member(post, "processors");
      if (!list.is_array())
        return bad("post_processor.processors is not an array");
      for (const json &item : list)
        AXIOM_RETURN_IF_ERROR(postProcessor(item));
      return Status();
    }
    if (type == "ByteLevel") // trims offsets only
      return Status();
    if (type != "TemplateProcessing")
      return Status(Code::Unsupported,
                    "tokenizer.json: post-processor \"" + type +
                        "\"; supported are TemplateProcessing, ByteLevel and a Sequence of them");
    if (!spec_.prefix.empty() || !spec_.suffix.empty())
      return Status(Code::Unsupported, "tokenizer.json: two TemplateProcessing post-processors; "
                                       "supported is one");
    return templateProcessing(post);
  }

  Status templateProcessing(const json &post) {
    const json &single = member(post, "single"), &special = member(post, "special_tokens");
    if (!single.is_array())
      return bad("post_processor.single is not an array");
    bool afterText = false;
    for (const json &item : single) {
      if (item.is_object() && item.contains("Sequence")) {
        if (afterText)
          return bad("post_processor.single names the text twice");
        afterText = true;
        continue;
      }
      const json &name = member(member(item, "SpecialToken"), "id");
      if (!name.is_string())
        return bad("post_processor.single: an item is neither Sequence nor SpecialToken");
      const json &ids = member(member(special, name.get<std::string>().c_str()), "ids");
      if (!ids.is_array())
        return bad("post_processor.special_tokens has no ids for \"" +
                   shownText(name.get<std::string>()) + "\"");
      for (const json &id : ids) {
        if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMaxVocab)
          return bad("post_processor.special_tokens: an id is not a number of the vocabulary");
        (afterText ? spec_.suffix : spec_.prefix).push_back(id.get<int32_t>());
      }
    }
    if (!afterText)
      return bad("post_processor.single does not name the text");
    return Status();
  }

  /// tokenizer_config.json: names as text, or as an object with "content".
  Result<int32_t> namedId(const char *name) const {
    const json &value = member(config_, name);
    const json &text = value.is_object() ? member(value, "content") : value;
    if (text.is_null())
      return -1;
    if (!text.is_string())
      return Status(Code::BadInput, format("tokenizer_config.json: %s is not a text", name));
    return idOf(text.get<std::string>());
  }

  Status config() {
    AXIOM_ASSIGN_OR_RETURN(spec_.bos, namedId("bos_token"));
    AXIOM_ASSIGN_OR_RETURN(spec_.eos, namedId("eos_token"));
    AXIOM_ASSIGN_OR_RETURN(spec_.pad, namedId("pad_token"));
    AXIOM_RETURN_IF_ERROR(around("add_bos_token", spec_.bos, spec_.prefix));
    AXIOM_RETURN_IF_ERROR(around("add_eos_token", spec_.eos, spec_.suffix));
    if (spec_.bos < 0 && !spec_.prefix.empty())
      spec_.bos = spec_.prefix.front();
    return Status();
  }

  /// Where tokenizer_config.json says whether BOS (EOS) goes around a text, that holds.
  Status around(const char *name, int32_t id, std::vector<int32_t> &ids) {
    const json &value = member(config_, name);
    if (value.is_null())
      return Status();
    if (!value.is_boolean())
      return Status(Code::BadInput,
                    format("tokenizer_config.json: %s is neither true nor false", name));
    auto it = std::find(ids.begin(), ids.end(), id);
    if (!value.get<bool>()) {
      if (id >= 0 && it != ids.end())
        ids.erase(it);
      return Status();
    }
    if (id < 0)
      return Status(
          Code::BadInput,
          format("tokenizer_config.json: %s is true, but the token it adds is not known", name));
    if (it == ids.end())
      ids.insert(&ids == &spec_.prefix ? ids.begin() : ids.end(), id);
    return Status();
  }

  const json &root_, &config_;
  TokenizerSpec spec_;
  std::unordered_map<std::string, uint32_t> ids_; ///< the model's vocabulary
};

} // namespace

Result<std::vector<uint8_t>> compileTokenizerJson(std::string_view tokenizerJson,
                                                  std::string_view tokenizerConfigJson) {
  AXIOM_ASSIGN_OR_RETURN(json root, parseStrictJson(tokenizerJson, "tokenizer.json"));
  json config = json::object();
  if (!tokenizerConfigJson.empty()) {
    AXIOM_ASSIGN_OR_RETURN(config, parseStrictJson(tokenizerConfigJson, "tokenizer_config.json"));
  }
  if (!root.is_object() || !config.is_object())
    return Status(Code::BadInput, "tokenizer.json or tokenizer_config.json is not a JSON object");
  return JsonCompiler(root, config).run();
}

} // namespace axiom
