#include "runtime/text/Detokenizer.h"

#include "runtime/text/Unicode.h"

#include <charconv>

namespace axiom {
namespace tokenizer {
namespace {

void replaceAll(std::string_view text, std::string_view from, std::string_view to,
                std::string &out) {
  if (from.empty()) {
    out += text;
    return;
  }
  for (;;) {
    size_t at = text.find(from);
    out += text.substr(0, at);
    if (at == std::string_view::npos)
      return;
    out += to;
    text.remove_prefix(at + from.size());
  }
}

/// The byte that "<0xNN>" names.
char byteOf(std::string_view text) {
  unsigned value = 0;
  std::from_chars(text.data() + 3, text.data() + 5, value, 16);
  return static_cast<char>(value);
}

void appendReplacements(size_t count, std::string &out) {
  for (size_t i = 0; i < count; ++i)
    unicode::append(out, unicode::kReplacement);
}

} // namespace

void Detokenizer::emit(std::string_view text, std::string &out) {
  bool strips = view_->decoder.kind == DecoderKind::Replace;
  while (strips && strip_ > 0 && !text.empty()) {
    if (text[0] != ' ') {
      strip_ = 0;
      break;
    }
    text.remove_prefix(1);
    --strip_;
  }
  out += text;
}

void Detokenizer::addBytes(std::string_view bytes, std::string &out) {
  pending_ += bytes;
  std::string_view rest = pending_;
  std::string text;
  while (!rest.empty()) {
    unicode::Sequence s = unicode::classify(rest);
    if (s.kind == unicode::Sequence::Incomplete)
      break;
    if (s.kind == unicode::Sequence::Valid)
      text += rest.substr(0, s.length);
    else
      appendReplacements(view_->has(kByteLevel) ? 1 : s.length, text);
    rest.remove_prefix(s.length);
  }
  pending_.erase(0, pending_.size() - rest.size());
  if (view_->has(kByteLevel))
    out += text;
  else
    emit(text, out);
}

void Detokenizer::endByteRun(std::string &out) {
  if (pending_.empty())
    return;
  std::string text;
  if (unicode::isValid(pending_))
    text = pending_;
  else
    appendReplacements(pending_.size(), text);
  pending_.clear();
  emit(text, out);
}

void Detokenizer::add(int32_t id, std::string &out) {
  if (!view_->present(id))
    return;
  uint8_t flags = view_->tokenFlags[static_cast<size_t>(id)];
  if (skipSpecial_ && (flags & kSpecial))
    return;
  std::string_view text = view_->text(static_cast<uint32_t>(id));
  const DecoderSpec &spec = view_->decoder;
  if (spec.kind == DecoderKind::ByteLevel) {
    addBytes(text, out);
    return;
  }
  bool first = first_;
  first_ = false;
  if (spec.byteFallback && (flags & kByteToken)) {
    if (early_)
      addBytes(std::string(1, byteOf(text)), out);
    else
      pending_ += byteOf(text);
    return;
  }
  endByteRun(out);
  std::string replaced;
  if (spec.kind == DecoderKind::Metaspace) {
    replaceAll(text, spec.from, first && strip_ > 0 ? std::string_view() : spec.to, replaced);
    out += unicode::isValid(replaced) ? replaced : unicode::toValid(replaced);
  } else {
    replaceAll(text, spec.from, spec.to, replaced);
    emit(unicode::isValid(replaced) ? replaced : unicode::toValid(replaced), out);
  }
}

void Detokenizer::flush(std::string &out) {
  if (view_->has(kByteLevel)) {
    if (!pending_.empty())
      unicode::append(out, unicode::kReplacement);
    pending_.clear();
  } else {
    endByteRun(out);
  }
}

} // namespace tokenizer

std::string Tokenizer::tokenBytes(int32_t id) const {
  std::string out;
  if (!view_.present(id))
    return out;
  std::string_view text = view_.text(static_cast<uint32_t>(id));
  if (view_.has(tokenizer::kByteLevel))
    out = text;
  else if (view_.decoder.byteFallback &&
           (view_.tokenFlags[static_cast<size_t>(id)] & tokenizer::kByteToken))
    out = tokenizer::byteOf(text);
  else
    tokenizer::replaceAll(text, view_.decoder.from, view_.decoder.to, out);
  return out;
}

} // namespace axiom
