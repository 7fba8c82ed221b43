// What clients can take is bounded: time, memory, connections.
#include "test/unit/serve/http/Client.h"

#include <atomic>
#include <deque>
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace axiom::http;
using namespace axiom::http::test;

static size_t openDescriptors() {
  size_t count = 0;
  DIR *folder = opendir("/proc/self/fd");
  while (folder && readdir(folder))
    ++count;
  closedir(folder);
  return count;
}

TEST(HttpLimits, HeaderTime) {
  Options options = TestServer::quick();
  options.limits.headerTime = Milliseconds(700);
  TestServer server(options);
  Client silent = server.client(), partial = server.client(), dribbling = server.client();
  partial.send("GET /ok HTTP/1.1\r\nHo");
  std::atomic<bool> stop{false};
  std::thread dribble([&] {
    std::string start = "GET /ok HTTP/1.1\r\nA: ";
    for (char byte : start)
      dribbling.send(std::string_view(&byte, 1));
    while (!stop && dribbling.send("b"))
      std::this_thread::sleep_for(Milliseconds(1));
  });
  EXPECT_EQ(silent.receiveAll(), ""); // nothing was asked, so nothing is answered
  EXPECT_EQ(partial.receive().status, 408);
  EXPECT_EQ(dribbling.receive().status, 408);
  stop = true;
  dribble.join();
  EXPECT_EQ(server.rejected(Reason::RequestTimeout), 2u);
}

TEST(HttpLimits, BodyTime) {
  Options options = TestServer::quick();
  options.limits.bodyTime = Milliseconds(300);
  options.limits.bodyWindow = kPatience;
  TestServer server(options);
  Client client = server.client();
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n12345");
  Answer answer = client.receive();
  EXPECT_EQ(answer.status, 408);
  EXPECT_NE(answer.body.find("request_timeout"), std::string::npos);
}

TEST(HttpLimits, BodyRate) {
  Options options = TestServer::quick();
  options.limits.bodyTime = kPatience * 10;
  options.limits.bodyWindow = Milliseconds(200);
  options.limits.bodyBytesPerSecond = 1000;
  TestServer server(options);
  Client client = server.client();
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::atomic<bool> stop{false};
  std::thread dribble([&] { // a few bytes at a time, for ever
    while (!stop && client.send("1\r\na\r\n"))
      std::this_thread::sleep_for(Milliseconds(50));
  });
  EXPECT_EQ(client.receive().status, 408);
  stop = true;
  dribble.join();
}

TEST(HttpLimits, IdleTime) {
  Options options = TestServer::quick();
  options.limits.idleTime = Milliseconds(500);
  TestServer server(options);
  Client client = server.client();
  client.send(get("/ok"));
  EXPECT_EQ(client.receive().body, "ok");
  EXPECT_EQ(client.receiveAll(), "");
  EXPECT_EQ(server.rejected(Reason::RequestTimeout), 0u);
}

// A handler may take longer than all of the times above.
TEST(HttpLimits, HandlersHaveTime) {
  Options options = TestServer::quick();
  options.limits.headerTime = options.limits.idleTime = options.limits.bodyTime =
      options.limits.bodyWindow = options.limits.writeStall = Milliseconds(300);
  TestServer server(options);
  Client client = server.client();
  client.send(get("/hold"));
  Responder held = server.held.next();
  std::this_thread::sleep_for(Milliseconds(600));
  held.start(200, "text/plain");
  std::this_thread::sleep_for(Milliseconds(600));
  held.write("there");
  held.end();
  EXPECT_EQ(client.receive().body, "there");
}

