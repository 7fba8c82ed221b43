#include "runtime/text/TemplateFilters.h"
#include "runtime/text/TemplateOperators.h"
#include "runtime/text/TemplateUnicode.h"

#include <algorithm>

namespace axiom {

using Kind = Value::Kind;

namespace {

/// "name.0.other": parts made of digits are indices.
std::vector<Value> attributePath(const Value &attribute) {
  std::vector<Value> parts;
  if (attribute.isNone())
    return parts;
  if (!attribute.isString())
    return {attribute};
  std::string_view rest = attribute.text().bytes();
  for (;;) {
    size_t dot = rest.find('.');
    std::string_view part = rest.substr(0, dot);
    bool digits = !part.empty() && part.size() < 10 &&
                  part.find_first_not_of("0123456789") == std::string_view::npos;
    parts.push_back(digits ? Value::integer(std::stoi(std::string(part))) : Value::string(part));
    if (dot == std::string_view::npos)
      return parts;
    rest.remove_prefix(dot + 1);
  }
}

Value follow(TemplateInterpreter &in, Value value, const std::vector<Value> &path,
             const Value *otherwise = nullptr) {
  for (const Value &part : path) {
    value = in.item(value, part);
    if (otherwise && !otherwise->isNone() && value.isUndefined())
      value = *otherwise;
  }
  return value;
}

Value ignoreCase(TemplateInterpreter &in, const Value &value) {
  if (!value.isString())
    return value;
  in.budget().bytes(value.text().size());
  return Value::string(toLower(value.text().bytes()));
}

/// Keys by which sort, unique, min and max compare.
class KeyMaker {
public:
  KeyMaker(TemplateInterpreter &in, const std::optional<Value> &caseSensitive,
           const std::optional<Value> &attribute, bool several)
      : in_(in), caseSensitive_(isSet(caseSensitive)), several_(several) {
    Value path = attribute ? *attribute : Value::none();
    if (!several || !path.isString()) {
      paths_.push_back(attributePath(path));
      return;
    }
    std::string_view rest = path.text().bytes();
    for (size_t comma; (comma = rest.find(',')) != std::string_view::npos;
         rest.remove_prefix(comma + 1))
      paths_.push_back(attributePath(Value::string(rest.substr(0, comma))));
    paths_.push_back(attributePath(Value::string(rest)));
  }

