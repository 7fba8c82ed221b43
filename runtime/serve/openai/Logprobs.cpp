#include "runtime/serve/openai/Logprobs.h"
#include "runtime/base/Status.h"
#include "runtime/text/Unicode.h"

#include <algorithm>
#include <cmath>

namespace axiom::serve::openai {
namespace {

/// A token that can't come has none; clients expect a number.
float bounded(float logprob) {
  return std::isnan(logprob) || logprob < -9999.0f ? -9999.0f : logprob;
}

std::string idText(int32_t id) { return "token_id:" + std::to_string(id); }

std::string chatText(const TokenText &token, const LogprobOptions &options) {
  return options.tokensAsIds ? idText(token.id) : token.bytes; // the writer mends its UTF-8
}

/// Tokens are keys here: those that are parts of characters are spelled out, to stay apart.
std::string keyText(const TokenText &token, const LogprobOptions &options) {
  if (options.tokensAsIds)
    return idText(token.id);
  if (unicode::isValid(token.bytes))
    return token.bytes;
  std::string out = "bytes:";
  for (char c : token.bytes)
    out += format("\\x%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
  return out;
}

void chatToken(JsonWriter &w, const TokenText &token, const LogprobOptions &options) {
  w.key("token").string(chatText(token, options)).key("logprob").number(bounded(token.logprob));
  w.key("bytes").beginArray();
  for (char c : token.bytes)
    w.natural(static_cast<uint8_t>(c));
  w.endArray();
}

/// A character counts where it begins: a token that only goes on with one adds nothing.
uint64_t characters(const std::string &bytes) {
  return static_cast<uint64_t>(
      std::count_if(bytes.begin(), bytes.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

} // namespace

void chatLogprobs(JsonWriter &w, const std::vector<PositionLogprobs> &positions,
                  const LogprobOptions &options) {
  w.beginObject().key("content").beginArray();
  for (const PositionLogprobs &position : positions) {
    w.beginObject();
    chatToken(w, position.token, options);
    w.key("top_logprobs").beginArray();
    for (const TokenText &token : position.top) {
      w.beginObject();
      chatToken(w, token, options);
      w.endObject();
    }
    w.endArray().endObject();
  }
  w.endArray().key("refusal").null().endObject();
}

void textLogprobs(JsonWriter &w, const std::vector<PositionLogprobs> &positions,
                  const LogprobOptions &options) {
  w.beginObject().key("tokens").beginArray();
  for (const PositionLogprobs &position : positions)
    w.string(keyText(position.token, options));
  w.endArray().key("token_logprobs").beginArray();
  for (const PositionLogprobs &position : positions)
    position.known ? w.number(bounded(position.token.logprob)) : w.null();
  w.endArray().key("top_logprobs").beginArray();
  for (const PositionLogprobs &position : positions) {
    if (!position.known) {
      w.null();
      continue;
    }
    // Different tokens may have one text; the likelier one keeps the key. The chosen one is there,
    // too, even if it is not among the most likely.
    std::vector<std::string> keys;
    w.beginObject();
    auto add = [&](const TokenText &token) {
      std::string key = keyText(token, options);
      if (std::find(keys.begin(), keys.end(), key) != keys.end())
        return;
      w.key(key).number(bounded(token.logprob));
      keys.push_back(std::move(key));
    };
    for (const TokenText &token : position.top)
      add(token);
    add(position.token);
    w.endObject();
  }
  w.endArray().key("text_offset").beginArray();
  uint64_t offset = options.firstOffset;
  for (const PositionLogprobs &position : positions) {
    w.natural(offset);
    offset += position.hidden ? 0 : characters(position.token.bytes);
  }
  w.endArray().endObject();
}

void promptLogprobs(JsonWriter &w, const std::vector<PositionLogprobs> &positions) {
  w.beginArray();
  for (const PositionLogprobs &position : positions) {
    if (!position.known) {
      w.null();
      continue;
    }
    w.beginObject();
    auto add = [&](const TokenText &token, size_t rank) {
      w.key(std::to_string(token.id)).beginObject();
      w.key("logprob").number(bounded(token.logprob)).key("rank");
      rank > 0 ? w.natural(rank) : w.null();
      w.key("decoded_token").string(token.bytes).endObject();
    };
    bool among = false;
    for (size_t i = 0; i < position.top.size(); ++i) {
      add(position.top[i], i + 1);
      among = among || position.top[i].id == position.token.id;
    }
    if (!among)
      add(position.token, position.rank);
    w.endObject();
  }
  w.endArray();
}

} // namespace axiom::serve::openai
