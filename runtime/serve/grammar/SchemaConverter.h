// The walk through a schema: references and combinations here, types in SchemaTypes.cpp. Private.
#ifndef AXIOM_RUNTIME_SERVE_GRAMMAR_SCHEMACONVERTER_H
#define AXIOM_RUNTIME_SERVE_GRAMMAR_SCHEMACONVERTER_H

#include "runtime/serve/grammar/Regex.h"
#include "runtime/serve/grammar/Schema.h"
#include "runtime/serve/grammar/SchemaParts.h"

#include <algorithm>
#include <map>

namespace axiom::serve::grammar {

inline constexpr uint32_t kMaxItems = 1024; ///< more are allowed by the schema, not written
inline constexpr uint32_t kMaxCounted =
    128; ///< characters of a string; each costs some milliseconds

inline const Json *at(const Json &schema, const char *key) {
  auto found = schema.find(key);
  return found == schema.end() ? nullptr : &*found;
}

inline std::string escapePointer(std::string_view name) {
  std::string out;
  for (char c : name)
    out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return openai::shorten(out, 40);
}

/// Rules that all schemas use, made when first asked for.
class Basics {
public:
  explicit Basics(RuleBook &rules) : rules_(rules) {}

  /// Between the parts of containers: nothing, a space, or a line's end and an indent.
  std::string space() { return once(space_, "space", "(\" \" | \"\\n\" [ ]{0,16})?"); }
  std::string comma() { return once(comma_, "comma", "\",\" " + space()); }
  std::string colon() { return once(colon_, "colon", "\":\" \" \"?"); }
  /// One character of a string, escaped or not, then `next`.
  std::string step(const std::string &next) {
    // Named by what it holds: of a negated class the library would take surrogates, too, which are
    // no characters and come out as several.
    static const std::string kPlain = charClass(complement({{0, 0x1f}, {'"', '"'}, {'\\', '\\'}}));
    return kPlain + " " + next + " | \"\\\\\" " + escape() + " " + next;
  }
  /// The rest of a string with its end.
  std::string rest() {
    if (rest_.empty()) {
      rest_ = rules_.reserve("text");
      rules_.define(rest_, "\"\\\"\" | " + step(rest_));
    }
    return rest_;
  }
  std::string string() { return once(string_, "string", "\"\\\"\" " + rest()); }
  std::string value() {
    if (!value_.empty())
      return value_;
    value_ = rules_.reserve("value");
    rules_.define(value_, string() + " | " + number() + " | " + object() + " | " + array() +
                              " | \"true\" | \"false\" | \"null\"");
    return value_;
  }
  std::string object() {
    if (!object_.empty())
      return object_;
    object_ = rules_.reserve("object");
    std::string pair = rules_.add("pair", string() + " " + colon() + " " + value());
    rules_.define(object_, "\"{\" " + space() + " (" + pair + " (" + comma() + " " + pair + ")* " +
                               space() + ")? \"}\"");
    return object_;
  }

private:
  std::string once(std::string &name, const char *hint, const std::string &body) {
    if (name.empty())
      name = rules_.add(hint, body);
    return name;
  }
  std::string escape() {
    return once(escape_, "escape",
                "[\\U00000022\\U0000005C\\U0000002Fbfnrt] | \"u\" ([0-9A-CEFa-cef] "
                "[0-9A-Fa-f]{3,3} | [Dd] [0-7] "
                "[0-9A-Fa-f]{2,2})");
  }
  std::string number() {
    if (number_.empty())
      number_ = rules_.add("number", *numbersBetweenNothing());
    return number_;
  }
  static std::optional<std::string> numbersBetweenNothing() {
    return numbersBetween(Json::object(), "").value();
  }
  std::string array() {
    if (!array_.empty())
      return array_;
    array_ = rules_.reserve("array");
    rules_.define(array_, "\"[\" " + space() + " (" + value() + " (" + comma() + " " + value() +
                              ")* " + space() + ")? \"]\"");
    return array_;
  }

  RuleBook &rules_;
  std::string space_, comma_, colon_, escape_, rest_, string_, number_, value_, object_, array_;
};

class Converter {
public:
  Converter(RuleBook &rules, const Json &root, const SchemaLimits &limits)
      : rules_(rules), root_(root), limits_(limits), basics_(rules) {}

