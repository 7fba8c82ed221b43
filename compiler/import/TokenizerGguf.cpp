// The tokenizer of a GGUF file.
#include "compiler/import/TokenizerCompiler.h"
#include "compiler/import/TokenizerSpec.h"
#include "runtime/text/Unicode.h"

#include <algorithm>

namespace axiom {
namespace {

using namespace tokenizer;

enum TokenType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };

Status bad(const std::string &what) { return Status(Code::BadInput, "GGUF tokenizer: " + what); }

class GgufCompiler {
public:
  explicit GgufCompiler(const GgufTokenizer &gguf) : gguf_(gguf) {}

  Result<std::vector<uint8_t>> run() {
    AXIOM_RETURN_IF_ERROR(tokens());
    AXIOM_RETURN_IF_ERROR(specialIds());
    if (gguf_.model == "gpt2")
      AXIOM_RETURN_IF_ERROR(byteLevel());
    else if (gguf_.model == "llama")
      AXIOM_RETURN_IF_ERROR(sentencePiece());
    else
      return Status(Code::Unsupported,
                    "GGUF tokenizer: model \"" + gguf_.model + "\"; supported are gpt2 and llama");
    return writeTokenizer(spec_);
  }

private:
  int32_t type(size_t id) const {
    return gguf_.tokenTypes.empty() ? kNormal : gguf_.tokenTypes[id];
  }

  Status tokens() {
    size_t n = gguf_.tokens.size();
    if (n == 0 || n > kMaxVocab)
      return bad(format("%zu tokens; there must be 1 to %u", n, kMaxVocab));
    if (!gguf_.tokenTypes.empty() && gguf_.tokenTypes.size() != n)
      return bad(format("%zu token types for %zu tokens", gguf_.tokenTypes.size(), n));
    for (uint32_t id = 0; id < n; ++id) {
      const std::string &text = gguf_.tokens[id];
      spec_.tokens[id] = {text, true};
      // Of tokens with the same text (padding) the first one is found.
      if (!ids_.emplace(text, id).second)
        spec_.tokens[id].inModel = false;
      int32_t t = type(id);
      if (t == kUnknown || t == kControl || t == kUserDefined) {
        if (text.empty() || !unicode::isValid(text) || ids_[text] != id)
          continue; // can't stand in a text
        TokenizerSpec::Added added;
        added.id = id;
        added.text = text;
        added.special = t != kUserDefined;
        spec_.added.push_back(std::move(added));
      }
    }
    return Status();
  }

  Status specialIds() {
    struct Id {
      const char *name;
      int64_t from;
      int32_t &to;
    };
    for (auto [name, from, to] :
         {Id{"bos", gguf_.bosId, spec_.bos}, Id{"eos", gguf_.eosId, spec_.eos},
          Id{"unknown", gguf_.unkId, spec_.unk}, Id{"padding", gguf_.padId, spec_.pad}}) {
      if (from < -1 || from >= static_cast<int64_t>(gguf_.tokens.size()))
        return bad(format("%s_token_id %lld with %zu tokens", name, static_cast<long long>(from),
                          gguf_.tokens.size()));
      to = static_cast<int32_t>(from);
    }
    return Status();
  }

  Status around(bool bosByDefault) {
    bool bos = gguf_.addBos.value_or(bosByDefault), eos = gguf_.addEos.value_or(false);
    if (bos && spec_.bos < 0)
      return bad("add_bos_token is true, but there is no bos_token_id");
    if (eos && spec_.eos < 0)
      return bad("add_eos_token is true, but there is no eos_token_id");
    if (bos)
      spec_.prefix.push_back(spec_.bos);
    if (eos)
      spec_.suffix.push_back(spec_.eos);
    return Status();
  }

