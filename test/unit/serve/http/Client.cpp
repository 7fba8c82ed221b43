#include "test/unit/serve/http/Client.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace axiom::http::test {

bool eventually(const std::function<bool()> &holds) {
  auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(Milliseconds(2));
  }
  return true;
}

Client::Client(uint16_t port, int receiveBuffer) {
  descriptor_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receiveBuffer)
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (descriptor_ < 0 ||
      connect(descriptor_, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
    close();
}

Client::Client(Client &&other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), kept_(std::move(other.kept_)),
      wasReset_(other.wasReset_) {}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool Client::more() {
  pollfd poll = {descriptor_, POLLIN, 0};
  if (::poll(&poll, 1, static_cast<int>(kPatience.count())) != 1) {
    ADD_FAILURE() << "the server neither sent nor closed in time";
    return false;
  }
  char buffer[16 << 10];
  ssize_t got = recv(descriptor_, buffer, sizeof buffer, 0);
  if (got < 0)
    wasReset_ = true;
  if (got <= 0)
    return false;
  kept_.append(buffer, static_cast<size_t>(got));
  return true;
}

Answer Client::receive(bool head) {
  Answer answer;
  size_t end;
  while ((end = kept_.find("\r\n\r\n")) == std::string::npos)
    if (!more())
      return answer;
  answer.head = kept_.substr(0, end + 2);
  kept_.erase(0, end + 4);
  if (answer.head.compare(0, 7, "HTTP/1.") != 0)
    return answer;
  answer.status = std::atoi(answer.head.c_str() + 9);
  for (size_t at = answer.head.find("\r\n") + 2; at < answer.head.size();) {
    size_t stop = answer.head.find("\r\n", at), colon = answer.head.find(": ", at);
    answer.headers.add(answer.head.substr(at, colon - at),
                       answer.head.substr(colon + 2, stop - colon - 2));
    at = stop + 2;
  }
  if (head || answer.status == 204 || answer.status / 100 == 1) {
    answer.whole = true;
  } else if (answer.headers.find("Content-Length")) {
    size_t length = std::strtoul(answer.field("Content-Length").c_str(), nullptr, 10);
    while (kept_.size() < length && more()) {
    }
    answer.whole = kept_.size() >= length;
    answer.body = kept_.substr(0, length);
    kept_.erase(0, length);
  } else if (answer.field("Transfer-Encoding") == "chunked") {
    for (;;) {
      size_t line;
      while ((line = kept_.find("\r\n")) == std::string::npos)
        if (!more())
          return answer;
      size_t size = std::strtoul(kept_.c_str(), nullptr, 16);
      while (kept_.size() < line + 2 + size + 2)
        if (!more())
          return answer;
      answer.body += kept_.substr(line + 2, size);
      kept_.erase(0, line + 2 + size + 2);
      if (size == 0)
        break;
    }
    answer.whole = true;
  } else {
    while (more()) {
    }
    answer.body.swap(kept_);
    answer.whole = !wasReset_;
  }
  return answer;
}

std::string Client::receiveBytes(size_t atLeast) {
  while (kept_.size() < atLeast && more()) {
  }
  return std::exchange(kept_, "");
}

std::string Client::receiveAll(bool *reset) {
  while (more()) {
  }
  if (reset)
    *reset = wasReset_;
  return std::exchange(kept_, "");
}

bool Client::ended() {
  bool before = ::testing::Test::HasFailure();
  receiveAll();
  return before || !::testing::Test::HasFailure();
}

void Client::shutdownSend() { ::shutdown(descriptor_, SHUT_WR); }

void Client::close() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
  descriptor_ = -1;
}

void Client::reset() {
  linger now = {1, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

std::string get(const std::string &path, const std::string &fields) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

std::string post(const std::string &path, const std::string &body, const std::string &fields) {
  return "POST " + path +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         fields + "\r\n" + body;
}

void Held::add(Request request, Responder responder) {
  std::lock_guard lock(mutex_);
  waiting_.emplace_back(std::move(request), std::move(responder));
  changed_.notify_all();
}

Responder Held::next(Request *request) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kPatience, [&] { return !waiting_.empty(); })) {
    ADD_FAILURE() << "no request came";
    return Responder();
  }
  auto first = std::move(waiting_.front());
  waiting_.erase(waiting_.begin());
  if (request)
    *request = std::move(first.first);
  return first.second;
}

void Gone::watch(const Responder &responder) {
  responder.onClose([this](CloseReason why) {
    std::lock_guard lock(mutex);
    reason = why;
    ++calls;
  });
}

bool Gone::seen() {
  return eventually([&] {
    std::lock_guard lock(mutex);
    return reason.has_value();
  });
}

Options TestServer::quick() {
  Options options;
  options.port = 0;
  options.limits.lingerTime = Milliseconds(200);
  return options;
}

TestServer::TestServer(Options options) {
  auto text = [](std::string body) {
    Response response;
    response.contentType = "text/plain";
    response.body = std::move(body);
    return response;
  };
  auto hold = [this](Request request, Responder responder) {
    held.add(std::move(request), std::move(responder));
  };
  auto echo = [text](Request request, Responder responder) { responder.send(text(request.body)); };
  std::vector<Route> routes = {
      {"GET", "/ok", [text](Request, Responder r) { r.send(text("ok")); }},
      {"GET", "/big", [text](Request, Responder r) { r.send(text(std::string(3 << 20, 'b'))); }},
      {"POST", "/echo", echo},
      {"POST", "/small", echo, 10},
      {"GET", "/hold", hold},
      {"POST", "/hold", hold},
      {"GET", "/throw", [](Request, Responder) { throw std::runtime_error("a fault \"here\""); }},
      {"GET", "/throw-number", [](Request, Responder) { throw 7; }},
      {"GET", "/throw-late",
       [](Request, Responder r) {
         r.start(200, "text/plain");
         r.write("begun");
         throw std::runtime_error("late");
       }},
      {"GET", "/abort-late",
       [text](Request, Responder r) {
         r.send(text("whole"));
         r.abort();
       }},
      {"GET", "/drop", [](Request, Responder) {}},
      {"GET", "/drain", [text](Request, Responder r) { r.send(text("drain")); }, 0, true},
      {"GET", "/tree/*", [text](Request q, Responder r) { r.send(text(q.path + "|" + q.query)); }},
      {"GET", "/id", [text](Request q, Responder r) { r.send(text(q.id + "|" + q.peer)); }},
  };
  options.finished = [this](const Finished &finished) {
    std::lock_guard lock(mutex);
    log.push_back(finished);
  };
  options.log = [this](const std::string &sentence) {
    std::lock_guard lock(mutex);
    said.push_back(sentence);
  };
  auto started = Server::start(std::move(options), std::move(routes));
  EXPECT_TRUE(started.ok()) << started.status().message();
  if (!started.ok())
    std::abort();
  server = std::move(*started);
}

bool TestServer::serves() {
  Client good = client();
  return good.send(get("/ok", "Connection: close\r\n")) && good.receive().body == "ok";
}

size_t TestServer::saidCount() {
  std::lock_guard lock(mutex);
  return said.size();
}

} // namespace axiom::http::test
