#include "runtime/serve/grammar/EbnfCheck.h"

#include "runtime/text/Unicode.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

namespace axiom::serve::grammar {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr uint64_t kHuge = uint64_t(1) << 40;

bool nameStart(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool nameByte(char c) { return nameStart(c) || c == '-' || c == '.' || (c >= '0' && c <= '9'); }

/// A part of a rule's body. It is complete once `missing` of its children have texts that end.
struct Node {
  uint32_t missing = 0;
  uint64_t elements = 1, wide = 0;

  void add(const Node &part, uint64_t times = 1) {
    elements = std::min(kHuge, elements + part.elements * times);
    wide = std::min(kHuge, wide + part.wide * times);
  }
};

class Checker {
public:
  Checker(std::string_view text, const EbnfLimits &limits) : text_(text), limits_(limits) {}

  Status check() {
    if (text_.size() > limits_.bytes)
      return {Code::Resource, format("the grammar has %zu bytes, at most %zu are possible",
                                     text_.size(), limits_.bytes)};
    if (!unicode::isValid(text_) || text_.find('\0') != text_.npos)
      return {Code::InvalidArgument, "the grammar is not valid UTF-8 text"};
    while (error_.ok()) {
      skip();
      if (at_ >= text_.size())
        break;
      rule();
    }
    AXIOM_RETURN_IF_ERROR(error_);
    for (const auto &[name, found] : rules_)
      if (found.body == kNone)
        return {Code::InvalidArgument,
                "the grammar uses the rule \"" + name + "\", which it does not define"};
    auto root = rules_.find("root");
    if (root == rules_.end())
      return {Code::InvalidArgument, "the grammar has no rule \"root\": it is where a text begins"};
    if (all_.elements > limits_.elements)
      return {Code::Resource,
              format("the grammar has %llu elements with its repetitions written out, at most "
                     "%llu are possible",
                     static_cast<unsigned long long>(all_.elements),
                     static_cast<unsigned long long>(limits_.elements))};
    return ends();
  }
  uint64_t wide() const { return all_.wide; }

private:
  struct Rule {
    uint32_t node = kNone; ///< stands for the rule in bodies
    uint32_t body = kNone;
  };

  void fail(std::string why) {
    if (error_.ok()) {
      auto line =
          1 + std::count(text_.begin(),
                         text_.begin() + static_cast<ptrdiff_t>(std::min(at_, text_.size())), '\n');
      error_ = {Code::InvalidArgument,
                format("the grammar, line %lld: %s", static_cast<long long>(line), why.c_str())};
    }
    at_ = text_.size();
  }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void skip() {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '#')
        while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r')
          ++at_;
      else if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        ++at_;
      else
        return;
    }
  }
  std::string_view name() {
    size_t begin = at_;
    while (at_ < text_.size() && nameByte(text_[at_]))
      ++at_;
    return text_.substr(begin, at_ - begin);
  }
  /// True if a rule begins here: a name and `::=`.
  bool atRule() {
    size_t before = at_;
    bool is = nameStart(peek()) && !name().empty();
    skip();
    is = is && text_.substr(at_).starts_with("::=");
    at_ = before;
    return is;
  }

  uint32_t make(uint32_t missing, uint64_t elements, uint64_t wide = 0) {
    nodes_.push_back({missing, elements, wide});
    parents_.emplace_back();
    return static_cast<uint32_t>(nodes_.size() - 1);
  }
  Rule &named(std::string_view text) {
    auto [found, isNew] = rules_.try_emplace(std::string(text));
    if (isNew) {
      if (rules_.size() > limits_.rules)
        fail(format("there are more than %u rules", limits_.rules));
      found->second.node = make(1, 1);
    }
    return found->second;
  }

  void rule() {
    if (!atRule())
      return fail("a rule, name ::= body, must begin here");
    std::string own(name());
    skip();
    at_ += 3;
    if (named(own).body != kNone)
      return fail("the rule \"" + own + "\" is defined twice");
    uint32_t body = choices(0);
    if (!error_.ok())
      return;
    Rule &rule = named(own);
    rule.body = body;
    parents_[body].push_back(rule.node);
    all_.add(nodes_[body]);
  }

  uint32_t choices(uint32_t depth) {
    if (depth > limits_.depth) {
      fail(format("brackets are more than %u deep", limits_.depth));
      return 0;
    }
    uint32_t out = make(1, 0);
    for (;;) {
      uint32_t part = sequence(depth);
      if (!error_.ok())
        return out;
      parents_[part].push_back(out);
      nodes_[out].add(nodes_[part]);
      skip();
      if (peek() != '|')
        return out;
      ++at_;
    }
  }

  uint32_t sequence(uint32_t depth) {
    uint32_t out = make(0, 0), count = 0;
    for (;;) {
      skip();
      if (at_ >= text_.size() || peek() == '|' || peek() == ')' || atRule())
        break;
      uint32_t part = repeated(depth);
      if (!error_.ok())
        return out;
      ++count;
      parents_[part].push_back(out);
      ++nodes_[out].missing;
      nodes_[out].add(nodes_[part]);
    }
    if (count == 0)
      fail("something is expected here; \"\" is the empty text");
    return out;
  }

