// The HTTP server on any bytes of a client, over a socket pair. What comes back has to be HTTP, and
// after each input a canary asks on a connection of its own and has to get its answer.
//
// The first byte chooses: bit 0 closes without reading the answers, the others the size of the
// pieces in which the rest is sent (0: at once).
#include "runtime/serve/http/Server.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

using namespace axiom::http;

namespace {

std::mutex heldMutex;
std::vector<Responder> held;

std::vector<Route> routes() {
  auto text = [](std::string body) {
    Response response;
    response.body = std::move(body);
    return response;
  };
  return {{"GET", "/canary", [text](Request, Responder r) { r.send(text("alive")); }},
          {"POST", "/echo", [text](Request q, Responder r) { r.send(text(q.body)); }},
          {"POST", "/small", [text](Request q, Responder r) { r.send(text(q.body)); }, 16},
          {"GET", "/stream",
           [](Request q, Responder r) {
             r.start(200, "text/event-stream", {{"X-Query", q.query}});
             r.write(q.path);
             r.end();
           }},
          {"GET", "/throw", [](Request, Responder) { throw 1; }},
          {"GET", "/drop", [](Request, Responder) {}},
          {"GET", "/hold",
           [](Request, Responder r) {
             std::lock_guard lock(heldMutex);
             held.push_back(std::move(r));
           }},
          {"GET", "/tree/*", [text](Request q, Responder r) {
             r.send(text(percentDecode(q.path).value_or("none")));
           }}};
}

Server &server() {
  static std::unique_ptr<Server> one = [] {
    Options options;
    options.port = 0;
    options.limits.requestLineBytes = 256;
    options.limits.headerBytes = 1024;
    options.limits.headerFields = 20;
    options.limits.bodyBytes = 4096;
    options.origins = {"https://app.example"};
    auto started = Server::start(std::move(options), routes());
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.status().message().c_str());
      std::abort();
    }
    return std::move(*started);
  }();
  return *one;
}

int connectTo(Server &server) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 || !server.adopt(ends[0]).ok())
    std::abort();
  return ends[1];
}

/// Sends in pieces while it reads, so that neither side waits for the other for ever.
std::string talk(int descriptor, std::string_view bytes, size_t piece, bool read) {
  std::string got;
  bool sending = true;
  for (;;) {
    if (sending && bytes.empty()) {
      sending = false;
      if (!read)
        break;
      shutdown(descriptor, SHUT_WR);
    }
    pollfd wait = {descriptor, static_cast<short>(POLLIN | (sending ? POLLOUT : 0)), 0};
    int ready = poll(&wait, 1, 8000);
    if (ready < 0 && errno == EINTR) // libFuzzer's alarm
      continue;
    if (ready != 1) {
      std::fprintf(stderr, "the server neither reads, sends nor closes\n");
      std::abort();
    }
    if (wait.revents & (POLLIN | POLLHUP | POLLERR)) {
      char buffer[4096];
      ssize_t n = recv(descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n <= 0)
        break;
      got.append(buffer, static_cast<size_t>(n));
    }
    if (sending && (wait.revents & POLLOUT)) {
      ssize_t n = send(descriptor, bytes.data(), std::min(piece, bytes.size()),
                       MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0)
        bytes.remove_prefix(static_cast<size_t>(n));
      else
        bytes = {};
    }
  }
  close(descriptor);
  return got;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1)
    return 0;
  Server &served = server();
  size_t piece = data[0] >> 1 ? data[0] >> 1 : size;
  std::string_view bytes(reinterpret_cast<const char *>(data) + 1, size - 1);
  std::string got = talk(connectTo(served), bytes, piece, !(data[0] & 1));
  if (!got.empty() && std::string("HTTP/1.").compare(0, 7, got, 0, std::min<size_t>(7, got.size())))
    std::abort();
  std::vector<Responder> gone;
  {
    std::lock_guard lock(heldMutex);
    gone.swap(held);
  }
  gone.clear();
  std::string alive =
      talk(connectTo(served),
           "GET /canary HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 1000, true);
  if (!alive.starts_with("HTTP/1.1 200 ") || !alive.ends_with("\r\n\r\nalive"))
    std::abort();
  static unsigned inputs = 0;
  if (++inputs % 256 == 0) // none of them is still open
    for (int tries = 0; served.counters().openConnections > 0; ++tries) {
      if (tries == 8000)
        std::abort();
      usleep(1000);
    }
  return 0;
}
