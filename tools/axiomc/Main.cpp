#include "compiler/driver/CommandLine.h"
#include "tools/common/CommandLine.h"

int main(int argc, char **argv) {
  return axiom::axiomcMain(
      argc, argv, [](CLI::App &app, int count, char **words, const std::function<int()> &body) {
        return axiom::tool::parseAndRun(app, count, words, body);
      });
}
