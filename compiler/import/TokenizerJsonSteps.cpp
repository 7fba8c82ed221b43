#include "compiler/import/TokenizerJsonSteps.h"

#include "compiler/import/StrictJson.h"

#include <iterator>

namespace axiom {
namespace {

using namespace tokenizer;
using nlohmann::json;

Status bad(const std::string &what) { return Status(Code::BadInput, "tokenizer.json: " + what); }
Status unsupported(const std::string &what) {
  return Status(Code::Unsupported, "tokenizer.json: " + what);
}

/// The regular expressions that runtime/text/Pretokenizer.cpp matches by hand. Every one matches
/// every character, so that "isolated matches" and "remove what is no match" are the same.
struct KnownPattern {
  const char *pattern;
  PretokenizerOp op;
  uint8_t digits, marks;
};
constexpr KnownPattern kPatterns[] = {
    {R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)",
     PretokenizerOp::Gpt2, 0, 0},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PretokenizerOp::Llama3, 3, 0},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PretokenizerOp::Llama3, 1, 0},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     PretokenizerOp::Llama3, 1, 1},
};

/// A member "pattern": {"String": ...} or {"Regex": ...}.
struct Pattern {
  std::string text;
  bool regex = false;
};
Result<Pattern> readPattern(const json &step, const char *where) {
  const json &pattern = member(step, "pattern");
  for (const char *kind : {"String", "Regex"}) {
    const json &text = member(pattern, kind);
    if (text.is_string())
      return Pattern{text.get<std::string>(), kind[0] == 'R'};
  }
  return bad(std::string(where) + " has no pattern");
}

Result<std::string> readText(const json &step, const char *name, const char *where) {
  const json &text = member(step, name);
  if (!text.is_string())
    return bad(format("%s has no text \"%s\"", where, name));
  if (text.get_ref<const std::string &>().size() > kMaxStepText)
    return unsupported(format("%s: \"%s\" has %zu bytes, at most %u are supported", where, name,
                              text.get_ref<const std::string &>().size(), kMaxStepText));
  return text.get<std::string>();
}

Status split(const json &step, TokenizerSpec &spec) {
  AXIOM_ASSIGN_OR_RETURN(Pattern pattern, readPattern(step, "pre_tokenizer Split"));
  AXIOM_ASSIGN_OR_RETURN(std::string behavior, readText(step, "behavior", "pre_tokenizer Split"));
  AXIOM_ASSIGN_OR_RETURN(bool invert, readBool(step, "invert", false));
  if (pattern.regex) {
    bool isolated = behavior == "Isolated" || (behavior == "Removed" && invert);
    for (const KnownPattern &known : kPatterns)
      if (pattern.text == known.pattern) {
        if (!isolated)
          return unsupported("pre_tokenizer Split with behavior " + shownText(behavior) +
                             "; supported are Isolated, and Removed with invert");
        spec.pretokenizer.push_back({known.op, known.digits, known.marks, {}});
        return Status();
      }
    return unsupported("pre_tokenizer Split by the expression " + shownText(pattern.text) +
                       "; supported are those of GPT-2, Llama 3, Qwen 2, Qwen 3 and Qwen 3.5");
  }
  constexpr std::string_view kNames[] = {"Isolated", "Removed", "MergedWithPrevious",
                                         "MergedWithNext"};
  for (uint8_t i = 0; i < std::size(kNames); ++i)
    if (behavior == kNames[i] && !invert && !pattern.text.empty() &&
        pattern.text.size() <= kMaxStepText) {
      spec.pretokenizer.push_back({PretokenizerOp::Text, i, 0, spec.keep(pattern.text)});
      return Status();
    }
  return unsupported("pre_tokenizer Split by a text, behavior " + shownText(behavior) +
                     "; supported are Isolated, Removed, MergedWithPrevious and MergedWithNext, "
                     "not inverted, by at most 64 bytes");
}

