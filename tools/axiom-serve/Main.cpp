// axiom-serve: OpenAI's API over a compiled model.
#include "runtime/serve/core/App.h"
#include "runtime/serve/core/Notify.h"
#include "tools/axiom-serve/Config.h"
#include "tools/axiom-serve/Operations.h"
#include "tools/common/Tool.h"

#include <csignal>
#include <cstdio>
#include <thread>

using namespace axiom;

namespace {

constexpr char kTool[] = "axiom-serve";

struct Flags {
  tool::ModelFlags model;
  tool::OperationFlags operations;
  std::vector<std::string> names, allowedHosts, allowedOrigins;
  std::string host = "127.0.0.1", metricsPrefix = "axiom", certificate, key, pooling = "mean";
  uint16_t port = 8000;
  uint32_t maxSequences = 32, maxBatchedTokens = 512, maxQueued = 1024, maxConnections = 4096;
  uint64_t context = 0, maxQueuedTokens = 0;
  double maxQueueSeconds = 0, drainSeconds = 30, drainDelaySeconds = 0;
  uint32_t maxStepMs = 0, draftTokens = 4;
  bool noPrefixCaching = false, prefixesPerKey = false, noPage = false;

  void add(CLI::App &app);
};

void Flags::add(CLI::App &app) {
  model.add(app);
  app.add_option("--host", host, "Listen at this address")
      ->capture_default_str()
      ->type_name("ADDRESS");
  app.add_option("--port", port, "Listen at this port; 0 = any free one")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--served-model-name", names,
                 "Names that clients may use (default: the model's own)")
      ->type_name("NAME");
  app.add_option("--max-num-seqs", maxSequences, "Sequences that run at the same time")
      ->check(CLI::Range(1u, 65536u))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--max-num-batched-tokens", maxBatchedTokens, "Tokens of a step")
      ->check(CLI::Range(1u, 65536u))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--kv-tokens", context,
                 "KV memory for so many tokens of all sequences (default: 512 for each, at least "
                 "the model's context, at most 16384, what fits)")
      ->type_name("N");
  app.add_option("--max-queued", maxQueued, "Requests that may wait; more get 429. 0 = no bound")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--max-queued-tokens", maxQueuedTokens,
                 "Prompt tokens that may wait; more get 429. 0 = no bound")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--max-queue-time", maxQueueSeconds,
                 "Seconds that a request may be expected to wait; else 429. 0 = no bound")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("S");
  app.add_option("--max-step-ms", maxStepMs,
                 "While answers are written, prompts take no more of a step. 0 = no bound")
      ->capture_default_str()
      ->type_name("MS");
  app.add_option("--draft-tokens", draftTokens,
                 "Guess so many tokens from the text before, where it pays. 0 = off")
      ->check(CLI::Range(0u, 64u))
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("--no-enable-prefix-caching", noPrefixCaching,
               "Compute every prompt from its first token");
  app.add_flag("--prefix-caching-per-key", prefixesPerKey,
               "Clients of different API keys share no prefixes, so that none can tell by the time "
               "what another has asked");
  app.add_option(
         "--embedding-pooling", pooling,
         "What an embedding is of, where a request does not say it: the mean over all tokens, "
         "or the last one")
      ->check(CLI::IsMember({"mean", "last"}))
      ->capture_default_str()
      ->type_name("WORD");
  app.add_option("--max-connections", maxConnections, "Open connections")
      ->check(CLI::Range(1u, 1000000u))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--drain-time", drainSeconds,
                 "Seconds that answers may take to end after SIGTERM or Ctrl-C")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("S");
  app.add_option("--drain-delay", drainDelaySeconds,
                 "After SIGTERM or Ctrl-C go on for so many seconds with /health/ready at 503, for "
                 "balancers to look elsewhere")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("S");
  app.add_option("--allowed-hosts", allowedHosts,
                 "Names in the Host field that are answered (default: --host and those of "
                 "loopback; any where --host is 0.0.0.0 or ::)")
      ->type_name("NAME");
  app.add_option("--allowed-origins", allowedOrigins, "Origins of pages that may call")
      ->type_name("URL");
  app.add_flag("--no-ui", noPage, "No web page at /");
  app.add_option("--ssl-certfile", certificate, "TLS: certificate chain (PEM)")->type_name("FILE");
  app.add_option("--ssl-keyfile", key, "TLS: private key (PEM)")->type_name("FILE");
  app.add_option("--metrics-prefix", metricsPrefix, "Before the names of metrics")
      ->capture_default_str()
      ->type_name("WORD");
  operations.add(app);
}

