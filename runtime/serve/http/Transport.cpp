#include "runtime/serve/http/Transport.h"

#include <cerrno>
#include <sys/socket.h>

namespace axiom::http {

namespace {

class PlainTransport final : public Transport {
public:
  explicit PlainTransport(int descriptor) : descriptor_(descriptor) {}

  IoResult read(char *to, size_t size) override {
    for (;;) {
      ssize_t got = recv(descriptor_, to, size, MSG_DONTWAIT);
      if (got > 0)
        return {IoResult::Kind::Done, static_cast<size_t>(got)};
      if (got == 0)
        return {IoResult::Kind::End};
      if (errno != EINTR)
        return {again() ? IoResult::Kind::WantRead : IoResult::Kind::Failed};
    }
  }
  IoResult write(const char *from, size_t size) override {
    for (;;) {
      ssize_t sent = send(descriptor_, from, size, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent >= 0)
        return {IoResult::Kind::Done, static_cast<size_t>(sent)};
      if (errno != EINTR)
        return {again() ? IoResult::Kind::WantWrite : IoResult::Kind::Failed};
    }
  }
  void finish() override { shutdown(descriptor_, SHUT_WR); }

private:
  static bool again() { return errno == EAGAIN || errno == EWOULDBLOCK; }
  const int descriptor_;
};

} // namespace

std::unique_ptr<Transport> plainTransport(int descriptor) {
  return std::make_unique<PlainTransport>(descriptor);
}

} // namespace axiom::http