/// Metaspace as it stands in pre-tokenizers and decoders.
struct MetaspaceSpec {
  std::string replacement;
  MetaspaceScheme scheme = MetaspaceScheme::Always;
  bool split = true;
};
Result<MetaspaceSpec> readMetaspace(const json &step) {
  MetaspaceSpec spec;
  AXIOM_ASSIGN_OR_RETURN(spec.replacement, readText(step, "replacement", "Metaspace"));
  AXIOM_ASSIGN_OR_RETURN(spec.split, readBool(step, "split", true));
  AXIOM_ASSIGN_OR_RETURN(bool prefix, readBool(step, "add_prefix_space", true));
  const json &scheme = member(step, "prepend_scheme");
  if (!prefix || scheme == "never")
    spec.scheme = MetaspaceScheme::Never;
  else if (scheme == "first")
    spec.scheme = MetaspaceScheme::First;
  else if (!scheme.is_null() && scheme != "always")
    return bad("Metaspace: unknown prepend_scheme");
  if (spec.replacement.empty() || spec.replacement.size() > 4 || spec.replacement == " ")
    return bad("Metaspace: the replacement is not one visible character");
  return spec;
}

Status pretokenizerStep(const json &step, TokenizerSpec &spec) {
  const std::string type = typeOf(step);
  if (spec.flags & kByteLevel)
    return unsupported("pre_tokenizer \"" + type +
                       "\" after ByteLevel; supported is ByteLevel as the last step");
  if (type == "Sequence") {
    const json &list = member(step, "pretokenizers");
    if (!list.is_array())
      return bad("pre_tokenizer.pretokenizers is not an array");
    for (const json &item : list)
      AXIOM_RETURN_IF_ERROR(pretokenizerStep(item, spec));
    return Status();
  }
  if (spec.pretokenizer.size() + 2 > kMaxSteps)
    return unsupported(format("more than %u pre-tokenizer steps", kMaxSteps));
  if (type == "Split")
    return split(step, spec);
  if (type == "Digits") {
    AXIOM_ASSIGN_OR_RETURN(bool individual, readBool(step, "individual_digits", false));
    spec.pretokenizer.push_back({PretokenizerOp::Digits, uint8_t{individual}, 0, {}});
    return Status();
  }
  if (type == "ByteLevel") {
    AXIOM_ASSIGN_OR_RETURN(bool prefix, readBool(step, "add_prefix_space", true));
    AXIOM_ASSIGN_OR_RETURN(bool useRegex, readBool(step, "use_regex", true));
    spec.pretokenizer.push_back({PretokenizerOp::ByteLevel, uint8_t{prefix}, 0, {}});
    if (useRegex)
      spec.pretokenizer.push_back({PretokenizerOp::Gpt2, 0, 0, {}});
    spec.flags |= kByteLevel;
    return Status();
  }
  if (type == "Metaspace") {
    AXIOM_ASSIGN_OR_RETURN(MetaspaceSpec m, readMetaspace(step));
    spec.pretokenizer.push_back({PretokenizerOp::Metaspace, static_cast<uint8_t>(m.scheme),
                                 uint8_t{m.split}, spec.keep(m.replacement)});
    return Status();
  }
  return unsupported(
      "pre_tokenizer \"" + type +
      "\"; supported are Split, Digits, ByteLevel, Metaspace and a Sequence of them");
}

Status chainDecoder(const json &steps, TokenizerSpec &spec) {
  DecoderSpec &d = spec.decoder;
  d = {DecoderKind::Replace, false, 0, {}, {}};
  // The order that all known files have; each part at most once.
  enum Stage { kStart, kReplaced, kFallback, kMeta, kFused, kStripped } stage = kStart;
  for (const json &step : steps) {
    const std::string type = typeOf(step);
    if (type == "Replace" && stage < kReplaced) {
      AXIOM_ASSIGN_OR_RETURN(Pattern pattern, readPattern(step, "decoder Replace"));
      AXIOM_ASSIGN_OR_RETURN(std::string to, readText(step, "content", "decoder Replace"));
      if (pattern.regex || pattern.text.empty() || pattern.text.size() > kMaxStepText)
        return unsupported("decoder Replace by an expression; supported is a text");
      d.from = spec.keep(pattern.text);
      d.to = spec.keep(to);
      stage = kReplaced;
    } else if (type == "ByteFallback" && stage < kFallback) {
      d.byteFallback = true;
      stage = kFallback;
    } else if (type == "Metaspace" && stage < kMeta && d.from.empty()) {
      AXIOM_ASSIGN_OR_RETURN(MetaspaceSpec m, readMetaspace(step));
      d.kind = DecoderKind::Metaspace;
      d.strip = m.scheme != MetaspaceScheme::Never;
      d.from = spec.keep(m.replacement);
      d.to = " ";
      stage = kMeta;
    } else if (type == "Fuse" && stage < kFused) {
      stage = kFused;
    } else if (type == "Strip" && stage == kFused && d.kind == DecoderKind::Replace &&
               member(step, "content") == " " && member(step, "stop") == 0u &&
               member(step, "start").is_number_unsigned() &&
               member(step, "start").get<uint64_t>() <= 64) {
      d.strip = member(step, "start").get<uint32_t>();
      stage = kStripped;
    } else {
      return unsupported("decoder step \"" + type +
                         "\" here; supported are ByteLevel, or in this order Replace of a text, "
                         "ByteFallback, Metaspace, Fuse, Strip of spaces at the start");
    }
  }
  return Status();
}

} // namespace

