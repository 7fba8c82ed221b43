// axiom-eval: logits, perplexity, and comparisons of compiled models.
#include "tools/axiom-eval/Commands.h"

using namespace axiom;
using namespace axiom::eval;

namespace axiom::eval {

void LogitsFlags::add(CLI::App &app) {
  model.add(app);
  auto *option =
      app.add_option("--text", text, "The text, tokenized as a prompt")->type_name("TEXT");
  app.add_option("--tokens-file", tokensFile,
                 "A file with token ids, separated by commas or white space")
      ->type_name("FILE")
      ->excludes(option);
  app.add_option("-o,--out", out, "The .npy file to write: float32 [tokens, vocabulary]")
      ->required()
      ->type_name("FILE");
}

void PerplexityFlags::add(CLI::App &app) {
  model.add(app);
  app.add_option("-f,--file", file, "The text")->required()->type_name("FILE");
  app.add_option("-c,--context", context, "Tokens of a chunk; the second half is scored")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--chunks", chunks, "Chunks to measure (default: all)")->type_name("N");
}

void CompareFlags::add(CLI::App &app) {
  app.add_option("models", models, "The models to measure")->required()->type_name("MODEL");
  app.add_option("--against", reference,
                 "The reference, for example the same model with --quant f32")
      ->required()
      ->type_name("MODEL");
  app.add_option("-f,--file", file, "The text")->required()->type_name("FILE");
  app.add_option("-c,--context", context, "Tokens of a chunk; the second half is scored")
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--chunks", chunks, "Chunks to measure (default: all)")->type_name("N");
  app.add_option("-t,--threads", threads, "Threads (default: usable cores)")->type_name("N");
  tool::addDevice(app, device);
  app.add_option("-o,--output", output, "md, json or csv")
      ->capture_default_str()
      ->check(CLI::IsMember({"md", "json", "csv"}))
      ->type_name("FORMAT");
}

} // namespace axiom::eval

int main(int argc, char **argv) {
  CLI::App app("Measures what compiled models compute");
  app.require_subcommand(1);
  LogitsFlags logits;
  PerplexityFlags perplexity;
  CompareFlags compare;
  auto *logitsCommand =
      app.add_subcommand("logits", "Write the logits of every position of a text");
  auto *perplexityCommand =
      app.add_subcommand("perplexity", "Perplexity of a text, llama.cpp's protocol");
  auto *compareCommand =
      app.add_subcommand("compare", "Size, quality and speed of models against a reference");
  logits.add(*logitsCommand);
  perplexity.add(*perplexityCommand);
  compare.add(*compareCommand);
  // --context has a variable in axiom-run: what was set for a chat must not change what is scored.
  return tool::run(kTool, app, argc, argv,
                   [&] {
                     tool::catchInterrupts();
                     if (logitsCommand->parsed())
                       return runLogits(logits);
                     return perplexityCommand->parsed() ? runPerplexity(perplexity)
                                                        : runCompare(compare);
                   },
                   {"--context"});
}
