#include "tools/common/CommandLine.h"

#include "tools/common/Completion.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace axiom::tool {
namespace {

constexpr int kUsage = 2;

using Variables = std::map<const CLI::Option *, std::string>;

/// Flags that get no variable, because a value that is meant for one call would silently reach all
/// others: what prints and exits, where results go (a forgotten variable would overwrite a file),
/// and the text that is asked about. A flag that excludes another one is left out too: set by a
/// variable it would forbid what the command line says.
const std::set<std::string> kOneCall = {
    "--help",    "--version", "--completion",     "--print-targets", "--output",
    "--out",     "--junit",   "--write-baseline", "--prompt",        "--prompt-file",
    "--message", "--text",    "--file",           "--tokens-file"};

/// "AXIOM_TOP_K" for --top-k; of several long names the longest. Empty for none.
std::string variableOf(const CLI::Option &option, const std::set<std::string> &without) {
  std::string flag;
  for (const std::string &name : option.get_lnames()) {
    if (kOneCall.count("--" + name) || without.count("--" + name))
      return "";
    if (name.size() > flag.size())
      flag = name;
  }
  if (flag.empty() || !option.get_excludes().empty())
    return "";
  std::string variable = "AXIOM_";
  for (char c : flag)
    variable += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return variable;
}

/// Names the variable behind what a flag does; the parser's own place for it would push the text
/// of nearly every flag to a line of its own.
class HelpFormatter : public CLI::Formatter {
public:
  explicit HelpFormatter(std::shared_ptr<const Variables> variables)
      : variables_(std::move(variables)) {}

  std::string make_option_desc(const CLI::Option *option) const override {
    std::string text = CLI::Formatter::make_option_desc(option);
    auto found = variables_->find(option);
    return found == variables_->end() ? text : text + " [env: " + found->second + "]";
  }

private:
  std::shared_ptr<const Variables> variables_;
};

void collect(const CLI::App &app, const std::set<std::string> &without, Variables &out) {
  for (const CLI::Option *option : app.get_options())
    if (std::string variable = variableOf(*option, without); !variable.empty())
      out[option] = variable;
  for (const CLI::App *command : app.get_subcommands({}))
    collect(*command, without, out);
}

/// The parser looks at the variables of every command, and a bad one of a command that was not
/// called would be an error. So a command's options learn their names when it is called.
void connect(CLI::App &app, const std::shared_ptr<const Variables> &variables, bool values) {
  app.formatter(std::make_shared<HelpFormatter>(variables));
  if (values)
    app.preparse_callback([&app, variables](size_t) {
      for (CLI::Option *option : app.get_options())
        if (auto found = variables->find(option); found != variables->end())
          option->envname(found->second);
    });
  for (CLI::App *command : app.get_subcommands([](CLI::App *) { return true; }))
    connect(*command, variables, values);
}

/// The parser reads all values before it helps; a bad variable must not keep anyone from --help.
bool asksForText(int argc, char **argv) {
  return std::any_of(argv + 1, argv + argc, [](const char *word) {
    std::string text = word;
    return text == "-h" || text == "--help" || text == "--version" ||
           text.rfind("--completion", 0) == 0;
  });
}

/// Options with a value from the environment, of the commands that were called.
std::vector<std::pair<CLI::Option *, std::string>> fromEnvironment(CLI::App &app) {
  std::vector<std::pair<CLI::Option *, std::string>> out;
  std::vector<CLI::Option *> given = app.parse_order();
  for (CLI::Option *option : app.get_options()) {
    const char *value =
        option->get_envname().empty() ? nullptr : std::getenv(option->get_envname().c_str());
    if (value && *value && std::find(given.begin(), given.end(), option) == given.end())
      out.emplace_back(option, value);
  }
  for (CLI::App *command : app.get_subcommands()) {
    auto more = fromEnvironment(*command);
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

/// Would this value alone be refused in these words?
bool causes(CLI::Option &option, const std::string &value, const std::string &message) {
  try {
    option.clear();
    option.add_result(value);
    option.run_callback();
  } catch (const CLI::ParseError &error) {
    return error.what() == message;
  }
  return false;
}

void parse(CLI::App &app, int argc, char **argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() != 0)
      for (auto &[option, value] : fromEnvironment(app))
        if (causes(*option, value, error.what()))
          throw CLI::ValidationError("environment variable " + option->get_envname(), error.what());
    throw;
  }
}

} // namespace

std::string programName(const CLI::App &app) {
  std::string name = app.get_name();
  return name.substr(name.find_last_of('/') + 1);
}

int parseAndRun(CLI::App &app, int argc, char **argv, const std::function<int()> &body,
                const std::set<std::string> &without) {
  app.add_option_function<std::string>(
         "--completion",
         [&app](const std::string &shell) {
           throw CLI::CallForVersion(completionScript(app, programName(app), shell), 0);
         },
         "Print the completion script of a shell and exit")
      ->type_name("SHELL")
      ->configurable(false)
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  auto variables = std::make_shared<Variables>();
  collect(app, without, *variables);
  connect(app, variables, !asksForText(argc, argv));
  try {
    parse(app, argc, argv);
  } catch (const CLI::ParseError &error) {
    // Help, version and completion are "errors" with code 0.
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  int code = body();
  // What is found wrong after parsing is told by its flag; say so when no flag was given.
  auto used = fromEnvironment(app);
  if (code == kUsage && !used.empty()) {
    std::string names;
    for (auto &[option, value] : used)
      names += (names.empty() ? "" : ", ") + option->get_envname() + "=" + value;
    std::fprintf(stderr, "%s: note: from the environment: %s\n", programName(app).c_str(),
                 names.c_str());
  }
  return code;
}

} // namespace axiom::tool
