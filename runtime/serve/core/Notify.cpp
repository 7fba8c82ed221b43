#include "runtime/serve/core/Notify.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace axiom::serve {

bool notifyService(const std::string &state) {
  const char *path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  if (!path || (path[0] != '/' && path[0] != '@') || std::strlen(path) >= sizeof address.sun_path)
    return false;
  address.sun_family = AF_UNIX;
  size_t length = std::strlen(path);
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@')
    address.sun_path[0] = '\0'; // a name without a file
  int out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (out < 0)
    return false;
  ssize_t sent = sendto(out, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                        reinterpret_cast<const sockaddr *>(&address),
                        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
  close(out);
  return sent == static_cast<ssize_t>(state.size());
}

uint64_t serviceWatchdogMs() {
  const char *interval = std::getenv("WATCHDOG_USEC"), *whose = std::getenv("WATCHDOG_PID");
  if (!interval || (whose && std::strtoll(whose, nullptr, 10) != getpid()))
    return 0;
  return std::strtoull(interval, nullptr, 10) / 1000;
}

} // namespace axiom::serve
