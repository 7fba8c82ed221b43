// Who may ask: Host, Origin, preflights, the gate.
#include "test/unit/serve/http/Client.h"

#include <gtest/gtest.h>

using namespace axiom::http;
using namespace axiom::http::test;

static std::string from(const std::string &host, const std::string &fields = "") {
  return "GET /ok HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n";
}

TEST(HttpPolicy, Hosts) {
  TestServer server;
  Client client = server.client();
  for (const char *host :
       {"localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8000"}) {
    client.send(from(host));
    EXPECT_EQ(client.receive().status, 200) << host;
  }
  for (const char *host : {"evil.example", "localhost.evil.example", "evil-localhost", "127.0.0.2",
                           "[::2]", "[::1", "localhost.", ""}) {
    Client fresh = server.client();
    fresh.send(from(host));
    Answer answer = fresh.receive();
    bool refused = answer.status == 403 || answer.status == 400;
    EXPECT_EQ(refused, std::string(host) != "") << host << " " << answer.status;
  }
  EXPECT_GE(server.rejected(Reason::HostNotAllowed), 6u);
}

TEST(HttpPolicy, GivenHosts) {
  Options options = TestServer::quick();
  options.hosts = {"Chat.Example"};
  TestServer server(options);
  Client client = server.client();
  client.send(from("chat.example:443"));
  EXPECT_EQ(client.receive().status, 200);
  client.send(from("localhost"));
  Answer answer = client.receive();
  EXPECT_EQ(answer.status, 403);
  EXPECT_NE(answer.body.find("\"host_not_allowed\""), std::string::npos);
  options.hosts = {"*"};
  TestServer open(options);
  Client other = open.client();
  other.send(from("whoever"));
  EXPECT_EQ(other.receive().status, 200);
}

TEST(HttpPolicy, Origins) {
  Options options = TestServer::quick();
  options.origins = {"https://app.example"};
  TestServer server(options);
  Client client = server.client();
  struct Case {
    const char *host, *origin;
    int status;
    const char *allowed;
  };
  for (const Case &c :
       {Case{"localhost:8000", "http://localhost:8000", 200, ""},
        Case{"localhost", "http://localhost:80", 200, ""},
        Case{"localhost", "https://LOCALHOST", 200, ""},
        Case{"localhost:8000", "https://app.example", 200, "https://app.example"},
        Case{"localhost:8000", "http://app.example", 403, ""},
        Case{"localhost:8000", "https://app.example:444", 403, ""},
        Case{"localhost:8000", "http://localhost:8001", 403, ""},
        Case{"localhost:8000", "http://localhost", 403, ""},
        Case{"localhost:8000", "https://app.example.evil", 403, ""},
        Case{"localhost:8000", "null", 403, ""}, Case{"localhost:8000", "localhost:8000", 403, ""},
        Case{"localhost:8000", "", 403, ""}}) {
    client.send(from(c.host, std::string("Origin: ") + c.origin + "\r\n"));
    Answer answer = client.receive();
    EXPECT_EQ(answer.status, c.status) << c.origin;
    EXPECT_EQ(answer.field("Access-Control-Allow-Origin"), c.allowed) << c.origin;
    if (*c.allowed) {
      EXPECT_EQ(answer.field("Vary"), "Origin");
    }
  }
  // Errors carry the fields, too, or a page could not read them; and so do streams.
  client.send("GET /none HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n\r\n");
  Answer missing = client.receive();
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.field("Access-Control-Allow-Origin"), "https://app.example");
  client.send(get("/hold", "Origin: https://app.example\r\n"));
  Responder held = server.held.next();
  held.start(200, "text/event-stream");
  held.end();
  EXPECT_EQ(client.receive().field("Access-Control-Allow-Origin"), "https://app.example");
  Client two = server.client();
  two.send(get("/ok", "Origin: https://app.example\r\nOrigin: https://app.example\r\n"));
  EXPECT_EQ(two.receive().status, 400);
}

