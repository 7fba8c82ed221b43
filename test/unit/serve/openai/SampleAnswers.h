// One answer of each kind with everything that it can have, by the name of its schema. For the
// tests of the schemas, and through openai-tables for test/e2e/openai_shapes.py.
#ifndef AXIOM_TEST_UNIT_SERVE_OPENAI_SAMPLEANSWERS_H
#define AXIOM_TEST_UNIT_SERVE_OPENAI_SAMPLEANSWERS_H

#include "runtime/serve/openai/Errors.h"
#include "runtime/serve/openai/Responses.h"

#include <utility>

namespace axiom::test {

/// Schema name, JSON text.
inline std::vector<std::pair<std::string, std::string>> sampleAnswers() {
  using namespace axiom::serve::openai;
  AnswerHead head{answerId("chatcmpl-", 1, 2), 1700000000, "m", "fp_1"};
  Usage usage{5, 3, 4};
  std::vector<PositionLogprobs> known{
      {{5, "\xC3", -0.1f}, true, {{5, "\xC3", -0.1f}, {6, "\xC3\xA9", -2.5f}}},
      {{7, "a\"\n", -1e9f}, true, {{7, "a", -0.5f}}}};
  std::vector<PositionLogprobs> prompt = known;
  prompt[0].known = false;
  std::vector<int32_t> ids{1, 2};

  Choice text;
  text.text = "Hi \"you\" \xC3\xA9\n";
  text.finish = FinishReason::Stop;
  text.stop.text = "END";
  text.logprobs = known;
  text.tokenIds = ids;
  Choice calls;
  calls.index = 1;
  calls.calls = {{"call_1", "f", "{\"a\":1}"}, {"call_2", "g", "{}"}};
  calls.finish = FinishReason::ToolCalls;
  Choice plain;
  plain.text = "x";
  plain.finish = FinishReason::Length;
  Choice going = text;
  going.finish = FinishReason::None;
  Choice ended;
  ended.finish = FinishReason::Stop;
  ended.stop.token = 2;
  Choice echoed = text;
  echoed.promptLogprobs = prompt;
  echoed.promptTokenIds = ids;
  EventUsage open{true, std::nullopt}, so{true, usage};

  std::vector<std::vector<float>> vectors{{0.1f, -1.0f}, {1.5f, 2.0f}};
  std::vector<ModelEntry> models{{"m", 1, "", 512}, {"alias", 1, "m", 512}};
  std::vector<std::string> strings{"a", "\xFF"};
  return {
      {"ChatCompletion", chatCompletion(head, std::vector{text, calls}, usage, {prompt, ids})},
      {"ChatCompletion", chatCompletion(head, std::vector{plain}, usage)},
      {"ChatCompletionChunk", chatChunkStart(head, 0, open)},
      {"ChatCompletionChunk", chatChunk(head, going, 0, open)},
      {"ChatCompletionChunk", chatChunk(head, calls, 0, so)},
      {"ChatCompletionChunk", chatChunk(head, ended, 0)},
      {"ChatCompletionChunk", usageChunk(head, true, usage)},
      {"TextCompletion", textCompletion(head, std::vector{text, plain}, usage)},
      {"TextCompletion", textCompletion(head, std::vector{echoed}, usage)},
      {"TextCompletion", textChunk(head, going, open)},
      {"TextCompletion", textChunk(head, ended, so)},
      {"TextCompletion", usageChunk(head, false, usage)},
      {"EmbeddingList", embeddingList(head, vectors, 7)},
      {"EmbeddingList", embeddingList(head, vectors, 7, {true})},
      {"ModelList", modelList(models)},
      {"Model", modelObject(models[1])},
      {"TokenizeResult", tokenizeResult(ids, 9, &strings)},
      {"DetokenizeResult", detokenizeResult("a")},
      {"TemplateResult", templateResult("a")},
      {"Version", versionResult("1")},
      {"Health", healthResult("ok")},
      {"Health", healthResult("draining", "SIGTERM")},
      {"Error", errorBody(invalidRequest("n", "invalid_type", "n is wrong"))},
      {"Error", errorBody(internalError("m"))},
  };
}

} // namespace axiom::test

#endif
