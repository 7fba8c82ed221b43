// Methods of strings; the filters of the same names use them too.
#include "runtime/text/TemplateStringMethods.h"

#include "runtime/text/TemplateFormatting.h"
#include "runtime/text/TemplateUnicode.h"

#include <algorithm>

namespace axiom {

using Kind = Value::Kind;
using Interp = TemplateInterpreter;
using Bound = BoundArguments;
using Rest = TemplateArguments;

namespace {

/// The text of a string argument; other types fail as in Python.
const MarkedText &textArgument(const Value &value, const char *what) {
  if (value.isUndefined())
    failUndefined(value);
  if (!value.isString())
    failTemplate(format("%s must be str, not %s", what, pythonTypeName(value)));
  return value.text();
}

int64_t intArgument(const std::optional<Value> &value, int64_t otherwise) {
  if (!value)
    return otherwise;
  if (!value->isIntegral())
    failTemplate(format("'%s' object cannot be interpreted as an integer", pythonTypeName(*value)));
  return value->asInt();
}

bool absent(const std::optional<Value> &value) { return !value || value->isNone(); }

/// Byte range of the code points [start, end) as str.find and startswith take them. False if start
/// lies behind the end.
bool searchRange(Interp &in, const MarkedText &text, const std::optional<Value> &start,
                 const std::optional<Value> &end, size_t &begin, size_t &stop) {
  begin = 0;
  stop = text.size();
  if (absent(start) && absent(end))
    return true;
  in.budget().step(text.size() / 16);
  int64_t size = static_cast<int64_t>(countCodePoints(text.bytes()));
  auto bound = [&](const std::optional<Value> &value, int64_t otherwise) {
    int64_t i = absent(value) ? otherwise : intArgument(value, 0);
    return i < 0 ? std::max<int64_t>(0, i + size) : i;
  };
  int64_t first = bound(start, 0), last = std::min(bound(end, size), size);
  if (first > last)
    return false;
  begin = codePointOffset(text.bytes(), static_cast<size_t>(first));
  stop = codePointOffset(text.bytes(), static_cast<size_t>(last));
  return true;
}

/// Code point index of a match, or -1.
int64_t search(Interp &in, const Value &self, const Bound &args, bool last) {
  const MarkedText &text = self.text(), &needle = textArgument(*args[0], "the text to find");
  size_t begin, stop;
  if (!searchRange(in, text, args[1], args[2], begin, stop))
    return -1;
  in.budget().step(text.size() / 16);
  std::string_view window = std::string_view(text.bytes()).substr(0, stop);
  size_t at = window.find(needle.bytes(), begin);
  if (last) {
    at = window.rfind(needle.bytes());
    if (at != std::string_view::npos && at < begin)
      at = std::string_view::npos;
  }
  if (at == std::string_view::npos)
    return -1;
  return static_cast<int64_t>(countCodePoints(window.substr(0, at)));
}

Value strip(Interp &in, const Value &self, const Bound &args, bool left, bool right) {
  const MarkedText *chars = absent(args[0]) ? nullptr : &textArgument(*args[0], "strip arg");
  return Value::string(stripText(in, self.text(), chars, left, right));
}

bool affix(Interp &in, const Value &self, const Bound &args, bool suffix) {
  size_t begin, stop;
  if (!searchRange(in, self.text(), args[1], args[2], begin, stop))
    return false;
  std::string_view window = std::string_view(self.text().bytes()).substr(begin, stop - begin);
  auto matches = [&](const Value &candidate) {
    const std::string &s = textArgument(candidate, "the first argument").bytes();
    return suffix ? window.ends_with(s) : window.starts_with(s);
  };
  if (!args[0]->is(Kind::Tuple))
    return matches(*args[0]);
  const auto &candidates = args[0]->items();
  return std::any_of(candidates.begin(), candidates.end(), matches);
}

/// split() at runs of white space.
std::vector<Value> splitSpace(Interp &in, const MarkedText &text, int64_t limit, bool fromRight) {
  std::vector<TextSpan> words;
  const std::string &s = text.bytes();
  in.budget().step(s.size() / 16);
  constexpr size_t kNone = SIZE_MAX;
  size_t start = kNone;
  for (size_t pos = 0, size; pos < s.size(); pos += size) {
    bool space = isPythonSpace(decodeUtf8(s, pos, size));
    if (!space && start == kNone)
      start = pos;
    if (space && start != kNone) {
      words.push_back({start, pos});
      start = kNone;
    }
  }
  if (start != kNone)
    words.push_back({start, s.size()});
  size_t keep = limit < 0 ? words.size() : static_cast<size_t>(limit);
  if (words.size() > keep) {
    // The rest stays one piece, up to the very end of the text on its side.
    size_t drop = words.size() - keep;
    if (fromRight) {
      TextSpan head{0, words[drop - 1].end};
      words.erase(words.begin(), words.begin() + static_cast<ptrdiff_t>(drop));
      words.insert(words.begin(), head);
    } else {
      TextSpan tail{words[keep].begin, s.size()};
      words.resize(keep);
      words.push_back(tail);
    }
  }
  std::vector<Value> out;
  for (const TextSpan &w : words)
    out.push_back(in.makeText(text.slice(w.begin, w.end)));
  return out;
}

Value split(Interp &in, const Value &self, const Bound &args, bool fromRight) {
  int64_t limit = intArgument(args[1], -1);
  const MarkedText &text = self.text();
  if (absent(args[0]))
    return in.makeList(splitSpace(in, text, limit, fromRight));
  const std::string &separator = textArgument(*args[0], "the separator").bytes();
  if (separator.empty())
    failTemplate("empty separator");
  const std::string &s = text.bytes();
  in.budget().step(s.size() / 16);
  std::vector<size_t> cuts;
  for (size_t at = s.find(separator); at != std::string::npos;
       at = s.find(separator, at + separator.size()))
    cuts.push_back(at);
  if (fromRight) {
    // Matches are found from the right, which differs for overlapping ones.
    cuts.clear();
    for (size_t end = s.size(), at; end >= separator.size(); end = at) {
      at = s.rfind(separator, end - separator.size());
      if (at == std::string::npos)
        break;
      cuts.push_back(at);
    }
    if (limit >= 0 && cuts.size() > static_cast<size_t>(limit))
      cuts.resize(static_cast<size_t>(limit));
    std::reverse(cuts.begin(), cuts.end());
  } else if (limit >= 0 && cuts.size() > static_cast<size_t>(limit)) {
    cuts.resize(static_cast<size_t>(limit));
  }
  std::vector<Value> out;
  size_t start = 0;
  for (size_t cut : cuts) {
    out.push_back(in.makeText(text.slice(start, cut)));
    start = cut + separator.size();
  }
  out.push_back(in.makeText(text.slice(start, s.size())));
  return in.makeList(std::move(out));
}

Value splitLines(Interp &in, const Value &self, const Bound &args, const Rest &) {
  bool keepEnds = args[0] && isTruthy(*args[0]);
  std::vector<Value> out;
  for (const TextSpan &line : lineSpans(in, self.text().bytes(), keepEnds))
    out.push_back(in.makeText(self.text().slice(line.begin, line.end)));
  return in.makeList(std::move(out));
}

/// The result of a method that computes new bytes: marked whole if the source was marked anywhere.
Value converted(Interp &in, const Value &self, std::string (*convert)(std::string_view)) {
  in.budget().bytes(self.text().size());
  MarkedText out(convert(self.text().bytes()), self.text().untrusted());
  if (self.text().markup())
    out.setMarkup();
  return in.makeText(std::move(out));
}

Value join(Interp &in, const Value &self, const Bound &args, const Rest &) {
  std::vector<Value> items = in.iterate(*args[0]);
  MarkedText out;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!items[i].isString())
      failTemplate(format("sequence item %zu: expected str instance, %s found", i,
                          pythonTypeName(items[i])));
    in.budget().bytes(self.text().size() + items[i].text().size());
    if (i)
      out.append(self.text());
    out.append(items[i].text());
  }
  return Value::string(std::move(out));
}