TEST(HttpLimits, SizesAreExact) {
  Options options = TestServer::quick();
  options.limits.requestLineBytes = 100;
  options.limits.headerBytes = 500;
  options.limits.headerFields = 3;
  options.limits.bodyBytes = 1000;
  TestServer server(options);
  Client client = server.client();
  std::string start = "GET /tree/", end = " HTTP/1.1";
  auto target = [&](size_t bytes) {
    return start + std::string(bytes - start.size() - end.size(), 'a') + end +
           "\r\nHost: localhost\r\n\r\n";
  };
  client.send(target(100));
  EXPECT_EQ(client.receive().status, 200);
  auto header = [&](size_t bytes) {
    std::string empty = get("/ok", "A: \r\n");
    return get("/ok", "A: " + std::string(bytes - empty.size(), 'a') + "\r\n");
  };
  client.send(header(500));
  EXPECT_EQ(client.receive().status, 200);
  client.send(get("/ok", "A: b\r\nA: b\r\n"));
  EXPECT_EQ(client.receive().status, 200);
  client.send(post("/echo", std::string(1000, 'a')));
  EXPECT_EQ(client.receive().status, 200);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" +
      std::string(1000, 'a') + "\r\n0\r\n\r\n");
  EXPECT_EQ(client.receive().status, 200);
  client.send(post("/small", "1234567890"));
  EXPECT_EQ(client.receive().status, 200);

  // One more of each.
  auto status = [&](const std::string &bytes) {
    Client fresh = server.client();
    fresh.send(bytes);
    return fresh.receive().status;
  };
  EXPECT_EQ(status(target(101)), 414);
  EXPECT_EQ(status(header(501)), 431);
  EXPECT_EQ(status(get("/ok", "A: b\r\nA: b\r\nA: b\r\n")), 431);
  EXPECT_EQ(status(post("/echo", std::string(1001, 'a'))), 413);
  EXPECT_EQ(status("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3e8\r\n" +
                   std::string(1000, 'a') + "\r\n1\r\na\r\n0\r\n\r\n"),
            413);
  EXPECT_EQ(status(post("/small", "12345678901")), 413);
}

// A client that sends a large body to the end, without looking, still gets the answer.
TEST(HttpLimits, RefusalArrivesDespiteBody) {
  Options options = TestServer::quick();
  options.limits.bodyBytes = 1000;
  options.limits.lingerTime = kPatience;
  TestServer server(options);
  Client client = server.client();
  EXPECT_TRUE(client.send(post("/echo", std::string(20 << 20, 'a'))));
  EXPECT_EQ(client.receive().status, 413);
}