  Result<std::string> value(const Json &schema, const std::string &path) {
    if (++visits_ > limits_.visits || rules_.tooLarge())
      return {Code::Resource,
              format("the schema is too large: at most %u parts, alternatives counted "
                     "in each combination, and %zu bytes of grammar are possible",
                     limits_.visits, rules_.maxBytes())};
    if (depth_ >= limits_.depth)
      return {Code::Resource, format("the schema is more than %u parts deep at #%s", limits_.depth,
                                     openai::shorten(path, 100).c_str())};
    if (schema.is_boolean()) {
      if (!schema.get<bool>())
        return unsatisfiable(path, "it is false");
      return basics_.value();
    }
    if (!schema.is_object())
      return invalidSchema(path, "it must be an object, true or false");
    std::string key = schema.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (auto known = done_.find(key); known != done_.end())
      return known->second;
    ++depth_;
    auto rule = combined(schema, path);
    --depth_;
    if (rule.ok())
      done_.emplace(std::move(key), *rule);
    return rule;
  }

private:
  Result<const Json *> resolve(const Json &ref, const std::string &path) {
    if (!ref.is_string())
      return invalidSchema(path, "$ref must be a string");
    const std::string &text = ref.get_ref<const std::string &>();
    if (text.empty() || text[0] != '#' || (text.size() > 1 && text[1] != '/'))
      return unsupported(path, "$ref",
                         "\"" + openai::shorten(text) +
                             "\" must be #, or begin with #/ and name a part of the schema");
    const Json *node = &root_;
    for (size_t begin = 1; begin < text.size();) {
      size_t end = std::min(text.find('/', begin + 1), text.size());
      std::string part;
      for (size_t i = begin + 1; i < end; ++i) {
        auto hex = [&](size_t j) {
          return j < end && isxdigit(static_cast<unsigned char>(text[j]));
        };
        if (text[i] == '~' && i + 1 < end)
          part += text[++i] == '1' ? '/' : '~';
        else if (text[i] == '%' && hex(i + 1) && hex(i + 2)) {
          part += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
          i += 2;
        } else
          part += text[i];
      }
      begin = end;
      if (node->is_object() && node->contains(part))
        node = &*node->find(part);
      else if (node->is_array() && !part.empty() && part.size() < 6 &&
               part.find_first_not_of("0123456789") == part.npos && std::stoul(part) < node->size())
        node = &(*node)[std::stoul(part)];
      else
        return invalidSchema(path, "$ref is \"" + openai::shorten(text) +
                                       "\", but there is no such part");
    }
    return node;
  }

  /// The rule of a part that references name; made once, so that a schema may contain itself.
  Result<std::string> reference(const Json &ref, const std::string &path) {
    AXIOM_ASSIGN_OR_RETURN(const Json *target, resolve(ref, path));
    const std::string &text = ref.get_ref<const std::string &>();
    if (auto known = references_.find(text); known != references_.end())
      return known->second;
    std::string name = rules_.reserve("ref");
    references_.emplace(text, name);
    auto rule = value(*target, text.substr(1));
    if (!rule.ok()) {
      references_.erase(text);
      return rule.status();
    }
    if (*rule == name)
      return unsatisfiable(path, "it refers to itself and to nothing else");
    rules_.define(name, *rule);
    return name;
  }

  /// References and combinations, then what stays.
  Result<std::string> combined(const Json &schema, const std::string &path) {
    Json base = Json::object();
    for (const auto &[key, part] : schema.items())
      if (isAssertion(key))
        base[key] = part;
    if (const Json *ref = at(base, "$ref")) {
      if (base.size() == 1)
        return reference(*ref, path);
      AXIOM_ASSIGN_OR_RETURN(const Json *target, resolve(*ref, path));
      base.erase("$ref");
      AXIOM_ASSIGN_OR_RETURN(Json merged, mergeSchemas(base, *target, path));
      return value(merged, path);
    }
    for (const char *key : {"anyOf", "oneOf"})
      if (const Json *found = at(base, key)) {
        Json options = *found;
        base.erase(key);
        return alternatives(base, options, key, path);
      }
    if (const Json *found = at(base, "allOf")) {
      Json parts = *found;
      if (!parts.is_array())
        return invalidSchema(path, "allOf must be a list");
      base.erase("allOf");
      for (const Json &part : parts) {
        AXIOM_ASSIGN_OR_RETURN(base, mergeSchemas(base, part, path));
      }
      return value(base, path);
    }
    return plain(base, path);
  }

