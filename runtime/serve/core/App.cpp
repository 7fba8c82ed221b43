#include "runtime/serve/core/App.h"

#include "runtime/serve/core/Embedding.h"
#include "runtime/serve/core/Gate.h"
#include "runtime/serve/core/Generation.h"
#include "runtime/serve/openai/OpenApi.h"
#include "runtime/serve/openai/ParseRequest.h"
#include "runtime/serve/openai/Responses.h"
#include "runtime/serve/page/Page.h"

namespace axiom::serve {

using namespace openai;

namespace {

http::Response json(std::string body, int status = 200) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

std::optional<ApiError> checkContentType(const http::Request &request) {
  const std::string *type = request.headers.find("Content-Type");
  if (!type)
    return std::nullopt;
  std::string_view name = std::string_view(*type).substr(0, type->find(';'));
  while (!name.empty() && name.back() == ' ')
    name.remove_suffix(1);
  if (http::equalsIgnoreCase(name, "application/json"))
    return std::nullopt;
  return wrongContentType(*type);
}

} // namespace

Result<std::unique_ptr<App>> App::start(AppSettings settings) {
  std::unique_ptr<App> app(new App(std::move(settings)));
  AppSettings &s = app->settings_;
  AXIOM_ASSIGN_OR_RETURN(app->served_, ServedModel::open(s.model));
  app->metrics_ = std::make_unique<Metrics>(s.metricsPrefix, app->served_->limits().models[0],
                                            app->served_->limits().context);
  app->watchdog_ = std::make_unique<Watchdog>(
      s.watchdog,
      [&engine = app->served_->engine()] {
        engine::Stats stats = engine.stats();
        return Progress{engine.stepAgeMs(), stats.steps, stats.queued + stats.running > 0,
                        engine.phase()};
      },
      s.log);
  app->watchdog_->start();
  app->openApi_ = openApiDocument(app->served_->limits(), s.version);
  app->workers_ = std::make_unique<Workers>(s.workers, s.maxWaitingJobs);
  s.http.gate = Gate(s.keys, s.openMetrics);
  if (s.log) {
    s.http.log = [log = s.log](const std::string &text) { log->limited({Level::Warning, text}); };
    s.http.finished = [log = s.log](const http::Finished &f) { logRequest(*log, f); };
  }
  AXIOM_ASSIGN_OR_RETURN(app->server_, http::Server::start(s.http, app->routes()));
  return app;
}

App::~App() {
  server_.reset(); // no more handlers; answers that are under way are cancelled
  workers_.reset();
  watchdog_.reset();
  served_.reset(); // the last events
}

void App::beginDrain() {
  announceDrain();
  server_->beginDrain();
}

void App::read(Endpoint endpoint, http::Request request, http::Responder responder, Answer answer) {
  if (auto error = checkContentType(request)) {
    responder.send(errorAnswer(*error));
    return;
  }
  auto body = std::make_shared<std::string>(std::move(request.body));
  auto note = noteOf(request);
  bool taken = workers_->post([this, endpoint, body, note, responder, answer = std::move(answer)] {
    if (responder.closed())
      return;
    try {
      ParseResult result = parseRequest(endpoint, *body, served_->limits());
      if (result.ok())
        answer(std::move(result.request), responder, note);
      else
        responder.send(errorAnswer(*result.error));
    } catch (const std::exception &error) { // memory: the request ends, the server goes on
      responder.send(
          errorAnswer(internalError(std::string("the request failed: ") + error.what())));
    }
  });
  if (!taken) {
    ++metrics_->refused;
    responder.send(errorAnswer(tooManyRequests("too many requests are being read: try again", 1)));
  }
}

/// A queue that is surely full answers here, on the I/O thread: a flood costs no reading of JSON
/// and no tokenizing, and its clients learn at once when to come again.
bool App::turnAway(uint64_t key, const http::Responder &responder) {
  uint64_t retryAfter = 0;
  Status status = served_->engine().precheck(key, &retryAfter);
  if (status.ok())
    return false;
  ++metrics_->refused;
  responder.send(errorAnswer(apiError(status, retryAfter)));
  return true;
}

http::Response App::tokenize(const Request &request) const {
  const api::ModelState &model = served_->model();
  if (!model.tokenizer)
    return errorAnswer(apiError(api::noTokenizer()));
  std::vector<int32_t> tokens;
  if (!request.messages.empty()) {
    auto chat = served_->render(request);
    if (!chat.ok())
      return errorAnswer(invalidRequest("messages", "invalid_value", chat.status().message()));
    tokens = api::encodeChat(model, *chat);
  } else {
    for (const std::string &text : request.prompts.texts)
      tokens = model.tokenizer->encode(
          text, {.addSpecial = request.addSpecialTokens, .parseSpecial = true});
  }
  std::vector<std::string> strings;
  if (request.returnTokenStrings)
    for (int32_t token : tokens)
      strings.push_back(model.tokenizer->tokenText(token));
  return json(tokenizeResult(tokens, served_->limits().context,
                             request.returnTokenStrings ? &strings : nullptr));
}

http::Response App::detokenize(const Request &request) const {
  const api::ModelState &model = served_->model();
  if (!model.tokenizer)
    return errorAnswer(apiError(api::noTokenizer()));
  return json(detokenizeResult(model.tokenizer->decode(request.tokens, false)));
}

http::Response App::applyTemplate(const Request &request) const {
  auto chat = served_->render(request);
  if (!chat.ok())
    return errorAnswer(invalidRequest("messages", "invalid_value", chat.status().message()));
  return json(templateResult(chat->text));
}

http::Response App::model(const http::Request &request) const {
  constexpr std::string_view prefix = "/v1/models/";
  std::string asked =
      http::percentDecode(std::string_view(request.path).substr(prefix.size())).value_or("");
  const auto &names = served_->limits().models;
  for (const std::string &name : names)
    if (name == asked)
      return json(modelObject(
          {name, served_->created(), name == names[0] ? "" : names[0], served_->limits().context}));
  return errorAnswer(modelNotFound(asked, names));
}

/// 503 while a step takes longer than it may: the engine hangs.
http::Response App::progress() const {
  if (uint64_t age = watchdog_->stalledMs())
    return json(healthResult("stalled", format("no step has ended for %llu ms",
                                               static_cast<unsigned long long>(age))),
                503);
  return json(healthResult("ok"));
}

ServerState App::state() const {
  ServerState state;
  state.grammars = served_->constraints().counts();
  state.http = server_->counters();
  state.prefixCache = settings_.model.engine.prefixCache;
  state.stalls = watchdog_->stalls();
  if (settings_.log) {
    state.logDropped = settings_.log->dropped();
    state.logLeftOut = settings_.log->leftOut();
  }
  return state;
}

std::vector<http::Route> App::routes() {
  using http::Request;
  using http::Responder;
  auto reading = [this](Endpoint endpoint, Answer answer) {
    return [this, endpoint, answer](Request request, Responder responder) {
      read(endpoint, std::move(request), responder, answer);
    };
  };
  // What the engine computes is turned away before it is read where the queue is full.
  auto computing = [this, reading](Endpoint endpoint, Answer answer) {
    return
        [this, reads = reading(endpoint, std::move(answer))](Request request, Responder responder) {
          if (!turnAway(noteOf(request)->client.id, responder))
            reads(std::move(request), std::move(responder));
        };
  };
  auto generating = [&](Endpoint endpoint) {
    return computing(
        endpoint, [this](openai::Request request, const Responder &responder, const Note &note) {
          std::make_shared<Generation>(*served_, *metrics_, std::move(request), responder, note)
              ->begin();
        });
  };
  auto answering = [&](Endpoint endpoint,
                       http::Response (App::*answer)(const openai::Request &) const) {
    return reading(endpoint,
                   [this, answer](openai::Request request, const Responder &responder,
                                  const Note &) { responder.send((this->*answer)(request)); });
  };
  auto simple = [](std::function<http::Response(const Request &)> answer) {
    return [answer](Request request, Responder responder) { responder.send(answer(request)); };
  };
  auto healthy = simple([](const Request &) { return json(healthResult("ok")); });
  std::vector<http::Route> routes;
  if (settings_.page)
    routes.push_back({"GET", "/", simple([](const Request &) { return pageResponse(); })});
  routes.push_back({"POST", "/v1/chat/completions", generating(Endpoint::ChatCompletions)});
  routes.push_back({"POST", "/v1/completions", generating(Endpoint::Completions)});
  auto embeds =
      computing(Endpoint::Embeddings,
                [this](openai::Request request, const Responder &responder, const Note &note) {
                  std::make_shared<Embedding>(*served_, *metrics_, std::move(request), responder,
                                              note, settings_.pooling)
                      ->begin();
                });
  routes.push_back({"POST", "/v1/embeddings", embeds});
  routes.push_back({"POST", "/tokenize", answering(Endpoint::Tokenize, &App::tokenize)});
  routes.push_back({"POST", "/detokenize", answering(Endpoint::Detokenize, &App::detokenize)});
  routes.push_back(
      {"POST", "/apply-template", answering(Endpoint::ApplyTemplate, &App::applyTemplate)});
  routes.push_back({"GET", "/v1/models", simple([this](const Request &) {
                      std::vector<ModelEntry> entries;
                      const auto &names = served_->limits().models;
                      for (const std::string &name : names)
                        entries.push_back({name, served_->created(),
                                           name == names[0] ? "" : names[0],
                                           served_->limits().context});
                      return json(modelList(entries));
                    })});
  routes.push_back({"GET", "/v1/models/*", simple([this](const Request &r) { return model(r); })});
  routes.push_back({"GET", "/version", simple([this](const Request &) {
                      return json(versionResult(settings_.version));
                    })});
  routes.push_back(
      {"GET", "/openapi.json", simple([this](const Request &) { return json(openApi_); })});
  auto metrics = simple([this](const Request &) {
    http::Response response = json(metrics_->text(served_->engine().stats(), state()));
    response.contentType = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  });
  routes.push_back({"GET", "/metrics", metrics, 0, true});
  routes.push_back({"GET", "/health", healthy, 0, true});
  routes.push_back({"GET", "/health/live", healthy, 0, true});
  routes.push_back({"GET", "/health/ready", simple([this](const Request &) {
                      return draining_ ? json(healthResult("draining"), 503)
                                       : json(healthResult("ok"));
                    }),
                    0, true});
  routes.push_back(
      {"GET", "/health/progress", simple([this](const Request &) { return progress(); }), 0, true});
  return routes;
}

} // namespace axiom::serve
