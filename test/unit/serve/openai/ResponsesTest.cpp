// The texts that go out, in full. test/e2e/openai_shapes.py reads them with OpenAI's own types.
#include "runtime/serve/openai/Responses.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <limits>

using namespace axiom::serve::openai;
using Json = nlohmann::ordered_json;

namespace {

const AnswerHead kHead{"chatcmpl-1", 1700000000, "m", "fp_1"};

Json parse(const std::string &text) {
  Json json = Json::parse(text, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << text;
  EXPECT_EQ(text.find('\n'), text.npos);
  return json;
}

TEST(Responses, ChatCompletion) {
  Choice choice;
  choice.text = "Hi \"you\"\n\x01 é";
  choice.finish = FinishReason::Stop;
  choice.stop.text = "END";
  EXPECT_EQ(chatCompletion(kHead, std::vector{choice}, {5, 3, 4}),
            R"({"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"m",)"
            R"("system_fingerprint":"fp_1","choices":[{"index":0,"message":{"role":"assistant",)"
            R"("content":"Hi \"you\"\n\u0001 é","refusal":null},"logprobs":null,)"
            R"("finish_reason":"stop","stop_reason":"END"}],"usage":{"prompt_tokens":5,)"
            R"("completion_tokens":3,"total_tokens":8,)"
            R"("prompt_tokens_details":{"cached_tokens":4}}})");
}

TEST(Responses, ToolCalls) {
  Choice choice;
  choice.calls = {{"call_1", "f", "{\"a\":1}"}, {"call_2", "g", "{}"}};
  choice.finish = FinishReason::ToolCalls;
  Json message = parse(chatCompletion(kHead, std::vector{choice}, {}))["choices"][0];
  EXPECT_EQ(message["finish_reason"], "tool_calls");
  EXPECT_TRUE(message["message"]["content"].is_null());
  EXPECT_EQ(message["message"]["tool_calls"].dump(),
            R"([{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},)"
            R"({"id":"call_2","type":"function","function":{"name":"g","arguments":"{}"}}])");
  Json delta = parse(chatChunk(kHead, choice, 2))["choices"][0]["delta"];
  EXPECT_EQ(delta["tool_calls"][0]["index"], 2);
  EXPECT_EQ(delta["tool_calls"][1]["index"], 3);
  EXPECT_FALSE(delta.contains("content"));
}