Value removeAffix(Interp &in, const Value &self, const Bound &args, bool suffix) {
  const MarkedText &text = self.text();
  const std::string &part = textArgument(*args[0], "the argument").bytes();
  if (suffix && text.bytes().ends_with(part))
    return in.makeText(text.slice(0, text.size() - part.size()));
  if (!suffix && text.bytes().starts_with(part))
    return in.makeText(text.slice(part.size(), text.size()));
  return self;
}

Value requireFound(int64_t index) {
  if (index < 0)
    failTemplate("substring not found");
  return Value::integer(index);
}

Value countText(Interp &in, const Value &self, const Bound &args, const Rest &) {
  const std::string &needle = textArgument(*args[0], "the text to count").bytes();
  size_t begin, stop;
  if (!searchRange(in, self.text(), args[1], args[2], begin, stop))
    return Value::integer(0);
  std::string_view window = std::string_view(self.text().bytes()).substr(begin, stop - begin);
  in.budget().step(window.size() / 16);
  if (needle.empty())
    return Value::integer(static_cast<int64_t>(countCodePoints(window)) + 1);
  int64_t count = 0;
  for (size_t at = window.find(needle); at != std::string_view::npos;
       at = window.find(needle, at + needle.size()))
    ++count;
  return Value::integer(count);
}

