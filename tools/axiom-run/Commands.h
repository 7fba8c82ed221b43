#ifndef AXIOM_TOOLS_AXIOM_RUN_COMMANDS_H
#define AXIOM_TOOLS_AXIOM_RUN_COMMANDS_H

#include "tools/common/Tool.h"

namespace axiom::run {

inline constexpr const char *kTool = "axiom-run";

/// How to sample, shared by generate and chat.
struct SamplingFlags {
  Generation how;
  uint32_t maxTokens = 0, context = 0, batchedTokens = 512;
  std::vector<std::string> logitBias; ///< "ID=VALUE"
  bool stats = false;

  SamplingFlags() {
    how.temperature = 0.7f;
    how.topP = 0.95f;
  }
  void add(CLI::App &app);
  /// Reads the texts among the flags.
  std::optional<Error> finish();
};

struct GenerateFlags {
  tool::ModelFlags model;
  SamplingFlags sampling;
  std::string prompt, promptFile;
  void add(CLI::App &app);
};

struct ChatFlags {
  tool::ModelFlags model;
  SamplingFlags sampling;
  std::string message, system;
  void add(CLI::App &app);
};

struct TokenizeFlags {
  std::string path, text, file;
  void add(CLI::App &app);
};

int runGenerate(GenerateFlags &flags);
int runChat(ChatFlags &flags);
int runTokenize(TokenizeFlags &flags);

/// Prints the completion of `prompt` to stdout as it comes. `answer` gets it too, if not null.
int streamCompletion(Engine &engine, std::span<const int32_t> prompt, const SamplingFlags &flags,
                     std::string *answer);

} // namespace axiom::run

#endif
