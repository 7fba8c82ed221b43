#include "runtime/text/TemplateBuiltins.h"

#include "runtime/text/TemplateBudget.h"

#include <algorithm>

namespace axiom {
namespace {

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

constexpr std::string_view listMutators[] = {"append", "clear",  "extend",  "insert",
                                             "pop",    "remove", "reverse", "sort"};
constexpr std::string_view dictMutators[] = {"clear", "pop", "popitem", "setdefault", "update"};

constexpr std::string_view otherStringAttributes[] = {
    "casefold",     "center",     "encode",    "expandtabs",  "format_map",
    "isalnum",      "isalpha",    "isascii",   "isdecimal",   "isdigit",
    "isidentifier", "islower",    "isnumeric", "isprintable", "isspace",
    "istitle",      "isupper",    "ljust",     "maketrans",   "partition",
    "rjust",        "rpartition", "swapcase",  "translate",   "zfill"};
constexpr std::string_view otherNumberAttributes[] = {
    "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator",
    "from_bytes",       "fromhex",   "hex",        "imag",      "is_integer",
    "numerator",        "real",      "to_bytes"};
constexpr std::string_view otherDictAttributes[] = {"fromkeys"};

std::vector<std::string_view> splitParams(const char *params) {
  std::vector<std::string_view> out;
  std::string_view rest = params;
  if (!rest.empty() && rest[0] == '/')
    rest.remove_prefix(1);
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    out.push_back(rest.substr(0, comma));
    rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
  }
  return out;
}

} // namespace

int findBuiltin(std::span<const BuiltinEntry> table, std::string_view name) {
  auto it = std::lower_bound(
      table.begin(), table.end(), name,
      [](const BuiltinEntry &e, std::string_view n) { return e.signature.name < n; });
  return it != table.end() && it->signature.name == name ? static_cast<int>(it - table.begin())
                                                         : -1;
}

int findFilter(std::string_view name) { return findBuiltin(templateFilters(), name); }
int findTest(std::string_view name) { return findBuiltin(templateTests(), name); }

bool isMutatorName(std::string_view name) {
  return contains(listMutators, name) || contains(dictMutators, name);
}

bool isMutator(const Value &object, std::string_view name) {
  return (object.is(Value::Kind::List) && contains(listMutators, name)) ||
         (object.isDict() && contains(dictMutators, name));
}

bool isOtherAttribute(const Value &object, std::string_view name) {
  if (object.isString())
    return contains(otherStringAttributes, name);
  if (object.isNumber())
    return contains(otherNumberAttributes, name);
  return object.isDict() && contains(otherDictAttributes, name);
}

std::string checkCall(const TemplateSignature &signature, size_t count,
                      const std::vector<std::string_view> &keywords) {
  if (std::string_view(signature.params) == "*")
    return "";
  auto params = splitParams(signature.params);
  bool positionalOnly = signature.params[0] == '/';
  if (count > params.size())
    return format("takes at most %zu argument(s), got %zu", params.size(), count);
  std::vector<bool> given(params.size());
  std::fill_n(given.begin(), count, true);
  for (std::string_view keyword : keywords) {
    auto it = std::find(params.begin(), params.end(), keyword);
    std::string name(keyword);
    if (positionalOnly || it == params.end())
      return format("has no keyword argument '%s'", name.c_str());
    if (given[static_cast<size_t>(it - params.begin())])
      return format("got argument '%s' twice", name.c_str());
    given[static_cast<size_t>(it - params.begin())] = true;
  }
  for (size_t i = 0; i < signature.required; ++i)
    if (!given[i])
      return format("needs argument '%s'", std::string(params[i]).c_str());
  return "";
}

BoundArguments bindArguments(const char *kind, const TemplateSignature &signature,
                             const TemplateArguments &args) {
  std::vector<std::string_view> keywords;
  for (const auto &[name, value] : args.keywords)
    keywords.push_back(name);
  std::string wrong = checkCall(signature, args.positional.size(), keywords);
  if (!wrong.empty())
    failTemplate(format("%s '%s' %s", kind, signature.name, wrong.c_str()));
  if (std::string_view(signature.params) == "*")
    return {};
  auto params = splitParams(signature.params);
  BoundArguments bound(args.positional.begin(), args.positional.end());
  bound.resize(params.size());
  for (const auto &[name, value] : args.keywords)
    bound[static_cast<size_t>(std::find(params.begin(), params.end(), name) - params.begin())] =
        value;
  return bound;
}

std::string listBuiltins(std::span<const BuiltinEntry> table) {
  std::string out;
  for (const BuiltinEntry &entry : table) {
    if (!out.empty())
      out += ", ";
    out += entry.signature.name;
  }
  return out;
}

} // namespace axiom