const json &member(const json &value, const char *name) {
  static const json null;
  if (!value.is_object())
    return null;
  auto it = value.find(name);
  return it == value.end() ? null : *it;
}

std::string typeOf(const json &value) {
  const json &type = member(value, "type");
  return type.is_string() ? shownText(type.get<std::string>()) : std::string();
}

Result<bool> readBool(const json &value, const char *name, bool missing) {
  const json &flag = member(value, name);
  if (flag.is_null())
    return missing;
  if (!flag.is_boolean())
    return bad(format("\"%s\" is neither true nor false", name));
  return flag.get<bool>();
}

Status readNormalizer(const json &value, TokenizerSpec &spec) {
  if (value.is_null())
    return Status();
  const std::string type = typeOf(value);
  if (type == "Sequence") {
    const json &list = member(value, "normalizers");
    if (!list.is_array())
      return bad("normalizer.normalizers is not an array");
    for (const json &item : list)
      AXIOM_RETURN_IF_ERROR(readNormalizer(item, spec));
    return Status();
  }
  if (spec.normalizer.size() == kMaxSteps)
    return unsupported(format("more than %u normalizer steps", kMaxSteps));
  if (type == "NFC") {
    spec.normalizer.push_back({NormalizerOp::Nfc, {}, {}});
    return Status();
  }
  if (type == "Prepend") {
    AXIOM_ASSIGN_OR_RETURN(std::string to, readText(value, "prepend", "normalizer Prepend"));
    spec.normalizer.push_back({NormalizerOp::Prepend, {}, spec.keep(to)});
    return Status();
  }
  if (type == "Replace") {
    AXIOM_ASSIGN_OR_RETURN(Pattern from, readPattern(value, "normalizer Replace"));
    AXIOM_ASSIGN_OR_RETURN(std::string to, readText(value, "content", "normalizer Replace"));
    if (from.regex || from.text.empty() || from.text.size() > kMaxStepText)
      return unsupported("normalizer Replace of the expression " + shownText(from.text) +
                         "; supported is a text of 1 to 64 bytes");
    spec.normalizer.push_back({NormalizerOp::Replace, spec.keep(from.text), spec.keep(to)});
    return Status();
  }
  return unsupported("normalizer \"" + type +
                     "\"; supported are NFC, Prepend, Replace of a text and a Sequence of them");
}

Status readPretokenizer(const json &value, TokenizerSpec &spec) {
  return value.is_null() ? Status() : pretokenizerStep(value, spec);
}

Status readDecoder(const json &value, TokenizerSpec &spec) {
  const std::string type = typeOf(value);
  bool byteLevel = (spec.flags & kByteLevel) != 0;
  const json *step = &value;
  // A Sequence of one ByteLevel is a ByteLevel.
  if (type == "Sequence") {
    const json &list = member(value, "decoders");
    if (!list.is_array())
      return bad("decoder.decoders is not an array");
    if (!(byteLevel && list.size() == 1))
      return byteLevel ? unsupported("a Sequence decoder with a ByteLevel pre-tokenizer; supported "
                                     "is the ByteLevel decoder")
                       : chainDecoder(list, spec);
    step = &list[0];
  }
  const std::string single = typeOf(*step);
  if (byteLevel != (single == "ByteLevel"))
    return unsupported("decoder \"" + single + "\" with " + (byteLevel ? "a" : "no") +
                       " ByteLevel pre-tokenizer; supported are both or neither ByteLevel");
  if (byteLevel) {
    spec.decoder.kind = DecoderKind::ByteLevel;
    return Status();
  }
  if (step->is_null())
    return unsupported("there is no decoder; supported are ByteLevel, Metaspace and Sequence");
  return chainDecoder(json::array({*step}), spec);
}

} // namespace axiom
