// The flags of running a server: who may ask, what is written about it.
#ifndef AXIOM_TOOLS_AXIOM_SERVE_OPERATIONS_H
#define AXIOM_TOOLS_AXIOM_SERVE_OPERATIONS_H

#include "runtime/serve/core/App.h"
#include "tools/common/Tool.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace axiom::tool {

struct OperationFlags {
  std::string keyFile;
  bool openMetrics = false;
  std::string logFormat = "text", logLevel = "info", logFile;
  double stepSeconds = 10, watchdogSeconds = 60;
  double sleepSeconds = 0;
  std::string watchdog = "report";

  void add(CLI::App &app);
};

/// What lives as long as the server and is read again on SIGHUP.
class Operations {
public:
  /// Reads the files that the flags name. `host` is where the server listens: beyond loopback it
  /// needs keys. `hosts`: names that clients may use for it; empty: not given.
  static Expected<std::unique_ptr<Operations>> make(const OperationFlags &flags,
                                                    const std::string &host,
                                                    const std::vector<std::string> &hosts,
                                                    bool tls);

  void apply(serve::AppSettings &settings) const;
  serve::Log &log() const { return *log_; }
  /// SIGHUP: what changed in the files counts from now on.
  void reload() const;

private:
  OperationFlags flags_;
  std::shared_ptr<serve::Log> log_;
  std::shared_ptr<serve::ApiKeys> keys_;
  std::vector<std::string> hosts_;
};

} // namespace axiom::tool

#endif
