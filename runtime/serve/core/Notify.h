// What a service manager is told (systemd's sd_notify protocol, without its library).
#ifndef AXIOM_RUNTIME_SERVE_CORE_NOTIFY_H
#define AXIOM_RUNTIME_SERVE_CORE_NOTIFY_H

#include <cstdint>
#include <string>

namespace axiom::serve {

/// Sends "READY=1" and the like to $NOTIFY_SOCKET; false where there is none or it does not listen.
bool notifyService(const std::string &state);

/// How often the service manager wants to hear WATCHDOG=1, in milliseconds; 0: it does not.
uint64_t serviceWatchdogMs();

} // namespace axiom::serve

#endif
