// Whole requests: what is stored, what fields must be together, and how errors are worded.
#include "runtime/serve/openai/ParseRequest.h"
#include "test/unit/serve/openai/SampleLimits.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace axiom::serve::openai;

namespace {

ParseResult chat(const std::string &rest) {
  return parseRequest(Endpoint::ChatCompletions,
                      R"({"messages":[{"role":"user","content":"Hi"}])" + rest + "}", limits());
}
ParseResult completion(const std::string &rest, const std::string &prompt = "\"Hi\"") {
  return parseRequest(Endpoint::Completions, "{\"prompt\":" + prompt + rest + "}", limits());
}

void expectError(const ParseResult &result, const std::string &param, const std::string &message,
                 int status = 400) {
  ASSERT_FALSE(result.ok()) << message;
  EXPECT_EQ(result.error->status, status);
  EXPECT_EQ(result.error->param, param) << result.error->message;
  EXPECT_EQ(result.error->message, message);
}

TEST(Parse, StoresAChatRequest) {
  ParseResult result = parseRequest(Endpoint::ChatCompletions, R"({
    "model": "alias", "stream": true, "stream_options": {"include_usage": true},
    "messages": [
      {"role": "developer", "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}]},
      {"role": "user", "content": "Weather?", "name": "ann"},
      {"role": "assistant", "content": null, "reasoning_content": "hm",
       "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"b\":1,\"a\":2}"}}]},
      {"role": "tool", "tool_call_id": "c1", "content": "sunny"}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "strict": true,
               "parameters": {"type": "object", "properties": {"z": {}, "a": {}}}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": false,
    "temperature": 0.25, "top_p": 0.5, "top_k": -1, "min_p": 0.125, "seed": -5, "n": 2,
    "max_tokens": 9, "max_completion_tokens": 7, "min_tokens": 3, "stop": "x", "logprobs": true,
    "top_logprobs": 4, "logit_bias": {"20": -1, "3": 2.5}, "stop_token_ids": [5, 6.0],
    "allowed_token_ids": [1], "bad_words": ["no"], "ignore_eos": true, "priority": -3,
    "cache_salt": "s", "chat_template_kwargs": {"enable_thinking": false},
    "reasoning_effort": "low", "user": "u"})",
                                    limits());
  ASSERT_TRUE(result.ok()) << result.error->message;
  const Request &r = result.request;
  EXPECT_EQ(r.model, "alias");
  ASSERT_EQ(r.messages.size(), 4u);
  EXPECT_EQ(r.messages[0].content.text(), "Be brief.");
  EXPECT_TRUE(r.messages[0].content.isParts);
  EXPECT_EQ(r.messages[1].name, "ann");
  EXPECT_FALSE(r.messages[2].content.given);
  EXPECT_EQ(r.messages[2].reasoning, "hm");
  EXPECT_EQ(r.messages[2].toolCalls.at(0).function.arguments, R"({"b":1,"a":2})");
  EXPECT_EQ(r.messages[3].toolCallId, "c1");
  EXPECT_EQ(r.tools.at(0).function.parameters.text,
            R"({"type":"object","properties":{"z":{},"a":{}}})");
  EXPECT_TRUE(r.tools[0].function.strict);
  EXPECT_EQ(r.toolChoice.kind, ToolChoice::Named);
  EXPECT_EQ(r.toolChoice.name, "f");
  EXPECT_FALSE(r.parallelToolCalls);
  EXPECT_EQ(r.temperature, 0.25);
  EXPECT_EQ(r.topP, 0.5);
  EXPECT_EQ(r.topK, 0);
  EXPECT_EQ(r.minP, 0.125);
  EXPECT_EQ(r.seed, -5);
  EXPECT_EQ(r.n, 2);
  EXPECT_EQ(r.maxTokens, 7);
  EXPECT_EQ(r.minTokens, 3);
  EXPECT_EQ(r.stop, std::vector<std::string>{"x"});
  EXPECT_EQ(r.logprobs, 4);
  EXPECT_EQ(r.logitBias, (std::vector<std::pair<int32_t, double>>{{3, 2.5}, {20, -1}}));
  EXPECT_EQ(r.stopTokens, (std::vector<int32_t>{5, 6}));
  EXPECT_EQ(r.allowedTokens, std::vector<int32_t>{1});
  EXPECT_EQ(r.badWords, std::vector<std::string>{"no"});
  EXPECT_TRUE(r.ignoreEos && r.stream && r.streamOptions.includeUsage);
  EXPECT_FALSE(r.streamOptions.continuousUsage);
  EXPECT_EQ(r.priority, -3);
  EXPECT_EQ(r.cacheSalt, "s");
  EXPECT_EQ(r.templateVariables.text, R"({"enable_thinking":false})");
  EXPECT_EQ(r.reasoningEffort, "low");
  EXPECT_EQ(r.warnings, std::vector<std::string>{"user is ignored: nothing is stored"});
}

