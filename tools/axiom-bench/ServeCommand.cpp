#include "tools/axiom-bench/ServeCommand.h"

#include "tools/axiom-bench/serve/Frames.h"
#include "tools/axiom-bench/serve/ServeReport.h"
#include "tools/axiom-bench/serve/Sockets.h"
#include "tools/common/Tool.h"

#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <unistd.h>

namespace axiom::bench {

namespace {

constexpr const char *kTool = "axiom-bench serve";

Error usage(std::string text) { return {AXIOM_INVALID_ARGUMENT, std::move(text)}; }
/// What a server or the way to it does wrong is a failure (exit code 1).
Error errorOf(const Status &status) {
  return {status.code() == Code::InvalidArgument ? AXIOM_INVALID_ARGUMENT : AXIOM_INTERNAL,
          status.message()};
}

/// "64" or "16:256".
Expected<Span> spanOf(const char *flag, const std::string &text, uint32_t least) {
  Span span;
  auto read = [](std::string_view part, uint32_t &value) {
    auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && end == part.data() + part.size();
  };
  size_t colon = text.find(':');
  std::string_view whole = text;
  bool good = read(whole.substr(0, colon), span.least);
  span.most = span.least;
  if (good && colon != std::string::npos)
    good = read(whole.substr(colon + 1), span.most);
  constexpr uint32_t most = 10'000'000;
  if (!good || span.least < least || span.most < span.least || span.most > most)
    return usage(format("%s '%s' is no length: give N or MIN:MAX, of %u to %u", flag, text.c_str(),
                        least, most));
  return span;
}

std::string inQuotes(const std::string &text) { return tool::jsonText(text); }

Expected<LoadOptions> loadOptions(const ServeFlags &flags) {
  LoadOptions load;
  auto url = parseUrl(flags.baseUrl);
  if (!url.ok())
    return usage("--base-url " + url.status().message());
  load.url = *url;
  load.endpoint = flags.endpoint;
  if (load.endpoint.empty() || load.endpoint[0] != '/')
    return usage("--endpoint '" + flags.endpoint + "' does not begin with '/'");
  load.chat = load.endpoint.ends_with("/chat/completions");
  load.fields = flags.headers;
  for (const std::string &header : load.fields)
    if (header.find(':') == std::string::npos || header.find('\n') != std::string::npos)
      return usage("--header '" + header + "' is no field: give 'Name: value'");
  if (const char *key = std::getenv("OPENAI_API_KEY"); key && *key)
    load.fields.push_back(std::string("Authorization: Bearer ") + key);
  load.numPrompts = flags.numPrompts;
  load.firstPrompt = flags.firstPrompt;
  load.maxConcurrency = flags.maxConcurrency;
  if (flags.rate != "inf") {
    const std::string &rate = flags.rate;
    auto [end, error] = std::from_chars(rate.data(), rate.data() + rate.size(), load.rate);
    if (error != std::errc() || end != rate.data() + rate.size() || !(load.rate > 0))
      return usage("--request-rate '" + rate + "' is neither inf nor a number above 0");
  }
  load.seconds = flags.seconds;
  load.requestSeconds = flags.requestSeconds;
  load.hangUps = flags.hangUps;
  load.slowReaders = flags.slowReaders;
  load.halfOpen = flags.halfOpen;
  if (load.hangUps + load.slowReaders + load.halfOpen > 1.000001)
    return usage("--hang-ups, --slow-readers and --half-open are shares of the same requests: "
                 "together they may be at most 1");
  load.slowBytes = flags.slowBytes;
  load.halfOpenSeconds = flags.halfOpenSeconds;
  PromptOptions &prompts = load.prompts;
  prompts.form = flags.promptForm == "text" || load.chat ? PromptForm::Text : PromptForm::Tokens;
  prompts.prefix = flags.prefix;
  prompts.numPrefixes = flags.numPrefixes;
  prompts.seed = flags.seed;
  for (auto &[name, text, least, out] :
       {std::tuple{"--random-input-len", &flags.input, prompts.prefix > 0 ? 0u : 1u,
                   &prompts.input},
        std::tuple{"--random-output-len", &flags.output, 1u, &prompts.output},
        std::tuple{"--random-token-ids", &flags.tokenIds, 0u, &prompts.ids}}) {
    Expected<Span> span = spanOf(name, *text, least);
    if (!span)
      return span.error();
    *out = *span;
  }
  return load;
}

/// The first model that the server names.
Expected<std::string> firstModel(const LoadOptions &load) {
  constexpr int milliseconds = 10'000;
  auto answer = fetch(load.url, "GET", "/v1/models", load.fields, {}, milliseconds);
  if (!answer.ok())
    return errorOf(answer.status());
  Frame frame = scanFrame(answer->body);
  if (answer->status != 200 || frame.id.empty())
    return Error{AXIOM_INTERNAL,
                 format("GET /v1/models gives HTTP %d%s%s: name the model with --model",
                        answer->status, frame.error ? ", " : " and no model",
                        frame.message.c_str())};
  return frame.id;
}

std::string membersOf(const ServeFlags &flags, const std::string &model) {
  std::string members =
      "\"model\":" + inQuotes(model) + format(",\"temperature\":%g", flags.temperature);
  if (flags.ignoreEos)
    members += ",\"ignore_eos\":true";
  size_t first = flags.extraBody.find('{'), last = flags.extraBody.rfind('}');
  if (first != std::string::npos && last != std::string::npos && last > first + 1)
    members += "," + flags.extraBody.substr(first + 1, last - first - 1);
  return members;
}

std::function<bool(const LoadProgress &)> watcher(const LoadOptions &load) {
  bool terminal = ::isatty(2) == 1;
  // On a terminal one line that changes, else a line each 10 s.
  return [terminal, next = terminal ? 0.5 : 10.0,
          total = load.numPrompts](const LoadProgress &p) mutable {
    if (p.seconds >= next) {
      next = p.seconds + (terminal ? 0.5 : 10);
      std::fprintf(stderr,
                   "%s%s: %.0f s, %" PRIu64 " of %" PRIu64 " ended, %" PRIu64 " failed, %" PRIu64
                   " under way, %.0f events a second%s",
                   terminal ? "\r" : "", kTool, p.seconds, p.ended, total, p.failed, p.active,
                   static_cast<double>(p.events) / p.seconds, terminal ? "\x1b[K" : "\n");
    }
    return !tool::interrupted();
  };
}

std::string date() {
  char text[32];
  std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &parts);
  return text;
}

Expected<LoadResult> runLoad(const LoadOptions &load) {
  auto run = LoadRun::create(load);
  if (!run.ok())
    return errorOf(run.status());
  LoadResult result = (*run)->run(watcher(load));
  if (::isatty(2) == 1)
    std::fprintf(stderr, "\r\x1b[K");
  return result;
}

} // namespace