TEST(HttpLimits, BodiesTogether) {
  Options options = TestServer::quick();
  options.limits.bodyBytesTogether = 1 << 20;
  TestServer server(options);
  std::string head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
  std::vector<Client> clients;
  for (int i = 0; i < 4; ++i) { // none of them is too large
    clients.push_back(server.client());
    clients.back().send(head + std::string(600'000, 'a'));
  }
  EXPECT_TRUE(eventually([&] { return server.rejected(Reason::Overloaded) >= 1; }));
  clients.clear();
  EXPECT_TRUE(eventually([&] { return server->counters().openConnections == 0; }));
  Client client = server.client(); // what was held is free again
  client.send(head + std::string(1'000'000, 'a'));
  EXPECT_EQ(client.receive().body.size(), 1'000'000u);
}

static Options few(uint32_t connections) {
  Options options = TestServer::quick();
  options.limits.connections = connections;
  options.limits.headerTime = options.limits.idleTime = kPatience * 10;
  return options;
}

TEST(HttpLimits, LongestWaitingIsClosed) {
  TestServer server(few(4));
  Client busy = server.client();
  busy.send(get("/hold"));
  Responder held = server.held.next();
  Client kept = server.client(); // has asked before: goes last
  kept.send(get("/ok"));
  EXPECT_EQ(kept.receive().body, "ok");
  auto open = [&](uint64_t count) {
    return eventually([&] { return server->counters().openConnections == count; });
  };
  Client first = server.client();
  first.send("GET /ok HTT");
  EXPECT_TRUE(open(3));
  Client second = server.client();
  EXPECT_TRUE(open(4));
  Client third = server.client();
  EXPECT_TRUE(first.ended());
  Client fourth = server.client();
  EXPECT_TRUE(second.ended());
  EXPECT_EQ(server.rejected(Reason::Evicted), 2u);
  for (Client *good : {&third, &fourth, &kept}) {
    good->send(get("/ok"));
    EXPECT_EQ(good->receive().body, "ok");
  }
  Response response;
  response.body = "late";
  held.send(response);
  EXPECT_EQ(busy.receive().body, "late");
}

// Those that have had their last answer and do not close go as well.
TEST(HttpLimits, LingeringMakesRoom) {
  Options options = few(3);
  options.limits.lingerTime = kPatience * 10;
  TestServer server(options);
  std::vector<Client> refused;
  for (int i = 0; i < 10; ++i) {
    refused.push_back(server.client());
    refused.back().send("nonsense\r\n\r\n");
    EXPECT_EQ(refused.back().receive().status, 400) << i;
  }
  EXPECT_TRUE(server.serves());
  EXPECT_EQ(server.rejected(Reason::Evicted), 0u);
  EXPECT_EQ(server.rejected(Reason::Overloaded), 0u);
}

TEST(HttpLimits, AllBusyIs503) {
  TestServer server(few(2));
  Client one = server.client(), two = server.client();
  one.send(get("/hold"));
  Responder first = server.held.next();
  two.send(get("/hold"));
  Responder second = server.held.next();
  Client refused = server.client();
  Answer answer = refused.receive();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.field("Retry-After"), "1");
  EXPECT_EQ(server.rejected(Reason::Overloaded), 1u);
  first.send({});
  EXPECT_TRUE(one.receive().whole);
  EXPECT_TRUE(server.serves()); // the idle one makes room
  second.send({});
  EXPECT_TRUE(two.receive().whole);
}

TEST(HttpLimits, ManyIdleConnections) {
  size_t before = openDescriptors();
  {
    TestServer server(few(1000));
    std::vector<Client> idle;
    for (int i = 0; i < 500; ++i) {
      idle.push_back(server.client());
      ASSERT_TRUE(idle.back().connected());
      if (i % 2)
        idle.back().send("GET /ok HTTP/1.1\r\nHost: lo");
    }
    for (int i = 0; i < 50; ++i)
      ASSERT_TRUE(server.serves());
    EXPECT_EQ(server.rejected(Reason::Evicted), 0u);
    EXPECT_GE(server->counters().openConnections, 500u);
    for (int i = 1; i < 500; i += 2) { // each is alive
      idle[i].send("calhost\r\n\r\n");
      ASSERT_EQ(idle[i].receive().body, "ok");
    }
  }
  EXPECT_EQ(openDescriptors(), before);
}

// More hostile connections than may be open, ever new ones, each with a part of a header: clients
// with whole requests are served all the same. In step, so that no good one waits longer than 40
// others.
TEST(HttpLimits, SlowLoris) {
  TestServer server(few(100));
  std::deque<Client> slow;
  auto attack = [&](int count) {
    for (int i = 0; i < count; ++i) {
      slow.push_back(server.client());
      slow.back().send("GET / HTTP/1.1\r\nA: ");
      slow[slow.size() / 2].send("b");
      if (slow.size() > 300)
        slow.pop_front();
    }
  };
  attack(300);
  EXPECT_TRUE(eventually([&] { return server.rejected(Reason::Evicted) >= 200; }));
  Client kept = server.client();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(kept.send(get("/ok"))); // idle between: such ones go last
    ASSERT_EQ(kept.receive().body, "ok") << i;
    Client good = server.client();
    attack(40);
    ASSERT_TRUE(good.send(get("/ok"))) << i;
    ASSERT_EQ(good.receive().body, "ok") << i;
  }
  EXPECT_GE(server.rejected(Reason::Evicted), 2000u);
  EXPECT_LE(server->counters().openConnections, 100u + 32u); // the latter are about to close
}