  /// One value, or a tuple where several attributes may be named: then equal parts (also undefined
  /// ones, which have no order) are passed over, as Python compares sequences.
  Value operator()(const Value &item) {
    std::vector<Value> keys;
    for (const auto &path : paths_) {
      Value key = follow(in_, item, path);
      keys.push_back(caseSensitive_ ? key : ignoreCase(in_, key));
    }
    return several_ ? in_.makeTuple(std::move(keys)) : keys[0];
  }

private:
  TemplateInterpreter &in_;
  bool caseSensitive_, several_;
  std::vector<std::vector<Value>> paths_;
};

struct Keyed {
  Value key, value;
};

std::vector<Value> sortedByKey(TemplateInterpreter &in, std::vector<Keyed> items, bool reverse) {
  sortStable(items, [&](const Keyed &a, const Keyed &b) {
    const Keyed &x = reverse ? b : a, &y = reverse ? a : b;
    return compareValues(x.key, y.key, "<", in.budget()) == -1;
  });
  std::vector<Value> out;
  for (Keyed &item : items)
    out.push_back(std::move(item.value));
  return out;
}

Value extremum(TemplateInterpreter &in, const Value &subject, const BoundArguments &args,
               bool largest) {
  std::vector<Value> items = in.iterate(subject);
  if (items.empty())
    return Value::undefined("No aggregated item, sequence was empty.");
  KeyMaker makeKey(in, args[0], args[1], false);
  size_t best = 0;
  Value bestKey = makeKey(items[0]);
  for (size_t i = 1; i < items.size(); ++i) {
    Value key = makeKey(items[i]);
    int order = compareValues(key, bestKey, largest ? ">" : "<", in.budget());
    if (order == (largest ? 1 : -1)) {
      best = i;
      bestKey = std::move(key);
    }
  }
  return items[best];
}

/// Calls the test or filter that the first remaining argument names.
uint32_t namedBuiltin(const Value &name, bool filter) {
  std::string text = name.isString() ? name.text().bytes() : std::string();
  int index = filter ? findFilter(text) : findTest(text);
  if (index < 0)
    failTemplate(format("no %s named %s is supported; these are: %s", filter ? "filter" : "test",
                        quoted(text).c_str(),
                        listBuiltins(filter ? templateFilters() : templateTests()).c_str()));
  return static_cast<uint32_t>(index);
}

Value selectItems(TemplateInterpreter &in, const Value &subject, const TemplateArguments &rest,
                  bool byAttribute, bool wanted) {
  TemplateArguments args = rest;
  std::vector<Value> path;
  if (byAttribute) {
    if (args.positional.empty())
      failTemplate("Missing parameter for attribute name");
    path = attributePath(args.positional[0]);
    args.positional.erase(args.positional.begin());
  }
  std::optional<uint32_t> test;
  if (!args.positional.empty()) {
    test = namedBuiltin(args.positional[0], false);
    args.positional.erase(args.positional.begin());
  }
  std::vector<Value> out;
  // jinja2 looks at the subject's truth first, so none and 0 count as empty here.
  for (const Value &item : isTruthy(subject) ? in.iterate(subject) : std::vector<Value>()) {
    Value tested = follow(in, item, path);
    bool holds = isTruthy(test ? in.test(*test, tested, args) : tested);
    if (holds == wanted)
      out.push_back(item);
  }
  return in.makeIterator(std::move(out));
}

} // namespace

namespace filters {

AXIOM_TEMPLATE_FILTER(batch) {
  (void)rest;
  int64_t size = integerArgument(args[0], 1, "linecount");
  std::vector<Value> out, group;
  for (Value &item : in.iterate(subject)) {
    if (static_cast<int64_t>(group.size()) == size)
      out.push_back(in.makeList(std::exchange(group, {})));
    group.push_back(std::move(item));
  }
  if (!group.empty()) {
    if (args[1] && !args[1]->isNone() && static_cast<int64_t>(group.size()) < size) {
      in.budget().bytes(static_cast<uint64_t>(size) * sizeof(Value));
      group.resize(static_cast<size_t>(size), *args[1]);
    }
    out.push_back(in.makeList(std::move(group)));
  }
  return in.makeIterator(std::move(out));
}

AXIOM_TEMPLATE_FILTER(dictSort) {
  (void)rest;
  if (subject.isUndefined())
    failUndefined(subject);
  if (!subject.isDict())
    failTemplate(format("dictsort needs a dict, not %s", pythonTypeName(subject)));
  std::string by = args[1] ? in.str(*args[1]).bytes() : "key";
  if (by != "key" && by != "value")
    failTemplate("You can only sort by either \"key\" or \"value\"");
  std::vector<Keyed> entries;
  for (const auto &[key, value] : subject.dictionary().entries()) {
    const Value &source = by == "key" ? key : value;
    entries.push_back(
        {isSet(args[0]) ? source : ignoreCase(in, source), in.makeTuple({key, value})});
  }
  return in.makeList(sortedByKey(in, std::move(entries), isSet(args[2])));
}

AXIOM_TEMPLATE_FILTER(first) {
  (void)args, (void)rest;
  if (subject.hasItems())
    return subject.items().empty() ? Value::undefined("No first item, sequence was empty.")
                                   : subject.items().front();
  if (subject.is(Kind::Iterator)) {
    auto &iterator = subject.object<IteratorObject>();
    if (iterator.position < iterator.items.size())
      return iterator.items[iterator.position++];
  }
  std::vector<Value> items = in.iterate(subject);
  return items.empty() ? Value::undefined("No first item, sequence was empty.") : items.front();
}

AXIOM_TEMPLATE_FILTER(items) {
  (void)args, (void)rest;
  if (subject.isUndefined())
    return in.makeIterator({});
  if (!subject.isDict())
    failTemplate("Can only get item pairs from a mapping.");
  std::vector<Value> pairs;
  for (const auto &[key, value] : subject.dictionary().entries())
    pairs.push_back(in.makeTuple({key, value}));
  return in.makeIterator(std::move(pairs));
}

AXIOM_TEMPLATE_FILTER(join) {
  (void)rest;
  std::vector<Value> path =
      args[1] && !args[1]->isNone() ? attributePath(*args[1]) : std::vector<Value>();
  MarkedText separator = args[0] ? in.str(*args[0]) : MarkedText();
  MarkedText out;
  bool first = true;
  for (const Value &item : in.iterate(subject)) {
    if (!first) {
      in.budget().bytes(separator.size());
      out.append(separator);
    }
    first = false;
    appendStr(out, follow(in, item, path), in.budget());
  }
  return Value::string(std::move(out));
}

AXIOM_TEMPLATE_FILTER(last) {
  (void)args, (void)rest;
  if (subject.is(Kind::Iterator))
    failTemplate("'generator' object is not reversible; put `| list` before `| last`");
  std::vector<Value> items = in.iterate(subject);
  return items.empty() ? Value::undefined("No last item, sequence was empty.") : items.back();
}

AXIOM_TEMPLATE_FILTER(length) {
  (void)args, (void)rest;
  if (subject.isUndefined())
    return Value::integer(0);
  if (subject.isString()) {
    in.budget().step(subject.text().size() / 16);
    return Value::integer(static_cast<int64_t>(countCodePoints(subject.text().bytes())));
  }
  if (subject.isDict())
    return Value::integer(static_cast<int64_t>(subject.dictionary().size()));
  if (subject.is(Kind::Loop))
    return Value::integer(in.loopLength(subject.object<LoopObject>()));
  if (!subject.hasItems())
    failTemplate(format("object of type '%s' has no len()", pythonTypeName(subject)));
  return Value::integer(static_cast<int64_t>(subject.items().size()));
}

AXIOM_TEMPLATE_FILTER(list) {
  (void)args, (void)rest;
  return in.makeList(in.iterate(subject));
}

AXIOM_TEMPLATE_FILTER(map) {
  (void)args;
  std::vector<Value> out;
  std::vector<Value> source;
  if (isTruthy(subject)) // none and 0 count as empty, as in jinja2
    source = in.iterate(subject);
  if (rest.positional.empty()) {
    std::optional<Value> attribute, otherwise;
    for (const auto &[name, value] : rest.keywords) {
      if (name == "attribute")
        attribute = value;
      else if (name == "default")
        otherwise = value;
      else
        failTemplate("Unexpected keyword argument " + quoted(name));
    }
    if (!attribute)
      failTemplate("map requires a filter argument");
    std::vector<Value> path = attributePath(*attribute);
    for (const Value &item : source)
      out.push_back(follow(in, item, path, otherwise ? &*otherwise : nullptr));
    return in.makeIterator(std::move(out));
  }
  TemplateArguments inner = rest;
  inner.positional.erase(inner.positional.begin());
  uint32_t index = namedBuiltin(rest.positional[0], true);
  TemplateBudget::Level level(in.budget());
  for (const Value &item : source)
    out.push_back(in.filter(index, item, inner));
  return in.makeIterator(std::move(out));
}

AXIOM_TEMPLATE_FILTER(maximum) {
  (void)rest;
  return extremum(in, subject, args, true);
}

AXIOM_TEMPLATE_FILTER(minimum) {
  (void)rest;
  return extremum(in, subject, args, false);
}

AXIOM_TEMPLATE_FILTER(reject) {
  (void)args;
  return selectItems(in, subject, rest, false, false);
}
AXIOM_TEMPLATE_FILTER(rejectAttribute) {
  (void)args;
  return selectItems(in, subject, rest, true, false);
}
AXIOM_TEMPLATE_FILTER(select) {
  (void)args;
  return selectItems(in, subject, rest, false, true);
}
AXIOM_TEMPLATE_FILTER(selectAttribute) {
  (void)args;
  return selectItems(in, subject, rest, true, true);
}

AXIOM_TEMPLATE_FILTER(reverse) {
  (void)args, (void)rest;
  if (subject.isString()) {
    const MarkedText &text = subject.text();
    in.budget().bytes(text.size());
    MarkedText out;
    std::vector<size_t> offsets;
    for (size_t pos = 0, size; pos < text.size(); pos += size) {
      offsets.push_back(pos);
      decodeUtf8(text.bytes(), pos, size);
    }
    for (size_t i = offsets.size(), end = text.size(); i-- > 0; end = offsets[i])
      out.appendSlice(text, offsets[i], end);
    return Value::string(std::move(out));
  }
  bool wasIterator = subject.is(Kind::Iterator);
  std::vector<Value> items = in.iterate(subject);
  std::reverse(items.begin(), items.end());
  return wasIterator ? in.makeList(std::move(items)) : in.makeIterator(std::move(items));
}

AXIOM_TEMPLATE_FILTER(sort) {
  (void)rest;
  KeyMaker makeKey(in, args[1], args[2], true);
  std::vector<Keyed> items;
  for (const Value &item : in.iterate(subject))
    items.push_back({makeKey(item), item});
  return in.makeList(sortedByKey(in, std::move(items), isSet(args[0])));
}

AXIOM_TEMPLATE_FILTER(sum) {
  (void)rest;
  std::vector<Value> path =
      args[0] && !args[0]->isNone() ? attributePath(*args[0]) : std::vector<Value>();
  Value total = args[1] ? *args[1] : Value::integer(0);
  if (total.isString())
    failTemplate("sum() can't sum strings [use ''.join(seq) instead]");
  for (const Value &item : in.iterate(subject))
    total = applyBinary(in, TemplateBinary::Add, total, follow(in, item, path));
  return total;
}

AXIOM_TEMPLATE_FILTER(unique) {
  (void)rest;
  KeyMaker makeKey(in, args[0], args[1], false);
  ValueDict seen;
  std::vector<Value> out;
  for (const Value &item : in.iterate(subject)) {
    Value key = makeKey(item);
    size_t before = seen.size();
    if (!seen.set(key, Value()))
      failTemplate(format("unhashable type: '%s'", pythonTypeName(key)));
    if (seen.size() > before)
      out.push_back(item);
  }
  return in.makeIterator(std::move(out));
}

} // namespace filters

} // namespace axiom
