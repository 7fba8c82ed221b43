// Answers from other threads, and clients that go while they are made.
#include "test/unit/serve/http/Client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <thread>

using namespace axiom::http;
using namespace axiom::http::test;

TEST(HttpStream, ChunksFromAnotherThread) {
  TestServer server;
  Client client = server.client();
  client.send(get("/hold"));
  Responder held = server.held.next();
  std::thread producer([held] {
    EXPECT_TRUE(held.start(200, "text/event-stream", {{"X-Own", "a\r\nX-Injected: b"}}));
    EXPECT_FALSE(held.start(200, "text/plain"));
    EXPECT_FALSE(held.send({}));
    for (int i = 0; i < 1000; ++i)
      EXPECT_EQ(held.write("data: " + std::to_string(i) + "\n\n"), WriteResult::Ok);
    EXPECT_TRUE(held.end());
    EXPECT_FALSE(held.end());
    EXPECT_EQ(held.write("late"), WriteResult::Closed);
  });
  Answer answer = client.receive();
  producer.join();
  EXPECT_EQ(answer.field("Content-Type"), "text/event-stream");
  EXPECT_EQ(answer.field("X-Own"), "a  X-Injected: b"); // one field, whatever its value
  std::string expected;
  for (int i = 0; i < 1000; ++i)
    expected += "data: " + std::to_string(i) + "\n\n";
  EXPECT_EQ(answer.body, expected);
  EXPECT_TRUE(answer.whole);
  client.send(get("/ok")); // the connection is good for more
  EXPECT_EQ(client.receive().body, "ok");
}

// A first event is not kept back for a second.
TEST(HttpStream, EachWriteArrives) {
  TestServer server;
  Client client = server.client();
  client.send(get("/hold"));
  Responder held = server.held.next();
  held.start(200, "text/event-stream");
  std::string got = client.receiveBytes(1);
  while (got.find("\r\n\r\n") == std::string::npos)
    got += client.receiveBytes(1);
  for (const char *event : {"one", "two", "three"}) {
    held.write(event);
    while (got.find(event) == std::string::npos)
      got += client.receiveBytes(1);
  }
  held.end();
  while (got.find("0\r\n\r\n") == std::string::npos)
    got += client.receiveBytes(1);
}

TEST(HttpStream, ManyAtOnce) {
  TestServer server;
  constexpr int streams = 64;
  std::vector<Client> clients;
  for (int i = 0; i < streams; ++i) {
    clients.push_back(server.client());
    clients.back().send(get("/hold", "X-Request-Id: " + std::to_string(i) + "\r\n"));
  }
  std::vector<std::pair<std::string, Responder>> held;
  for (int i = 0; i < streams; ++i) {
    Request request;
    Responder responder = server.held.next(&request);
    held.emplace_back(request.id, responder);
  }
  EXPECT_EQ(server->counters().activeRequests, uint64_t(streams));
  std::thread producer([held = std::move(held)] { // the thread's copy is the last
    for (auto &[id, responder] : held)
      responder.start(200, "text/plain");
    for (int i = 0; i < 100; ++i)
      for (auto &[id, responder] : held)
        EXPECT_EQ(responder.write(id + ","), WriteResult::Ok);
    for (auto &[id, responder] : held)
      responder.end();
  });
  for (int i = 0; i < streams; ++i) {
    std::string expected;
    for (int k = 0; k < 100; ++k)
      expected += std::to_string(i) + ",";
    EXPECT_EQ(clients[i].receive().body, expected);
  }
  producer.join();
  EXPECT_TRUE(eventually([&] { return server->counters().activeRequests == 0; }));
}

TEST(HttpStream, AbortIsSeen) {
  TestServer server;
  {
    Client client = server.client();
    client.send(get("/hold"));
    Responder held = server.held.next();
    Gone gone;
    gone.watch(held);
    held.start(200, "text/plain");
    held.write("some");
    held.abort();
    EXPECT_FALSE(client.receive().whole);
    EXPECT_TRUE(gone.seen());
    EXPECT_EQ(gone.reason, CloseReason::Aborted);
    EXPECT_TRUE(held.closed());
  }
  { // the last copy goes within a stream
    Client client = server.client();
    client.send(get("/hold"));
    Responder held = server.held.next();
    held.start(200, "text/plain");
    held.write("some");
    held = Responder();
    EXPECT_FALSE(client.receive().whole);
  }
  { // and before one
    Client client = server.client();
    client.send(get("/hold"));
    server.held.next();
    Answer answer = client.receive();
    EXPECT_EQ(answer.status, 500);
    EXPECT_TRUE(answer.whole);
  }
  { // an abort after the end hits no later request of the connection
    Client client = server.client();
    client.send(get("/abort-late") + get("/ok"));
    EXPECT_EQ(client.receive().body, "whole");
    EXPECT_EQ(client.receive().body, "ok");
    client.send(get("/hold"));
    Responder first = server.held.next();
    first.send({});
    client.receive();
    client.send(get("/hold"));
    Responder second = server.held.next();
    first.abort();
    second.send({});
    EXPECT_TRUE(client.receive().whole);
  }
}

