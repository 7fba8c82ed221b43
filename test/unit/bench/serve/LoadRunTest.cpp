// Loads against a server that answers, refuses, breaks off or closes as each test wants it.
#include "tools/axiom-bench/serve/LoadRun.h"

#include <arpa/inet.h>
#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace axiom::bench;

namespace {

/// Gives a request's bytes to `answer`, which returns those to send; an empty text or one that ends
/// with '!' (not sent) closes the connection. Each connection has its thread.
class FakeServer {
public:
  using Answer = std::function<std::string(const std::string &request, int number)>;
  explicit FakeServer(Answer answer) : answer_(std::move(answer)) {
    listening_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listening_, reinterpret_cast<sockaddr *>(&address), sizeof address);
    ::listen(listening_, 64);
    socklen_t size = sizeof address;
    ::getsockname(listening_, reinterpret_cast<sockaddr *>(&address), &size);
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { accept(); });
  }
  ~FakeServer() {
    ::shutdown(listening_, SHUT_RDWR);
    accepting_.join();
    ::close(listening_);
    std::lock_guard lock(mutex_);
    for (std::thread &thread : threads_)
      thread.join();
  }
  LoadOptions options() const {
    LoadOptions o;
    o.url = *parseUrl("http://127.0.0.1:" + std::to_string(port_));
    o.prompts.input = {3, 5};
    o.prompts.output = {4, 4};
    o.requestSeconds = 10;
    return o;
  }
  int connections = 0;
  std::atomic<int> most{0}, open{0}, broken{0};
  std::vector<std::string> requests;