  Status byteLevel() {
    spec_.flags = kByteLevel;
    spec_.unk = -1; // bytes are all there: an unknown token is only a name in these files
    bool bosByDefault = false;
    const std::string &pre = gguf_.pre;
    auto step = [&](PretokenizerOp op, uint8_t a) { spec_.pretokenizer.push_back({op, a, 0, {}}); };
    if (pre == "gpt-2") {
      step(PretokenizerOp::Gpt2, 0);
    } else if (pre == "smollm" || pre == "starcoder" || pre == "refact" || pre == "command-r") {
      step(PretokenizerOp::Digits, 1);
      step(PretokenizerOp::Gpt2, 0);
    } else if (pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3") {
      step(PretokenizerOp::Llama3, 3);
      spec_.flags |= kIgnoreMerges;
      bosByDefault = true;
    } else if (pre == "qwen2" || pre == "deepseek-r1-qwen") {
      spec_.normalizer.push_back({NormalizerOp::Nfc, {}, {}});
      step(PretokenizerOp::Llama3, 1);
    } else if (pre == "qwen35") {
      spec_.normalizer.push_back({NormalizerOp::Nfc, {}, {}});
      spec_.pretokenizer.push_back({PretokenizerOp::Llama3, 1, 1, {}});
    } else {
      return Status(Code::Unsupported,
                    "GGUF tokenizer: " +
                        (pre.empty() ? std::string("the key tokenizer.ggml.pre is missing")
                                     : "pre-tokenizer \"" + pre + "\"") +
                        "; supported are gpt-2, smollm, starcoder, refact, command-r, llama-bpe, "
                        "qwen2, deepseek-r1-qwen, qwen35. Compile the model from its safetensors "
                        "folder, or convert the file again with a current converter");
    }
    step(PretokenizerOp::ByteLevel, 0);
    spec_.decoder.kind = DecoderKind::ByteLevel;
    if (gguf_.merges.empty())
      return bad("there are no merges");
    for (size_t rank = 0; rank < gguf_.merges.size(); ++rank) {
      const std::string &merge = gguf_.merges[rank];
      size_t space = merge.find(' ', 1);
      if (space == std::string::npos || merge.find(' ', space + 1) != std::string::npos)
        return bad(format("merge %zu is not two tokens separated by a space", rank));
      std::string left = merge.substr(0, space), right = merge.substr(space + 1);
      auto l = ids_.find(left), r = ids_.find(right), result = ids_.find(left + right);
      if (l == ids_.end() || r == ids_.end() || result == ids_.end())
        return bad(format("merge %zu names a token that is not in the vocabulary", rank));
      spec_.merges.push_back({l->second, r->second, result->second});
    }
    return around(bosByDefault);
  }

  /// SentencePiece merges the neighbours whose joint text has the best score. As ranked merges:
  /// every way to cut a token in two tokens, by score, then by the length of the parts in
  /// characters, the order in which Hugging Face converts such a vocabulary.
  Status sentencePiece() {
    if (gguf_.scores.size() != gguf_.tokens.size())
      return bad(format("%zu scores for %zu tokens", gguf_.scores.size(), gguf_.tokens.size()));
    spec_.flags = kByteFallback | kFuseUnknown;
    bool prefix = gguf_.addSpacePrefix.value_or(true);
    if (prefix)
      spec_.normalizer.push_back({NormalizerOp::Prepend, {}, kMetaspace});
    spec_.normalizer.push_back({NormalizerOp::Replace, " ", kMetaspace});
    spec_.decoder = {DecoderKind::Replace, true, prefix ? 1u : 0u, kMetaspace, " "};

    struct Cut {
      float score;
      uint32_t leftChars, rightChars;
      TokenizerSpec::Merge merge;
      size_t order = 0; ///< of equal cuts the earlier one wins
    };
    std::vector<Cut> cuts;
    for (uint32_t id = 0; id < gguf_.tokens.size(); ++id) {
      const std::string &text = gguf_.tokens[id];
      if (!spec_.tokens[id].inModel || !unicode::isValid(text) || text.size() > 1024)
        continue;
      if (!(gguf_.scores[id] == gguf_.scores[id]))
        return bad(format("the score of token %u is not a number", id));
      uint32_t chars = 0;
      for (char c : text)
        chars += (static_cast<uint8_t>(c) & 0xC0) != 0x80;
      size_t first = cuts.size();
      uint32_t left = 0;
      for (size_t pos = 0; pos < text.size();) {
        pos += unicode::sequenceLength(static_cast<uint8_t>(text[pos]));
        ++left;
        if (pos == text.size())
          break;
        auto l = ids_.find(text.substr(0, pos));
        if (l == ids_.end())
          continue;
        auto r = ids_.find(text.substr(pos));
        if (r != ids_.end())
          cuts.push_back({gguf_.scores[id], left, chars - left, {l->second, r->second, id}});
      }
      std::sort(cuts.begin() + static_cast<ptrdiff_t>(first), cuts.end(),
                [](const Cut &a, const Cut &b) {
                  return a.merge.left != b.merge.left ? a.merge.left < b.merge.left
                                                      : a.merge.right < b.merge.right;
                });
    }
    for (size_t i = 0; i < cuts.size(); ++i)
      cuts[i].order = i;
    std::sort(cuts.begin(), cuts.end(), [](const Cut &a, const Cut &b) {
      if (a.score != b.score)
        return a.score > b.score;
      if (a.leftChars != b.leftChars)
        return a.leftChars > b.leftChars;
      return a.rightChars != b.rightChars ? a.rightChars > b.rightChars : a.order < b.order;
    });
    for (const Cut &cut : cuts)
      spec_.merges.push_back(cut.merge);
    return around(true);
  }

  const GgufTokenizer &gguf_;
  TokenizerSpec spec_;
  std::unordered_map<std::string, uint32_t> ids_;
};

} // namespace

Result<std::vector<uint8_t>> compileGgufTokenizer(const GgufTokenizer &gguf) {
  return GgufCompiler(gguf).run();
}

} // namespace axiom