  uint32_t repeated(uint32_t depth) {
    uint32_t node = element(depth);
    skip();
    uint64_t least = 1, most = 1;
    if (char c = peek(); c == '*' || c == '+' || c == '?') {
      ++at_;
      least = c == '+' ? 1 : 0;
    } else if (c == '{') {
      ++at_;
      least = most = number();
      skip();
      if (peek() == ',') {
        ++at_;
        skip();
        most = peek() == '}' ? std::max<uint64_t>(least, 1) : number();
        skip();
      }
      if (peek() != '}' && error_.ok())
        fail("a repetition is {n}, {n,} or {n,m}");
      ++at_;
      if (most < least)
        fail("a repetition's second number must not be smaller than the first");
    } else {
      return node;
    }
    if (!error_.ok())
      return node;
    skip();
    if (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{')
      fail("two repetitions follow each other: use brackets");
    uint32_t out = make(least == 0 ? 0 : 1, 0);
    nodes_[out].add(nodes_[node], std::max<uint64_t>(most, 1));
    parents_[node].push_back(out);
    return out;
  }

  uint64_t number() {
    skip();
    if (!(peek() >= '0' && peek() <= '9')) {
      fail("a number is expected");
      return 0;
    }
    uint64_t value = 0;
    while (peek() >= '0' && peek() <= '9' && value <= limits_.repeats)
      value = value * 10 + static_cast<uint64_t>(text_[at_++] - '0');
    if (value > limits_.repeats)
      fail(format("a repetition of more than %u", limits_.repeats));
    return value;
  }

  uint32_t element(uint32_t depth) {
    char c = peek();
    if (c == '(') {
      ++at_;
      if (peek() == '=') {
        fail("look-ahead, (=, is not possible");
        return 0;
      }
      uint32_t inner = choices(depth + 1);
      skip();
      if (error_.ok() && peek() != ')')
        fail("a '(' has no ')'");
      ++at_;
      return inner;
    }
    if (c == '"' || c == '[') {
      uint64_t elements = 0;
      bool wide = peek(1) == '^';
      char end = c == '"' ? '"' : ']';
      for (++at_;
           at_ < text_.size() && text_[at_] != end && text_[at_] != '\n' && text_[at_] != '\r';
           ++at_, ++elements) {
        if (text_[at_] == '\\')
          ++at_;
        else if (text_[at_] == '-' && elements > 0) // all ranges but those of digits
          wide = wide || !(text_[at_ - 1] >= '0' && text_[at_ - 1] <= '9' && peek(1) >= '0' &&
                           peek(1) <= '9');
      }
      if (peek() != end)
        fail(c == '"' ? "a '\"' has no second one in its line" : "a '[' has no ']' in its line");
      ++at_;
      wide = c == '[' && (wide || elements > 160);
      return make(0, c == '"' ? std::max<uint64_t>(elements, 1) : wide ? 64 : 1, wide);
    }
    if (nameStart(c)) {
      std::string_view used = name();
      for (const char *macro : {"TagDispatch", "Token", "ExcludeToken", "TokenTagDispatch"})
        if (used == macro && peek() == '(')
          fail(std::string(macro) + "(...) is not possible");
      return named(used).node;
    }
    fail(std::string("'") + c + "' is not expected here");
    return 0;
  }

  /// Whether a text from `root` can be complete: from what is complete by itself upwards.
  Status ends() {
    std::vector<uint32_t> news;
    std::vector<bool> complete(nodes_.size());
    auto done = [&](uint32_t node) {
      complete[node] = true;
      news.push_back(node);
    };
    for (uint32_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].missing == 0)
        done(i);
    while (!news.empty()) {
      uint32_t node = news.back();
      news.pop_back();
      for (uint32_t parent : parents_[node])
        if (!complete[parent] && --nodes_[parent].missing == 0)
          done(parent);
    }
    for (const auto &[name, rule] : rules_)
      if (!complete[rule.node])
        return {Code::InvalidArgument, "the grammar's rule \"" + name +
                                           "\" never ends: no text that it describes is finite"};
    return {};
  }

  std::string_view text_;
  const EbnfLimits &limits_;
  size_t at_ = 0;
  Status error_;
  std::vector<Node> nodes_;
  std::vector<std::vector<uint32_t>> parents_;
  std::unordered_map<std::string, Rule> rules_;
  Node all_{0, 0, 0};
};

} // namespace

Result<CheckedEbnf> checkEbnf(std::string text, const EbnfLimits &limits) {
  Checker checker(text, limits);
  AXIOM_RETURN_IF_ERROR(checker.check());
  return CheckedEbnf{std::move(text), checker.wide()};
}

} // namespace axiom::serve::grammar