constexpr BuiltinEntry methods[] = {
    {{"capitalize", "", 0},
     [](Interp &in, const Value &s, const Bound &, const Rest &) {
       return converted(in, s, toCapitalized);
     }},
    {{"count", "/sub,start,end", 1}, countText},
    {{"endswith", "/suffix,start,end", 1},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return Value::boolean(affix(in, s, a, true));
     }},
    {{"find", "/sub,start,end", 1},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return Value::integer(search(in, s, a, false));
     }},
    {{"format", "*", 0},
     [](Interp &in, const Value &s, const Bound &, const Rest &rest) {
       return Value::string(formatBraces(in, s.text(), rest));
     }},
    {{"index", "/sub,start,end", 1},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return requireFound(search(in, s, a, false));
     }},
    {{"join", "/iterable", 1}, join},
    {{"lower", "", 0},
     [](Interp &in, const Value &s, const Bound &, const Rest &) {
       return converted(in, s, toLower);
     }},
    {{"lstrip", "/chars", 0},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return strip(in, s, a, true, false);
     }},
    {{"removeprefix", "/prefix", 1},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return removeAffix(in, s, a, false);
     }},
    {{"removesuffix", "/suffix", 1},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return removeAffix(in, s, a, true);
     }},
    {{"replace", "/old,new,count", 2},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return Value::string(replaceText(in, s.text(), textArgument(*a[0], "replace() argument 1"),
                                        textArgument(*a[1], "replace() argument 2"),
                                        intArgument(a[2], -1)));
     }},
    {{"rfind", "/sub,start,end", 1},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return Value::integer(search(in, s, a, true));
     }},
    {{"rindex", "/sub,start,end", 1},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return requireFound(search(in, s, a, true));
     }},
    {{"rsplit", "sep,maxsplit", 0},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return split(in, s, a, true);
     }},
    {{"rstrip", "/chars", 0},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return strip(in, s, a, false, true);
     }},
    {{"split", "sep,maxsplit", 0},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return split(in, s, a, false);
     }},
    {{"splitlines", "keepends", 0}, splitLines},
    {{"startswith", "/prefix,start,end", 1},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return Value::boolean(affix(in, s, a, false));
     }},
    {{"strip", "/chars", 0},
     [](Interp &in, const Value &s, const Bound &a, const Rest &) {
       return strip(in, s, a, true, true);
     }},
    {{"title", "", 0},
     [](Interp &in, const Value &s, const Bound &, const Rest &) {
       return converted(in, s, toTitle);
     }},
    {{"upper", "", 0},
     [](Interp &in, const Value &s, const Bound &, const Rest &) {
       return converted(in, s, toUpper);
     }},
};

} // namespace

