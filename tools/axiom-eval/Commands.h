#ifndef AXIOM_TOOLS_AXIOM_EVAL_COMMANDS_H
#define AXIOM_TOOLS_AXIOM_EVAL_COMMANDS_H

#include "tools/common/Tool.h"

namespace axiom::eval {

inline constexpr const char *kTool = "axiom-eval";

struct LogitsFlags {
  tool::ModelFlags model;
  std::string text, tokensFile, out;
  void add(CLI::App &app);
};

struct PerplexityFlags {
  tool::ModelFlags model;
  std::string file;
  uint32_t context = 512, chunks = 0;
  void add(CLI::App &app);
};

struct CompareFlags {
  std::vector<std::string> models;
  std::string reference, file, output = "md", device;
  uint32_t context = 512, chunks = 0, threads = 0;
  void add(CLI::App &app);
};

int runLogits(LogitsFlags &flags);
int runPerplexity(PerplexityFlags &flags);
int runCompare(CompareFlags &flags);

} // namespace axiom::eval

#endif