private:
  void accept() {
    for (int fd; (fd = ::accept(listening_, nullptr, nullptr)) >= 0;) {
      std::lock_guard lock(mutex_);
      ++connections;
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }
  void serve(int fd) {
    most = std::max(most.load(), ++open);
    std::string bytes;
    char buffer[4096];
    for (ssize_t n; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
      bytes.append(buffer, static_cast<size_t>(n));
      size_t head = bytes.find("\r\n\r\n"), length = bytes.find("Content-Length: ");
      if (head == std::string::npos ||
          bytes.size() < head + 4 + std::strtoul(bytes.c_str() + length + 16, nullptr, 10))
        continue;
      int number;
      {
        std::lock_guard lock(mutex_);
        number = static_cast<int>(requests.size());
        requests.push_back(bytes);
      }
      std::string out = answer_(bytes, number);
      bytes.clear();
      bool close = out.empty() || out.back() == '!';
      if (close && !out.empty())
        out.pop_back();
      for (size_t i = 0; i < out.size(); i += 7) // in pieces
        if (::send(fd, out.data() + i, std::min<size_t>(7, out.size() - i), MSG_NOSIGNAL) < 0) {
          ++broken;
          close = true;
          break;
        }
      if (close)
        break;
    }
    --open;
    ::close(fd);
  }

  Answer answer_;
  int listening_ = -1;
  uint16_t port_ = 0;
  std::thread accepting_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

std::string head(const std::string &status, const std::string &fields) {
  return "HTTP/1.1 " + status + "\r\n" + fields + "\r\n";
}

std::string stream(bool done = true) {
  std::string events, chunk;
  for (int i = 0; i < 4; ++i)
    events += R"(data: {"choices":[{"text":"x","finish_reason":null}]})"
              "\n\n";
  events += R"(data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}})"
            "\n\n";
  if (done)
    events += "data: [DONE]\n\n";
  char size[16];
  snprintf(size, sizeof size, "%zx", events.size());
  return head("200 OK", "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n") +
         size + "\r\n" + events + "\r\n0\r\n\r\n";
}

LoadResult run(LoadOptions options) {
  auto made = LoadRun::create(std::move(options));
  EXPECT_TRUE(made.ok());
  return (*made)->run();
}

TEST(LoadRuns, ClosedLoopKeepsItsConnections) {
  FakeServer server([](const std::string &, int) {
    usleep(2000);
    return stream();
  });
  LoadOptions o = server.options();
  o.numPrompts = 40;
  o.maxConcurrency = 4;
  o.members = R"("model":"m","temperature":0)";
  LoadResult result = run(o);
  Summary s = summarize(result.records, result.duration, {});
  EXPECT_EQ(s.completed, 40u);
  EXPECT_EQ(s.outputTokens, 160u);
  EXPECT_EQ(s.inputTokens, 360u); // as the usage says
  EXPECT_EQ(s.itl.count, 120u);
  EXPECT_EQ(server.connections, 4);
  EXPECT_EQ(result.mostActive, 4u);
  EXPECT_NE(server.requests[0].find(R"("max_tokens":4,"stream":true,"stream_options":)"),
            std::string::npos);
  EXPECT_NE(server.requests[0].find(R"(,"model":"m","temperature":0})"), std::string::npos);
  for (const Record &r : result.records) {
    EXPECT_TRUE(r.sent >= 0 && r.first > r.sent && r.last >= r.first && r.last <= result.duration);
    EXPECT_GE(r.ttft(), 0.0015);
  }
}

TEST(LoadRuns, OpenLoopComesAtItsRate) {
  FakeServer server([](const std::string &, int) { return stream(); });
  LoadOptions o = server.options();
  o.numPrompts = 30;
  o.rate = 100;
  LoadResult a = run(o), b = run(o);
  ASSERT_EQ(a.records.size(), 30u);
  // Gaps of a seed are the same but for the time that the client itself takes.
  Random arrivals(0, 3ull << 56);
  double due = 0;
  for (const LoadResult *result : {&a, &b}) {
    arrivals = Random(0, 3ull << 56);
    due = 0;
    for (const Record &r : result->records) {
      EXPECT_GE(r.sent, due - 1e-9);
      due += arrivals.exponential(100);
    }
  }
}

TEST(LoadRuns, WhatGoesWrongIsTold) {
  FakeServer server([](const std::string &, int number) {
    switch (number % 6) {
    case 0:
      return stream();
    case 1:
      return head("429 Too Many Requests", "Retry-After: 1\r\nContent-Length: 2\r\n") + "{}";
    case 2: {
      std::string all = stream();
      return all.substr(0, all.size() / 2) + "!";
    }
    case 3:
      return stream(false);
    case 4: {
      std::string error = R"({"error":{"message":"no such token"}})";
      return head("400 Bad Request", "Content-Length: " + std::to_string(error.size()) + "\r\n") +
             error;
    }
    default:
      return head("200 OK", "Content-Length: 23\r\n") + "data: {\"error\":\"oom\"}\n\n!";
    }
  });
  LoadOptions o = server.options();
  o.numPrompts = 12;
  o.maxConcurrency = 1; // so that numbers are in order
  LoadResult result = run(o);
  Summary s = summarize(result.records, result.duration, {});
  EXPECT_EQ(s.completed, 2u);
  EXPECT_EQ(s.rejected, 2u);
  EXPECT_EQ(s.failed, 10u);
  EXPECT_EQ(s.errors["the answer breaks off"], 2u);
  EXPECT_EQ(s.errors["the stream ends before the answer does"], 2u);
  EXPECT_EQ(s.errors["HTTP 400: no such token"], 2u);
  EXPECT_EQ(s.errors["an error within the stream: oom"], 2u);
}

TEST(LoadRuns, AConnectionThatWasClosedMeanwhileIsReplaced) {
  // Each second request finds its connection closed, without a byte of an answer.
  FakeServer server(
      [](const std::string &, int number) { return number % 3 == 1 ? std::string() : stream(); });
  LoadOptions o = server.options();
  o.numPrompts = 10;
  o.maxConcurrency = 1;
  LoadResult result = run(o);
  EXPECT_EQ(summarize(result.records, result.duration, {}).completed, 10u);
}

TEST(LoadRuns, NoServer) {
  LoadOptions o;
  {
    FakeServer server([](const std::string &, int) { return stream(); });
    o = server.options();
  }
  o.numPrompts = 3;
  LoadResult result = run(o);
  Summary s = summarize(result.records, result.duration, {});
  EXPECT_EQ(s.failed, 3u);
  EXPECT_EQ(s.errors["Connection refused"], 3u);
  EXPECT_EQ(s.statuses[0], 3u);
}

TEST(LoadRuns, HangUpsSlowReadersAndSilence) {
  std::string answer = stream();
  FakeServer server([&](const std::string &, int) {
    usleep(1000);
    return answer;
  });
  LoadOptions o = server.options();
  o.numPrompts = 60;
  o.maxConcurrency = 20;
  o.hangUps = 0.3;
  o.slowReaders = 0.2;
  o.halfOpen = 0.3;
  o.slowBytes = 4000; // of about 350
  LoadResult result = run(o);
  uint64_t count[4] = {}, hungUp = 0;
  for (const Record &r : result.records) {
    ++count[static_cast<int>(r.behaviour)];
    bool plain = r.behaviour == Behaviour::Plain || r.behaviour == Behaviour::Slow;
    EXPECT_NE(r.completed, r.spoiled) << r.error;
    hungUp += r.behaviour == Behaviour::HangUp && r.spoiled; // not if the answer was faster
    if (r.behaviour != Behaviour::HangUp) {
      EXPECT_EQ(r.completed, plain);
    }
    if (r.behaviour == Behaviour::Slow) {
      EXPECT_GE(r.e2el(), 0.09); // one piece each tenth of a second
    }
  }
  for (uint64_t n : count)
    EXPECT_GE(n, 4u); // of 12 to 18 expected
  EXPECT_GE(hungUp, 4u);
  Summary s = summarize(result.records, result.duration, {});
  EXPECT_EQ(s.failed, 0u);
  EXPECT_EQ(s.slow, count[static_cast<int>(Behaviour::Slow)]);
  EXPECT_EQ(s.spoiled + s.completed, 60u);
}

TEST(LoadRuns, EndsWhenItIsTold) {
  FakeServer server([](const std::string &, int) {
    usleep(20'000);
    return stream();
  });
  LoadOptions o = server.options();
  o.numPrompts = 1'000'000;
  o.maxConcurrency = 2;
  auto made = LoadRun::create(o);
  ASSERT_TRUE(made.ok());
  LoadResult result = (*made)->run([](const LoadProgress &p) { return p.ended < 5; });
  EXPECT_TRUE(result.stopped);
  Summary s = summarize(result.records, result.duration, {});
  EXPECT_GE(s.completed, 5u);
  EXPECT_EQ(s.failed, 0u); // those under way are nobody's fault
  o.seconds = 0.2;
  result = run(o);
  EXPECT_FALSE(result.stopped);
  EXPECT_LT(result.records.size(), 30u);
}

} // namespace