enum class Hang { Close, Reset, HalfClose };
struct HangUp {
  const char *name;
  Hang how;
  bool begun, written;
};
static std::ostream &operator<<(std::ostream &out, const HangUp &hang) { return out << hang.name; }

class HttpHangUp : public ::testing::TestWithParam<HangUp> {};

TEST_P(HttpHangUp, IsNoticed) {
  TestServer server;
  Client client = server.client();
  client.send(get("/hold"));
  Responder held = server.held.next();
  Gone gone;
  gone.watch(held);
  if (GetParam().begun)
    held.start(200, "text/event-stream");
  if (GetParam().written) {
    held.write("a first event");
    std::string got;
    while (got.find("a first event") == std::string::npos)
      got += client.receiveBytes(1);
  }
  switch (GetParam().how) {
  case Hang::Close:
    client.close();
    break;
  case Hang::Reset:
    client.reset();
    break;
  case Hang::HalfClose:
    client.shutdownSend();
    break;
  }
  // Nothing is written meanwhile.
  ASSERT_TRUE(gone.seen());
  EXPECT_EQ(gone.reason, CloseReason::ClientGone);
  EXPECT_TRUE(held.closed());
  EXPECT_EQ(held.write("more"), WriteResult::Closed);
  EXPECT_FALSE(held.send({}));
  EXPECT_EQ(gone.calls, 1);
  Gone late;
  late.watch(held); // at once
  EXPECT_EQ(late.calls, 1);
  EXPECT_TRUE(eventually([&] { return server->counters().openConnections == 0; }));
  EXPECT_EQ(server.rejected(Reason::ClientGone), 1u);
  EXPECT_EQ(server->counters().activeRequests, 0u);
}

INSTANTIATE_TEST_SUITE_P(All, HttpHangUp,
                         ::testing::Values(HangUp{"CloseBefore", Hang::Close, false, false},
                                           HangUp{"CloseBetween", Hang::Close, true, false},
                                           HangUp{"CloseAfterWrite", Hang::Close, true, true},
                                           HangUp{"ResetBefore", Hang::Reset, false, false},
                                           HangUp{"ResetBetween", Hang::Reset, true, false},
                                           HangUp{"ResetAfterWrite", Hang::Reset, true, true},
                                           HangUp{"HalfBefore", Hang::HalfClose, false, false},
                                           HangUp{"HalfBetween", Hang::HalfClose, true, false},
                                           HangUp{"HalfAfterWrite", Hang::HalfClose, true, true}),
                         [](const auto &info) { return info.param.name; });

TEST(HttpStream, HangUpDuringWrites) {
  TestServer server;
  Client client = server.client();
  client.send(get("/hold"));
  Responder held = server.held.next();
  Gone gone;
  gone.watch(held);
  held.start(200, "text/plain");
  std::thread producer([held] {
    while (held.write("some bytes again and again\n") != WriteResult::Closed)
      std::this_thread::yield();
  });
  EXPECT_GT(client.receiveBytes(1000).size(), 0u);
  client.close();
  EXPECT_TRUE(gone.seen());
  producer.join();
  EXPECT_TRUE(eventually([&] { return server->counters().openConnections == 0; }));
}

// Not to read on would be not to see the client go, and to keep all would have no bound.
TEST(HttpStream, TooMuchAheadIsDropped) {
  TestServer server;
  Client client = server.client();
  client.send(get("/hold") + get("/ok"));
  Responder held = server.held.next();
  Gone gone;
  gone.watch(held);
  client.send(std::string(200 << 10, 'x'));
  EXPECT_TRUE(gone.seen());
  EXPECT_EQ(server.rejected(Reason::BadRequest), 1u);
}

// The client's machine has forgotten the connection and says nothing: the probes find out.
TEST(HttpStream, HalfOpenIsProbed) {
  Options options = TestServer::quick();
  options.limits.probeAfter = options.limits.probeEvery = Milliseconds(1000);
  TestServer server(options);
  Client client = server.client();
  client.send(get("/hold"));
  Responder held = server.held.next();
  Gone gone;
  gone.watch(held);
  int yes = 1; // in repair mode, closing sends nothing
  if (setsockopt(client.descriptor(), IPPROTO_TCP, TCP_REPAIR, &yes, sizeof yes) != 0)
    GTEST_SKIP() << "TCP_REPAIR is not allowed here (CAP_NET_ADMIN): no half-open peer to make";
  client.close();
  EXPECT_TRUE(gone.seen());
  EXPECT_EQ(gone.reason, CloseReason::ClientGone);
}

TEST(HttpStream, HangUpWithinBody) {
  TestServer server;
  Client client = server.client();
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf");
  client.close();
  EXPECT_TRUE(eventually([&] { return server.rejected(Reason::ClientGone) == 1; }));
  EXPECT_EQ(server->counters().requests, 0u);
}

