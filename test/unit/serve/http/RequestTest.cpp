// One request after the other: what is served, what is refused and how.
#include "test/unit/serve/http/Client.h"

#include <gtest/gtest.h>

using namespace axiom::http;
using namespace axiom::http::test;

TEST(HttpRequest, Answers) {
  TestServer server;
  Client client = server.client();
  client.send(get("/ok"));
  Answer answer = client.receive();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(answer.field("Content-Type"), "text/plain");
  EXPECT_EQ(answer.field("Connection"), "");
  EXPECT_FALSE(answer.field("Date").empty());
  client.send(post("/echo", "some bytes"));
  EXPECT_EQ(client.receive().body, "some bytes");
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: Chunked\r\n\r\n"
              "3\r\nabc\r\n4;name=value\r\ndefg\r\n0\r\n\r\n");
  EXPECT_EQ(client.receive().body, "abcdefg");
  client.send(get("/tree/a%2Fb?x=1&y"));
  EXPECT_EQ(client.receive().body, "/tree/a%2Fb|x=1&y");
  client.send(post("/echo", ""));
  EXPECT_EQ(client.receive().status, 200);
  Counters counters = server->counters();
  EXPECT_EQ(counters.connections, 1u);
  EXPECT_EQ(counters.requests, 5u);
  EXPECT_TRUE(eventually([&] { return server->counters().activeRequests == 0; }));
}

// The same conversation, byte by byte: no split of the input changes the answers.
TEST(HttpRequest, AnswersSlowBytes) {
  TestServer server;
  Client client = server.client();
  std::string all = get("/ok") + post("/echo", "12345") +
                    "\r\nPOST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                    "\r\n3\r\nabc\r\n0\r\n\r\n"
                    "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
                    "\r\n0\r\n\r\n" +
                    get("/tree/last");
  for (char byte : all)
    ASSERT_TRUE(client.send(std::string_view(&byte, 1)));
  for (const char *body : {"ok", "12345", "abc", "", "/tree/last|"})
    EXPECT_EQ(client.receive().body, body);
}

TEST(HttpRequest, PipelinesInOrder) {
  TestServer server;
  Client client = server.client();
  std::string all = get("/hold");
  for (int i = 0; i < 300; ++i)
    all += get("/tree/" + std::to_string(i));
  ASSERT_TRUE(client.send(all));
  Responder first = server.held.next();
  Response response;
  response.body = "first";
  first.send(response);
  EXPECT_EQ(client.receive().body, "first");
  for (int i = 0; i < 300; ++i)
    ASSERT_EQ(client.receive().body, "/tree/" + std::to_string(i) + "|");
}

TEST(HttpRequest, PipelinesBeforeHalfClose) {
  TestServer server;
  Client client = server.client();
  client.send(get("/ok") + post("/echo", "two") + get("/ok"));
  client.shutdownSend();
  for (const char *body : {"ok", "two", "ok"})
    EXPECT_EQ(client.receive().body, body);
  EXPECT_TRUE(client.ended());
}

