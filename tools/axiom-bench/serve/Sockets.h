// TCP sockets of a client, and one request that is waited for.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_SERVE_SOCKETS_H
#define AXIOM_TOOLS_AXIOM_BENCH_SERVE_SOCKETS_H

#include "tools/axiom-bench/serve/Http.h"

#include <string>
#include <sys/socket.h>
#include <vector>

namespace axiom::bench {

/// Owns a descriptor.
class Socket {
public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket &&other) noexcept : descriptor_(other.release()) {}
  Socket &operator=(Socket &&other) noexcept {
    if (this != &other) {
      close();
      descriptor_ = other.release();
    }
    return *this;
  }
  ~Socket() { close(); }

  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }
  void close();
  /// The peer sees a reset instead of an end.
  void reset();
  /// An idle connection that has neither ended nor said anything.
  bool quiet() const;

private:
  int release() {
    int descriptor = descriptor_;
    descriptor_ = -1;
    return descriptor;
  }
  int descriptor_ = -1;
};

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};
Result<Address> resolve(const Url &url);

/// A socket that does not block and is being connected. `receiveBytes`: of the kernel's buffer; 0:
/// its choice.
Result<Socket> beginConnect(const Address &address, int receiveBytes = 0);

struct Fetched {
  int status = 0;
  std::string body;
};
/// A request on a connection of its own.
Result<Fetched> fetch(const Url &url, std::string_view method, std::string_view endpoint,
                      const std::vector<std::string> &fields, std::string_view body, int timeoutMs);

/// As many descriptors as the system lets this process have.
void raiseDescriptorLimit();

} // namespace axiom::bench

#endif
