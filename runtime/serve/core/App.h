// The server: HTTP routes over a served model.
#ifndef AXIOM_RUNTIME_SERVE_CORE_APP_H
#define AXIOM_RUNTIME_SERVE_CORE_APP_H

#include "runtime/serve/core/ApiKeys.h"
#include "runtime/serve/core/Log.h"
#include "runtime/serve/core/Metrics.h"
#include "runtime/serve/core/RequestNote.h"
#include "runtime/serve/core/ServedModel.h"
#include "runtime/serve/core/Watchdog.h"
#include "runtime/serve/core/Workers.h"
#include "runtime/serve/http/Server.h"

#include <atomic>
#include <memory>
#include <string>

namespace axiom::serve {

struct AppSettings {
  ModelSettings model;
  http::Options http; ///< the app sets nothing in it but handlers
  std::string metricsPrefix = "axiom";
  bool page = true;                                ///< the web page at "/"
  std::string version;                             ///< of the program
  engine::Pooling pooling = engine::Pooling::Mean; ///< of embeddings, where a request names none
  std::shared_ptr<const ApiKeys> keys;             ///< null: everybody may ask
  bool openMetrics = false;                        ///< /metrics needs no key
  std::shared_ptr<Log> log;                        ///< null: none
  uint32_t workers = 2;                            ///< threads for JSON, templates, tokenizing
  uint32_t maxWaitingJobs = 1024;                  ///< requests that wait for these threads
  WatchdogSettings watchdog;                       ///< a stall makes /health/progress say 503
};

class App {
public:
  /// Opens the model, then listens.
  static Result<std::unique_ptr<App>> start(AppSettings settings);
  /// Ends everything at once.
  ~App();

  uint16_t port() const { return server_->port(); }
  const ServedModel &served() const { return *served_; }
  http::Counters counters() const { return server_->counters(); }

  /// /health/ready says 503; all else goes on.
  void announceDrain() { draining_ = true; }
  /// And nothing new is taken, what runs goes on.
  void beginDrain();
  /// After beginDrain(): true once all answers are given.
  bool wait(http::Milliseconds timeout) { return server_->wait(timeout); }

private:
  explicit App(AppSettings settings) : settings_(std::move(settings)) {}
  std::vector<http::Route> routes();
  using Note = std::shared_ptr<RequestNote>;
  using Answer = std::function<void(openai::Request, const http::Responder &, const Note &)>;
  /// Parses on a worker; `answer` is given what is valid.
  void read(openai::Endpoint endpoint, http::Request request, http::Responder responder,
            Answer answer);
  bool turnAway(uint64_t key, const http::Responder &responder);
  http::Response tokenize(const openai::Request &request) const;
  http::Response detokenize(const openai::Request &request) const;
  http::Response applyTemplate(const openai::Request &request) const;
  http::Response model(const http::Request &request) const;
  http::Response progress() const;
  ServerState state() const;

  AppSettings settings_;
  std::atomic<bool> draining_{false};
  // Each is used by those below it.
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<ServedModel> served_;
  std::unique_ptr<Watchdog> watchdog_;
  std::string openApi_;
  std::unique_ptr<Workers> workers_;
  std::unique_ptr<http::Server> server_;
};

} // namespace axiom::serve

#endif
