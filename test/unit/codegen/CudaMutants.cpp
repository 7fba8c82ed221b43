#include "test/unit/codegen/CudaMutants.h"

#include <functional>
#include <regex>
#include <sstream>

namespace axiom::test {

namespace {

/// A kind of change: each match of `pattern` in a line of code becomes what `edit` gives, or stays
/// if that is empty text equal to the match.
struct Rule {
  std::regex pattern;
  std::function<std::vector<std::pair<std::string, std::string>>(const std::smatch &)> edits;
};

/// What stands in an index, one higher and one lower.
std::vector<std::pair<std::string, std::string>>
shifted(const std::string &before, const std::string &index, const std::string &after) {
  std::vector<std::pair<std::string, std::string>> edits;
  for (const char *shift : {" + 1", " - 1"})
    edits.emplace_back(before + index + after + shift, before + "(" + index + ")" + shift + after);
  return edits;
}

const std::vector<Rule> &rules() {
  static const std::vector<Rule> all = {
      // What orders: gone.
      {std::regex(
           R"(\b(blockSync|warpSync|copyCommit|copyWait|waitFor|fence)\b(<[^;]*>)?\([^;]*\);)"),
       [](const std::smatch &m) {
         return std::vector<std::pair<std::string, std::string>>{{"without " + m.str(0), ";"}};
       }},
      // Copies that may still be under way.
      {std::regex(R"(\bcopyWait<([^;]*)>\(\);)"),
       [](const std::smatch &m) {
         std::vector<std::pair<std::string, std::string>> edits;
         edits.emplace_back("copyWait + 1", "copyWait<(" + m.str(1) + ") + 1>();");
         if (m.str(1) != "0")
           edits.emplace_back("copyWait - 1", "copyWait<(" + m.str(1) + ") - 1>();");
         return edits;
       }},
      // Lanes: the rows and columns of fragments follow from them.
      {std::regex(R"(\b(laneIndex\(\)|lane) [/%] \d+)"),
       [](const std::smatch &m) { return shifted("(", m.str(0), ")"); }},
      // Elements of fragments, tiles and results.
      {std::regex(R"(\[([^\[\]]*)\](?! =))"),
       [](const std::smatch &m) {
         // A lambda's captures are no index.
         if (m.str(1).empty() || m.str(1) == "&" || m.str(1) == "=")
           return std::vector<std::pair<std::string, std::string>>{};
         return shifted("[", m.str(1), "]");
       }},
  };
  return all;
}

std::vector<std::string> linesOf(const std::string &text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

/// Where a line's comment begins.
size_t codeEnd(const std::string &line) {
  size_t comment = line.find("//");
  return comment == std::string::npos ? line.size() : comment;
}

/// Declarations have sizes in brackets, not indices; a static_assert orders nothing.
bool declares(const std::string &code) {
  static const std::regex declaration(
      R"(^\s*(const |static |constexpr )*(u8|u16|u32|u64|i8|i32|float|Words2|Words4|bool|[A-Z]\w*(<[^>]*>)?) [&(]*\w+\[)");
  return std::regex_search(code, declaration) || code.find("static_assert") != std::string::npos;
}

std::string withLine(std::vector<std::string> lines, size_t index, std::string changed) {
  lines[index] = std::move(changed);
  std::string text;
  for (const std::string &line : lines)
    text += line + "\n";
  return text;
}

} // namespace

std::vector<Mutant> mutantsOf(const std::string &name, const std::string &text) {
  std::vector<Mutant> mutants;
  std::vector<std::string> lines = linesOf(text);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string code = lines[i].substr(0, codeEnd(lines[i]));
    if (code.empty() || code[0] == '#')
      continue;
    bool declaration = declares(code);
    for (const Rule &rule : rules()) {
      if (declaration && &rule == &rules().back())
        continue;
      for (std::sregex_iterator match(code.begin(), code.end(), rule.pattern), end; match != end;
           ++match)
        for (const auto &[what, replacement] : rule.edits(*match)) {
          size_t at = static_cast<size_t>(match->position(0));
          std::string changed = code.substr(0, at) + replacement +
                                code.substr(at + static_cast<size_t>(match->length(0)));
          mutants.push_back({name, static_cast<uint32_t>(i + 1), what,
                             code.substr(code.find_first_not_of(' ')),
                             withLine(lines, i, changed)});
        }
    }
  }
  return mutants;
}

} // namespace axiom::test
