// axiom-run: text from a compiled model. stdout holds the result only.
#include "tools/axiom-run/Commands.h"

using namespace axiom;
using namespace axiom::run;

int main(int argc, char **argv) {
  CLI::App app("Generates text with a compiled model");
  app.require_subcommand(1);
  GenerateFlags generate;
  ChatFlags chat;
  TokenizeFlags tokenize;
  auto *generateCommand =
      app.add_subcommand("generate", "Continue a text, without a chat template");
  auto *chatCommand = app.add_subcommand("chat", "Answer a message, or talk");
  auto *tokenizeCommand = app.add_subcommand("tokenize", "Print the token ids of a text as JSON");
  generate.add(*generateCommand);
  chat.add(*chatCommand);
  tokenize.add(*tokenizeCommand);
  return tool::run(kTool, app, argc, argv, [&] {
    tool::catchInterrupts();
    if (generateCommand->parsed())
      return runGenerate(generate);
    return chatCommand->parsed() ? runChat(chat) : runTokenize(tokenize);
  });
}
