#include "tools/axiom-serve/Config.h"

#include "runtime/base/Status.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <istream>
#include <iterator>

namespace axiom::tool {
namespace {

[[noreturn]] void wrong(size_t line, const std::string &what) {
  throw CLI::ConfigError("--config, line " + std::to_string(line) + ": " + what,
                         CLI::ExitCodes::ConfigError);
}

bool isNumber(const std::string &word) {
  char *end = nullptr;
  std::strtod(word.c_str(), &end);
  return !word.empty() && *end == '\0' &&
         word.find_first_not_of("+-.0123456789eE") == std::string::npos;
}

class Parser {
public:
  explicit Parser(std::string text) : text_(std::move(text)) {}

  /// The next `name = value`; false at the end.
  bool next(CLI::ConfigItem &item, size_t &line) {
    skip(/*lines=*/true);
    if (at_ == text_.size())
      return false;
    line = line_;
    item = {};
    if (peek() == '[')
      wrong(line_, "there are no [tables] here, only lines of name = value");
    item.name = name();
    skip(false);
    if (peek() != '=')
      wrong(line_, "after '" + item.name + "' there has to be = and a value");
    ++at_;
    skip(false);
    if (peek() == '[')
      list(item);
    else
      item.inputs.push_back(value());
    skip(false);
    if (at_ < text_.size() && peek() != '\n')
      wrong(line_, "more than one value of '" + item.name +
                       "': write a list in brackets, and texts in quotes");
    return true;
  }

private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip(bool lines) {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (c == ' ' || c == '\t' || c == '\r' || (lines && c == '\n')) {
        line_ += c == '\n';
        ++at_;
      } else {
        return;
      }
    }
  }

  std::string word(const char *also) {
    size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) ||
                                  std::string_view(also).find(text_[at_]) != std::string::npos))
      ++at_;
    return text_.substr(begin, at_ - begin);
  }

  std::string name() {
    std::string out = word("-_");
    if (out.empty())
      wrong(line_, "a line is name = value, and a name is that of a flag without its dashes");
    return out;
  }

  std::string value() {
    char quote = peek();
    if (quote != '"' && quote != '\'') {
      std::string out = word("+-._");
      if (out != "true" && out != "false" && !isNumber(out))
        wrong(line_, "a value is a number, true, false or a text in quotes");
      return out;
    }
    std::string out;
    for (++at_; peek() != quote; ++at_) {
      if (at_ >= text_.size() || peek() == '\n')
        wrong(line_, "a text without its closing quote");
      if (quote == '\'' || peek() != '\\') {
        out += peek();
        continue;
      }
      ++at_;
      switch (peek()) {
      case '"':
      case '\\':
        out += peek();
        break;
      case 'n':
        out += '\n';
        break;
      case 't':
        out += '\t';
        break;
      default:
        wrong(line_, R"(behind \ only ", \, n and t are known; use 'single quotes')");
      }
    }
    ++at_;
    return out;
  }

  void list(CLI::ConfigItem &item) {
    ++at_;
    for (;;) {
      skip(true);
      if (peek() == ']')
        break;
      item.inputs.push_back(value());
      skip(true);
      if (peek() == ',')
        ++at_;
      else if (peek() != ']')
        wrong(line_, "in a list of '" + item.name + "' there has to be , or ]");
    }
    ++at_;
    if (item.inputs.empty())
      wrong(line_, "the list of '" + item.name + "' is empty: leave the line out");
  }

  std::string text_;
  size_t at_ = 0, line_ = 1;
};

std::string quoted(const std::string &value) {
  std::string out = "\"";
  for (char c : value)
    out += c == '"' || c == '\\' ? std::string{'\\', c}
           : c == '\n'           ? "\\n"
           : c == '\t'           ? "\\t"
                                 : std::string(1, c);
  return out + "\"";
}

std::string valueText(const CLI::Option &option, const std::string &value) {
  bool flag = option.get_items_expected_max() == 0;
  return (flag && (value == "true" || value == "false")) || isNumber(value) ? value : quoted(value);
}

} // namespace

std::shared_ptr<ConfigFile> ConfigFile::add(CLI::App &app) {
  std::shared_ptr<ConfigFile> file(new ConfigFile(app));
  app.set_config("--config", "",
                 "Flags from this file: lines of name = value, where the command line says nothing")
      ->type_name("FILE");
  app.config_formatter(file);
  app.allow_config_extras(CLI::config_extras_mode::error);
  return file;
}

std::vector<CLI::ConfigItem> ConfigFile::from_config(std::istream &input) const {
  Parser parser({std::istreambuf_iterator<char>(input), {}});
  std::vector<CLI::ConfigItem> items;
  CLI::ConfigItem item;
  for (size_t line = 0; parser.next(item, line);) {
    const CLI::Option *option = app_.get_option_no_throw("--" + item.name);
    if (!option && item.name == "model")
      option = app_.get_option_no_throw(item.name);
    if (!option)
      wrong(line, "'" + item.name + "' is no flag of this program; --help lists them");
    if (!option->get_configurable())
      wrong(line, "'" + item.name + "' can't be set in a file");
    if (!given_.insert(option->get_single_name()).second)
      wrong(line, "'" + item.name + "' is given twice");
    items.push_back(item);
  }
  return items;
}

const char *ConfigFile::sourceOf(const CLI::Option &option) const {
  if (option.count() == 0)
    return "default";
  for (const CLI::Option *given : app_.parse_order())
    if (given == &option)
      return "command line";
  return given_.count(option.get_single_name()) ? "file" : "environment";
}

std::string ConfigFile::to_config(const CLI::App *app, bool, bool, std::string) const {
  std::string out;
  for (const CLI::Option *option : app->get_options()) {
    if (!option->get_configurable() || option->get_single_name().empty())
      continue;
    std::vector<std::string> values = option->results();
    bool flag = option->get_items_expected_max() == 0;
    if (values.empty() && flag)
      values = {"false"};
    else if (values.empty() && !option->get_default_str().empty())
      values = {option->get_default_str()};
    std::string text;
    for (const std::string &value : values)
      text += (text.empty() ? "" : ", ") + valueText(*option, value);
    if (values.empty()) {
      out += "# " + option->get_single_name() + " is not given\n";
      continue;
    }
    bool list = option->get_items_expected_max() > 1;
    out += option->get_single_name() + " = " + (list ? "[" + text + "]" : text) + " # " +
           sourceOf(*option) + "\n";
  }
  return out;
}

std::string ConfigFile::variables() const {
  std::string out;
  for (const CLI::Option *option : app_.get_options())
    if (!option->get_envname().empty() && std::string_view(sourceOf(*option)) == "environment")
      out += (out.empty() ? "" : ", ") + option->get_envname();
  return out;
}

} // namespace axiom::tool
