// Start, drain, stop.
#include "test/unit/serve/http/Client.h"

#include <atomic>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace axiom::http;
using namespace axiom::http::test;
using axiom::Code;

static axiom::Status startStatus(const Options &options, std::vector<Route> routes = {}) {
  auto server = Server::start(options, std::move(routes));
  return server.ok() ? axiom::Status() : server.status();
}

TEST(HttpStart, BindErrorsSayWhatToDo) {
  TestServer server;
  Options options = TestServer::quick();
  options.port = server->port();
  axiom::Status status = startStatus(options);
  EXPECT_EQ(status.code(), Code::Resource);
  EXPECT_EQ(status.message(), "cannot listen on 127.0.0.1:" + std::to_string(options.port) +
                                  ": Address already in use: another program listens there; stop "
                                  "it or choose another port");
  options.port = 0;
  options.address = "192.0.2.1"; // reserved for documentation: no interface has it
  status = startStatus(options);
  EXPECT_NE(status.message().find("192.0.2.1:0"), std::string::npos);
  EXPECT_NE(status.message().find("no interface of this machine"), std::string::npos);
  options.address = "example.org";
  status = startStatus(options);
  EXPECT_EQ(status.code(), Code::InvalidArgument);
  EXPECT_NE(status.message().find("'example.org': not an IPv4 or IPv6 address"), std::string::npos);
  options.address = "localhost";
  EXPECT_TRUE(startStatus(options).ok());
}

TEST(HttpStart, OptionsAreChecked) {
  Options options = TestServer::quick();
  options.limits.headerTime = Milliseconds(0);
  axiom::Status status = startStatus(options);
  EXPECT_EQ(status.code(), Code::InvalidArgument);
  EXPECT_EQ(status.message(), "the HTTP limit headerTime is 0, but has to be 1 to 86400000");
  options = TestServer::quick();
  options.limits.connections = 0;
  EXPECT_EQ(startStatus(options).code(), Code::InvalidArgument);
  options = TestServer::quick();
  options.threads = 0;
  EXPECT_EQ(startStatus(options).code(), Code::InvalidArgument);
  options = TestServer::quick();
  options.certificateFile = "only-one.pem";
  EXPECT_EQ(startStatus(options).code(), Code::InvalidArgument);
  options = TestServer::quick();
  Handler handler = [](Request, Responder) {};
  EXPECT_EQ(startStatus(options, {{"GET", "no-slash", handler}}).code(), Code::InvalidArgument);
  EXPECT_EQ(startStatus(options, {{"GET", "/a", nullptr}}).code(), Code::InvalidArgument);
  EXPECT_EQ(startStatus(options, {{"GET", "/a/*", handler}, {"GET", "/a/*", handler}}).message(),
            "route GET /a/* is given twice");
  EXPECT_TRUE(startStatus(options, {{"GET", "/a", handler}, {"POST", "/a", handler}}).ok());
}

TEST(HttpStart, Adopt) {
  TestServer server;
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_TRUE(server->adopt(ends[0]).ok());
  std::string request = get("/id", "Connection: close\r\n");
  ASSERT_EQ(send(ends[1], request.data(), request.size(), 0), ssize_t(request.size()));
  std::string got;
  char buffer[4096];
  for (ssize_t n; (n = recv(ends[1], buffer, sizeof buffer, 0)) > 0;)
    got.append(buffer, size_t(n));
  close(ends[1]);
  EXPECT_NE(got.find("|local"), std::string::npos) << got;
}

