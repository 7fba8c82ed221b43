#include "compiler/import/ConfigReader.h"
#include "compiler/import/StrictJson.h"

namespace axiom {

using nlohmann::json;

namespace {

std::string valueText(const json &value) {
  if (value.is_object() || value.is_array())
    return value.is_object() ? "an object" : "an array";
  return shownText(value.dump(-1, ' ', true, json::error_handler_t::replace));
}

} // namespace

const json *ConfigView::get(const char *key) const {
  auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

bool ConfigView::isNull(const char *key) const {
  auto it = object_.find(key);
  return it != object_.end() && it->is_null();
}

Status ConfigView::error(const char *key, const std::string &what) const {
  return Status(Code::BadInput, prefix_ + key + " " + what);
}

Status ConfigView::unsupported(const char *key, const std::string &value,
                               const char *supported) const {
  return Status(Code::Unsupported, prefix_ + key + " is " + shownText(value) +
                                       ", which is not supported; supported: " + supported);
}

Status ConfigView::u32(const char *key, uint32_t low, uint32_t high, uint32_t &out) const {
  const json *value = get(key);
  if (!value)
    return Status::okStatus();
  if (value->is_number_unsigned()) {
    auto v = value->get<uint64_t>();
    if (v >= low && v <= high) {
      out = static_cast<uint32_t>(v);
      return Status::okStatus();
    }
  }
  return error(key, format("is %s; a whole number from %u to %u is needed",
                           valueText(*value).c_str(), low, high));
}

Status ConfigView::requiredU32(const char *key, uint32_t low, uint32_t high, uint32_t &out) const {
  if (!get(key))
    return error(key, "is missing");
  return u32(key, low, high, out);
}

Status ConfigView::number(const char *key, double low, double high, double &out) const {
  const json *value = get(key);
  if (!value)
    return Status::okStatus();
  if (value->is_number()) {
    auto v = value->get<double>();
    if (v >= low && v <= high) { // false for NaN
      out = v;
      return Status::okStatus();
    }
  }
  return error(
      key, format("is %s; a number from %g to %g is needed", valueText(*value).c_str(), low, high));
}

Status ConfigView::boolean(const char *key, bool &out) const {
  const json *value = get(key);
  if (!value)
    return Status::okStatus();
  if (!value->is_boolean())
    return error(key, "is " + valueText(*value) + "; true or false is needed");
  out = value->get<bool>();
  return Status::okStatus();
}

Status ConfigView::string(const char *key, std::string &out) const {
  const json *value = get(key);
  if (!value)
    return Status::okStatus();
  if (!value->is_string())
    return error(key, "is " + valueText(*value) + "; a string is needed");
  out = value->get<std::string>();
  return Status::okStatus();
}

Status ConfigView::strings(const char *key, size_t most, std::vector<std::string> &out) const {
  const json *value = get(key);
  if (!value)
    return Status::okStatus();
  if (!value->is_array() || value->size() > most)
    return error(key, format("is %s; a list of at most %zu strings is needed",
                             valueText(*value).c_str(), most));
  out.clear();
  for (const json &element : *value) {
    if (!element.is_string())
      return error(key, "holds " + valueText(element) + "; only strings are allowed");
    out.push_back(element.get<std::string>());
  }
  return Status::okStatus();
}

Status ConfigView::tokenIds(const char *key, uint32_t vocab, std::vector<int32_t> &out) const {
  const json *value = get(key);
  if (!value)
    return Status::okStatus();
  json list = value->is_array() ? *value : json::array({*value});
  if (list.size() > 1024)
    return error(key, format("has %zu entries; at most 1024 are read", list.size()));
  for (const json &id : list) {
    if (id.is_number_integer() && !id.is_number_unsigned() && id.get<int64_t>() == -1)
      continue; // some configurations write -1 for none
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= vocab)
      return error(key, format("is %s; a token id below vocab_size %u is needed",
                               valueText(id).c_str(), vocab));
    addUnique(out, id.get<int32_t>());
  }
  return Status::okStatus();
}

} // namespace axiom
