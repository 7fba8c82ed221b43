#include "runtime/serve/grammar/Regex.h"

#include "runtime/text/Unicode.h"

#include <algorithm>

namespace axiom::serve::grammar {

struct Regex::Node {
  enum Kind : uint8_t { Empty, Chars, Sequence, Choice, Repeat, Start, End } kind = Empty;
  CharSet set;
  std::vector<std::shared_ptr<const Node>> parts;
  uint32_t least = 0, most = 0;       ///< Repeat
  uint32_t shortest = 0, longest = 0; ///< characters
  uint64_t cost = 1;                  ///< characters when all repetitions are written out
};

namespace {

using Node = Regex::Node;
using NodePtr = std::shared_ptr<const Node>;

constexpr uint64_t kMaxCost = 65536;

const CharSet kDigits = {{'0', '9'}};
const CharSet kWord = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharSet kSpace = {{9, 13}, {' ', ' '}};
const CharSet kLineEnds = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

uint32_t plus(uint32_t a, uint32_t b) {
  return a == kUnbounded || b == kUnbounded || a > kUnbounded - b ? kUnbounded : a + b;
}
uint32_t times(uint32_t a, uint32_t b) {
  if (a == 0 || b == 0)
    return 0;
  return a == kUnbounded || b == kUnbounded || a > kUnbounded / b ? kUnbounded : a * b;
}

class Parser {
public:
  explicit Parser(std::u32string text) : text_(std::move(text)) {}

  Result<NodePtr> parse() {
    NodePtr node = choice(0);
    if (error_.empty() && at_ < text_.size())
      fail("there is a ')' without a '('");
    if (error_.empty() && node->cost > kMaxCost)
      fail(format("its repetitions stand for %llu characters, at most %llu are possible",
                  static_cast<unsigned long long>(node->cost),
                  static_cast<unsigned long long>(kMaxCost)));
    if (error_.empty())
      anchors(*node, true, true);
    if (!error_.empty())
      return {Code::InvalidArgument, error_};
    return node;
  }

private:
  bool more() const { return error_.empty() && at_ < text_.size(); }
  char32_t peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : U'\0';
  }
  bool take(char32_t c) {
    if (!more() || text_[at_] != c)
      return false;
    ++at_;
    return true;
  }
  void fail(std::string why) {
    if (error_.empty())
      error_ = format("the regular expression, at character %zu: %s", at_ + 1, why.c_str());
  }

  static NodePtr make(Node node) { return std::make_shared<const Node>(std::move(node)); }
  static NodePtr chars(CharSet set) {
    Node node;
    node.kind = Node::Chars;
    node.set = std::move(set);
    node.shortest = node.longest = 1;
    return make(std::move(node));
  }
  static NodePtr join(Node::Kind kind, std::vector<NodePtr> parts) {
    if (parts.size() == 1)
      return parts[0];
    Node node;
    node.kind = parts.empty() ? Node::Empty : kind;
    for (const NodePtr &part : parts) {
      node.cost += part->cost;
      if (kind == Node::Sequence) {
        node.shortest = plus(node.shortest, part->shortest);
        node.longest = plus(node.longest, part->longest);
      } else {
        node.shortest =
            &part == &parts[0] ? part->shortest : std::min(node.shortest, part->shortest);
        node.longest = std::max(node.longest, part->longest);
      }
    }
    node.parts = std::move(parts);
    return make(std::move(node));
  }

  NodePtr choice(uint32_t depth) {
    if (depth > kMaxRegexDepth)
      fail(format("groups are more than %u deep", kMaxRegexDepth));
    std::vector<NodePtr> parts;
    do
      parts.push_back(sequence(depth));
    while (take('|'));
    return join(Node::Choice, std::move(parts));
  }

  NodePtr sequence(uint32_t depth) {
    std::vector<NodePtr> parts;
    while (more() && peek() != '|' && peek() != ')')
      parts.push_back(repeated(depth));
    return join(Node::Sequence, std::move(parts));
  }

  NodePtr repeated(uint32_t depth) {
    NodePtr node = atom(depth);
    bool twice = false;
    while (more()) {
      uint32_t least = 0, most = kUnbounded;
      if (take('*')) {
      } else if (take('+')) {
        least = 1;
      } else if (take('?')) {
        most = 1;
      } else if (peek() == '{' && peek(1) >= '0' && peek(1) <= '9') {
        ++at_;
        least = most = number();
        if (take(','))
          most = peek() == '}' ? kUnbounded : number();
        if (!take('}'))
          fail("'}' must end a repetition");
        if (most < least)
          fail(format("{%u,%u}: the second number must not be smaller", least, most));
      } else {
        break;
      }
      if (twice)
        fail("two repetitions follow each other");
      twice = true;
      (void)take('?'); // the shortest match: the same texts
      if (node->kind == Node::Start || node->kind == Node::End)
        fail("an anchor is repeated");
      Node out;
      out.kind = Node::Repeat;
      out.least = least;
      out.most = most;
      out.shortest = times(node->shortest, least);
      out.longest = times(node->longest, most);
      out.cost = node->cost * std::max<uint64_t>(1, most == kUnbounded ? least : most);
      out.cost = std::min<uint64_t>(out.cost, uint64_t(1) << 40);
      out.parts = {node};
      node = make(std::move(out));
    }
    return node;
  }

