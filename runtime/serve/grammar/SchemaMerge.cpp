#include "runtime/serve/grammar/SchemaParts.h"

#include <algorithm>
#include <unordered_set>

namespace axiom::serve::grammar {

bool isAssertion(const std::string &keyword) {
  static const std::unordered_set<std::string> kAssertions = {"type",
                                                              "enum",
                                                              "const",
                                                              "allOf",
                                                              "anyOf",
                                                              "oneOf",
                                                              "not",
                                                              "if",
                                                              "then",
                                                              "else",
                                                              "$ref",
                                                              "$dynamicRef",
                                                              "$recursiveRef",
                                                              "dependentSchemas",
                                                              "dependentRequired",
                                                              "dependencies",
                                                              "properties",
                                                              "required",
                                                              "additionalProperties",
                                                              "patternProperties",
                                                              "propertyNames",
                                                              "minProperties",
                                                              "maxProperties",
                                                              "unevaluatedProperties",
                                                              "items",
                                                              "prefixItems",
                                                              "additionalItems",
                                                              "minItems",
                                                              "maxItems",
                                                              "uniqueItems",
                                                              "contains",
                                                              "minContains",
                                                              "maxContains",
                                                              "unevaluatedItems",
                                                              "minLength",
                                                              "maxLength",
                                                              "pattern",
                                                              "format",
                                                              "minimum",
                                                              "maximum",
                                                              "exclusiveMinimum",
                                                              "exclusiveMaximum",
                                                              "multipleOf",
                                                              "divisibleBy",
                                                              "disallow",
                                                              "extends"};
  return kAssertions.contains(keyword);
}

Result<std::set<std::string>> typesOf(const Json &schema, const std::string &path) {
  static const std::set<std::string> kAll = {"null",   "boolean", "integer", "number",
                                             "string", "array",   "object"};
  auto found = schema.find("type");
  if (found == schema.end())
    return kAll;
  std::set<std::string> types;
  auto add = [&](const Json &type) {
    bool known = type.is_string() && kAll.contains(type.get_ref<const std::string &>());
    if (known)
      types.insert(type.get_ref<const std::string &>());
    if (known && type == "number")
      types.insert("integer");
    return known;
  };
  bool known = true;
  if (found->is_array())
    for (const Json &type : *found)
      known = known && add(type);
  else
    known = add(*found);
  if (!known || types.empty())
    return invalidSchema(path, "type is " + openai::showJson(*found) +
                                   ": it must be null, boolean, integer, number, string, array or "
                                   "object, or a list of these");
  return types;
}

bool hasType(const Json &value, const std::set<std::string> &types) {
  auto has = [&](const char *type) { return types.contains(type); };
  if (value.is_number())
    return has("number") ||
           (has("integer") &&
            (value.is_number_integer() ||
             value.get<double>() == static_cast<double>(static_cast<int64_t>(
                                        std::clamp(value.get<double>(), -9e18, 9e18)))));
  return has(value.is_null()      ? "null"
             : value.is_boolean() ? "boolean"
             : value.is_string()  ? "string"
             : value.is_array()   ? "array"
                                  : "object");
}

Result<std::optional<uint64_t>> countAt(const Json &schema, const char *key,
                                        const std::string &path) {
  auto found = schema.find(key);
  if (found == schema.end())
    return std::optional<uint64_t>();
  bool whole =
      found->is_number_unsigned() || (found->is_number_integer() && found->get<int64_t>() >= 0) ||
      (found->is_number_float() && found->get<double>() >= 0 && found->get<double>() < 1e15 &&
       found->get<double>() == static_cast<double>(static_cast<uint64_t>(found->get<double>())));
  if (!whole)
    return invalidSchema(path, std::string(key) + " is " + openai::showJson(*found) +
                                   ": it must be a whole number from 0 on");
  return std::optional<uint64_t>(found->is_number_float()
                                     ? static_cast<uint64_t>(found->get<double>())
                                     : found->get<uint64_t>());
}

namespace {

Json both(const Json &a, const Json &b) {
  if (a == b)
    return a;
  Json all = Json::array();
  all.push_back(a);
  all.push_back(b);
  Json out = Json::object();
  out["allOf"] = std::move(all);
  return out;
}

bool forbids(const Json *schema) { return schema && schema->is_boolean() && !schema->get<bool>(); }

const Json *at(const Json &schema, const char *key) {
  auto found = schema.find(key);
  return found == schema.end() ? nullptr : &*found;
}

/// properties, required and additionalProperties of both.
Status mergeObjects(Json &out, const Json &a, const Json &b, const std::string &path) {
  const Json *pa = at(a, "properties"), *pb = at(b, "properties");
  const Json *xa = at(a, "additionalProperties"), *xb = at(b, "additionalProperties");
  if ((xa && at(b, "patternProperties")) || (xb && at(a, "patternProperties")))
    return unsupported(path, "patternProperties", "beside additionalProperties in a combination");
  for (const Json *p : {pa, pb})
    if (p && !p->is_object())
      return invalidSchema(path, "properties must be an object");
  if (pa || pb) {
    Json merged = Json::object();
    auto take = [&](const Json *from, const Json *other, const Json *otherRest) {
      if (!from)
        return;
      for (const auto &[name, schema] : from->items()) {
        if (merged.contains(name))
          continue;
        const Json *same = other ? at(*other, name.c_str()) : nullptr;
        merged[name] = same ? both(schema, *same) : otherRest ? both(schema, *otherRest) : schema;
      }
    };
    take(pa, pb, xb);
    take(pb, pa, xa);
    out["properties"] = std::move(merged);
  }
  if (xa && xb)
    out["additionalProperties"] = forbids(xa) || forbids(xb) ? Json(false) : both(*xa, *xb);
  else if (xa || xb)
    out["additionalProperties"] = xa ? *xa : *xb;
  return {};
}

} // namespace

Result<Json> mergeSchemas(const Json &a, const Json &b, const std::string &path) {
  if (a.is_boolean())
    return a.get<bool>() ? b : a;
  if (b.is_boolean())
    return b.get<bool>() ? a : b;
  if (!a.is_object() || !b.is_object())
    return invalidSchema(path, "a schema must be an object, true or false");
  Json out = a;
  AXIOM_RETURN_IF_ERROR(mergeObjects(out, a, b, path));
  Json later = Json::array(); // what can't be merged now
  for (const auto &[key, theirs] : b.items()) {
    if (key == "properties" || key == "additionalProperties")
      continue;
    auto ours = out.find(key);
    if (ours == out.end()) {
      out[key] = theirs;
      continue;
    }
    if (*ours == theirs || !isAssertion(key))
      continue;
    auto number = [&](bool larger) {
      return ours->is_number() && theirs.is_number() &&
             (larger ? theirs.get<double>() > ours->get<double>()
                     : theirs.get<double>() < ours->get<double>());
    };
    if (key == "required" && ours->is_array() && theirs.is_array()) {
      for (const Json &name : theirs)
        if (std::ranges::find(*ours, name) == ours->end())
          ours->push_back(name);
    } else if (key == "type") {
      AXIOM_ASSIGN_OR_RETURN(auto mine, typesOf(a, path));
      AXIOM_ASSIGN_OR_RETURN(auto other, typesOf(b, path));
      Json types = Json::array();
      for (const std::string &type : mine)
        if (other.contains(type))
          types.push_back(type);
      if (types.empty())
        return unsatisfiable(path, "it asks for two different types");
      *ours = std::move(types);
    } else if (key == "enum" && ours->is_array() && theirs.is_array()) {
      Json values = Json::array();
      for (const Json &value : *ours)
        if (std::ranges::find(theirs, value) != theirs.end())
          values.push_back(value);
      *ours = std::move(values);
    } else if (key == "const") {
      return unsatisfiable(path, "it asks for two different constants");
    } else if (key == "minimum" || key == "minLength" || key == "minItems" ||
               key == "minProperties" || (key == "exclusiveMinimum" && theirs.is_number())) {
      if (number(true))
        *ours = theirs;
    } else if (key == "maximum" || key == "maxLength" || key == "maxItems" ||
               key == "maxProperties" || (key == "exclusiveMaximum" && theirs.is_number())) {
      if (number(false))
        *ours = theirs;
    } else if (key == "items" && (ours->is_object() || ours->is_boolean())) {
      *ours = both(*ours, theirs);
    } else if (key == "format") {
      continue; // an annotation
    } else if (key == "allOf" && ours->is_array() && theirs.is_array()) {
      for (const Json &part : theirs)
        ours->push_back(part);
    } else if (key == "anyOf" || key == "oneOf" || key == "$ref") {
      Json part = Json::object();
      part[key] = theirs;
      later.push_back(std::move(part));
    } else {
      return unsupported(path, key, "in two parts of a combination, with different values");
    }
  }
  if (!later.empty()) {
    Json &all = out["allOf"];
    if (!all.is_array())
      all = Json::array();
    for (Json &part : later)
      all.push_back(std::move(part));
  }
  return out;
}

} // namespace axiom::serve::grammar
