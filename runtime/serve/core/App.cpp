#include "runtime/serve/core/App.h"

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
  app->metrics_ = std::make_unique<Metrics>(s.metricsPrefix, app->served_->limits().models[0]);
  app->openApi_ = openApiDocument(app->served_->limits(), s.version);
  app->workers_ = std::make_unique<Workers>(s.workers, s.maxWaitingJobs);
  AXIOM_ASSIGN_OR_RETURN(app->server_, http::Server::start(s.http, app->routes()));
  return app;
}

App::~App() {
  server_.reset(); // no more handlers; answers that are under way are cancelled
  workers_.reset();
  served_.reset(); // the last events
}

void App::beginDrain() {
  draining_ = true;
  server_->beginDrain();
}

void App::read(Endpoint endpoint, http::Request request, http::Responder responder, Answer answer) {
  if (auto error = checkContentType(request)) {
    responder.send(errorAnswer(*error));
    return;
  }
  auto body = std::make_shared<std::string>(std::move(request.body));
  bool taken = workers_->post([this, endpoint, body, responder, answer = std::move(answer)] {
    if (responder.closed())
      return;
    try {
      ParseResult result = parseRequest(endpoint, *body, served_->limits());
      if (result.ok())
        answer(std::move(result.request), responder);
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
  uint64_t age = served_->engine().stepAgeMs();
  if (age > settings_.progressMs)
    return json(healthResult("stalled", format("a step has been running for %llu ms",
                                               static_cast<unsigned long long>(age))),
                503);
  return json(healthResult("ok"));
}

std::vector<http::Route> App::routes() {
  using http::Request;
  using http::Responder;
  auto reading = [this](Endpoint endpoint, Answer answer) {
    return [this, endpoint, answer](Request request, Responder responder) {
      read(endpoint, std::move(request), responder, answer);
    };
  };
  auto generating = [&](Endpoint endpoint) {
    return reading(endpoint, [this](openai::Request request, const Responder &responder) {
      std::make_shared<Generation>(*served_, *metrics_, std::move(request), responder)->begin();
    });
  };
  auto answering = [&](Endpoint endpoint,
                       http::Response (App::*answer)(const openai::Request &) const) {
    return reading(endpoint, [this, answer](openai::Request request, const Responder &responder) {
      responder.send((this->*answer)(request));
    });
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
  routes.push_back({"POST", "/v1/embeddings", simple([](const Request &) {
                      return errorAnswer(invalidRequest(
                          "", "unsupported_value", "this server does not give embeddings yet"));
                    })});
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
    http::Response response = json(metrics_->text(served_->engine().stats()));
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