TEST(Parse, PlainChatHasDefaults) {
  ParseResult result = chat("");
  ASSERT_TRUE(result.ok());
  const Request &r = result.request;
  EXPECT_EQ(r.model, "served");
  EXPECT_EQ(r.temperature, 1);
  EXPECT_EQ(r.topP, 1);
  EXPECT_EQ(r.repetitionPenalty, 1);
  EXPECT_FALSE(r.maxTokens || r.seed || r.logprobs || r.promptLogprobs || r.allowedTokens);
  EXPECT_TRUE(r.addGenerationPrompt && r.skipSpecialTokens && r.parallelToolCalls);
  EXPECT_FALSE(r.addSpecialTokens || r.stream || r.echo);
  EXPECT_EQ(r.toolChoice.kind, ToolChoice::None);
  EXPECT_EQ(r.format.kind, OutputFormat::Text);
}

TEST(Parse, FormsOfPrompts) {
  EXPECT_EQ(completion("").request.prompts.texts, std::vector<std::string>{"Hi"});
  EXPECT_EQ(completion("", R"(["a","b"])").request.prompts.texts.size(), 2u);
  EXPECT_EQ(completion("", "[1,2]").request.prompts.tokens,
            (std::vector<std::vector<int32_t>>{{1, 2}}));
  EXPECT_EQ(completion("", "[[1],[2,3]]").request.prompts.tokens.size(), 2u);
  EXPECT_EQ(completion("").request.maxTokens, 16);
  EXPECT_TRUE(completion("").request.addSpecialTokens);
  EXPECT_EQ(completion(R"(,"logprobs":0)").request.logprobs, 0);
  EXPECT_FALSE(completion("").request.logprobs);
  expectError(completion("", "[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]"), "prompt",
              "prompt holds 9 prompts, at most 8 are possible: send several requests");
  EXPECT_FALSE(completion("", "[]").ok());
  EXPECT_FALSE(completion("", "[[]]").ok());
  EXPECT_FALSE(completion("", "[1,\"a\"]").ok());
}

TEST(Parse, MessagesOfErrors) {
  expectError(chat(R"(,"temperature":3)"), "temperature",
              "temperature is 3: it must be a number from 0 to 2");
  expectError(chat(R"(,"top_p":0)"), "top_p",
              "top_p is 0: it must be a number above 0 and at most 1");
  expectError(chat(R"(,"n":"two")"), "n", "n is \"two\": it must be an integer from 1 to 16");
  expectError(chat(R"(,"stop":["a",""])"), "stop[1]",
              "stop[1] is \"\": stop must be a string of 1 to 1024 characters or a list of at most "
              "64 strings of 1 to 1024 characters each");
  expectError(chat(R"(,"max_tokens":513)"), "max_tokens",
              "max_tokens is 513: it must be an integer from 1 to 512");
  expectError(chat(R"(,"logit_bias":{"1000":1})"), "logit_bias",
              "logit_bias has the key \"1000\": keys must be token ids from 0 to 999");
  for (const char *key : {"-1", "01", "1.0", "", "x", " 1", "99999999999999999999"})
    EXPECT_FALSE(chat(",\"logit_bias\":{\"" + std::string(key) + "\":1}").ok()) << key;
  expectError(completion(R"(,"suffix":"x")"), "suffix",
              "suffix is not supported: the model writes from left to right only; put the text "
              "into the prompt");
  expectError(
      parseRequest(Endpoint::Completions, "{}", limits()), "prompt",
      "prompt is missing: give a string, a list of one or more strings, a list of one or more "
      "token ids from 0 to 999 or a list of such lists");
  expectError(parseRequest(Endpoint::Completions, "[]", limits()), "",
              "the body is a list of 0: it must be a JSON object");
  expectError(parseRequest(Endpoint::Completions, "{\"prompt\":\"a\",\"prompt\":\"b\"}", limits()),
              "", "the body: an object has the key \"prompt\" twice: keep one of them");
  expectError(parseRequest(Endpoint::Completions, "", limits()), "",
              "the body: not valid JSON at byte 0 (line 1): the text ends too early");
  expectError(chat(R"(,"model":"gpt")"), "model",
              "model \"gpt\" is not served here; use one of: \"served\", \"alias\"", 404);
  EXPECT_EQ(chat(R"(,"model":"gpt")").error->code, "model_not_found");
  EXPECT_EQ(parseRequest(Endpoint::Completions, "{", limits()).error->code, "invalid_json");
  expectError(parseRequest(Endpoint::ChatCompletions,
                           R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
                           limits()),
              "messages[0].content[0].type",
              "messages[0].content[0].type is \"image_url\": it must be \"text\"; this server "
              "reads and writes text only");
  // A long or binary value is shown in part.
  ParseResult result = chat(",\"n\":\"" + std::string(100000, 'x') + "\"");
  EXPECT_LT(result.error->message.size(), 150u);
}