namespace {

/// Leaves the process exactly one descriptor, for the client's side.
class OneDescriptor {
public:
  OneDescriptor() {
    getrlimit(RLIMIT_NOFILE, &before_);
    int highest = dup(0);
    rlimit low = before_;
    low.rlim_cur = static_cast<rlim_t>(highest) + 200;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    taken_.push_back(highest);
    // The server's thread takes one for a moment when it starts (accept4 reserves it before it
    // finds nothing), which would be free afterwards: they are taken until none has come back for a
    // while.
    for (int quiet = 0; quiet < 50; ++quiet) {
      for (int fd; (fd = dup(0)) >= 0; quiet = 0)
        taken_.push_back(fd);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    close(taken_.back());
    taken_.pop_back();
  }
  ~OneDescriptor() { giveBack(); }
  void giveBack() {
    for (int fd : taken_)
      close(fd);
    taken_.clear();
    setrlimit(RLIMIT_NOFILE, &before_);
  }

private:
  rlimit before_{};
  std::vector<int> taken_;
};

} // namespace

TEST(HttpLimits, NoDescriptorsIsSurvived) {
  TestServer server(few(100));
  Client kept = server.client();
  kept.send(get("/ok"));
  EXPECT_EQ(kept.receive().body, "ok");
  OneDescriptor left;
  Client late = server.client();
  EXPECT_TRUE(late.connected());
  // It is tried again, told once, and an idle connection is given up for it.
  bool failed = eventually([&] { return server->counters().acceptFailures >= 1; });
  late.send(get("/ok"));
  std::string body = late.receive().body;
  left.giveBack();
  EXPECT_TRUE(failed);
  EXPECT_EQ(body, "ok");
  EXPECT_TRUE(kept.ended());
  EXPECT_EQ(server.rejected(Reason::Evicted), 1u);
  EXPECT_TRUE(server.serves());
  std::lock_guard lock(server.mutex);
  ASSERT_EQ(server.said.size(), 1u);
  EXPECT_NE(server.said[0].find("ulimit -n"), std::string::npos) << server.said[0];
}

TEST(HttpLimits, AcceptsAgainWithoutVictims) {
  TestServer server(few(100));
  OneDescriptor left;
  Client late = server.client();
  late.send(get("/ok"));
  bool failed = eventually([&] { return server->counters().acceptFailures >= 3; });
  left.giveBack();
  EXPECT_TRUE(failed);
  EXPECT_EQ(late.receive().body, "ok");
  EXPECT_EQ(server.saidCount(), 1u);
}

TEST(HttpLimits, LowLimitOnFilesIsTold) {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit low = before;
  low.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  {
    TestServer server;
    EXPECT_TRUE(server.serves());
    ASSERT_EQ(server.saidCount(), 1u);
    EXPECT_NE(server.said[0].find("at most 192 connections, not 4096"), std::string::npos);
  }
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(HttpLimits, DescriptorsComeBack) {
  size_t before = openDescriptors();
  {
    TestServer server;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&server, t] {
        for (int i = 0; i < 60; ++i) {
          Client client = server.client();
          switch ((i + t) % 6) {
          case 0:
            client.send(get("/ok"));
            break; // hangs up before the answer
          case 1:
            client.send("GET /o");
            break;
          case 2:
            client.send(post("/echo", std::string(100'000, 'a')));
            client.reset();
            break;
          case 3:
            client.send(get("/drop"));
            EXPECT_EQ(client.receive().status, 500);
            break;
          case 4:
            client.send(get("/big"));
            client.receiveBytes(1000);
            break;
          default:
            client.send(get("/ok"));
            EXPECT_EQ(client.receive().body, "ok");
          }
        }
      });
    for (std::thread &thread : threads)
      thread.join();
    EXPECT_TRUE(eventually([&] { return server->counters().connections == 480; }));
    EXPECT_TRUE(eventually([&] { return server->counters().openConnections == 0; }));
    EXPECT_EQ(server->counters().activeRequests, 0u);
  }
  EXPECT_EQ(openDescriptors(), before);
}
