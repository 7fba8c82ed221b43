#include "runtime/serve/http/Listener.h"

#include "runtime/serve/http/Exchange.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace axiom::http {

static std::string place(const std::string &address, uint16_t port) {
  bool six = address.find(':') != std::string::npos;
  return (six ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

static Status failed(const std::string &address, uint16_t port, int cause) {
  const char *remedy = "";
  switch (cause) {
  case EADDRINUSE:
    remedy = ": another program listens there; stop it or choose another port";
    break;
  case EACCES:
    remedy = ": ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); choose a higher port";
    break;
  case EADDRNOTAVAIL:
    remedy = ": no interface of this machine has that address; 127.0.0.1 serves this machine only, "
             "0.0.0.0 and :: serve all";
    break;
  case EAFNOSUPPORT:
    remedy = ": this system has no such addresses; choose an address of the other family";
    break;
  case EMFILE:
  case ENFILE:
    remedy = ": raise the limit on open files (ulimit -n)";
    break;
  }
  return Status(Code::Resource,
                "cannot listen on " + place(address, port) + ": " + std::strerror(cause) + remedy);
}

static void set(int descriptor, int level, int option, int value) {
  (void)setsockopt(descriptor, level, option, &value, sizeof value);
}

Result<Listening> listenAt(const std::string &address, uint16_t port) {
  const std::string text = address == "localhost" ? "127.0.0.1" : address;
  sockaddr_storage storage{};
  socklen_t size = 0;
  auto *four = reinterpret_cast<sockaddr_in *>(&storage);
  auto *six = reinterpret_cast<sockaddr_in6 *>(&storage);
  if (inet_pton(AF_INET, text.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    size = sizeof *four;
  } else if (inet_pton(AF_INET6, text.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    size = sizeof *six;
  } else {
    return Status(Code::InvalidArgument, "cannot listen on '" + address +
                                             "': not an IPv4 or IPv6 address; give one, such as "
                                             "127.0.0.1 or ::");
  }
  Listening listening;
  listening.descriptor =
      socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (listening.descriptor < 0)
    return failed(address, port, errno);
  set(listening.descriptor, SOL_SOCKET, SO_REUSEADDR, 1); // connections of a server before this one
  if (storage.ss_family == AF_INET6)
    set(listening.descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(listening.descriptor, reinterpret_cast<sockaddr *>(&storage), size) != 0 ||
      listen(listening.descriptor, SOMAXCONN) != 0 ||
      getsockname(listening.descriptor, reinterpret_cast<sockaddr *>(&storage), &size) != 0) {
    Status status = failed(address, port, errno);
    close(listening.descriptor);
    return status;
  }
  listening.port = ntohs(storage.ss_family == AF_INET6 ? six->sin6_port : four->sin_port);
  return listening;
}

static std::string peerName(const sockaddr_storage &storage) {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    auto *four = reinterpret_cast<const sockaddr_in *>(&storage);
    inet_ntop(AF_INET, &four->sin_addr, text, sizeof text);
    return place(text, ntohs(four->sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    auto *six = reinterpret_cast<const sockaddr_in6 *>(&storage);
    inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text);
    return place(text, ntohs(six->sin6_port));
  }
  return "local";
}

Accepted acceptOne(int listening, const Limits &limits) {
  Accepted accepted;
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  accepted.descriptor = accept4(listening, reinterpret_cast<sockaddr *>(&storage), &size,
                                SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted.descriptor < 0) {
    accepted.error = errno;
    return accepted;
  }
  accepted.peer = peerName(storage);
  prepareSocket(accepted.descriptor, limits);
  return accepted;
}

static int seconds(Milliseconds time) {
  return static_cast<int>(std::max<int64_t>(1, time.count() / 1000));
}

void prepareSocket(int descriptor, const Limits &limits) {
  int flags = fcntl(descriptor, F_GETFL);
  (void)fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
  set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, seconds(limits.probeAfter));
  set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, seconds(limits.probeEvery));
  set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(limits.probes));
  if (limits.sendBufferBytes)
    set(descriptor, SOL_SOCKET, SO_SNDBUF,
        static_cast<int>(std::min<uint32_t>(limits.sendBufferBytes, 1 << 30) / 2)); // it doubles
}

void turnAway(int descriptor, bool plain) {
  if (plain) {
    ResponseForm form;
    form.keepAlive = false;
    Response response =
        errorResponse(503, "The server has as many connections as it may have. Try again later.",
                      reasonName(Reason::Overloaded));
    response.headers.push_back({"Retry-After", "1"});
    std::string text = wholeResponse(form, response);
    (void)!send(descriptor, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(descriptor, SHUT_WR);
    char unread[4096]; // closing with unread bytes would take the answer back
    (void)!recv(descriptor, unread, sizeof unread, MSG_DONTWAIT);
  }
  close(descriptor);
}

} // namespace axiom::http
