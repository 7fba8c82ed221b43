#include "runtime/serve/openai/Reader.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bitset>
#include <charconv>
#include <cmath>

namespace axiom::serve::openai {
namespace {

constexpr size_t kMaxWarnings = 16; ///< a header has to hold them

size_t characters(const std::string &text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

const Json &parsedDefault(const Field &field) {
  static const std::vector<Json> all = [] {
    std::vector<Json> out;
    for (const Field &f : fieldTable())
      out.push_back(f.byDefault ? Json::parse(f.byDefault, nullptr, false) : Json());
    return out;
  }();
  return all[static_cast<size_t>(&field - fieldTable().data())];
}

int64_t wholeValue(const Json &value) {
  return value.is_number_float() ? static_cast<int64_t>(value.get<double>()) : value.get<int64_t>();
}

bool aboveInt64(const Json &value) {
  return value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX;
}

} // namespace

bool isWhole(const Json &value) {
  if (!value.is_number_float())
    return value.is_number();
  double v = value.get<double>();
  return std::abs(v) <= 9007199254740992.0 && v == std::floor(v);
}

bool isNeutral(const Field &field, const Json &value) {
  if (!field.neutral)
    return false;
  for (const Json &neutral : Json::parse(field.neutral, nullptr, false))
    if (neutral == value)
      return true;
  return false;
}

int64_t tokenOfKey(std::string_view key) {
  int32_t id = -1;
  auto [end, bad] = std::from_chars(key.data(), key.data() + key.size(), id);
  bool plain = bad == std::errc() && end == key.data() + key.size();
  return plain && id >= 0 && (key[0] != '0' || key.size() == 1) ? id : -1;
}

Reader::Place::Place(Reader &reader, std::string_view key)
    : reader_(reader), size_(reader.path_.size()) {
  if (size_ > 0)
    reader.path_ += '.';
  reader.path_ += key;
}

Reader::Place::Place(Reader &reader, size_t index) : reader_(reader), size_(reader.path_.size()) {
  reader.path_ += "[" + std::to_string(index) + "]";
}

bool Reader::fail(std::string code, std::string message) {
  if (!error)
    error = invalidRequest(path_, std::move(code), std::move(message));
  return false;
}

void Reader::warn(std::string text) {
  if (warnings_.size() >= kMaxWarnings)
    return;
  if (warnings_.size() + 1 == kMaxWarnings)
    text = "there are more fields that are not used";
  for (char &c : text)
    if (c < 0x20 || c > 0x7E)
      c = '?';
  warnings_.push_back(std::move(text));
}

bool Reader::wrong(const Field &field, std::string code, const std::string &shown) {
  std::string message = path_ + " is " + shown + ": ";
  message += path_.ends_with(']') ? field.name : "it";
  message += " must be " + describe(field, limits);
  if (*field.reason)
    message += std::string("; ") + field.reason;
  return fail(std::move(code), std::move(message));
}

bool Reader::readBody(Scope scope, const Json &object, void *target) {
  std::vector<const Field *> fields = fieldsOf(scope);
  for (const Field *field : fields)
    if (field->byDefault && field->store &&
        !field->store(*this, *field, parsedDefault(*field), target))
      return false;
  if (!object.is_object())
    return fail("invalid_type", (path_.empty() ? "the body" : path_) + " is " + showJson(object) +
                                    ": it must be a JSON object");
  std::bitset<128> found;
  for (const auto &[key, value] : object.get_ref<const Json::object_t &>()) {
    auto at = std::find_if(fields.begin(), fields.end(),
                           [&](const Field *field) { return field->name == key; });
    if (at == fields.end()) {
      warn("unknown field " + (path_.empty() ? "" : path_ + ".") + shorten(key) + " is ignored");
      continue;
    }
    if (value.is_null())
      continue;
    found.set(static_cast<size_t>(at - fields.begin()));
    Place place(*this, key);
    if (!readField(**at, value, target))
      return false;
  }
  for (size_t i = 0; i < fields.size(); ++i)
    if ((fields[i]->needed & bit(scope)) && !found.test(i)) {
      Place place(*this, fields[i]->name);
      return fail("missing_required_parameter",
                  path_ + " is missing: give " + describe(*fields[i], limits));
    }
  return true;
}

bool Reader::readField(const Field &field, const Json &value, void *target) {
  if (field.handling == Handling::Refused) {
    if (isNeutral(field, value))
      return true;
    return fail("unsupported_parameter", path_ + " is not supported: " + field.reason);
  }
  if (!checkType(field, value))
    return false;
  if (field.handling == Handling::Ignored && !isNeutral(field, value))
    warn(path_ + " is ignored: " + field.reason);
  return !field.store || field.store(*this, field, value, target);
}

bool Reader::checkType(const Field &field, const Json &value) {
  uint32_t types = field.types;
  switch (value.type()) {
  case Json::value_t::boolean:
    if (types & kBool)
      return true;
    break;
  case Json::value_t::string:
    if (types & kString)
      return checkString(field, value.get_ref<const std::string &>());
    break;
  case Json::value_t::number_integer:
  case Json::value_t::number_unsigned:
  case Json::value_t::number_float:
    if ((types & kNumber) || ((types & kInteger) && isWhole(value)))
      return checkNumber(field, value);
    break;
  case Json::value_t::array:
    if (types & (kStrings | kTokens | kTokenLists | kObjects))
      return checkList(field, value);
    break;
  case Json::value_t::object:
    if (types & kBiases)
      return checkBiases(field, value);
    if (types & kObject)
      return field.items.high < 0 || checkCount(field, value.size(), "keys");
    break;
  default:
    break;
  }
  return wrong(field, "invalid_type", showJson(value));
}

bool Reader::checkList(const Field &field, const Json &list) {
  if (!checkCount(field, list.size(), "items"))
    return false;
  if (list.empty())
    return true;
  const Json &first = list.front();
  uint32_t type = first.is_string()   ? kStrings
                  : first.is_object() ? kObjects
                  : first.is_array()  ? kTokenLists
                  : isWhole(first)    ? kTokens
                                      : 0u;
  if (!(field.types & type))
    type = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    const Json &item = list[i];
    bool plainToken = type == kTokens && item.is_number_integer() && item.get<int64_t>() >= 0 &&
                      !aboveInt64(item) && item.get<int64_t>() <= highest(field.range, limits);
    if (plainToken)
      continue;
    Place place(*this, i);
    bool fits = (type == kStrings && item.is_string()) || (type == kObjects && item.is_object()) ||
                (type == kTokenLists && item.is_array()) || (type == kTokens && isWhole(item));
    if (!fits)
      return wrong(field, "invalid_type", item.is_null() ? "null" : showJson(item));
    if (type == kStrings && !checkString(field, item.get_ref<const std::string &>()))
      return false;
    if (type == kTokens && !checkNumber(field, item))
      return false;
    if (type != kTokenLists)
      continue;
    if (item.empty())
      return wrong(field, "array_below_min_length", "an empty list");
    for (size_t k = 0; k < item.size(); ++k) {
      Place inner(*this, k);
      if (!isWhole(item[k]))
        return wrong(field, "invalid_type", showJson(item[k]));
      if (!checkNumber(field, item[k]))
        return false;
    }
  }
  return true;
}

bool Reader::checkNumber(const Field &field, const Json &value) {
  const Range &range = field.range;
  if (range.kind == Range::Integer) {
    if (!aboveInt64(value) && wholeValue(value) < range.low)
      return wrong(field, "integer_below_min_value", writeJson(value));
    if (aboveInt64(value) || wholeValue(value) > highest(range, limits))
      return wrong(field, "integer_above_max_value", writeJson(value));
  } else if (range.kind == Range::Real) {
    double v = value.get<double>();
    if (v < range.from || (range.above && v == range.from))
      return wrong(field, "decimal_below_min_value", writeJson(value));
    if (v > range.to)
      return wrong(field, "decimal_above_max_value", writeJson(value));
  }
  return true;
}

bool Reader::checkString(const Field &field, const std::string &text) {
  std::string shown;
  if (!field.values.empty()) {
    bool known = std::any_of(field.values.begin(), field.values.end(),
                             [&](const char *value) { return text == value; });
    return known || wrong(field, "invalid_value", showJson(Json(text)));
  }
  if (field.pattern && !isName(text))
    return wrong(field, "invalid_value", showJson(Json(text)));
  int64_t most = highest(field.length, limits);
  if (field.length.low == 0 && most < 0)
    return true;
  auto length = static_cast<int64_t>(characters(text));
  if (length < field.length.low)
    return wrong(field, "string_below_min_length", showJson(Json(text)));
  if (most >= 0 && length > most)
    return wrong(field, "string_above_max_length",
                 format("%lld characters long", (long long)length));
  return true;
}

bool Reader::checkCount(const Field &field, size_t count, const char *what) {
  int64_t most = highest(field.items, limits);
  auto n = static_cast<int64_t>(count);
  const char *code = n < field.items.low     ? "array_below_min_length"
                     : most >= 0 && n > most ? "array_above_max_length"
                                             : nullptr;
  return !code || wrong(field, code, format("of %zu %s", count, what));
}

bool Reader::checkBiases(const Field &field, const Json &object) {
  if (!checkCount(field, object.size(), "keys"))
    return false;
  for (const auto &[key, value] : object.get_ref<const Json::object_t &>()) {
    int64_t id = tokenOfKey(key);
    if (id < 0 || id >= limits.vocab) {
      std::string shown;
      appendJsonString(shown, shorten(key));
      return fail("invalid_value",
                  path_ + format(" has the key %s: keys must be token ids from 0 to %lld",
                                 shown.c_str(), static_cast<long long>(limits.vocab - 1)));
    }
    Place place(*this, key);
    if (!value.is_number())
      return fail("invalid_type", path_ + " is " + (value.is_null() ? "null" : showJson(value)) +
                                      ": it must be a number");
    if (!checkNumber(field, value))
      return false;
  }
  return true;
}

bool assign(Reader &, const Field &, const Json &value, bool &out) {
  out = value.get<bool>();
  return true;
}

bool assign(Reader &, const Field &, const Json &value, int64_t &out) {
  out = wholeValue(value);
  return true;
}

bool assign(Reader &, const Field &, const Json &value, double &out) {
  out = value.get<double>();
  return true;
}

bool assign(Reader &, const Field &, const Json &value, std::string &out) {
  out = value.get_ref<const std::string &>();
  return true;
}

bool assign(Reader &reader, const Field &, const Json &value, JsonText &out) {
  if (!value.is_string()) {
    out.text = writeJson(value);
    return true;
  }
  Result<Json> read = readJson(value.get_ref<const std::string &>(), reader.limits.json);
  if (!read.ok())
    return reader.fail("invalid_value",
                       reader.path() + " holds a text that is " + read.status().message());
  if (!read->is_object())
    return reader.fail("invalid_type", reader.path() + " holds a text that is " + showJson(*read) +
                                           ": it must be a JSON object");
  out.text = writeJson(*read);
  return true;
}

bool assign(Reader &, const Field &, const Json &value, std::vector<std::string> &out) {
  out.clear();
  if (value.is_string())
    out.push_back(value.get_ref<const std::string &>());
  else
    for (const Json &item : value)
      out.push_back(item.get_ref<const std::string &>());
  return true;
}

bool assign(Reader &, const Field &, const Json &value, std::vector<int32_t> &out) {
  out.clear();
  out.reserve(value.size());
  for (const Json &item : value)
    out.push_back(static_cast<int32_t>(wholeValue(item)));
  return true;
}

bool assign(Reader &, const Field &, const Json &value,
            std::vector<std::pair<int32_t, double>> &out) {
  out.clear();
  for (const auto &[key, bias] : value.get_ref<const Json::object_t &>())
    out.emplace_back(static_cast<int32_t>(tokenOfKey(key)), bias.get<double>());
  std::sort(out.begin(), out.end());
  return true;
}

bool assign(Reader &reader, const Field &field, const Json &value, Prompts &out) {
  out = {};
  if (value.is_string() || value.front().is_string())
    (void)assign(reader, field, value, out.texts);
  else if (value.front().is_array())
    for (const Json &item : value)
      (void)assign(reader, field, item, out.tokens.emplace_back());
  else
    (void)assign(reader, field, value, out.tokens.emplace_back());
  if (static_cast<int64_t>(out.size()) > reader.limits.prompts)
    return reader.fail("array_above_max_length",
                       reader.path() + format(" holds %zu prompts, at most %lld are possible: send "
                                              "several requests",
                                              out.size(), (long long)reader.limits.prompts));
  return true;
}

bool assign(Reader &reader, const Field &field, const Json &value, Content &out) {
  out.given = true;
  out.isParts = value.is_array();
  if (out.isParts)
    return assign(reader, field, value, out.parts);
  out.parts = {{"text", value.get_ref<const std::string &>()}};
  return true;
}

bool assign(Reader &reader, const Field &field, const Json &value, ToolChoice &out) {
  if (value.is_object()) {
    ToolChoiceObject object;
    if (!assign(reader, field, value, object))
      return false;
    out = {ToolChoice::Named, object.function.name};
    return true;
  }
  const auto &text = value.get_ref<const std::string &>();
  out.kind = text == "none"   ? ToolChoice::None
             : text == "auto" ? ToolChoice::Auto
                              : ToolChoice::Required;
  return true;
}

bool finish(Reader &reader, Message &message) {
  bool assistant = message.role == "assistant";
  if (!message.toolCalls.empty() && !assistant) {
    Reader::Place place(reader, "tool_calls");
    return reader.fail("invalid_value", reader.path() + " stands in a message of role " +
                                            message.role + ": only an assistant makes calls");
  }
  if (!message.content.given && message.toolCalls.empty()) {
    Reader::Place place(reader, "content");
    return reader.fail("missing_required_parameter",
                       reader.path() + " is missing: give a string or a list of parts" +
                           (assistant ? ", or tool_calls" : ""));
  }
  return true;
}

bool finish(Reader &reader, ResponseFormat &format) {
  if (format.type != "json_schema" || format.jsonSchema)
    return true;
  Reader::Place place(reader, "json_schema");
  return reader.fail("missing_required_parameter",
                     reader.path() + " is missing: type json_schema needs it");
}

} // namespace axiom::serve::openai