  uint32_t number() {
    uint32_t value = 0;
    if (!(peek() >= '0' && peek() <= '9'))
      fail("a number is expected");
    while (peek() >= '0' && peek() <= '9' && value <= kMaxRepeats)
      value = value * 10 + static_cast<uint32_t>(text_[at_++] - '0');
    if (value > kMaxRepeats)
      fail(format("a repetition of more than %u", kMaxRepeats));
    return value;
  }

  NodePtr atom(uint32_t depth) {
    char32_t c = text_[at_++];
    Node node;
    switch (c) {
    case '(':
      group();
      if (!error_.empty())
        return make({});
      {
        NodePtr inner = choice(depth + 1);
        if (!take(')'))
          fail("a '(' has no ')'");
        return inner;
      }
    case '[':
      return characterClass();
    case '.':
      return chars(complement(kLineEnds));
    case '^':
      node.kind = Node::Start;
      return make(std::move(node));
    case '$':
      node.kind = Node::End;
      return make(std::move(node));
    case '\\':
      return chars(normalized(escape(false)));
    case '*':
    case '+':
    case '?':
      fail("there is nothing to repeat");
      return make({});
    default:
      return chars({{static_cast<uint32_t>(c), static_cast<uint32_t>(c)}});
    }
  }

  /// Behind '(': what kind it is.
  void group() {
    if (!take('?'))
      return;
    if (take(':'))
      return;
    if (take('P') || peek() == '<') {
      if (take('<') && peek() != '=' && peek() != '!') {
        while (more() && peek() != '>')
          ++at_;
        if (take('>'))
          return;
      }
      fail("look-behind is not supported");
      return;
    }
    fail(peek() == '=' || peek() == '!' ? "look-ahead is not supported"
                                        : "this kind of group, (?..., is not supported");
  }

  uint32_t hex(uint32_t digits) {
    uint32_t value = 0;
    for (uint32_t i = 0; i < digits; ++i) {
      char32_t c = peek();
      if (c >= '0' && c <= '9')
        value = value * 16 + static_cast<uint32_t>(c - '0');
      else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))
        value = value * 16 + static_cast<uint32_t>((c | 32) - 'a' + 10);
      else {
        fail(format("%u hexadecimal digits are expected", digits));
        return 0;
      }
      ++at_;
    }
    return value;
  }

  /// Behind a backslash.
  CharSet escape(bool inClass) {
    if (!more()) {
      fail("it ends with a backslash");
      return {{'\\', '\\'}};
    }
    char32_t c = text_[at_++];
    auto one = [](uint32_t code) { return CharSet{{code, code}}; };
    switch (c) {
    case 'd':
      return kDigits;
    case 'D':
      return complement(kDigits);
    case 'w':
      return kWord;
    case 'W':
      return complement(kWord);
    case 's':
      return kSpace;
    case 'S':
      return complement(kSpace);
    case 'n':
      return one('\n');
    case 'r':
      return one('\r');
    case 't':
      return one('\t');
    case 'f':
      return one('\f');
    case 'v':
      return one('\v');
    case '0':
      return one(0);
    case 'x':
      return one(hex(2));
    case 'u':
      if (take('{')) {
        uint32_t value = 0;
        size_t digits = 0;
        while (more() && peek() != '}' && digits++ < 6)
          value = value * 16 + hex(1);
        if (!take('}') || value > 0x10ffff)
          fail("\\u{...} must hold 1 to 6 hexadecimal digits, at most 10FFFF");
        return one(value);
      }
      return one(hex(4));
    case 'b':
      if (inClass)
        return one(8);
      break;
    default:
      break;
    }
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      fail(c == 'b' || c == 'B'   ? "word boundaries are not supported"
           : c >= '1' && c <= '9' ? "references to groups are not supported"
           : c == 'p' || c == 'P' ? "classes of Unicode properties are not supported"
                                  : "this escape is not known");
      return one('?');
    }
    return one(static_cast<uint32_t>(c));
  }

  NodePtr characterClass() {
    bool negated = take('^');
    CharSet set;
    for (bool first = true; more() && (first || peek() != ']'); first = false) {
      if (first && peek() == ']') {
        fail("a class must not be empty");
        break;
      }
      auto item = [&]() -> CharSet {
        char32_t c = text_[at_++];
        return c == '\\' ? escape(true)
                         : CharSet{{static_cast<uint32_t>(c), static_cast<uint32_t>(c)}};
      };
      CharSet low = item();
      bool single = low.size() == 1 && low[0].first == low[0].last;
      if (single && peek() == '-' && peek(1) != ']' && peek(1) != 0) {
        ++at_;
        CharSet high = item();
        if (high.size() != 1 || high[0].first != high[0].last || high[0].first < low[0].first)
          fail("a range in a class must go from a character to a later one");
        else
          low[0].last = high[0].first;
      }
      set.insert(set.end(), low.begin(), low.end());
      if (set.size() > 4096)
        fail("a class has too many parts");
    }
    if (!take(']'))
      fail("a '[' has no ']'");
    set = negated ? complement(set) : normalized(set);
    if (set.empty())
      fail("a class matches nothing");
    return chars(std::move(set));
  }

  /// '^' may stand where nothing comes before it, '$' where nothing follows.
  void anchors(const Node &node, bool first, bool last) {
    if (node.kind == Node::Start && !first)
      error_ = "the regular expression: '^' is possible at the beginning only";
    if (node.kind == Node::End && !last)
      error_ = "the regular expression: '$' is possible at the end only";
    for (size_t i = 0; i < node.parts.size(); ++i) {
      bool before = first, after = last;
      if (node.kind == Node::Sequence) {
        for (size_t j = 0; j < i; ++j)
          before = before && node.parts[j]->longest == 0;
        for (size_t j = i + 1; j < node.parts.size(); ++j)
          after = after && node.parts[j]->longest == 0;
        // A text of many parts: only those at the ends can hold an anchor that may stand.
        if (!before && !after && node.parts[i]->parts.empty() &&
            node.parts[i]->kind != Node::Start && node.parts[i]->kind != Node::End)
          continue;
      } else if (node.kind == Node::Repeat) {
        before = node.most == 1 && first;
        after = node.most == 1 && last;
      }
      anchors(*node.parts[i], before, after);
    }
  }

  std::u32string text_;
  size_t at_ = 0;
  std::string error_;
};

