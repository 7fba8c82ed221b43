// Events out of pieces of a stream, and what is read of their JSON.
#include "tools/axiom-bench/serve/Frames.h"

#include <gtest/gtest.h>
#include <vector>

using namespace axiom::bench;

namespace {

std::vector<std::string> events(const std::string &stream, size_t piece, bool *pending = nullptr) {
  EventReader reader;
  std::vector<std::string> out;
  for (size_t at = 0; at < stream.size(); at += piece)
    reader.feed(std::string_view(stream).substr(at, piece),
                [&](std::string_view data) { out.emplace_back(data); });
  if (pending)
    *pending = reader.pending();
  return out;
}

TEST(Events, OutOfAnyPieces) {
  std::string stream = ": hello\n\ndata: {\"a\": 1}\n\nevent: x\r\ndata:two\r\ndata: lines\r\n\r\n"
                       "id: 4\n\ndata:\n\ndata: [DONE]\n\ndata: half";
  std::vector<std::string> want = {"{\"a\": 1}", "two\nlines", "", "[DONE]"};
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    bool pending = false;
    EXPECT_EQ(events(stream, piece, &pending), want) << piece;
    EXPECT_TRUE(pending) << piece;
  }
}

TEST(Frames, TextChunk) {
  Frame f = scanFrame(R"({"id":"cmpl-1","object":"text_completion","created":1,"model":"m",)"
                      R"("choices":[{"index":0,"text":" a\"b","logprobs":null,)"
                      R"("finish_reason":null}],"usage":null})");
  EXPECT_TRUE(f.valid && f.choice && f.text);
  EXPECT_FALSE(f.finished || f.done || f.error || f.promptTokens);
  f = scanFrame(R"({"choices":[{"text":"","finish_reason":"length"}]})");
  EXPECT_TRUE(f.valid && f.choice && f.finished);
  EXPECT_FALSE(f.text);
}

TEST(Frames, ChatChunk) {
  Frame start = scanFrame(R"({"choices":[{"delta":{"role":"assistant","content":""}}]})");
  EXPECT_TRUE(start.valid && start.choice);
  EXPECT_FALSE(start.text);
  for (const char *delta : {R"("content":"x")", R"("reasoning_content":"x")",
                            R"("content":null,"tool_calls":[{"index":0}])"})
    EXPECT_TRUE(scanFrame(std::string(R"({"choices":[{"index":0,"delta":{)") + delta + "}}]}").text)
        << delta;
  for (const char *delta : {R"("content":null)", R"("tool_calls":[ ])", ""})
    EXPECT_FALSE(scanFrame(std::string(R"({"choices":[{"delta":{)") + delta + "}}]}").text)
        << delta;
}

TEST(Frames, Usage) {
  Frame f = scanFrame(R"({"choices":[],"usage":{"prompt_tokens":12,"total_tokens":46,)"
                      R"("completion_tokens":34,"prompt_tokens_details":{"cached_tokens":5}}})");
  EXPECT_TRUE(f.valid);
  EXPECT_FALSE(f.choice);
  EXPECT_EQ(f.promptTokens, 12u);
  EXPECT_EQ(f.completionTokens, 34u);
  EXPECT_EQ(f.cachedTokens, 5u);
}

TEST(Frames, Errors) {
  Frame f = scanFrame(R"({"error":{"message":"too \"much\"","type":"x","code":null}})");
  EXPECT_TRUE(f.valid && f.error);
  EXPECT_EQ(f.message, R"(too \"much\")");
  EXPECT_EQ(scanFrame(R"({"error":"plain"})").message, "plain");
  EXPECT_FALSE(scanFrame(R"({"error":null})").error);
}

TEST(Frames, ModelsAndDone) {
  EXPECT_EQ(scanFrame(R"({"object":"list","data":[{"object":"model","id":"a"},{"id":"b"}]})").id,
            "a");
  EXPECT_TRUE(scanFrame("[DONE]").done);
}

TEST(Frames, WhatIsNoJson) {
  std::string good = R"({"choices":[{"text":"a\\","n":[1,-2.5e3,true]}],"usage":{"x":{}}} )";
  EXPECT_TRUE(scanFrame(good).valid);
  for (size_t size = 0; size < good.size() - 1; ++size)
    EXPECT_FALSE(scanFrame(std::string_view(good).substr(0, size)).valid) << size;
  for (const char *bad : {"", "x", "[]", "{} x", "{,}", R"({"a"})", R"({"a":})", R"({"a":[1,]})",
                          R"({"choices":[{"text":}]})"})
    EXPECT_FALSE(scanFrame(bad).valid) << bad;
  std::string deep = R"({"x":)" + std::string(100'000, '[');
  EXPECT_FALSE(scanFrame(deep).valid);
}

} // namespace