  Result<std::string> alternatives(const Json &base, const Json &options, const char *key,
                                   const std::string &path) {
    if (!options.is_array() || options.empty())
      return invalidSchema(path, std::string(key) + " must be a list of one or more schemas");
    if (key == std::string_view("oneOf"))
      for (size_t i = 0; i < options.size(); ++i)
        for (size_t j = 0; j < i; ++j)
          if (++visits_ > limits_.visits || !never(options[i], options[j]) ||
              !never(options[j], options[i]))
            return unsupported(
                path, "oneOf",
                format("its parts %zu and %zu are not clearly exclusive; use anyOf", j, i));
    std::vector<std::string> parts;
    Status first;
    for (size_t i = 0; i < options.size(); ++i) {
      std::string where = path + "/" + key + "/" + std::to_string(i);
      auto rule = [&]() -> Result<std::string> {
        if (base.empty())
          return value(options[i], where);
        // The part behind the base: a combination inside it is spread over it in turn.
        Json all = base;
        if (!all.contains("allOf"))
          all["allOf"] = Json::array();
        all["allOf"].push_back(options[i]);
        return value(all, where);
      }();
      if (rule.ok())
        parts.push_back(*rule);
      else if (rule.status().code() != Code::BadInput)
        return rule;
      else if (first.ok())
        first = rule.status();
    }
    if (parts.empty())
      return first;
    return rules_.add(key, anyOf(parts));
  }

  /// True if nothing that is written for `a` is valid by `b`, as far as their types, constants and
  /// keys show it.
  bool never(const Json &a0, const Json &b0, uint32_t depth = 0) {
    auto follow = [&](const Json &schema) -> const Json * {
      const Json *node = &schema;
      for (int i = 0; i < 8 && node->is_object() && node->contains("$ref"); ++i) {
        auto target = resolve(*at(*node, "$ref"), "");
        if (!target.ok())
          break;
        node = *target;
      }
      return node;
    };
    const Json &a = *follow(a0), &b = *follow(b0);
    if (!a.is_object() || !b.is_object() || depth > 4)
      return false;
    auto values = [](const Json &schema) {
      if (const Json *one = at(schema, "const"))
        return Json::array({*one});
      const Json *list = at(schema, "enum");
      return list && list->is_array() ? *list : Json();
    };
    Json av = values(a), bv = values(b);
    if (!av.is_null() && !bv.is_null())
      return std::ranges::none_of(
          av, [&](const Json &v) { return std::ranges::find(bv, v) != bv.end(); });
    auto at_ = typesOf(a, ""), bt = typesOf(b, "");
    if (!at_.ok() || !bt.ok())
      return false;
    if (!av.is_null())
      return std::ranges::none_of(av, [&](const Json &v) { return hasType(v, *bt); });
    if (std::ranges::none_of(*at_, [&](const std::string &t) { return bt->contains(t); }))
      return true;
    if (at_->size() != 1 || !at_->contains("object") || at(a, "anyOf") || at(a, "oneOf") ||
        at(a, "allOf"))
      return false;
    auto required = [](const Json &schema, const std::string &name) {
      const Json *list = at(schema, "required");
      return list && list->is_array() && std::ranges::find(*list, Json(name)) != list->end();
    };
    const Json none = Json::object();
    const Json &ap = at(a, "properties") ? *at(a, "properties") : none;
    const Json &bp = at(b, "properties") ? *at(b, "properties") : none;
    if (!ap.is_object() || !bp.is_object())
      return false;
    for (const auto &[name, schema] : ap.items()) {
      if (!required(a, name))
        continue;
      if (bp.contains(name) && never(schema, bp[name], depth + 1))
        return true;
      const Json *rest = at(b, "additionalProperties");
      if (!bp.contains(name) && rest && rest->is_boolean() && !rest->get<bool>() &&
          !at(b, "patternProperties"))
        return true;
    }
    const Json *more = at(a, "additionalProperties");
    bool closed = !ap.empty() && (!more || (more->is_boolean() && !more->get<bool>()));
    for (const auto &[name, schema] : bp.items())
      if (closed && required(b, name) && !ap.contains(name) && !required(a, name))
        return true;
    return false;
  }

  Result<std::string> plain(const Json &schema, const std::string &path);
  Result<std::string> constants(const Json &schema, const Json &values, const std::string &path);
  Result<std::string> string(const Json &schema, const std::string &path);
  Result<std::string> object(const Json &schema, const std::string &path);
  Result<std::string> array(const Json &schema, const std::string &path);
  std::string otherKeys(const std::vector<std::string> &names);

  RuleBook &rules_;
  const Json &root_;
  const SchemaLimits &limits_;
  Basics basics_;
  uint32_t visits_ = 0, depth_ = 0;
  std::map<std::string, std::string> done_, references_; ///< rules by a schema's text, by a pointer
};

} // namespace axiom::serve::grammar

#endif