Expected<serve::AppSettings> settingsOf(const Flags &flags) {
  serve::AppSettings s;
  Expected<uint64_t> memory = tool::parseBytes(flags.model.memory);
  if (!memory)
    return memory.error();
  s.version = axiom_version();
  serve::ModelSettings &model = s.model;
  model.path = flags.model.path;
  model.device = flags.model.device;
  model.names = flags.names;
  model.open.isa = flags.model.isa;
  model.open.load = flags.model.load == "copy"   ? LoadMode::Copy
                    : flags.model.load == "huge" ? LoadMode::Huge
                                                 : LoadMode::Map;
  model.open.memoryLimit = *memory;
  engine::EngineSettings &e = model.engine;
  e.threads = flags.model.threads;
  e.maxSequences = flags.maxSequences;
  e.maxBatchedTokens = std::max(flags.maxBatchedTokens, flags.maxSequences);
  e.kvPositions = flags.context;
  e.memoryLimit = *memory;
  e.weightsResident = flags.model.load != "map";
  e.prefixCache = !flags.noPrefixCaching;
  model.prefixesPerKey = flags.prefixesPerKey;
  e.maxStepMs = flags.maxStepMs;
  e.maxDraftTokens = flags.draftTokens;
  e.admission.maxRequests = UINT32_MAX;
  e.admission.maxQueuedRequests = flags.maxQueued;
  e.admission.maxQueuedTokens = flags.maxQueuedTokens;
  e.admission.maxQueueMs = static_cast<uint64_t>(flags.maxQueueSeconds * 1000);
  e.progress = tool::uploadProgress(kTool);
  http::Options &http = s.http;
  http.address = flags.host;
  http.port = flags.port;
  http.certificateFile = flags.certificate;
  http.keyFile = flags.key;
  http.limits.connections = flags.maxConnections;
  http.origins = flags.allowedOrigins;
  s.pooling = flags.pooling == "last" ? engine::Pooling::Last : engine::Pooling::Mean;
  s.metricsPrefix = flags.metricsPrefix;
  s.page = !flags.noPage;
  return s;
}

/// The next of the signals within `seconds`; negative: however long it takes. 0: none came.
int signalWithin(const sigset_t &signals, double seconds) {
  if (seconds < 0) {
    int number = 0;
    return sigwait(&signals, &number) == 0 ? number : 0;
  }
  timespec time{
      static_cast<time_t>(seconds),
      static_cast<long>((seconds - static_cast<double>(static_cast<time_t>(seconds))) * 1e9)};
  return std::max(sigtimedwait(&signals, nullptr, &time), 0);
}

int serveUntilSignal(const Flags &flags, const std::string &variables) {
  Expected<serve::AppSettings> settings = settingsOf(flags);
  if (!settings)
    return tool::fail(kTool, settings.error());
  auto operations = tool::Operations::make(flags.operations, flags.host, flags.allowedHosts,
                                           !flags.certificate.empty());
  if (!operations)
    return tool::fail(kTool, operations.error());
  (*operations)->apply(*settings);
  // Before any thread is made, so that they all inherit it: signals are waited for.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const std::string scheme = flags.certificate.empty() ? "http" : "https";
  auto app = serve::App::start(std::move(*settings));
  if (!app.ok())
    return tool::fail(kTool, {api::statusOf(app.status().code()), app.status().message()});
  const auto &served = (*app)->served();
  auto tell = [&log = (*operations)->log()](const std::string &text) {
    log.say(serve::Level::Info, text);
  };
  if (!variables.empty())
    tell("from the environment: " + variables);
  tell(format("%s on %s, %u sequences, KV memory for %llu tokens",
              served.limits().models[0].c_str(), served.model().device.c_str(),
              served.engine().options().limits.maxSequences,
              static_cast<unsigned long long>(served.engine().options().numBlocks) * AXM_KV_BLOCK));
  tell(format("ready at %s://%s:%u", scheme.c_str(), flags.host.c_str(), (*app)->port()));
  serve::notifyService("READY=1");
  while (signalWithin(signals, -1) == SIGHUP)
    (*operations)->reload();
  serve::notifyService("STOPPING=1");
  (*app)->announceDrain();
  if (flags.drainDelaySeconds > 0) {
    tell(format("not ready any more; goes on for %g s", flags.drainDelaySeconds));
    signalWithin(signals, flags.drainDelaySeconds); // a signal ends the delay
  }
  (*app)->beginDrain();
  tell(format("draining for up to %g s; a second signal ends at once", flags.drainSeconds));
  constexpr double kLook = 0.05;
  for (double waited = 0; waited < flags.drainSeconds; waited += kLook) {
    if ((*app)->wait(http::Milliseconds(0)))
      return tool::kOk;
    if (int number = signalWithin(signals, kLook); number != 0 && number != SIGHUP) {
      tell("ended with open answers");
      return tool::kInterrupted;
    }
  }
  if ((*app)->wait(http::Milliseconds(0)))
    return tool::kOk;
  (*operations)
      ->log()
      .say(serve::Level::Warning,
           format("answers were still open after %g s and are cut", flags.drainSeconds));
  return tool::kFailure;
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app("Serves a compiled model with OpenAI's API");
  Flags flags;
  flags.add(app);
  auto config = tool::ConfigFile::add(app);
  bool print = false;
  app.add_flag("--print-config", print,
               "Print all values and where each is from, as --config reads them, and exit")
      ->configurable(false);
  // A variable would name a file after the files have been read.
  return tool::run(kTool, app, argc, argv,
                   [&] {
                     if (!print)
                       return serveUntilSignal(flags, config->variables());
                     std::fputs(config->text().c_str(), stdout);
                     return static_cast<int>(tool::kOk);
                   },
                   {"--config", "--print-config"});
}
