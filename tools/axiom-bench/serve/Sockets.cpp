#include "tools/axiom-bench/serve/Sockets.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

namespace axiom::bench {

void Socket::close() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
  descriptor_ = -1;
}

void Socket::reset() {
  linger now{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

bool Socket::quiet() const {
  char byte;
  return ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK);
}

Result<Address> resolve(const Url &url) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  if (int error = ::getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found))
    return Status(Code::NotFound,
                  "the host '" + url.host + "' is not found: " + ::gai_strerror(error));
  Address address;
  address.size = found->ai_addrlen;
  std::memcpy(&address.bytes, found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return address;
}

Result<Socket> beginConnect(const Address &address, int receiveBytes) {
  Socket socket(::socket(address.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket)
    return Status(Code::Resource, std::string("no socket: ") + std::strerror(errno));
  int one = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (receiveBytes > 0)
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &receiveBytes, sizeof receiveBytes);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr *>(&address.bytes), address.size) !=
          0 &&
      errno != EINPROGRESS)
    return Status(Code::Resource, std::string("no connection: ") + std::strerror(errno));
  return socket;
}

Result<Fetched> fetch(const Url &url, std::string_view method, std::string_view endpoint,
                      const std::vector<std::string> &fields, std::string_view body,
                      int timeoutMs) {
  using Clock = std::chrono::steady_clock;
  auto end = Clock::now() + std::chrono::milliseconds(timeoutMs);
  std::string where = "http://" + url.authority + url.path + std::string(endpoint);
  AXIOM_ASSIGN_OR_RETURN(Address address, resolve(url));
  AXIOM_ASSIGN_OR_RETURN(Socket socket, beginConnect(address));
  auto ready = [&](short events) {
    pollfd one{socket.get(), events, 0};
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    return left > 0 && ::poll(&one, 1, static_cast<int>(left)) == 1;
  };
  std::string out = requestText(method, url, endpoint, fields, body);
  for (size_t sent = 0; sent < out.size();) {
    if (!ready(POLLOUT))
      return Status(Code::TimedOut, where + " takes no request");
    ssize_t n = ::send(socket.get(), out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
      return Status(Code::Resource, where + ": " + std::strerror(errno));
    sent += n > 0 ? static_cast<size_t>(n) : 0;
  }
  ResponseReader reader;
  Fetched fetched;
  char buffer[16384];
  while (reader.state() == ResponseReader::State::Head ||
         reader.state() == ResponseReader::State::Body) {
    if (!ready(POLLIN))
      return Status(Code::TimedOut, where + " gives no answer in time");
    ssize_t n = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      continue;
    if (n > 0)
      reader.feed({buffer, static_cast<size_t>(n)}, fetched.body);
    else if (n < 0 || !reader.end())
      return Status(Code::BadInput, where + " breaks its answer off");
  }
  if (reader.state() == ResponseReader::State::Bad)
    return Status(Code::BadInput, where + " gives no readable answer: " + reader.problem());
  fetched.status = reader.status();
  return fetched;
}

void raiseDescriptorLimit() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0)
    return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

} // namespace axiom::bench