TEST(HttpStream, NoCallAfterTheEnd) {
  TestServer server;
  Client client = server.client();
  client.send(get("/hold"));
  Responder held = server.held.next();
  Gone gone;
  gone.watch(held);
  held.send({});
  EXPECT_TRUE(client.receive().whole);
  EXPECT_TRUE(eventually([&] { return held.closed(); }));
  client.close();
  EXPECT_TRUE(eventually([&] { return server->counters().openConnections == 0; }));
  EXPECT_EQ(gone.calls, 0);
  EXPECT_EQ(server.rejected(Reason::ClientGone), 0u);
}

static Options slowReaders(Milliseconds stall) {
  Options options = TestServer::quick();
  options.limits.streamBytes = 64 << 10;
  options.limits.sendBufferBytes = 16 << 10;
  options.limits.writeStall = stall;
  return options;
}

TEST(HttpStream, SlowReaderIsTold) {
  TestServer server(slowReaders(kPatience * 10));
  Client client = server.client(4096);
  client.send(get("/hold"));
  Responder held = server.held.next();
  held.start(200, "text/plain");
  std::string piece(1000, 'a');
  size_t taken = 0;
  while (held.write(piece) == WriteResult::Ok) {
    ++taken;
    ASSERT_LT(taken, 100000u) << "what is kept for a slow reader has no bound";
  }
  EXPECT_GE(taken, 60u);
  std::mutex mutex;
  int calls = 0;
  auto writable = [&] {
    std::lock_guard lock(mutex);
    ++calls;
  };
  held.onWritable(writable);
  while (held.write(piece) == WriteResult::Ok) // the system may have taken more meanwhile
    ++taken;
  std::string got = client.receiveBytes(1);
  while (!eventually([&] {
    std::lock_guard lock(mutex);
    if (calls == 0)
      got += client.receiveBytes(1);
    return calls > 0;
  })) {
  }
  EXPECT_EQ(held.write(piece), WriteResult::Ok); // nothing was lost: the client gets all of it
  held.end();
  while (got.find("\r\n0\r\n\r\n") == std::string::npos)
    got += client.receiveBytes(1);
  EXPECT_EQ(static_cast<size_t>(std::count(got.begin() + got.find("\r\n\r\n"), got.end(), 'a')),
            (taken + 1) * 1000);
  EXPECT_EQ(calls, 1);
  int now = 0;
  held.onWritable([&] { ++now; }); // ended: there is nothing to write
  EXPECT_LE(now, 1);
}

TEST(HttpStream, SlowReaderIsDropped) {
  TestServer server(slowReaders(Milliseconds(100)));
  Client client = server.client(4096);
  client.send(get("/hold"));
  Responder held = server.held.next();
  Gone gone;
  gone.watch(held);
  held.start(200, "text/plain");
  while (held.write(std::string(1000, 'a')) == WriteResult::Ok) {
  }
  EXPECT_TRUE(gone.seen());
  EXPECT_EQ(gone.reason, CloseReason::Stalled);
  EXPECT_EQ(held.write("x"), WriteResult::Closed);
  EXPECT_EQ(server.rejected(Reason::WriteStalled), 1u);
}

TEST(HttpStream, SlowReaderOfWholeResponse) {
  TestServer server(slowReaders(Milliseconds(500)));
  Client client = server.client(4096);
  client.send(get("/big"));
  EXPECT_TRUE(eventually([&] { return server.rejected(Reason::WriteStalled) == 1; }));
  Client reader = server.client();
  reader.send(get("/big"));
  EXPECT_EQ(reader.receive().body.size(), size_t(3) << 20);
}

// A write beyond the bound is taken when nothing else is kept.
TEST(HttpStream, LongWrite) {
  TestServer server(slowReaders(kPatience));
  Client client = server.client();
  client.send(get("/hold"));
  Responder held = server.held.next();
  held.start(200, "text/plain");
  std::string piece(300 << 10, 'a');
  EXPECT_TRUE(eventually([&] { return held.write(piece) == WriteResult::Ok; }));
  held.end();
  EXPECT_EQ(client.receive().body, piece);
}

// The server may go before those who answer.
TEST(HttpStream, ResponderOutlivesServer) {
  Responder held, fresh;
  Gone gone;
  {
    TestServer server;
    Client one = server.client(), two = server.client();
    one.send(get("/hold"));
    held = server.held.next();
    two.send(get("/hold"));
    fresh = server.held.next();
    gone.watch(held);
    held.start(200, "text/plain");
    server->stop();
    EXPECT_EQ(gone.reason, CloseReason::Stopped);
  }
  EXPECT_EQ(held.write("x"), WriteResult::Closed);
  EXPECT_FALSE(held.end());
  held.abort();
  EXPECT_FALSE(fresh.send({}));
  EXPECT_TRUE(fresh.closed());
}
