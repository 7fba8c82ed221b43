// Addresses, requests as bytes, and answers of each framing in any pieces.
#include "tools/axiom-bench/serve/Http.h"

#include <gtest/gtest.h>

using namespace axiom::bench;

namespace {

TEST(Urls, Parts) {
  auto url = parseUrl("http://127.0.0.1:8000/some/path/");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "127.0.0.1");
  EXPECT_EQ(url->port, 8000);
  EXPECT_EQ(url->authority, "127.0.0.1:8000");
  EXPECT_EQ(url->path, "/some/path");
  url = parseUrl("http://[::1]:90");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 90);
  url = parseUrl("http://example.org");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->port, 80);
  EXPECT_EQ(url->path, "");
  for (const char *bad : {"127.0.0.1:8000", "https://a", "http://", "http://a:0", "http://a:70000",
                          "http://a:x", "http://[::1", "ftp://a"})
    EXPECT_FALSE(parseUrl(bad).ok()) << bad;
}

TEST(Requests, Bytes) {
  Url url = *parseUrl("http://a:1/p");
  EXPECT_EQ(requestText("POST", url, "/v1/x", {"K: v"}, "{}"),
            "POST /p/v1/x HTTP/1.1\r\nHost: a:1\r\nUser-Agent: axiom-bench\r\nAccept: */*\r\n"
            "K: v\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(requestText("GET", url, "/y", {}, "").find("Content"), std::string::npos);
}

struct Answer {
  ResponseReader::State state;
  int status;
  bool keepsAlive;
  std::string body;
  size_t taken;
  bool whole; ///< also when the connection ends
};

Answer read(const std::string &bytes, size_t piece) {
  ResponseReader reader;
  Answer answer{};
  while (answer.taken < bytes.size() && (reader.state() == ResponseReader::State::Head ||
                                         reader.state() == ResponseReader::State::Body)) {
    size_t count = std::min(piece, bytes.size() - answer.taken);
    answer.taken += reader.feed(std::string_view(bytes).substr(answer.taken, count), answer.body);
  }
  answer.state = reader.state();
  answer.status = reader.status();
  answer.keepsAlive = reader.keepsAlive();
  answer.whole = reader.end();
  return answer;
}

void expectEachPiece(const std::string &bytes, const std::string &behind, int status,
                     const std::string &body, bool keepsAlive) {
  for (size_t piece = 1; piece <= bytes.size() + behind.size(); ++piece) {
    Answer got = read(bytes + behind, piece);
    EXPECT_EQ(got.state, ResponseReader::State::Done) << piece;
    EXPECT_EQ(got.status, status);
    EXPECT_EQ(got.body, body);
    EXPECT_EQ(got.keepsAlive, keepsAlive);
    EXPECT_EQ(got.taken, bytes.size()) << piece;
  }
}

TEST(Answers, OfALength) {
  expectEachPiece("HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX: y\r\n\r\nhello", "HTTP/1.1", 200,
                  "hello", true);
  expectEachPiece("HTTP/1.1 404 Not Found\r\nContent-Length:0\r\nConnection: Close\r\n\r\n", "x",
                  404, "", false);
  expectEachPiece("HTTP/1.1 204 No Content\r\n\r\n", "more", 204, "", false);
  EXPECT_FALSE(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 9).whole);
}

TEST(Answers, OfChunks) {
  expectEachPiece("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                  "\r\n3\r\nabc\r\n00A;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n",
                  "HTTP", 200, "abc0123456789", true);
  for (const char *cut : {"3\r\nab", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n", ""})
    EXPECT_FALSE(
        read(std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") + cut, 7).whole)
        << cut;
}

TEST(Answers, UpToTheEnd) {
  Answer got = read("HTTP/1.0 200 OK\r\n\r\nall that comes", 5);
  EXPECT_EQ(got.state, ResponseReader::State::Body);
  EXPECT_TRUE(got.whole);
  EXPECT_FALSE(got.keepsAlive);
  EXPECT_EQ(got.body, "all that comes");
}

TEST(Answers, RetryAfter) {
  ResponseReader reader;
  std::string body;
  reader.feed("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
              body);
  EXPECT_EQ(reader.status(), 429);
  EXPECT_EQ(reader.retryAfter(), 7);
}

TEST(Answers, Unreadable) {
  for (const char *bad : {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 abc\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"})
    for (size_t piece : {1, 4, 1000}) {
      Answer got = read(bad, piece);
      EXPECT_EQ(got.state, ResponseReader::State::Bad) << bad;
      EXPECT_FALSE(got.whole || got.keepsAlive) << bad;
    }
  EXPECT_EQ(read("HTTP/1.1 200 OK\r\n" + std::string(100'000, 'x'), 5000).state,
            ResponseReader::State::Bad);
}

} // namespace