// Streams that run are not cut, whatever else happens; then all is gone.
TEST(HttpDrain, StreamsEndWhole) {
  TestServer server;
  constexpr int streams = 64;
  std::vector<Client> clients;
  std::vector<Responder> held;
  for (int i = 0; i < streams; ++i) {
    clients.push_back(server.client());
    clients.back().send(get("/hold"));
    held.push_back(server.held.next());
    if (i % 2)
      held.back().start(200, "text/event-stream");
  }
  Client idle = server.client(), fresh = server.client(), partial = server.client();
  idle.send(get("/ok"));
  EXPECT_EQ(idle.receive().body, "ok");
  partial.send("GET /ok HTTP/1.1\r\n");
  EXPECT_TRUE(eventually([&] { return server->counters().openConnections == streams + 3; }));

  server->beginDrain();
  server->beginDrain();
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(fresh.ended());
  EXPECT_TRUE(eventually([&] { return !Client(server->port()).connected(); }));
  EXPECT_FALSE(server->wait(Milliseconds(20)));

  std::thread producer([&] {
    for (int round = 0; round < 20; ++round)
      for (int i = 0; i < streams; ++i) {
        if (round == 0 && i % 2 == 0)
          held[i].start(200, "text/event-stream");
        EXPECT_EQ(held[i].write("data: " + std::to_string(round) + "\n\n"), WriteResult::Ok);
      }
    for (Responder &responder : held)
      responder.end();
  });
  std::string expected;
  for (int round = 0; round < 20; ++round)
    expected += "data: " + std::to_string(round) + "\n\n";
  for (int i = 0; i < streams; ++i) {
    Answer answer = clients[i].receive();
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(answer.body, expected);
    EXPECT_EQ(answer.field("Connection"), i % 2 ? "" : "close")
        << i; // said where it still could be
    EXPECT_TRUE(clients[i].ended());
  }
  producer.join();
  partial.send("Host: localhost\r\n\r\n");
  Answer late = partial.receive();
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(late.field("Connection"), "close");
  EXPECT_NE(late.body.find("draining"), std::string::npos);
  partial.close();
  clients.clear();
  EXPECT_TRUE(server->wait(kPatience));
  EXPECT_EQ(server->counters().openConnections, 0u);
}

TEST(HttpDrain, NewRequestsAreRefused) {
  TestServer server;
  Client client = server.client(), other = server.client(), third = server.client();
  client.send(get("/hold") + get("/ok") + get("/ok"));
  Responder held = server.held.next();
  third.send(get("/hold"));
  Responder whole = server.held.next();
  other.send("GET /drain HTTP/1.1\r\nHost: local");
  EXPECT_TRUE(eventually([&] { return server->counters().openConnections == 3; }));
  server->beginDrain();
  whole.send({});
  EXPECT_EQ(third.receive().field("Connection"), "close");
  third.close();
  held.start(200, "text/plain");
  held.end();
  // The stream said close; what was sent ahead of its end is not answered.
  Answer stream = client.receive();
  EXPECT_TRUE(stream.whole);
  EXPECT_EQ(stream.field("Connection"), "close");
  EXPECT_EQ(client.receiveAll(), "");
  other.send("host\r\n\r\n");
  Answer served = other.receive();
  EXPECT_EQ(served.body, "drain");
  EXPECT_EQ(served.field("Connection"), "close");
  client.close();
  other.close();
  EXPECT_TRUE(server->wait(kPatience));
  EXPECT_EQ(server->adopt(dup(0)).code(), Code::Cancelled);
}

TEST(HttpDrain, NothingOpen) {
  TestServer server;
  EXPECT_FALSE(server->wait(Milliseconds(1)));
  server->beginDrain();
  EXPECT_TRUE(server->wait(kPatience));
}

TEST(HttpDrain, StopEndsAll) {
  TestServer server;
  Client client = server.client(), idle = server.client();
  client.send(get("/hold"));
  Responder held = server.held.next();
  Gone gone;
  gone.watch(held);
  held.start(200, "text/plain");
  held.write("some");
  server->beginDrain();
  EXPECT_FALSE(server->wait(Milliseconds(10)));
  server->stop();
  EXPECT_EQ(gone.reason, CloseReason::Stopped);
  EXPECT_TRUE(server->wait(Milliseconds(1)));
  EXPECT_FALSE(client.receive().whole);
  EXPECT_TRUE(idle.ended());
  EXPECT_FALSE(server.client().connected());
  server->stop();
}

// Stop amid work from all sides.
TEST(HttpDrain, StopUnderLoad) {
  for (int round = 0; round < 5; ++round) {
    TestServer server;
    uint16_t port = server->port();
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        while (!stop) {
          Client client(port);
          if (!client.connected())
            continue;
          client.send(get(t % 2 ? "/ok" : "/hold"));
          if (t % 2)
            client.receive();
        }
      });
    threads.emplace_back([&] {
      while (!stop) {
        if (server->counters().activeRequests == 0)
          continue;
        Responder held = server.held.next();
        held.start(200, "text/plain");
        held.onClose([held](CloseReason) {}); // keeps itself until the end
        held.write("x");
        held.end();
      }
    });
    EXPECT_TRUE(eventually([&] { return server->counters().requests > 50; }));
    if (round % 2)
      server->beginDrain();
    server->stop();
    stop = true;
    Request request; // for a producer that waits
    server.held.add(request, Responder());
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_EQ(server->counters().openConnections, 0u);
    EXPECT_EQ(server->counters().activeRequests, 0u);
  }
}