std::string write(const Node &node, bool inJson) {
  switch (node.kind) {
  case Node::Chars:
    return inJson ? jsonChar(node.set) : charClass(node.set);
  case Node::Sequence: {
    std::string out = "(";
    for (const NodePtr &part : node.parts)
      out += write(*part, inJson) + " ";
    out.back() = ')';
    return out;
  }
  case Node::Choice: {
    std::vector<std::string> parts;
    for (const NodePtr &part : node.parts)
      parts.push_back(write(*part, inJson));
    return anyOf(parts);
  }
  case Node::Repeat: {
    if (node.most == 0)
      return "\"\"";
    std::string inner = write(*node.parts[0], inJson);
    if (node.most == kUnbounded)
      inner += node.least == 0 ? "*" : node.least == 1 ? "+" : format("{%u,}", node.least);
    else if (node.least == 0 && node.most == 1)
      inner += "?";
    else
      inner += format("{%u,%u}", node.least, node.most);
    return "(" + inner + ")";
  }
  default:
    return "\"\"";
  }
}

} // namespace

std::string jsonChar(const CharSet &set) {
  static const CharSet kEscaped = {{0, 0x1f}, {'"', '"'}, {'\\', '\\'}};
  std::vector<std::string> parts;
  if (CharSet bare = without(set, kEscaped); !bare.empty())
    parts.push_back(charClass(bare));
  CharSet shorts;
  for (auto [code, letter] : {std::pair<uint32_t, char>{'"', '"'},
                              {'\\', '\\'},
                              {8, 'b'},
                              {12, 'f'},
                              {10, 'n'},
                              {13, 'r'},
                              {9, 't'}})
    if (contains(set, code))
      shorts.push_back({static_cast<uint32_t>(letter), static_cast<uint32_t>(letter)});
  if (!shorts.empty())
    parts.push_back("(\"\\\\\" " + charClass(normalized(shorts)) + ")");
  if (parts.empty()) // control characters without a short escape
    for (uint32_t c = 0; c < 0x20; ++c)
      if (contains(set, c))
        parts.push_back(format("\"\\\\u%04x\"", c));
  return parts.empty() ? "\"\"" : anyOf(parts);
}

Result<Regex> Regex::parse(std::string_view pattern) {
  std::u32string text;
  if (!unicode::isValid(pattern))
    return {Code::InvalidArgument, "the regular expression is not valid UTF-8"};
  for (size_t at = 0; at < pattern.size();)
    text.push_back(unicode::decode(pattern, at));
  AXIOM_ASSIGN_OR_RETURN(NodePtr root, Parser(std::move(text)).parse());
  Regex regex;
  regex.shortest_ = root->shortest;
  regex.longest_ = root->longest;
  regex.root_ = std::move(root);
  return regex;
}

std::string Regex::ebnf(bool inJson) const { return write(*root_, inJson); }

} // namespace axiom::serve::grammar