TEST(Responses, ChatEvents) {
  EXPECT_EQ(
      chatChunkStart(kHead, 1),
      R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"m",)"
      R"("system_fingerprint":"fp_1","choices":[{"index":1,"delta":{"role":"assistant",)"
      R"("content":""},"logprobs":null,"finish_reason":null}]})");
  Choice part;
  part.index = 1;
  part.text = "a";
  EventUsage with{true, std::nullopt};
  Json json = parse(chatChunk(kHead, part, 0, with));
  EXPECT_EQ(json["choices"][0].dump(),
            R"({"index":1,"delta":{"content":"a"},"logprobs":null,"finish_reason":null})");
  EXPECT_TRUE(json["usage"].is_null());
  part.text.clear();
  part.finish = FinishReason::Length;
  json = parse(chatChunk(kHead, part, 0, {true, Usage{1, 2, 0}}));
  EXPECT_EQ(json["choices"][0]["delta"].dump(), "{}");
  EXPECT_EQ(json["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(json["usage"]["total_tokens"], 3);
  json = parse(usageChunk(kHead, true, {1, 2, 1}));
  EXPECT_EQ(json["choices"].dump(), "[]");
  EXPECT_EQ(json["object"], "chat.completion.chunk");
  EXPECT_EQ(json["usage"]["prompt_tokens_details"]["cached_tokens"], 1);
}

TEST(Responses, ChatLogprobs) {
  Choice choice;
  choice.logprobs = std::vector<PositionLogprobs>{
      {{5, "\xC3", -0.1f}, true, {{5, "\xC3", -0.1f}, {6, "é", -2.5f}}},
      {{7, "a\"", -std::numeric_limits<float>::infinity()}, true, {}}};
  Json json = parse(chatCompletion(kHead, std::vector{choice}, {}))["choices"][0]["logprobs"];
  EXPECT_EQ(json.dump(),
            "{\"content\":[{\"token\":\"\uFFFD\",\"logprob\":-0.1,\"bytes\":[195],"
            "\"top_logprobs\":[{\"token\":\"\uFFFD\",\"logprob\":-0.1,\"bytes\":[195]},"
            "{\"token\":\"é\",\"logprob\":-2.5,\"bytes\":[195,169]}]},"
            "{\"token\":\"a\\\"\",\"logprob\":-9999.0,\"bytes\":[97,34],"
            "\"top_logprobs\":[]}],\"refusal\":null}");
  choice.logprobOptions.tokensAsIds = true;
  json = parse(chatCompletion(kHead, std::vector{choice}, {}))["choices"][0]["logprobs"];
  EXPECT_EQ(json["content"][0]["token"], "token_id:5");
}

TEST(Responses, TextCompletionWithLogprobs) {
  Choice choice;
  choice.text = "éx";
  choice.finish = FinishReason::Stop;
  choice.stop.token = 9;
  choice.tokenIds = std::vector<int32_t>{4, 5};
  choice.promptTokenIds = std::vector<int32_t>{1};
  choice.logprobs =
      std::vector<PositionLogprobs>{{{4, "\xC3", 0}, false, {}},
                                    {{5, "\xA9", -1.5f}, true, {{6, "x", -0.25f}, {7, "x", -0.5f}}},
                                    {{6, "x", -0.25f}, true, {{6, "x", -0.25f}}}};
  choice.logprobOptions.firstOffset = 10;
  Json json = parse(textCompletion(kHead, std::vector{choice}, {1, 2, 0}));
  EXPECT_EQ(json["object"], "text_completion");
  const Json &first = json["choices"][0];
  EXPECT_EQ(first["stop_reason"], 9);
  EXPECT_EQ(first["token_ids"].dump(), "[4,5]");
  EXPECT_EQ(first["prompt_token_ids"].dump(), "[1]");
  EXPECT_EQ(first["logprobs"].dump(),
            R"({"tokens":["bytes:\\xc3","bytes:\\xa9","x"],"token_logprobs":[null,-1.5,-0.25],)"
            R"("top_logprobs":[null,{"x":-0.25,"bytes:\\xa9":-1.5},{"x":-0.25}],)"
            R"("text_offset":[10,11,11]})");
}

TEST(Responses, PromptLogprobs) {
  std::vector<PositionLogprobs> positions{{{4, "a", 0}, false, {}},
                                          {{5, "b", -3.f}, true, {{6, "c", -1.f}}},
                                          {{6, "c", -1.f}, true, {{6, "c", -1.f}, {5, "b", -2.f}}}};
  Choice choice;
  choice.promptLogprobs = positions;
  const std::string expected = R"([null,{"6":{"logprob":-1.0,"rank":1,"decoded_token":"c"},)"
                               R"("5":{"logprob":-3.0,"rank":null,"decoded_token":"b"}},)"
                               R"({"6":{"logprob":-1.0,"rank":1,"decoded_token":"c"},)"
                               R"("5":{"logprob":-2.0,"rank":2,"decoded_token":"b"}}])";
  Json json = parse(textCompletion(kHead, std::vector{choice}, {}));
  EXPECT_EQ(json["choices"][0]["prompt_logprobs"].dump(), expected);
  json =
      parse(chatCompletion(kHead, std::vector{Choice{}}, {}, {positions, std::vector<int32_t>{4}}));
  EXPECT_EQ(json["prompt_logprobs"].dump(), expected);
  EXPECT_EQ(json["prompt_token_ids"].dump(), "[4]");
  choice.promptLogprobs->at(1).rank = 7;
  json = parse(textCompletion(kHead, std::vector{choice}, {}));
  EXPECT_EQ(json["choices"][0]["prompt_logprobs"][1]["5"]["rank"], 7);
  // What the text has no part of takes no room in it.
  choice.logprobs = positions;
  choice.logprobs->at(1).hidden = true;
  json = parse(textCompletion(kHead, std::vector{choice}, {}));
  EXPECT_EQ(json["choices"][0]["logprobs"]["text_offset"].dump(), "[0,1,1]");
}

TEST(Responses, TextEvents) {
  Choice part;
  part.text = "a";
  Json json = parse(textChunk(kHead, part));
  EXPECT_EQ(json["choices"][0].dump(),
            R"({"index":0,"text":"a","logprobs":null,"finish_reason":null})");
  EXPECT_FALSE(json.contains("usage"));
  EXPECT_EQ(parse(usageChunk(kHead, false, {}))["object"], "text_completion");
}

TEST(Responses, Embeddings) {
  std::vector<std::vector<float>> vectors{{0.1f, -1.0f}, {1.5f, 2.0f}};
  EXPECT_EQ(embeddingList(kHead, vectors, 7),
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-1.0]},)"
            R"({"object":"embedding","index":1,"embedding":[1.5,2.0]}],"model":"m",)"
            R"("usage":{"prompt_tokens":7,"total_tokens":7}})");
  Json json = parse(embeddingList(kHead, vectors, 7, {true}));
  EXPECT_EQ(json["data"][1]["embedding"], "AADAPwAAAEA=");
}