int serveCommand(const ServeFlags &flags) {
  Expected<LoadOptions> load = loadOptions(flags);
  if (!load)
    return tool::fail(kTool, load.error());
  auto goodput = parseGoodput(flags.goodput);
  if (!goodput.ok())
    return tool::fail(kTool, errorOf(goodput.status()));
  Expected<std::string> model = flags.model.empty() ? firstModel(*load) : flags.model;
  if (!model)
    return tool::fail(kTool, model.error());
  load->members = membersOf(flags, *model);

  if (flags.warmups > 0) { // prompts of their own, with the same prefixes
    LoadOptions warm = *load;
    warm.firstPrompt = load->firstPrompt + load->numPrompts;
    warm.numPrompts = flags.warmups;
    warm.rate = warm.seconds = warm.hangUps = warm.slowReaders = warm.halfOpen = 0;
    warm.maxConcurrency = load->maxConcurrency > 0 ? load->maxConcurrency : 1;
    Expected<LoadResult> result = runLoad(warm);
    if (!result)
      return tool::fail(kTool, result.error());
    if (result->stopped)
      return tool::kInterrupted;
    for (const Record &record : result->records)
      if (!record.completed)
        return tool::fail(kTool, {AXIOM_INTERNAL, "a warm-up request fails: " + record.error});
  }
  Expected<LoadResult> result = runLoad(*load);
  if (!result)
    return tool::fail(kTool, result.error());
  Summary summary = summarize(result->records, result->duration, *goodput);
  ServeContext context{date(), flags.baseUrl, flags.endpoint, *model,
                       *load,  *goodput,      flags.detailed};
  std::string text = serveTable(summary, *result, context);
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!flags.saveResult.empty())
    if (auto error = tool::writeWholeFile(flags.saveResult, serveJson(summary, *result, context)))
      return tool::fail(kTool, *error);
  if (result->stopped)
    return tool::kInterrupted;
  if (summary.completed == 0 && load->hangUps + load->halfOpen < 1)
    return tool::fail(kTool, {AXIOM_INTERNAL, "no request succeeded"});
  return tool::kOk;
}

