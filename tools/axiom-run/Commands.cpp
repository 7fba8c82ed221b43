#include "tools/axiom-run/Commands.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <unistd.h>

namespace axiom::run {
namespace {

constexpr uint32_t kDefaultTokens = 128; ///< of generate
constexpr uint32_t kChatContext = 8192;  ///< KV memory of chat, unless the model's context is less

using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

Expected<Engine> makeEngine(const Model &model, const tool::ModelFlags &flags,
                            const SamplingFlags &sampling, uint64_t positions) {
  Expected<uint64_t> limit = tool::parseBytes(flags.memory);
  if (!limit)
    return limit.error();
  EngineOptions options;
  options.threads = flags.threads;
  options.maxSequences = 1;
  options.maxBatchedTokens = std::max(1u, sampling.batchedTokens);
  options.kvPositions = positions;
  options.memoryLimit = *limit;
  options.manual = true;
  options.upload = tool::uploadProgress(kTool);
  tool::tellDevice(kTool, model, flags.verbose);
  if (flags.verbose) {
    Expected<axiom_memory> memory = planMemory(model, options);
    if (!memory)
      return memory.error();
    std::fprintf(stderr, "%s: memory: %s\n", kTool, tool::memoryText(*memory).c_str());
  }
  return Engine::create(model, options);
}

} // namespace

int streamCompletion(Engine &engine, std::span<const int32_t> prompt, const SamplingFlags &flags,
                     std::string *answer) {
  auto start = Clock::now(), first = start;
  Expected<uint64_t> id = engine.submit(prompt, flags.how);
  if (!id)
    return tool::fail(kTool, id.error());
  for (bool cancelled = false;;) {
    Expected<Event> event = engine.wait(*id);
    if (!event)
      return tool::fail(kTool, event.error());
    if (event->outputTokens == 1 && event->token >= 0)
      first = Clock::now();
    if (answer)
      *answer += event->text;
    bool written =
        std::fwrite(event->text.data(), 1, event->text.size(), stdout) == event->text.size();
    if (!written || std::fflush(stdout) != 0)
      return tool::fail(
          kTool, {AXIOM_RESOURCE, std::string("can't write to stdout: ") + std::strerror(errno)});
    if (event->finish == AXIOM_FINISH_ERROR)
      return tool::fail(kTool, {event->status, event->error});
    if (event->last) {
      if (isatty(STDOUT_FILENO))
        std::puts("");
      if (flags.stats) {
        double decode = seconds(first, Clock::now());
        std::fprintf(
            stderr, "%s: %u prompt tokens, first token after %.3f s; %u tokens, %.1f tokens/s\n",
            kTool, event->promptTokens, seconds(start, first), event->outputTokens,
            event->outputTokens > 1 && decode > 0 ? (event->outputTokens - 1) / decode : 0.0);
      }
      return event->finish == AXIOM_FINISH_CANCELLED ? tool::kInterrupted : tool::kOk;
    }
    if (tool::interrupted() && !cancelled) {
      engine.cancel(*id);
      cancelled = true;
    }
  }
}

int runGenerate(GenerateFlags &flags) {
  if (auto error = flags.sampling.finish())
    return tool::fail(kTool, *error);
  if (!flags.promptFile.empty()) {
    Expected<std::string> text = tool::readTextFile(flags.promptFile);
    if (!text)
      return tool::fail(kTool, text.error());
    flags.prompt = *text;
  }
  Expected<Model> model = Model::open(flags.model.path, flags.model.loadOptions());
  if (!model)
    return tool::fail(kTool, model.error());
  Expected<std::vector<int32_t>> prompt = model->tokenize(flags.prompt, tool::kPromptFlags);
  if (!prompt)
    return tool::fail(kTool, prompt.error());
  if (prompt->empty())
    return tool::fail(
        kTool, {AXIOM_INVALID_ARGUMENT, "the prompt has no tokens: use --prompt or --prompt-file"});
  uint64_t count = prompt->size(), most = model->info().max_context;
  Generation &how = flags.sampling.how;
  if (how.maxTokens == 0 && count < most)
    how.maxTokens = static_cast<uint32_t>(std::min<uint64_t>(kDefaultTokens, most - count));
  // A prompt beyond the model's context is refused with its counts by submit(), not by its memory.
  uint64_t positions = flags.sampling.context;
  if (positions == 0)
    positions = std::min(count + std::max(how.maxTokens, 1u), most);
  Expected<Engine> engine = makeEngine(*model, flags.model, flags.sampling, positions);
  if (!engine)
    return tool::fail(kTool, engine.error());
  return streamCompletion(*engine, *prompt, flags.sampling, nullptr);
}

namespace {

int answerOnce(const Model &model, Engine &engine, ChatFlags &flags,
               std::vector<Message> &messages) {
  Expected<std::vector<int32_t>> prompt = model.tokenizeChat(messages);
  if (!prompt)
    return tool::fail(kTool, prompt.error());
  std::string answer;
  int code = streamCompletion(engine, *prompt, flags.sampling, &answer);
  messages.push_back({"assistant", answer});
  return code;
}

int talk(const Model &model, Engine &engine, ChatFlags &flags, std::vector<Message> &messages) {
  size_t keep = messages.size();
  bool terminal = isatty(STDIN_FILENO);
  if (terminal)
    std::fprintf(stderr, "Talk with %s; /reset forgets the conversation, Ctrl-D ends it.\n",
                 model.info().name);
  for (std::string line;;) {
    if (terminal) {
      std::fprintf(stderr, "> ");
      std::fflush(stderr);
    }
    if (!std::getline(std::cin, line))
      return tool::interrupted() ? tool::kInterrupted : tool::kOk;
    if (line == "/reset") {
      messages.resize(keep);
      continue;
    }
    if (line.empty())
      continue;
    messages.push_back({"user", line});
    if (int code = answerOnce(model, engine, flags, messages); code != tool::kOk)
      return code;
    if (!isatty(STDOUT_FILENO))
      std::puts("");
  }
}

} // namespace

int runChat(ChatFlags &flags) {
  if (auto error = flags.sampling.finish())
    return tool::fail(kTool, *error);
  flags.sampling.how.freshText = true;
  Expected<Model> model = Model::open(flags.model.path, flags.model.loadOptions());
  if (!model)
    return tool::fail(kTool, model.error());
  std::vector<Message> messages;
  if (!flags.system.empty())
    messages.push_back({"system", flags.system});
  if (!flags.message.empty())
    messages.push_back({"user", flags.message});
  // Says now what is wrong with the template, before memory is taken.
  if (!model->info().has_chat_template)
    return tool::fail(kTool, {AXIOM_UNSUPPORTED,
                              "the model has no chat template: use axiom-run generate, or "
                              "compile it with one (chat_template.jinja beside the model)"});
  uint64_t positions = flags.sampling.context;
  if (positions == 0)
    positions = std::min(model->info().max_context, kChatContext);
  Expected<Engine> engine = makeEngine(*model, flags.model, flags.sampling, positions);
  if (!engine)
    return tool::fail(kTool, engine.error());
  return flags.message.empty() ? talk(*model, *engine, flags, messages)
                               : answerOnce(*model, *engine, flags, messages);
}

int runTokenize(TokenizeFlags &flags) {
  if (!flags.file.empty()) {
    Expected<std::string> text = tool::readTextFile(flags.file);
    if (!text)
      return tool::fail(kTool, text.error());
    flags.text = *text;
  }
  Expected<Model> model = Model::open(flags.path);
  if (!model)
    return tool::fail(kTool, model.error());
  Expected<std::vector<int32_t>> tokens = model->tokenize(flags.text, AXIOM_TOKENIZE_PARSE_SPECIAL);
  if (!tokens)
    return tool::fail(kTool, tokens.error());
  std::string out = "[";
  for (size_t i = 0; i < tokens->size(); ++i)
    out += (i ? ", " : "") + std::to_string((*tokens)[i]);
  std::puts((out + "]").c_str());
  return tool::kOk;
}

} // namespace axiom::run