TEST(Parse, FieldsThatMustAgree) {
  EXPECT_FALSE(chat(R"(,"top_logprobs":2)").ok());
  EXPECT_TRUE(chat(R"(,"top_logprobs":0)").ok());
  EXPECT_FALSE(chat(R"(,"stream_options":{})").ok());
  EXPECT_FALSE(chat(R"(,"stream":true,"prompt_logprobs":1)").ok());
  EXPECT_FALSE(chat(R"(,"min_tokens":9,"max_tokens":8)").ok());
  EXPECT_FALSE(chat(R"(,"min_tokens":9,"max_tokens":10,"max_completion_tokens":8)").ok());
  EXPECT_FALSE(chat(R"(,"continue_final_message":true)").ok());
  EXPECT_TRUE(chat(R"(,"continue_final_message":true,"add_generation_prompt":false)").ok());
  EXPECT_FALSE(completion(R"(,"best_of":2)").ok());
  EXPECT_TRUE(completion(R"(,"best_of":2,"n":2)").ok());
  EXPECT_FALSE(completion(R"(,"max_tokens":0)").ok());
  EXPECT_TRUE(completion(R"(,"max_tokens":0,"echo":true)").ok());
  EXPECT_FALSE(completion(R"(,"max_tokens":0,"echo":true,"n":2)").ok());
  EXPECT_TRUE(completion(R"(,"max_tokens":0,"prompt_logprobs":1)").ok());
  EXPECT_FALSE(completion(R"(,"n":5)", R"(["a","b","c","d"])").ok());
  EXPECT_TRUE(completion(R"(,"n":4)", R"(["a","b","c","d"])").ok());
  EXPECT_FALSE(
      parseRequest(Endpoint::Embeddings, R"({"input":"a","dimensions":5})", limits()).ok());
  EXPECT_FALSE(parseRequest(Endpoint::Tokenize, R"({})", limits()).ok());
  EXPECT_FALSE(parseRequest(Endpoint::Tokenize,
                            R"({"prompt":"a","messages":[{"role":"user","content":"b"}]})",
                            limits())
                   .ok());
}

TEST(Parse, Tools) {
  const std::string tool = R"({"type":"function","function":{"name":"f"}})";
  EXPECT_EQ(chat(",\"tools\":[" + tool + "]").request.toolChoice.kind, ToolChoice::Auto);
  EXPECT_EQ(chat(",\"tools\":[" + tool + R"(],"tool_choice":"none")").request.toolChoice.kind,
            ToolChoice::None);
  EXPECT_EQ(chat(",\"tools\":[" + tool + R"(],"tool_choice":"required")").request.toolChoice.kind,
            ToolChoice::Required);
  EXPECT_TRUE(chat(R"(,"tool_choice":"auto")").ok());
  EXPECT_FALSE(chat(R"(,"tool_choice":"required")").ok());
  EXPECT_FALSE(chat(",\"tools\":[" + tool + R"(],"tool_choice":"any")").ok());
  EXPECT_FALSE(chat(",\"tools\":[" + tool + "," + tool + "]").ok());
  expectError(chat(",\"tools\":[" + tool +
                   R"(],"tool_choice":{"type":"function","function":{"name":"g"}})"),
              "tool_choice.function.name",
              "tool_choice names \"g\": it must be the name of one of tools");
  EXPECT_FALSE(chat(",\"tools\":[" + tool +
                    R"(],"tool_choice":"required","response_format":{"type":"json_object"})")
                   .ok());
  EXPECT_FALSE(parseRequest(Endpoint::ChatCompletions,
                            R"({"messages":[{"role":"user","content":"a","tool_calls":)"
                            R"([{"id":"c","function":{"name":"f","arguments":"{}"}}]}]})",
                            limits())
                   .ok());
}

