// What a schema says of each type of value.
#include "runtime/serve/grammar/SchemaConverter.h"

namespace axiom::serve::grammar {

/// A schema without references and combinations.
Result<std::string> Converter::plain(const Json &schema, const std::string &path) {
  for (const char *key :
       {"not", "if", "then", "else", "$dynamicRef", "$recursiveRef", "dependentSchemas",
        "dependentRequired", "dependencies", "propertyNames", "contains", "minContains",
        "maxContains", "divisibleBy", "disallow", "extends"})
    if (at(schema, key))
      return unsupported(path, key);
  for (const char *key : {"unevaluatedProperties", "unevaluatedItems"})
    if (const Json *found = at(schema, key); found && *found != true)
      return unsupported(path, key, "use additionalProperties, or items");
  if (const Json *unique = at(schema, "uniqueItems"); unique && *unique != false)
    return unsupported(path, "uniqueItems", "a grammar can't compare items");
  if (const Json *multiple = at(schema, "multipleOf"); multiple && *multiple != 1)
    return unsupported(path, "multipleOf", "but for 1");
  if (const Json *one = at(schema, "const"))
    return constants(schema, Json::array({*one}), path);
  if (const Json *list = at(schema, "enum")) {
    if (!list->is_array())
      return invalidSchema(path, "enum must be a list");
    return constants(schema, *list, path);
  }
  if (schema.empty())
    return basics_.value();
  AXIOM_ASSIGN_OR_RETURN(std::set<std::string> types, typesOf(schema, path));
  if (!at(schema, "type")) {
    // Keywords of one type say nothing of the others; who writes them means that type.
    auto any = [&](std::initializer_list<const char *> keys) {
      return std::ranges::any_of(keys, [&](const char *key) { return at(schema, key) != nullptr; });
    };
    std::set<std::string> meant;
    if (any({"properties", "required", "additionalProperties", "patternProperties", "minProperties",
             "maxProperties"}))
      meant.insert("object");
    if (any({"items", "prefixItems", "minItems", "maxItems", "additionalItems"}))
      meant.insert("array");
    if (any({"minLength", "maxLength", "pattern", "format"}))
      meant.insert("string");
    if (any({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}))
      meant.insert("number");
    if (!meant.empty())
      types = meant;
  }
  if (at(schema, "multipleOf"))
    types.erase("number");
  std::vector<std::string> parts;
  Status first;
  for (const std::string &type : types) {
    auto part = [&]() -> Result<std::string> {
      if (type == "null")
        return std::string("\"null\"");
      if (type == "boolean")
        return std::string("(\"true\" | \"false\")");
      if (type == "integer")
        return types.contains("number") ? Result<std::string>(std::string())
                                        : integersBetween(schema, path);
      if (type == "number")
        return numbersBetween(schema, path);
      if (type == "string")
        return string(schema, path);
      return type == "array" ? array(schema, path) : object(schema, path);
    }();
    if (!part.ok() && part.status().code() != Code::BadInput)
      return part;
    if (!part.ok() && first.ok())
      first = part.status();
    if (part.ok() && !part->empty())
      parts.push_back(*part);
  }
  if (parts.empty())
    return first.ok() ? unsatisfiable(path, "no type is left") : first;
  return rules_.add(path.substr(path.rfind('/') + 1), anyOf(parts));
}

Result<std::string> Converter::constants(const Json &schema, const Json &values,
                                         const std::string &path) {
  for (const auto &[key, part] : schema.items())
    if (key != "type" && key != "const" && key != "enum" && key != "format" && key != "uniqueItems")
      return unsupported(path, key, "beside enum or const");
  AXIOM_ASSIGN_OR_RETURN(std::set<std::string> types, typesOf(schema, path));
  const Json *list = at(schema, "enum");
  std::vector<std::string> parts;
  for (const Json &value : values)
    if (hasType(value, types) &&
        (!list || !list->is_array() || std::ranges::find(*list, value) != list->end()))
      parts.push_back(literal(openai::writeJson(value)));
  if (parts.empty())
    return unsatisfiable(path, "none of its constants is left");
  return rules_.add("constant", anyOf(parts));
}

Result<std::string> Converter::string(const Json &schema, const std::string &path) {
  AXIOM_ASSIGN_OR_RETURN(std::optional<uint64_t> least, countAt(schema, "minLength", path));
  AXIOM_ASSIGN_OR_RETURN(std::optional<uint64_t> most, countAt(schema, "maxLength", path));
  if (least && most && *least > *most)
    return unsatisfiable(path, "minLength is above maxLength");
  auto quoted = [](const std::string &inner) { return "(\"\\\"\" " + inner + " \"\\\"\")"; };
  if (const Json *pattern = at(schema, "pattern")) {
    if (!pattern->is_string())
      return invalidSchema(path, "pattern must be a string");
    auto regex = Regex::parse(pattern->get_ref<const std::string &>());
    if (!regex.ok())
      return unsupported(path, "pattern", regex.status().message());
    if (regex->shortest() < least.value_or(0) || (most && regex->longest() > *most))
      return unsupported(path, least && regex->shortest() < *least ? "minLength" : "maxLength",
                         "the pattern allows other lengths; write them into the pattern");
    return quoted(regex->ebnf(true));
  }
  if (least || most) {
    uint64_t low = least.value_or(0), high = most.value_or(0);
    if (low > kMaxCounted || high > kMaxCounted)
      return unsupported(path, low > kMaxCounted ? "minLength" : "maxLength",
                         format("at most %u characters can be counted; leave it out", kMaxCounted));
    // One rule for each number of characters that are still possible: the end is part of it, so
    // that what a token may be is known without a look at what comes behind the string.
    std::string next = most ? rules_.add("end", "\"\\\"\"") : basics_.rest();
    for (uint64_t i = most ? high : low; i-- > 0;)
      next = rules_.add("counted", (i >= low ? "\"\\\"\" | " : "") + basics_.step(next));
    return "(\"\\\"\" " + next + ")";
  }
  if (const Json *named = at(schema, "format"); named && named->is_string()) {
    static const std::map<std::string, const char *> kFormats = {
        {"date", R"([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8]))"},
        {"time",
         R"(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))"},
        {"date-time",
         R"([0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))"},
        {"uuid", R"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"},
        {"ipv4",
         R"(((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9]))"},
        {"email",
         R"([A-Za-z0-9_+-]{1,32}(\.[A-Za-z0-9_+-]{1,32})*@[A-Za-z0-9-]{1,32}(\.[A-Za-z0-9-]{1,32})+)"},
    };
    if (auto found = kFormats.find(named->get<std::string>()); found != kFormats.end()) {
      AXIOM_ASSIGN_OR_RETURN(Regex regex, Regex::parse(found->second));
      return quoted(regex.ebnf(true));
    }
  }
  return basics_.string();
}

/// A key in its quotes that is none of `names`: along the tree of their characters, away from it.
std::string Converter::otherKeys(const std::vector<std::string> &names) {
  static const CharSet kPlain = complement({{0, 0x1f}, {'"', '"'}, {'\\', '\\'}});
  std::map<std::string, std::string> nodes; // by prefix
  std::set<std::string> prefixes = {""}, whole(names.begin(), names.end());
  for (const std::string &name : names)
    for (size_t i = 1; i <= name.size(); ++i)
      if (i == name.size() || (name[i] & 0xc0) != 0x80)
        prefixes.insert(name.substr(0, i));
  std::string rest = charClass(kPlain) + "*";
  for (const std::string &prefix : prefixes)
    nodes[prefix] = rules_.reserve("key");
  for (const std::string &prefix : prefixes) {
    std::vector<std::string> parts;
    CharSet taken;
    for (auto next = prefixes.upper_bound(prefix);
         next != prefixes.end() && next->starts_with(prefix); ++next) {
      size_t length = prefix.size() + 1;
      while (length < next->size() && ((*next)[length] & 0xc0) == 0x80)
        ++length;
      if (length != next->size())
        continue; // a child's child
      std::string_view character = std::string_view(*next).substr(prefix.size());
      auto byte = [&](size_t i) {
        return static_cast<uint32_t>(static_cast<unsigned char>(character[i]));
      };
      uint32_t code =
          character.size() == 1   ? byte(0)
          : character.size() == 2 ? (byte(0) & 31) << 6 | (byte(1) & 63)
          : character.size() == 3
              ? (byte(0) & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63)
              : (byte(0) & 7) << 18 | (byte(1) & 63) << 12 | (byte(2) & 63) << 6 | (byte(3) & 63);
      if (!contains(kPlain, code))
        continue; // keys of this rule have no escapes
      taken.push_back({code, code});
      parts.push_back(literal(character) + " " + nodes[*next]);
    }
    if (CharSet away = without(kPlain, taken); !away.empty())
      parts.push_back(charClass(away) + " " + rest);
    if (!whole.contains(prefix))
      parts.push_back("\"\"");
    rules_.define(nodes[prefix], anyOf(parts));
  }
  return rules_.add("keys", "\"\\\"\" " + nodes[""] + " \"\\\"\"");
}

Result<std::string> Converter::object(const Json &schema, const std::string &path) {
  const Json none = Json::object();
  const Json &properties = at(schema, "properties") ? *at(schema, "properties") : none;
  if (!properties.is_object())
    return invalidSchema(path, "properties must be an object");
  std::vector<std::string> required;
  if (const Json *list = at(schema, "required"); list && list->is_array()) {
    for (const Json &name : *list) {
      if (!name.is_string())
        return invalidSchema(path, "required must be a list of strings");
      if (std::ranges::find(required, name.get_ref<const std::string &>()) == required.end())
        required.push_back(name.get<std::string>());
    }
  } else if (list) {
    return invalidSchema(path, "required must be a list of strings");
  }
  const Json *rest = at(schema, "additionalProperties");
  bool forbidden = rest && rest->is_boolean() && !rest->get<bool>();
  const Json *patterns = at(schema, "patternProperties");
  if (patterns && !patterns->is_object())
    return invalidSchema(path, "patternProperties must be an object");
  if (patterns && patterns->empty())
    patterns = nullptr;
  if (patterns &&
      (patterns->size() > 1 || !properties.empty() || !required.empty() || (rest && !forbidden)))
    return unsupported(path, "patternProperties",
                       "one pattern is possible, in an object without other keys");

  struct Member {
    std::string rule;
    bool required;
  };
  std::vector<Member> members;
  std::vector<std::string> names;
  auto add = [&](const std::string &name, const Json &part, const std::string &where) -> Status {
    bool needed = std::ranges::find(required, name) != required.end();
    auto rule = value(part, where);
    if (!rule.ok() && rule.status().code() == Code::BadInput && !needed)
      return {}; // it can't come
    AXIOM_RETURN_IF_ERROR(rule.status());
    std::string key;
    openai::appendJsonString(key, name);
    members.push_back(
        {rules_.add("member", literal(key) + " " + basics_.colon() + " " + *rule), needed});
    return {};
  };
  for (const auto &[name, part] : properties.items()) {
    names.push_back(name);
    AXIOM_RETURN_IF_ERROR(add(name, part, path + "/properties/" + escapePointer(name)));
  }
  for (const std::string &name : required)
    if (!properties.contains(name)) {
      if (forbidden)
        return unsatisfiable(path, "\"" + openai::shorten(name) +
                                       "\" is required, and additionalProperties forbids it");
      names.push_back(name);
      AXIOM_RETURN_IF_ERROR(add(name, rest ? *rest : Json(true), path + "/additionalProperties"));
    }

  // Other keys: where the schema asks for them, or names none.
  std::string other;
  if (patterns) {
    auto regex = Regex::parse(patterns->begin().key());
    if (!regex.ok())
      return unsupported(path, "patternProperties", regex.status().message());
    auto rule = value(patterns->begin().value(),
                      path + "/patternProperties/" + escapePointer(patterns->begin().key()));
    AXIOM_RETURN_IF_ERROR(rule.status());
    other = rules_.add("pair", "\"\\\"\" " + regex->ebnf(true) + " \"\\\"\" " + basics_.colon() +
                                   " " + *rule);
  } else if (!forbidden && (rest || names.empty())) {
    auto rule = value(rest ? *rest : Json(true), path + "/additionalProperties");
    if (!rule.ok() && rule.status().code() != Code::BadInput)
      return rule.status();
    if (rule.ok())
      other = rules_.add("pair", (names.empty() ? basics_.string() : otherKeys(names)) + " " +
                                     basics_.colon() + " " + *rule);
  }
  AXIOM_ASSIGN_OR_RETURN(std::optional<uint64_t> least, countAt(schema, "minProperties", path));
  AXIOM_ASSIGN_OR_RETURN(std::optional<uint64_t> most, countAt(schema, "maxProperties", path));
  auto needed = static_cast<uint64_t>(std::ranges::count_if(members, &Member::required));
  // One key more than are required can be asked for; more might be the same key again.
  bool one = least && *least == 1 && needed == 0 && (members.empty() || other.empty());
  if (least && *least > needed && !one)
    return unsupported(path, "minProperties",
                       "a grammar can't count keys that differ; require them by name");
  if (most && (*most < members.size() || !other.empty()))
    return unsupported(path, "maxProperties",
                       "a grammar can't count keys; use additionalProperties false");

  std::string tail = other.empty() ? "\"\"" : "(" + basics_.comma() + " " + other + ")*";
  std::string after = rules_.add("more", tail);                                 // behind a member
  std::string start = other.empty() ? "\"\"" : "(" + other + " " + after + ")"; // before any
  if (!other.empty() && !one)
    start += "?";
  if (one && other.empty())
    start.clear(); // no empty object: filled below
  std::string begin = start;
  for (size_t i = members.size(); i-- > 0;) {
    const Member &member = members[i];
    std::vector<std::string> starts = {"(" + member.rule + " " + after + ")"};
    if (!member.required && !begin.empty())
      starts.push_back(begin);
    begin = rules_.add("first", anyOf(starts));
    std::string next = "(" + basics_.comma() + " " + member.rule + " " + after + ")";
    after = rules_.add("next", member.required ? next : anyOf({next, after}));
  }
  if (begin.empty())
    return unsatisfiable(path, "minProperties is 1, and no key is possible");
  return "(\"{\" " + basics_.space() + " " + begin + " " + basics_.space() + " \"}\")";
}

Result<std::string> Converter::array(const Json &schema, const std::string &path) {
  const Json *prefix = at(schema, "prefixItems"), *items = at(schema, "items");
  const char *prefixKey = "prefixItems", *itemsKey = "items";
  if (items && items->is_array()) { // before draft 2020-12
    prefix = items;
    items = at(schema, "additionalItems");
    prefixKey = "items";
    itemsKey = "additionalItems";
  }
  if (prefix && !prefix->is_array())
    return invalidSchema(path, "prefixItems must be a list");
  AXIOM_ASSIGN_OR_RETURN(std::optional<uint64_t> minItems, countAt(schema, "minItems", path));
  AXIOM_ASSIGN_OR_RETURN(std::optional<uint64_t> maxItems, countAt(schema, "maxItems", path));
  uint64_t least = minItems.value_or(0), most = maxItems.value_or(kUnbounded);
  if (least > most)
    return unsatisfiable(path, "minItems is above maxItems");
  if (least > kMaxItems)
    return unsupported(path, "minItems", format("it must be at most %u", kMaxItems));
  if (most != kUnbounded)
    most = std::min<uint64_t>(most, kMaxItems);
  size_t fixed = prefix ? std::min<size_t>(prefix->size(), most) : 0;
  std::string comma = basics_.comma(), space = basics_.space();

  // From the end: what may follow after `i` items.
  std::string follow = "\"\"";
  bool open = !items || !items->is_boolean() || items->get<bool>();
  uint64_t more = most == kUnbounded ? kUnbounded : most - fixed;
  uint64_t lack = least > fixed ? least - fixed : 0;
  // Beside named places, others come only where the schema speaks of them or needs them.
  if (prefix && !items && lack == 0)
    open = false;
  std::string item;
  if (open && more > 0) {
    auto rule = value(items ? *items : Json(true), path + "/" + itemsKey);
    if (!rule.ok() && rule.status().code() != Code::BadInput)
      return rule.status();
    if (rule.ok())
      item = *rule;
  }
  if (item.empty() && lack > 0)
    return unsatisfiable(path, "it needs more items than are allowed");
  auto times = [&](const std::string &what, uint64_t low, uint64_t high) {
    if (high == kUnbounded)
      return what + (low == 0 ? "*" : format("{%llu,}", static_cast<unsigned long long>(low)));
    return high == 0 ? std::string("\"\"")
                     : what + format("{%llu,%llu}", static_cast<unsigned long long>(low),
                                     static_cast<unsigned long long>(high));
  };
  std::string body;
  if (fixed == 0) {
    if (item.empty())
      body = "\"\"";
    else
      body = "(" + item + " " +
             times("(" + comma + " " + item + ")", least > 0 ? least - 1 : 0,
                   more == kUnbounded ? more : more - 1) +
             ")" + (least == 0 ? "?" : "");
  } else {
    if (!item.empty())
      follow = times("(" + comma + " " + item + ")", lack, more);
    for (size_t i = fixed; i-- > 0;) {
      AXIOM_ASSIGN_OR_RETURN(std::string rule,
                             value((*prefix)[i], path + "/" + prefixKey + "/" + std::to_string(i)));
      std::string part = "(" + std::string(i > 0 ? comma + " " : "") + rule + " " + follow + ")" +
                         (i >= least ? "?" : "");
      follow = rules_.add("items", part);
    }
    body = follow;
  }
  return "(\"[\" " + space + " " + body + " " + space + " \"]\")";
}

} // namespace axiom::serve::grammar