TEST(HttpPolicy, Preflight) {
  Options options = TestServer::quick();
  options.origins = {"https://app.example"};
  TestServer server(options);
  Client client = server.client();
  auto ask = [&](const std::string &path, const std::string &origin) {
    client.send("OPTIONS " + path + " HTTP/1.1\r\nHost: localhost\r\nOrigin: " + origin +
                "\r\nAccess-Control-Request-Method: POST\r\n"
                "Access-Control-Request-Headers: authorization, x-own\r\n\r\n");
    return client.receive();
  };
  Answer answer = ask("/hold", "https://app.example");
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.field("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(answer.field("Access-Control-Allow-Methods"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(answer.field("Access-Control-Allow-Headers"), "authorization, x-own");
  EXPECT_EQ(answer.field("Content-Length"), "");
  answer = ask("/hold", "https://evil.example");
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.field("Access-Control-Allow-Methods"), "");
  client.send("OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n");
  answer = client.receive();
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.field("Access-Control-Allow-Methods"), "");
  EXPECT_EQ(answer.field("Allow"), "GET, HEAD, POST, OPTIONS");
}

TEST(HttpPolicy, MethodNotAllowedSaysWhich) {
  TestServer server;
  Client client = server.client();
  client.send("DELETE /hold HTTP/1.1\r\nHost: localhost\r\n\r\n");
  Answer answer = client.receive();
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.field("Allow"), "GET, HEAD, POST, OPTIONS");
}

// It answers before the body is taken; its note reaches the handler and the log.
TEST(HttpPolicy, Gate) {
  Options options = TestServer::quick();
  options.gate = [](Request &head) -> std::optional<Response> {
    head.note = std::make_shared<std::string>(head.path);
    const std::string *key = head.headers.find("authorization");
    if (head.path == "/ok" || (key && *key == "Bearer right"))
      return std::nullopt;
    return errorResponse(401, "A key is needed.", "invalid_api_key", "", "authentication_error");
  };
  TestServer server(options);
  Client client = server.client();
  client.send(get("/ok"));
  EXPECT_EQ(client.receive().status, 200);
  client.send(post("/echo", "body", "Authorization: Bearer right\r\n"));
  EXPECT_EQ(client.receive().body, "body");
  client.send(get("/tree/a"));
  Answer refused = client.receive();
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body,
            "{\"error\":{\"message\":\"A key is needed.\",\"type\":"
            "\"authentication_error\",\"param\":null,\"code\":\"invalid_api_key\"}}\n");
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_EQ(client.receive().status, 401); // although no byte of the body has come
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(server.rejected(Reason::Gate), 2u);
  server->stop();
  std::vector<std::string> notes;
  for (const Finished &finished : server.log)
    notes.push_back(*std::static_pointer_cast<std::string>(finished.note));
  EXPECT_EQ(notes, (std::vector<std::string>{"/ok", "/echo", "/tree/a", "/echo"}));
}

TEST(HttpPolicy, GateMayFail) {
  Options options = TestServer::quick();
  options.gate = [](const Request &) -> std::optional<Response> { throw std::runtime_error("no"); };
  TestServer server(options);
  Client client = server.client();
  client.send(get("/ok"));
  EXPECT_EQ(client.receive().status, 500);
  EXPECT_EQ(server.rejected(Reason::InternalError), 1u);
}

TEST(HttpMessage, ErrorBodyEscapes) {
  EXPECT_EQ(errorBody(400, "a \"b\" \\ \n \x01", "c", "p"),
            "{\"error\":{\"message\":\"a \\\"b\\\" \\\\ \\u000a \\u0001\",\"type\":"
            "\"invalid_request_error\",\"param\":\"p\",\"code\":\"c\"}}\n");
  EXPECT_EQ(percentDecode("a%2Fb%41"), "a/bA");
  EXPECT_FALSE(percentDecode("%4"));
  EXPECT_FALSE(percentDecode("%"));
  EXPECT_FALSE(percentDecode("%g0"));
}