TEST(Parse, OneConstraintOnTheOutput) {
  auto format = [](const std::string &rest) { return chat(rest).request.format; };
  EXPECT_EQ(format(R"(,"response_format":{"type":"text"})").kind, OutputFormat::Text);
  EXPECT_EQ(format(R"(,"response_format":{"type":"json_object"})").kind, OutputFormat::JsonObject);
  OutputFormat schema = format(
      R"(,"response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"z":1,"a":2}}})");
  EXPECT_EQ(schema.kind, OutputFormat::Schema);
  EXPECT_EQ(schema.text, R"({"z":1,"a":2})");
  OutputFormat named =
      format(R"(,"response_format":{"type":"json_schema","json_schema":{"name":"s"}})");
  EXPECT_EQ(named.kind, OutputFormat::NamedSchema);
  EXPECT_EQ(named.text, "s");
  EXPECT_EQ(format(R"(,"guided_json":"{\"type\": \"object\"}")").text, R"({"type":"object"})");
  EXPECT_EQ(format(R"(,"guided_regex":"a+")").kind, OutputFormat::Regex);
  EXPECT_EQ(format(R"(,"structured_outputs":{"choice":["a","b"]})").choices.size(), 2u);
  EXPECT_EQ(format(R"(,"structured_outputs":{"grammar":"root ::= \"a\""})").kind,
            OutputFormat::Grammar);
  EXPECT_EQ(format(R"(,"structured_outputs":{"json_object":true})").kind, OutputFormat::JsonObject);
  EXPECT_FALSE(chat(R"(,"structured_outputs":{})").ok());
  EXPECT_FALSE(chat(R"(,"structured_outputs":{"regex":"a","choice":["b"]})").ok());
  EXPECT_FALSE(chat(R"(,"guided_regex":"a","guided_grammar":"b")").ok());
  EXPECT_FALSE(chat(R"(,"response_format":{"type":"json_object"},"guided_regex":"a")").ok());
  EXPECT_FALSE(chat(R"(,"response_format":{"type":"json_schema"})").ok());
  EXPECT_FALSE(chat(R"(,"guided_json":"[1]")").ok());
  EXPECT_FALSE(chat(R"(,"guided_json":"{")").ok());
}

TEST(Parse, WarningsAreBoundedAndPrintable) {
  std::string rest;
  for (int i = 0; i < 100; ++i)
    rest += ",\"x" + std::to_string(i) + "\\r\\n\u00e9\":1";
  rest += ",\"" + std::string(100000, 'y') + "\":2";
  ParseResult result = chat(rest);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.request.warnings.size(), 16u);
  EXPECT_EQ(result.request.warnings[0], "unknown field x0???? is ignored");
  EXPECT_EQ(result.request.warnings[15], "there are more fields that are not used");
  for (const std::string &warning : result.request.warnings)
    for (char c : warning)
      EXPECT_TRUE(c >= 0x20 && c < 0x7F);
}

TEST(Parse, EndpointsWithoutBody) {
  EXPECT_TRUE(parseRequest(Endpoint::Models, "no JSON", limits()).ok());
  EXPECT_TRUE(parseRequest(Endpoint::HealthLive, "", limits()).ok());
}

TEST(Parse, HostileBodiesAreRefused) {
  for (Endpoint endpoint : {Endpoint::ChatCompletions, Endpoint::Completions, Endpoint::Embeddings,
                            Endpoint::Tokenize}) {
    for (const std::string &body : {std::string(100'000, '['), std::string(50u << 20, '['),
                                    "{\"messages\":" + std::string(100'000, '['),
                                    "{\"prompt\":\"" + std::string(40u << 20, 'a')}) {
      ParseResult result = parseRequest(endpoint, body, limits());
      ASSERT_FALSE(result.ok());
      EXPECT_EQ(result.error->status, 400);
    }
  }
}

TEST(Errors, Forms) {
  EXPECT_EQ(errorBody(invalidRequest("n", "c", "m\n")),
            R"({"error":{"message":"m\n","type":"invalid_request_error","param":"n","code":"c"}})");
  EXPECT_EQ(
      errorBody(internalError("m")),
      R"({"error":{"message":"m","type":"server_error","param":null,"code":"internal_error"}})");
  EXPECT_EQ(modelNotFound("x", {"a", "b"}).status, 404);
  EXPECT_EQ(wrongContentType("text/html").status, 415);
  EXPECT_EQ(tooManyRequests("m", 3).retryAfter, 3u);
  EXPECT_EQ(tooManyRequests("m", 3).status, 429);
  EXPECT_EQ(unavailable("m", 2).status, 503);
  EXPECT_EQ(deadlineExceeded("m").status, 504);
  EXPECT_EQ(contextLengthExceeded("prompt", 500, 20, 512).message,
            "the prompt has 500 tokens and the answer may have 20, together more than the context "
            "of 512: shorten the prompt or ask for at most 12");
  EXPECT_EQ(contextLengthExceeded("prompt", 512, 20, 512).code, "context_length_exceeded");
  std::string odd = errorBody(internalError("/\xFF\x01"));
  EXPECT_FALSE(nlohmann::json::parse(odd, nullptr, false).is_discarded()) << odd;
}

} // namespace