TEST(Responses, Base64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("\xFF\xFE\xFD\xFC"), "//79/A==");
}

TEST(Responses, SmallOnes) {
  std::vector<ModelEntry> models{{"m", 1, "", 512}, {"alias", 1, "m", 512}};
  EXPECT_EQ(modelList(models),
            R"({"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"axiom",)"
            R"("root":"m","parent":null,"max_model_len":512},{"id":"alias","object":"model",)"
            R"("created":1,"owned_by":"axiom","root":"m","parent":null,"max_model_len":512}]})");
  EXPECT_EQ(parse(modelObject(models[1]))["root"], "m");
  std::vector<int32_t> tokens{1, 2};
  std::vector<std::string> strings{"a", "\xFF"};
  EXPECT_EQ(tokenizeResult(tokens, 9), R"({"count":2,"max_model_len":9,"tokens":[1,2]})");
  EXPECT_EQ(parse(tokenizeResult(tokens, 9, &strings))["token_strs"][1], "\uFFFD");
  EXPECT_EQ(detokenizeResult("a\n"), R"({"prompt":"a\n"})");
  EXPECT_EQ(templateResult("x"), R"({"prompt":"x"})");
  EXPECT_EQ(versionResult("1"), R"({"version":"1"})");
  EXPECT_EQ(healthResult("ok"), R"({"status":"ok"})");
  EXPECT_EQ(healthResult("draining", "SIGTERM"), R"({"status":"draining","reason":"SIGTERM"})");
  EXPECT_EQ(answerId("cmpl-", 1, 0xABC), "cmpl-00000000000000010000000000000abc");
}

TEST(Responses, FinishReasons) {
  EXPECT_STREQ(finishText(FinishReason::None), "null");
  EXPECT_STREQ(finishText(FinishReason::Stop), "\"stop\"");
  EXPECT_STREQ(finishText(FinishReason::Length), "\"length\"");
  EXPECT_STREQ(finishText(FinishReason::ToolCalls), "\"tool_calls\"");
  EXPECT_STREQ(finishText(FinishReason::Abort), "\"stop\"");
}

TEST(Responses, ServerSentEvents) {
  EXPECT_EQ(sseEvent("{}"), "data: {}\n\n");
  EXPECT_EQ(sseDone(), "data: [DONE]\n\n");
  Choice part;
  part.text = "a\n\ndata: x\r\u2028";
  std::string event = sseEvent(chatChunk(kHead, part, 0));
  EXPECT_EQ(event.find_first_of("\r\n"), event.size() - 2) << "one event stays one line";
}

} // namespace
