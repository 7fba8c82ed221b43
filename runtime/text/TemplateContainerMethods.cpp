// Methods of dict, list, tuple and loop, and the global functions.
#include "runtime/text/TemplateInterpreter.h"

namespace axiom {

using Kind = Value::Kind;
using Interp = TemplateInterpreter;
using Bound = BoundArguments;
using Rest = TemplateArguments;

namespace {

Value dictView(Interp &in, const Value &self, Value::ViewKind kind) {
  std::vector<Value> items;
  in.budget().bytes(self.dictionary().size() * sizeof(Value) * (kind == Value::Items ? 3 : 1));
  for (const auto &[key, value] : self.dictionary().entries())
    items.push_back(kind == Value::Keys     ? key
                    : kind == Value::Values ? value
                                            : Value::tuple({key, value}));
  return Value::view(kind, std::move(items));
}

Value dictGet(Interp &, const Value &self, const Bound &args, const Rest &) {
  if (!isHashable(*args[0]))
    failTemplate(format("unhashable type: '%s'", pythonTypeName(*args[0])));
  if (const Value *value = self.dictionary().find(*args[0]))
    return *value;
  return args[1] ? *args[1] : Value::none();
}

constexpr BuiltinEntry dictTable[] = {
    {{"copy", "", 0}, [](Interp &, const Value &s, const Bound &, const Rest &) { return s; }},
    {{"get", "/key,default", 1}, dictGet},
    {{"items", "", 0},
     [](Interp &in, const Value &s, const Bound &, const Rest &) {
       return dictView(in, s, Value::Items);
     }},
    {{"keys", "", 0},
     [](Interp &in, const Value &s, const Bound &, const Rest &) {
       return dictView(in, s, Value::Keys);
     }},
    {{"values", "", 0},
     [](Interp &in, const Value &s, const Bound &, const Rest &) {
       return dictView(in, s, Value::Values);
     }},
};

Value listCount(Interp &in, const Value &self, const Bound &args, const Rest &) {
  int64_t count = 0;
  for (const Value &v : self.items())
    count += in.equal(v, *args[0]);
  return Value::integer(count);
}

Value listIndex(Interp &in, const Value &self, const Bound &args, const Rest &) {
  int64_t size = static_cast<int64_t>(self.items().size());
  auto bound = [&](const std::optional<Value> &value, int64_t otherwise) {
    if (!value)
      return otherwise;
    if (!value->isIntegral())
      failTemplate("slice indices must be integers or have an __index__ method");
    int64_t i = value->asInt();
    return i < 0 ? std::max<int64_t>(0, i + size) : std::min(i, size);
  };
  int64_t end = bound(args[2], size);
  for (int64_t i = bound(args[1], 0); i < end; ++i)
    if (in.equal(self.items()[static_cast<size_t>(i)], *args[0]))
      return Value::integer(i);
  failTemplate("the value is not in the list");
}

constexpr BuiltinEntry listTable[] = {
    {{"copy", "", 0}, [](Interp &, const Value &s, const Bound &, const Rest &) { return s; }},
    {{"count", "/value", 1}, listCount},
    {{"index", "/value,start,stop", 1}, listIndex},
};

constexpr BuiltinEntry loopTable[] = {
    {{"cycle", "*", 0},
     [](Interp &, const Value &self, const Bound &, const Rest &rest) {
       if (!rest.keywords.empty())
         failTemplate("loop.cycle has no keyword arguments");
       if (rest.positional.empty())
         failTemplate("no items for cycling given");
       int64_t index = self.object<LoopObject>().index0;
       return rest.positional[static_cast<size_t>(index) % rest.positional.size()];
     }},
};

Value makeDictFrom(Interp &in, const Value &, const Bound &, const Rest &rest) {
  if (rest.positional.size() > 1)
    failTemplate(format("dict expected at most 1 argument, got %zu", rest.positional.size()));
  ValueDict dict;
  if (!rest.positional.empty()) {
    const Value &source = rest.positional[0];
    if (source.isDict()) {
      in.budget().bytes(source.dictionary().size() * 4 * sizeof(Value));
      dict = source.dictionary();
    } else {
      for (const Value &pair : in.iterate(source)) {
        std::vector<Value> parts = in.iterate(pair);
        if (parts.size() != 2)
          failTemplate("dictionary update sequence element has no length of 2");
        if (!dict.set(parts[0], parts[1]))
          failTemplate(format("unhashable type: '%s'", pythonTypeName(parts[0])));
      }
    }
  }
  for (const auto &[name, value] : rest.keywords)
    dict.set(name, value);
  return in.makeDict(std::move(dict));
}

Value makeNamespaceFrom(Interp &in, const Value &self, const Bound &args, const Rest &rest) {
  return in.makeNamespace(makeDictFrom(in, self, args, rest).dictionary());
}

Value raiseException(Interp &in, const Value &, const Bound &args, const Rest &) {
  // The template's own refusal of a conversation: the caller's input is at fault.
  throw TemplateFailure{Code::InvalidArgument, in.str(*args[0]).bytes()};
}

/// The longest range of jinja2's sandbox.
constexpr uint64_t maxRange = 100000;

Value makeRange(Interp &in, const Value &, const Bound &args, const Rest &) {
  int64_t v[3] = {0, 0, 1};
  size_t count = 0;
  for (; count < 3 && args[count]; ++count) {
    const Value &arg = *args[count];
    if (arg.isUndefined())
      failUndefined(arg);
    if (!arg.isIntegral())
      failTemplate(format("'%s' object cannot be interpreted as an integer", pythonTypeName(arg)));
    v[count] = arg.asInt();
  }
  if (count == 1)
    v[1] = std::exchange(v[0], 0);
  if (v[2] == 0)
    failTemplate("range() arg 3 must not be zero");
  bool empty = v[2] > 0 ? v[0] >= v[1] : v[0] <= v[1];
  uint64_t span = empty      ? 0
                  : v[2] > 0 ? static_cast<uint64_t>(v[1]) - static_cast<uint64_t>(v[0])
                             : static_cast<uint64_t>(v[0]) - static_cast<uint64_t>(v[1]);
  uint64_t step = v[2] > 0 ? static_cast<uint64_t>(v[2]) : 0 - static_cast<uint64_t>(v[2]);
  uint64_t length = span / step + (span % step != 0);
  if (length > maxRange)
    failTemplate(format("Range too big. The sandbox blocks ranges larger than MAX_RANGE (%llu).",
                        static_cast<unsigned long long>(maxRange)));
  in.budget().bytes(length * sizeof(Value));
  return Value::range(v[0], v[1], v[2]);
}

Value strftimeNow(Interp &in, const Value &, const Bound &args, const Rest &) {
  if (!args[0]->isString())
    failTemplate(format("strftime_now needs a format string, not %s", pythonTypeName(*args[0])));
  if (!in.now())
    failTemplate("the template asks for the date (strftime_now), and the caller gave none");
  Result<std::string> text = formatTime(*in.now(), args[0]->text().bytes());
  if (!text.ok())
    failTemplate(text.status().message());
  return in.makeText(*text);
}

constexpr BuiltinEntry functionTable[] = {
    {{"dict", "*", 0}, makeDictFrom},
    {{"namespace", "*", 0}, makeNamespaceFrom},
    {{"raise_exception", "message", 1}, raiseException},
    {{"range", "/start,stop,step", 1}, makeRange},
    {{"strftime_now", "format", 1}, strftimeNow},
};

} // namespace

std::span<const BuiltinEntry> dictMethods() { return dictTable; }
std::span<const BuiltinEntry> listMethods() { return listTable; }
std::span<const BuiltinEntry> loopMethods() { return loopTable; }
std::span<const BuiltinEntry> templateFunctions() { return functionTable; }

} // namespace axiom
