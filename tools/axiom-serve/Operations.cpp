#include "tools/axiom-serve/Operations.h"

#include "runtime/serve/core/Notify.h"

#include <algorithm>
#include <malloc.h>
#include <unistd.h>

namespace axiom::tool {
namespace {

bool isLoopback(const std::string &host) {
  return host.rfind("127.", 0) == 0 || host == "::1" || host == "localhost";
}

/// The names under which a server at `host` is asked, unless they are given.
std::vector<std::string> hostsOf(const std::string &host) {
  if (host == "0.0.0.0" || host == "::")
    return {"*"}; // its names are not known here; a page of another site has no key
  std::vector<std::string> names = {"localhost", "127.0.0.1", "[::1]"};
  names.push_back(host.find(':') == std::string::npos ? host : "[" + host + "]");
  return names;
}

serve::Level levelOf(const std::string &name) {
  for (serve::Level level : {serve::Level::Debug, serve::Level::Info, serve::Level::Warning})
    if (name == serve::levelName(level))
      return level;
  return serve::Level::Error;
}

} // namespace

void OperationFlags::add(CLI::App &app) {
  app.add_option("--api-key-file", keyFile,
                 "Clients need a key of this file: lines of KEY or KEY NAME; read again on SIGHUP")
      ->type_name("FILE");
  app.add_flag("--open-metrics", openMetrics, "/metrics needs no key");
  app.add_option("--log-format", logFormat, "How the log is written, a line for each event")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str()
      ->type_name("FORM");
  app.add_option("--log-level", logLevel,
                 "Least level of what is logged; requests are info, health checks debug")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str()
      ->type_name("LEVEL");
  app.add_option("--log-file", logFile,
                 "Append the log to this file, opened again on SIGHUP (default: stderr)")
      ->type_name("FILE");
  app.add_option("--idle-sleep", sleepSeconds,
                 "After so many seconds without a request give the memory of KV and mapped weights "
                 "back, until the next one; 0 = never")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str()
      ->type_name("S");
  app.add_option("--step-timeout", stepSeconds,
                 "Seconds a step may take; beyond, /health/progress is 503 and the log tells")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str()
      ->type_name("S");
  app.add_option("--watchdog", watchdog,
                 "What a step that hangs for --watchdog-time causes: report: the line in the log; "
                 "abort: exit code 5")
      ->check(CLI::IsMember({"report", "abort"}))
      ->capture_default_str()
      ->type_name("ACTION");
  app.add_option("--watchdog-time", watchdogSeconds, "See --watchdog; at least --step-timeout")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str()
      ->type_name("S");
}

Expected<std::unique_ptr<Operations>> Operations::make(const OperationFlags &flags,
                                                       const std::string &host,
                                                       const std::vector<std::string> &hosts,
                                                       bool tls) {
  auto made = std::make_unique<Operations>();
  made->flags_ = flags;
  serve::LogSettings log;
  log.json = flags.logFormat == "json";
  log.level = levelOf(flags.logLevel);
  log.file = flags.logFile;
  auto opened = serve::Log::open(log);
  if (!opened.ok())
    return Error{AXIOM_INVALID_ARGUMENT, opened.status().message()};
  made->log_ = std::move(*opened);
  made->hosts_ = hosts.empty() ? hostsOf(host) : hosts;
  if (!isLoopback(host) && flags.keyFile.empty())
    return Error{AXIOM_INVALID_ARGUMENT,
                 "--host " + host +
                     " can be reached from other machines, and there is no API key: give a file "
                     "with keys by --api-key-file, or listen at 127.0.0.1"};
  if (!flags.keyFile.empty()) {
    auto keys = serve::ApiKeys::load(flags.keyFile);
    if (!keys.ok())
      return Error{AXIOM_INVALID_ARGUMENT, keys.status().message()};
    made->keys_ = std::move(*keys);
    if (made->keys_->readableByOthers())
      made->log_->say(serve::Level::Warning,
                      flags.keyFile + " can be read by other users: chmod 600");
    if (!isLoopback(host) && !tls)
      made->log_->say(serve::Level::Warning,
                      "keys and texts cross the network unencrypted: give --ssl-certfile and "
                      "--ssl-keyfile, or put a proxy with TLS before this server");
  }
  return made;
}

void Operations::apply(serve::AppSettings &settings) const {
  settings.keys = keys_;
  settings.log = log_;
  settings.model.engine.sleepAfterMs = static_cast<uint64_t>(flags_.sleepSeconds * 1000);
  settings.model.engine.sleeps = [log = log_] {
    malloc_trim(0);
    log->write(serve::LogLine(serve::Level::Info, "asleep: no request for a while")
                   .natural("resident_bytes", serve::residentBytes()));
  };
  serve::WatchdogSettings &dog = settings.watchdog;
  dog.stepTimeoutMs = static_cast<uint64_t>(flags_.stepSeconds * 1000);
  dog.endAfterMs =
      std::max(static_cast<uint64_t>(flags_.watchdogSeconds * 1000), dog.stepTimeoutMs);
  if (flags_.watchdog == "abort")
    dog.end = [] { _exit(kStalled); };
  if (uint64_t every = serve::serviceWatchdogMs()) {
    dog.aliveMs = every / 3;
    dog.alive = [] { serve::notifyService("WATCHDOG=1"); };
  }
  settings.openMetrics = flags_.openMetrics;
  settings.http.hosts = hosts_;
}

void Operations::reload() const {
  log_->reopen();
  if (!keys_)
    return;
  Status status = keys_->reload();
  if (status.ok())
    log_->say(serve::Level::Info, format("%zu API keys are read again", keys_->size()));
  else
    log_->say(serve::Level::Error, "the API keys stay what they were: " + status.message());
}

} // namespace axiom::tool