void ServeFlags::add(CLI::App &app) {
  auto value = [&](const char *name, auto &variable, const char *text, const char *type) {
    return app.add_option(name, variable, text)->capture_default_str()->type_name(type);
  };
  value("--base-url", baseUrl, "The server, of OpenAI's API: axiom-serve, vllm serve, llama-server",
        "URL");
  value("--endpoint", endpoint, "/v1/completions or /v1/chat/completions", "PATH");
  value("--model", model, "Name of the model (default: the first that the server names)", "NAME");
  value("--header", headers,
        "A field of each request, 'Name: value'; OPENAI_API_KEY, if set, is sent as a bearer token",
        "FIELD");
  value("--num-prompts", numPrompts, "Requests", "N")
      ->check(CLI::Range(uint64_t(1), uint64_t(1) << 32));
  value("--num-warmups", warmups, "Requests before, which are not measured", "N");
  value("--duration", seconds, "Send nothing new after so many seconds. 0 = no bound", "S")
      ->check(CLI::NonNegativeNumber);
  value("--max-concurrency", maxConcurrency,
        "Requests under way at a time (closed loop). 0 = no bound", "N");
  value("--request-rate", rate,
        "Requests a second, at random times (open loop, Poisson), or inf: as soon as there is room",
        "R");
  value("--random-input-len", input,
        "Tokens of a prompt after its prefix: N, or evenly from MIN:MAX", "N");
  value("--random-output-len", output, "Tokens to generate: N, or evenly from MIN:MAX", "N");
  value("--random-prefix-len", prefix, "Tokens before them that prompts share", "N");
  value("--random-num-prefixes", numPrefixes, "Different prefixes, taken by turns", "N")
      ->check(CLI::Range(1u, 100000u));
  value("--random-token-ids", tokenIds, "Prompts are made of token ids from MIN:MAX", "MIN:MAX");
  value("--prompt-form", promptForm,
        "tokens: prompts are lists of ids; text: as many short words (always for chat)", "FORM")
      ->check(CLI::IsMember({"tokens", "text"}));
  value("--temperature", temperature, "Of each request", "X");
  app.add_flag("--ignore-eos", ignoreEos, "Go on after the model's end token");
  value("--extra-body", extraBody, "More members of each request: a JSON object", "JSON");
  value("--seed", seed, "One seed is one load: prompts, times of arrival, who hangs up", "N");
  value("--first-prompt", firstPrompt,
        "Number of the first prompt of the seed: another run with the same prefixes", "N");
  value("--request-timeout", requestSeconds, "A request that takes longer has failed", "S")
      ->check(CLI::PositiveNumber);
  value("--goodput", goodput,
        "A good request keeps these: ttft:MS, tpot:MS, e2el:MS; gives request_goodput", "BOUND")
      ->expected(1, 3);
  auto share = [&](const char *name, double &variable, const char *text) {
    value(name, variable, text, "SHARE")->check(CLI::Range(0.0, 1.0));
  };
  share("--hang-ups", hangUps, "Share of clients that hang up in the middle");
  share("--slow-readers", slowReaders, "Share of clients that read slowly");
  value("--slow-bytes", slowBytes, "That a slow reader takes a second", "N")
      ->check(CLI::Range(1u, 1000000000u));
  share("--half-open", halfOpen,
        "Share of clients that fall silent, in the middle of the request or after it, and hold "
        "the connection");
  value("--half-open-time", halfOpenSeconds, "That they hold it, at most", "S")
      ->check(CLI::NonNegativeNumber);
  value("--save-result", saveResult, "Write the figures to this file, with vLLM's names", "FILE");
  app.add_flag("--save-detailed", detailed, "With the times of each request");
}

} // namespace axiom::bench
