// Bodies of requests, and the text of a model with tool calls; the first byte chooses which.
#include "runtime/serve/openai/ParseRequest.h"
#include "runtime/serve/openai/ToolCalls.h"
#include "runtime/text/Unicode.h"

#include <nlohmann/json.hpp>

#include <cstdlib>

using namespace axiom;
using namespace axiom::serve::openai;

namespace {

void require(bool good) {
  if (!good)
    std::abort();
}

ServerLimits limits() {
  ServerLimits l;
  l.models = {"tiny"};
  l.vocab = 131;
  l.context = 512;
  l.embeddingSize = 96;
  l.json.bytes = 1u << 20;
  return l;
}

void checkRequest(const Request &r, const ServerLimits &l) {
  require(r.model == "tiny");
  require(r.n >= 0 && r.n <= l.samples);
  require(r.temperature >= 0 && r.temperature <= 2 && r.topP >= 0 && r.topP <= 1);
  require(r.topK >= 0 && r.minP >= 0 && r.minP <= 1);
  require(!r.maxTokens || (*r.maxTokens >= 0 && *r.maxTokens <= l.context));
  require(!r.maxTokens || r.minTokens <= *r.maxTokens);
  require(!r.logprobs || (*r.logprobs >= 0 && *r.logprobs <= l.logprobs));
  auto tokens = [&](const std::vector<int32_t> &ids) {
    for (int32_t id : ids)
      require(id >= 0 && id < l.vocab);
  };
  tokens(r.tokens);
  tokens(r.stopTokens);
  if (r.allowedTokens)
    tokens(*r.allowedTokens);
  for (const auto &ids : r.prompts.tokens) {
    require(!ids.empty());
    tokens(ids);
  }
  for (size_t i = 0; i < r.logitBias.size(); ++i) {
    require(r.logitBias[i].first >= 0 && r.logitBias[i].first < l.vocab);
    require(i == 0 || r.logitBias[i - 1].first < r.logitBias[i].first);
  }
  for (const std::string &stop : r.stop)
    require(!stop.empty() && unicode::isValid(stop));
  for (const std::string &text : r.prompts.texts)
    require(unicode::isValid(text));
  for (const Message &message : r.messages)
    require(message.content.given || !message.toolCalls.empty());
}

void body(Endpoint endpoint, std::string_view text) {
  const ServerLimits l = limits();
  ParseResult result = parseRequest(endpoint, text, l);
  for (const std::string &warning : result.request.warnings)
    for (char c : warning)
      require(c >= 0x20 && c < 0x7F);
  if (result.ok())
    return checkRequest(result.request, l);
  require(result.error->status == 400 || result.error->status == 404);
  require(result.error->message.size() < 2000);
  require(readJson(errorBody(*result.error)).ok());
}

/// Whole, and cut at places that the text chooses, must be the same; without a call nothing is
/// lost.
void toolText(ToolFormat format, std::string_view text) {
  ToolAnswer whole = parseToolCalls(format, text, {});
  ToolCallParser parser(format);
  ToolAnswer pieces;
  auto take = [&](const std::vector<ToolEvent> &events) {
    for (const ToolEvent &event : events)
      if (event.call)
        pieces.calls.push_back(*event.call);
      else
        pieces.text += event.text;
  };
  for (size_t at = 0; at < text.size();) {
    size_t size = 1 + static_cast<uint8_t>(text[at]) % 7;
    take(parser.feed(text.substr(at, size)));
    at += size;
  }
  take(parser.finish());
  require(pieces.calls.size() == whole.calls.size());
  for (size_t i = 0; i < whole.calls.size(); ++i) {
    require(pieces.calls[i].name == whole.calls[i].name && !whole.calls[i].name.empty());
    require(pieces.calls[i].arguments == whole.calls[i].arguments);
    Result<Json> read = readJson(whole.calls[i].arguments);
    require(read.ok());
  }
  if (whole.calls.empty())
    require(whole.text == text && pieces.text == text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::string_view text(reinterpret_cast<const char *>(data) + 1, size - 1);
  uint8_t kind = data[0] % 10;
  if (kind < 6)
    body(static_cast<Endpoint>(kind), text);
  else
    toolText(static_cast<ToolFormat>(kind - 5), text);
  return 0;
}
