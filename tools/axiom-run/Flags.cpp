#include "tools/axiom-run/Commands.h"

#include <cerrno>
#include <cstdlib>

namespace axiom::run {

void SamplingFlags::add(CLI::App &app) {
  app.add_option("-n,--max-tokens", maxTokens, "Generate at most so many tokens")->type_name("N");
  app.add_option("--min-tokens", how.minTokens, "No end before so many tokens")->type_name("N");
  app.add_option("--temperature", how.temperature, "0 = always the most likely token")
      ->capture_default_str()
      ->type_name("T");
  app.add_option("--top-k", how.topK, "Only the K most likely tokens; 0 = off")
      ->capture_default_str()
      ->type_name("K");
  app.add_option("--top-p", how.topP, "Only the most likely tokens up to this share; 1 = off")
      ->capture_default_str()
      ->type_name("P");
  app.add_option("--min-p", how.minP, "Only tokens with this share of the best one's; 0 = off")
      ->capture_default_str()
      ->type_name("P");
  app.add_option("--repetition-penalty", how.repetitionPenalty, "1 = off")
      ->capture_default_str()
      ->type_name("X");
  app.add_option("--presence-penalty", how.presencePenalty, "0 = off")
      ->capture_default_str()
      ->type_name("X");
  app.add_option("--frequency-penalty", how.frequencyPenalty, "0 = off")
      ->capture_default_str()
      ->type_name("X");
  app.add_option("--logit-bias", logitBias, "Add to a token's logit; repeatable")
      ->type_name("ID=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--seed", how.seed, "The same seed gives the same text")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--stop", how.stopStrings, "End at this text; repeatable")
      ->type_name("TEXT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--ignore-eos", how.ignoreEos, "Go on after the model's end token");
  app.add_option("--context", context, "KV memory for so many tokens (default: what is needed)")
      ->type_name("N");
  app.add_option("--max-num-batched-tokens", batchedTokens, "Tokens of a step")
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("--stats", stats, "Print times and token counts to stderr");
}

std::optional<Error> SamplingFlags::finish() {
  for (const std::string &text : logitBias) {
    char *end = nullptr;
    errno = 0;
    long token = std::strtol(text.c_str(), &end, 10);
    bool good =
        end != text.c_str() && *end == '=' && errno == 0 && token >= 0 && token <= INT32_MAX;
    const char *number = end + 1;
    float bias = good ? std::strtof(number, &end) : 0.0f;
    if (!good || end == number || *end != '\0')
      return Error{AXIOM_INVALID_ARGUMENT,
                   "--logit-bias " + text + ": write ID=VALUE, for example 42=-5"};
    how.logitBias.push_back({static_cast<int32_t>(token), bias});
  }
  how.maxTokens = maxTokens;
  return std::nullopt;
}

void GenerateFlags::add(CLI::App &app) {
  model.add(app);
  auto *text = app.add_option("-p,--prompt", prompt, "The text to continue")->type_name("TEXT");
  app.add_option("-f,--prompt-file", promptFile, "Read the text from a file")
      ->type_name("FILE")
      ->excludes(text);
  sampling.add(app);
}

void ChatFlags::add(CLI::App &app) {
  model.add(app);
  app.add_option("-m,--message", message, "Answer this message and end (default: talk on stdin)")
      ->type_name("TEXT");
  app.add_option("--system", system, "The system message")->type_name("TEXT");
  sampling.add(app);
}

void TokenizeFlags::add(CLI::App &app) {
  app.add_option("model", path, "The compiled model (model.axm)")->required()->type_name("MODEL");
  auto *option =
      app.add_option("--text", text, "The text; special tokens in it are read, none are added")
          ->type_name("TEXT");
  app.add_option("-f,--file", file, "Read the text from a file")
      ->type_name("FILE")
      ->excludes(option);
}

} // namespace axiom::run