std::span<const BuiltinEntry> stringMethods() { return methods; }

MarkedText stripText(TemplateInterpreter &in, const MarkedText &text, const MarkedText *chars,
                     bool left, bool right) {
  const std::string &s = text.bytes();
  in.budget().bytes(s.size());
  if (!chars) {
    size_t begin = left ? skipSpaceForward(s) : 0;
    size_t end = right ? std::max(begin, skipSpaceBackward(s)) : s.size();
    return text.slice(begin, end);
  }
  in.budget().step(chars->size() / 16);
  std::vector<uint32_t> set;
  for (size_t pos = 0, size; pos < chars->size(); pos += size)
    set.push_back(decodeUtf8(chars->bytes(), pos, size));
  std::sort(set.begin(), set.end());
  auto inSet = [&](size_t pos, size_t &size) {
    return std::binary_search(set.begin(), set.end(), decodeUtf8(s, pos, size));
  };
  size_t begin = 0, size = 1;
  while (left && begin < s.size() && inSet(begin, size))
    begin += size;
  size_t end = s.size();
  while (right && end > begin) {
    size_t start = end - 1;
    while (start > begin && end - start < 4 && (static_cast<uint8_t>(s[start]) & 0xC0) == 0x80)
      --start;
    if (!inSet(start, size) || start + size != end)
      break;
    end = start;
  }
  return text.slice(begin, end);
}

MarkedText replaceText(TemplateInterpreter &in, const MarkedText &text, const MarkedText &from,
                       const MarkedText &to, int64_t limit) {
  const std::string &s = text.bytes();
  MarkedText out;
  auto copy = [&](const MarkedText &source, size_t begin, size_t end) {
    in.budget().bytes(end - begin);
    out.appendSlice(source, begin, end);
  };
  uint64_t left = limit < 0 ? UINT64_MAX : static_cast<uint64_t>(limit);
  if (from.size() == 0) {
    // Between all code points, and at both ends.
    size_t pos = 0, size;
    for (; left > 0; --left) {
      in.budget().step();
      copy(to, 0, to.size());
      if (pos >= s.size()) {
        pos = s.size();
        break;
      }
      decodeUtf8(s, pos, size);
      copy(text, pos, pos + size);
      pos += size;
    }
    copy(text, pos, s.size());
    return out;
  }
  size_t start = 0;
  for (; left > 0; --left) {
    size_t at = s.find(from.bytes(), start);
    if (at == std::string::npos)
      break;
    in.budget().step();
    copy(text, start, at);
    copy(to, 0, to.size());
    start = at + from.size();
  }
  copy(text, start, s.size());
  return out;
}

std::vector<TextSpan> lineSpans(TemplateInterpreter &in, const std::string &s, bool keepEnds) {
  in.budget().step(s.size() / 16);
  std::vector<TextSpan> lines;
  size_t start = 0;
  for (size_t pos = 0, size; pos < s.size();) {
    bool ends = isPythonLineBreak(decodeUtf8(s, pos, size));
    size_t next = pos + size;
    if (ends && s[pos] == '\r' && next < s.size() && s[next] == '\n')
      ++next;
    if (ends) {
      lines.push_back({start, keepEnds ? next : pos});
      start = next;
    }
    pos = next;
  }
  if (start < s.size())
    lines.push_back({start, s.size()});
  return lines;
}

} // namespace axiom