TEST(HttpRequest, Head) {
  TestServer server;
  Client client = server.client();
  client.send("HEAD /ok HTTP/1.1\r\nHost: localhost\r\n\r\n");
  Answer answer = client.receive(true);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("Content-Length"), "2");
  client.send("HEAD /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  Request request;
  Responder held = server.held.next(&request);
  EXPECT_EQ(request.method, "HEAD");
  EXPECT_TRUE(held.start(200, "text/event-stream"));
  EXPECT_EQ(held.write("not to be seen"), WriteResult::Ok);
  EXPECT_TRUE(held.end());
  EXPECT_EQ(client.receive(true).field("Transfer-Encoding"), "chunked");
  client.send("HEAD /none HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.receive(true).status, 404);
  client.send(get("/ok"));
  EXPECT_EQ(client.receive().body, "ok"); // nothing of the bodies lies between
}

TEST(HttpRequest, Http10) {
  TestServer server;
  {
    Client client = server.client();
    client.send("GET /ok HTTP/1.0\r\n\r\n");
    Answer answer = client.receive();
    EXPECT_EQ(answer.head.substr(0, 12), "HTTP/1.0 200");
    EXPECT_EQ(answer.field("Connection"), "close");
    EXPECT_TRUE(client.ended());
  }
  {
    Client client = server.client();
    client.send("GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(client.receive().field("Connection"), "keep-alive");
    client.send("GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    Responder held = server.held.next();
    held.start(200, "text/plain");
    held.write("one ");
    held.write("two");
    held.end();
    Answer answer = client.receive();
    EXPECT_EQ(answer.field("Transfer-Encoding"), "");
    EXPECT_EQ(answer.body, "one two"); // its end is that of the connection
    EXPECT_TRUE(answer.whole);
  }
}

TEST(HttpRequest, ConnectionClose) {
  TestServer server;
  Client client = server.client();
  client.send(get("/ok", "Connection: TE, Close\r\n") + get("/ok"));
  Answer answer = client.receive();
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(answer.field("Connection"), "close");
  EXPECT_EQ(client.receiveAll(), "");
}

TEST(HttpRequest, Expect100) {
  TestServer server;
  Client client = server.client();
  std::string head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                     "Expect: 100-continue\r\n\r\n";
  client.send(head);
  EXPECT_EQ(client.receive().status, 100);
  client.send("12345");
  EXPECT_EQ(client.receive().body, "12345");
  client.send(head + "abcde"); // did not wait
  EXPECT_EQ(client.receive().body, "abcde");
  // A body that would be refused is not asked for.
  client.send("POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n"
              "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive().status, 413);
  EXPECT_TRUE(client.ended());
}

TEST(HttpRequest, Ids) {
  TestServer server;
  Client client = server.client();
  client.send(get("/id", "X-Request-Id: mine-1.2\r\n"));
  Answer given = client.receive();
  EXPECT_EQ(given.field("X-Request-Id"), "mine-1.2");
  EXPECT_EQ(given.body.substr(0, 19), "mine-1.2|127.0.0.1:");
  client.send(get("/id", "X-Request-Id: not <ours>\r\n"));
  Answer made = client.receive();
  EXPECT_EQ(made.field("X-Request-Id").substr(0, 4), "req-");
  client.send(get("/id"));
  EXPECT_NE(client.receive().field("X-Request-Id"), made.field("X-Request-Id"));
}

TEST(HttpRequest, HandlersMayFail) {
  TestServer server;
  Client client = server.client();
  for (const char *path : {"/throw", "/throw-number", "/drop"}) {
    client.send(get(path));
    Answer answer = client.receive();
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_NE(answer.body.find("\"code\":\"internal_error\""), std::string::npos) << answer.body;
    EXPECT_NE(answer.body.find("\"type\":\"server_error\""), std::string::npos);
    EXPECT_EQ(answer.body.find("fault"), std::string::npos); // for the log, not for clients
  }
  EXPECT_TRUE(eventually([&] { return server.rejected(Reason::InternalError) == 3; }));
  client.send(get("/throw-late"));
  EXPECT_FALSE(client.receive().whole);
  EXPECT_TRUE(server.serves());
  std::lock_guard lock(server.mutex);
  ASSERT_EQ(server.said.size(), 3u);
  EXPECT_NE(server.said[0].find("a fault \"here\""), std::string::npos);
}

TEST(HttpRequest, AbsoluteTarget) {
  TestServer server;
  Client client = server.client();
  client.send("GET http://localhost:1/tree/a?b HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.receive().body, "/tree/a|b");
  client.send("GET http://elsewhere/ok HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(client.receive().status, 400);
}

TEST(HttpRequest, FinishedTellsOfAll) {
  TestServer server;
  Client client = server.client();
  client.send(post("/echo", "12345", "X-Request-Id: a\r\n") + get("/none") + "nonsense\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
  EXPECT_EQ(client.receive().status, 404);
  EXPECT_EQ(client.receive().status, 400);
  EXPECT_TRUE(client.ended());
  std::lock_guard lock(server.mutex);
  ASSERT_EQ(server.log.size(), 3u);
  EXPECT_EQ(server.log[0].id, "a");
  EXPECT_EQ(server.log[0].method, "POST");
  EXPECT_EQ(server.log[0].path, "/echo");
  EXPECT_EQ(server.log[0].status, 200);
  EXPECT_EQ(server.log[0].bytesIn, post("/echo", "12345", "X-Request-Id: a\r\n").size());
  EXPECT_GT(server.log[0].bytesOut, 100u);
  EXPECT_FALSE(server.log[0].rejected);
  EXPECT_EQ(server.log[1].rejected, Reason::NotFound);
  EXPECT_EQ(server.log[2].rejected, Reason::BadRequest);
  EXPECT_EQ(server.log[2].status, 400);
}

struct Bad {
  const char *name;
  std::string bytes;
  int status;
  bool closes = true;
};

static std::ostream &operator<<(std::ostream &out, const Bad &bad) { return out << bad.name; }

class HttpRefused : public ::testing::TestWithParam<Bad> {};

// Each is followed by a request that must not be answered where the connection ends: bytes behind a
// refused request are not trusted.
TEST_P(HttpRefused, WithErrorBody) {
  TestServer server;
  const Bad &bad = GetParam();
  Client client = server.client();
  client.send(bad.bytes);
  Answer answer = client.receive();
  EXPECT_EQ(answer.status, bad.status);
  EXPECT_TRUE(answer.whole);
  EXPECT_EQ(answer.field("Content-Type"), "application/json");
  EXPECT_EQ(answer.body.substr(0, 21), "{\"error\":{\"message\":\"");
  EXPECT_NE(answer.body.find("\",\"type\":\""), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("\",\"param\":null,\"code\":\""), std::string::npos) << answer.body;
  if (bad.closes) {
    EXPECT_EQ(answer.field("Connection"), "close");
    client.send(get("/ok"));
    EXPECT_EQ(client.receiveAll(), "");
  } else {
    client.send(get("/ok"));
    EXPECT_EQ(client.receive().body, "ok");
  }
  EXPECT_TRUE(server.serves());
}

static std::string line(const std::string &first) { return first + "\r\nHost: localhost\r\n\r\n"; }
static std::string chunked(const std::string &body) {
  return "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
}
static std::string echo(const std::string &fields, const std::string &body = "12345") {
  return "POST /echo HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n" + body;
}

INSTANTIATE_TEST_SUITE_P(
    Line, HttpRefused,
    ::testing::Values(Bad{"Nonsense", line("nonsense"), 400}, Bad{"Http09", "GET /ok\r\n", 400},
                      Bad{"NoTarget", line("GET  HTTP/1.1"), 400},
                      Bad{"TwoSpaces", line("GET  /ok HTTP/1.1"), 400},
                      Bad{"SpaceInTarget", line("GET /o k HTTP/1.1"), 400},
                      Bad{"Tab", line("GET\t/ok HTTP/1.1"), 400},
                      Bad{"LeadingSpace", line(" GET /ok HTTP/1.1"), 400},
                      Bad{"BadMethod", line("G(T /ok HTTP/1.1"), 400},
                      Bad{"LowerVersion", line("GET /ok http/1.1"), 400},
                      Bad{"LongVersion", line("GET /ok HTTP/1.11"), 400},
                      Bad{"NoSlash", line("GET ok HTTP/1.1"), 400},
                      Bad{"Fragment", line("GET /ok#a HTTP/1.1"), 400},
                      Bad{"Percent", line("GET /ok%zz HTTP/1.1"), 400},
                      Bad{"Nul", line("GET /ok%00 HTTP/1.1"), 400},
                      Bad{"Utf8", line("GET /\xc3\xa9 HTTP/1.1"), 400},
                      Bad{"TwoEmptyLines", "\r\n\r\n" + get("/ok"), 400},
                      Bad{"Tls", std::string("\x16\x03\x01\x02\x00\x01", 6), 400},
                      Bad{"Version09", line("GET /ok HTTP/0.9"), 505},
                      Bad{"Version12", line("GET /ok HTTP/1.2"), 505},
                      Bad{"Version2", line("PRI * HTTP/2.0"), 505},
                      Bad{"UnknownMethod", line("BREW /ok HTTP/1.1"), 405},
                      Bad{"Trace", line("TRACE /ok HTTP/1.1"), 405},
                      Bad{"Connect", line("CONNECT localhost:1 HTTP/1.1"), 405},
                      Bad{"LowerMethod", line("get /ok HTTP/1.1"), 405},
                      Bad{"NotFound", line("GET /none HTTP/1.1"), 404, false},
                      Bad{"Method", line("DELETE /ok HTTP/1.1"), 405, false},
                      Bad{"MethodWithBody",
                          "PUT /ok HTTP/1.1\r\nHost: localhost\r\n"
                          "Content-Length: 5\r\n\r\n",
                          405},
                      Bad{"NotFoundWithBody", post("/none", "12345"), 404},
                      Bad{"LongTarget", line("GET /" + std::string(9000, 'a') + " HTTP/1.1"), 414},
                      Bad{"EndlessTarget", "GET /" + std::string(9000, 'a'), 414}),
    [](const auto &info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Fields, HttpRefused,
    ::testing::Values(
        Bad{"NoHost", "GET /ok HTTP/1.1\r\n\r\n", 400},
        Bad{"TwoHosts", get("/ok", "Host: localhost\r\n"), 400},
        Bad{"OddHost", "GET /ok HTTP/1.1\r\nHost: localhost/x\r\n\r\n", 400},
        Bad{"UserInHost", "GET /ok HTTP/1.1\r\nHost: localhost@evil\r\n\r\n", 400},
        Bad{"BareLf", "GET /ok HTTP/1.1\nHost: localhost\n\n", 400},
        Bad{"BareLfInFields", "GET /ok HTTP/1.1\r\nHost: localhost\nA: b\r\n\r\n", 400},
        Bad{"BareLfAtEnd", "GET /ok HTTP/1.1\r\nHost: localhost\r\n\n", 400},
        Bad{"BareCr", "GET /ok HTTP/1.1\r\nHost: localhost\r\nA: b\rc\r\n\r\n", 400},
        Bad{"Fold", get("/ok", "A: b\r\n c\r\n"), 400},
        Bad{"FoldFirst", "GET /ok HTTP/1.1\r\n Host: localhost\r\n\r\n", 400},
        Bad{"FoldTab", get("/ok", "A: b\r\n\tc\r\n"), 400},
        Bad{"SpaceBeforeColon", get("/ok", "A : b\r\n"), 400},
        Bad{"NoColon", get("/ok", "Abc\r\n"), 400}, Bad{"NoName", get("/ok", ": b\r\n"), 400},
        Bad{"OddName", get("/ok", "A@: b\r\n"), 400},
        Bad{"Control", get("/ok", "A: b\x01\r\n"), 400},
        Bad{"NulInValue", get("/ok", std::string("A: b\0c\r\n", 8)), 400},
        Bad{"Delete", get("/ok", "A: b\x7f\r\n"), 400},
        Bad{"LongField", get("/ok", "A: " + std::string(17 << 10, 'a') + "\r\n"), 431},
        Bad{"EndlessField", "GET /ok HTTP/1.1\r\nA: " + std::string(17 << 10, 'a'), 431},
        Bad{"ManyFields",
            [] {
              std::string fields;
              for (int i = 0; i < 100; ++i)
                fields += "A: b\r\n";
              return get("/ok", fields);
            }(),
            431},
        Bad{"UnknownExpect", echo("Content-Length: 5\r\nExpect: tea\r\n"), 417}),
    [](const auto &info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Framing, HttpRefused,
    ::testing::Values(
        Bad{"NoLength", "POST /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", 411},
        Bad{"LengthAndChunks", echo("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
        Bad{"ChunksAndLength", echo("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
        Bad{"LengthAndOddChunks", echo("Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n"),
            400},
        Bad{"TwoLengths", echo("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
        Bad{"TwoEqualLengths", echo("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
        Bad{"LengthList", echo("Content-Length: 5, 5\r\n"), 400},
        Bad{"LengthSign", echo("Content-Length: +5\r\n"), 400},
        Bad{"LengthMinus", echo("Content-Length: -5\r\n"), 400},
        Bad{"LengthHex", echo("Content-Length: 0x5\r\n"), 400},
        Bad{"LengthFraction", echo("Content-Length: 5.0\r\n"), 400},
        Bad{"LengthEmpty", echo("Content-Length: \r\n"), 400},
        Bad{"LengthHuge", echo("Content-Length: 99999999999999999999\r\n"), 400},
        Bad{"LengthTooLarge", echo("Content-Length: 99999999\r\n"), 413},
        Bad{"RouteLimit", post("/small", "12345678901"), 413},
        Bad{"TwoCodings", echo("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            400},
        Bad{"CodingList", echo("Transfer-Encoding: gzip, chunked\r\n"), 501},
        Bad{"ChunkedTwice", echo("Transfer-Encoding: chunked, chunked\r\n"), 501},
        Bad{"Identity", echo("Transfer-Encoding: identity\r\n"), 501},
        Bad{"CodingWithTab", echo("Transfer-Encoding: chunked\t\x0b\r\n"), 400},
        Bad{"CodingQuoted", echo("Transfer-Encoding: \"chunked\"\r\n"), 501},
        Bad{"CodingIn10",
            "POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400},
        Bad{"ChunkNoSize", chunked("\r\nabc\r\n0\r\n\r\n"), 400},
        Bad{"ChunkMinus", chunked("-3\r\nabc\r\n0\r\n\r\n"), 400},
        Bad{"ChunkHexPrefix", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400},
        Bad{"ChunkHuge", chunked("fffffffffffffffff\r\nabc"), 400},
        Bad{"ChunkTooLarge", chunked("fffffff\r\nabc"), 413},
        Bad{"ChunkLf", chunked("3\nabc\r\n0\r\n\r\n"), 400},
        Bad{"ChunkLfInExtension", chunked("3;a\nx\r\nabc\r\n0\r\n\r\n"), 400},
        Bad{"ChunkNoEnd", chunked("3\r\nabcd\r\n0\r\n\r\n"), 400},
        Bad{"ChunkEndLf", chunked("3\r\nabc\n0\r\n\r\n"), 400},
        Bad{"ChunkSpace", chunked("3 \r\nabc\r\n0\r\n\r\n"), 400},
        Bad{"ChunkControl", chunked("3;a\x01\r\nabc\r\n0\r\n\r\n"), 400},
        Bad{"ChunkCrInExtension", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), 400},
        Bad{"ChunkManyZeros", chunked("00000000000000003\r\nabc\r\n0\r\n\r\n"), 400},
        Bad{"LastChunkLf", chunked("0\r\n\n"), 400}, Bad{"LastChunkOdd", chunked("0\r\n\rX"), 400},
        Bad{"ChunkLongLine", chunked("3;" + std::string(5000, 'a')), 400},
        Bad{"Trailer", chunked("3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n"), 400},
        Bad{"FoldedTrailer", chunked("0\r\nA: b\r\n c\r\n\r\n"), 400}),
    [](const auto &info) { return info.param.name; });
