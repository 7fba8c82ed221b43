#include "test/unit/codegen/CudaMutants.h"

#include <cctype>
#include <functional>
#include <map>
#include <regex>
#include <sstream>

namespace axiom::test {

namespace {

using Edits = std::vector<std::pair<std::string, std::string>>;

/// A kind of change: a match of `pattern` in a line of code gives some changes, each as what is
/// said of it and what stands there then.
struct Rule {
  MutantKind kind;
  std::regex pattern;
  std::function<Edits(const std::smatch &)> edits;
};

Edits removed(const std::smatch &m) { return {{"without " + m.str(0), ";"}}; }

/// What stands in an index, one higher and one lower.
Edits shifted(const std::string &before, const std::string &index, const std::string &after) {
  Edits edits;
  for (const char *shift : {" + 1", " - 1"})
    edits.emplace_back(before + index + after + shift, before + "(" + index + ")" + shift + after);
  return edits;
}

const std::vector<Rule> &rules() {
  static const std::vector<Rule> all = {
      {MutantKind::Barrier, std::regex(R"(\b(block|warp|group)Sync\([^;]*\);)"), removed},
      {MutantKind::Commit, std::regex(R"(\bcopyCommit\(\);)"), removed},
      {MutantKind::Wait, std::regex(R"(\b(copyWait<[^;]*>|waitFor)\([^;]*\);)"), removed},
      // A ticket counts as it did, but what comes before it and behind it has no order.
      {MutantKind::Fence, std::regex(R"(\btakeTicket\(([^,()]*), ([^,()]*)\))"),
       [](const std::smatch &m) {
         return Edits{{"takeTicket without order",
                       "((*(" + m.str(1) + ") += " + m.str(2) + ") - " + m.str(2) + ")"}};
       }},
      // Copies that may still be under way.
      {MutantKind::Count, std::regex(R"(\bcopyWait<([^;]*)>\(\);)"),
       [](const std::smatch &m) {
         Edits edits = {{"copyWait + 1", "copyWait<(" + m.str(1) + ") + 1>();"}};
         if (m.str(1) != "0")
           edits.emplace_back("copyWait - 1", "copyWait<(" + m.str(1) + ") - 1>();");
         return edits;
       }},
      // Whoever comes last but one, or one more than there are.
      {MutantKind::Count, std::regex(R"(\btakeTicket\([^()]*\))"),
       [](const std::smatch &m) { return shifted("", m.str(0), ""); }},
      // Lanes and threads of a team: the rows and columns of fragments follow from them.
      {MutantKind::Lane,
       std::regex(
           R"(\b(laneIndex\(\)|lane|threadIndex\(\)|member\(\)) [/%] (\d+|kTeam|F::groupThreads))"),
       [](const std::smatch &m) { return shifted("(", m.str(0), ")"); }},
      // Elements of fragments, tiles and results.
      {MutantKind::Index, std::regex(R"(\[([^\[\]]+)\])"),
       [](const std::smatch &m) { return shifted("[", m.str(1), "]"); }},
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

/// Declarations have sizes in brackets, not indices.
bool declares(const std::string &code) {
  static const std::string type =
      R"(^\s*(const |static |constexpr )*(u8|u16|u32|u64|i8|i32|float|Words2|Words4|bool|[A-Z]\w*(<[^>]*>)?) )";
  static const std::regex first(type + R"([&(*]*\w+\[)"), last(type + R"(.*, \w+\[\w+\];$)");
  return std::regex_search(code, first) || std::regex_search(code, last);
}

/// Whether the bracket at `at` is an index: a lambda's captures and the size of a parameter that is
/// an array are none.
bool isIndex(const std::string &code, size_t at) {
  char before = at == 0 ? ' ' : code[at - 1];
  return std::isalnum(static_cast<unsigned char>(before)) || before == '_' || before == ']';
}

std::string withLine(std::vector<std::string> lines, size_t index, std::string changed) {
  lines[index] = std::move(changed);
  std::string text;
  for (const std::string &line : lines)
    text += line + "\n";
  return text;
}

} // namespace

const char *mutantKindName(MutantKind kind) {
  static const char *const names[] = {"barriers", "commits", "waits",  "fences",
                                      "counts",   "lanes",   "indices"};
  return names[static_cast<size_t>(kind)];
}

std::vector<Mutant> mutantsOf(const std::string &name, const std::string &text) {
  std::vector<Mutant> mutants;
  std::vector<std::string> lines = linesOf(text);
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string code = lines[i].substr(0, codeEnd(lines[i]));
    code.resize(code.find_last_not_of(' ') + 1);
    // A static_assert orders nothing.
    if (code.empty() || code[0] == '#' || code.find("static_assert") != std::string::npos)
      continue;
    bool declaration = declares(code);
    std::map<std::string, int> seen; ///< in this line
    for (const Rule &rule : rules())
      for (std::sregex_iterator match(code.begin(), code.end(), rule.pattern), end; match != end;
           ++match) {
        auto at = static_cast<size_t>(match->position(0));
        if (rule.kind == MutantKind::Index && (declaration || !isIndex(code, at)))
          continue;
        for (auto [what, replacement] : rule.edits(*match)) {
          if (int times = ++seen[what]; times > 1)
            what += " (" + std::to_string(times) + ")";
          std::string changed = code.substr(0, at) + replacement +
                                code.substr(at + static_cast<size_t>(match->length(0)));
          mutants.push_back({rule.kind, name, mutants.size(), static_cast<uint32_t>(i + 1), what,
                             code.substr(code.find_first_not_of(' ')),
                             withLine(lines, i, changed)});
        }
      }
  }
  return mutants;
}

} // namespace axiom::test
