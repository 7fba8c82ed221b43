#include "runtime/serve/openai/ToolCalls.h"
#include "runtime/serve/openai/Json.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace axiom::serve::openai {
namespace {

constexpr std::string_view kHermesOpen = "<tool_call>", kHermesClose = "</tool_call>",
                           kLlamaOpen = "<|python_tag|>", kMistralOpen = "[TOOL_CALLS]",
                           kMistralArguments = "[ARGS]";
constexpr size_t kMaxName = 256;

// After a mismatch only the byte at hand can begin a marker anew: each begins with a byte that does
// not come in it again.
std::string_view markerOf(ToolFormat format) {
  switch (format) {
  case ToolFormat::Hermes:
    return kHermesOpen;
  case ToolFormat::Llama3:
    return kLlamaOpen;
  case ToolFormat::Mistral:
    return kMistralOpen;
  case ToolFormat::Json:
  case ToolFormat::None:
    break;
  }
  return {};
}

bool isSpace(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool isNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

size_t skipSpace(std::string_view json, size_t at) {
  while (at < json.size() && isSpace(json[at]))
    ++at;
  return at;
}

/// The end of the value that begins at `at`, in JSON that is valid.
size_t skipValue(std::string_view json, size_t at) {
  uint32_t depth = 0;
  bool inString = false;
  for (; at < json.size(); ++at) {
    char c = json[at];
    if (inString) {
      if (c == '\\')
        ++at;
      else if (c == '"' && (inString = false, depth == 0))
        return at + 1;
    } else if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0)
        return at; // of the container around it
      if (--depth == 0)
        return at + 1;
    } else if (depth == 0 && (c == ',' || c == ':' || isSpace(c))) {
      return at;
    }
  }
  return json.size();
}

/// The texts of a valid list's items.
std::vector<std::string_view> itemTexts(std::string_view list) {
  std::vector<std::string_view> out;
  for (size_t at = skipSpace(list, 1); at < list.size() && list[at] != ']';) {
    size_t end = skipValue(list, at);
    out.push_back(list.substr(at, end - at));
    at = skipSpace(list, end);
    if (at < list.size() && list[at] == ',')
      at = skipSpace(list, at + 1);
  }
  return out;
}

/// The texts of a valid object's values, in the order of its keys.
std::vector<std::string_view> valueTexts(std::string_view object) {
  std::vector<std::string_view> out;
  for (size_t at = skipSpace(object, 1); at < object.size() && object[at] != '}';) {
    at = skipSpace(object, skipValue(object, at)); // the key
    at = skipSpace(object, at + 1);                // the colon
    size_t end = skipValue(object, at);
    out.push_back(object.substr(at, end - at));
    at = skipSpace(object, end);
    if (at < object.size() && object[at] == ',')
      at = skipSpace(object, at + 1);
  }
  return out;
}

} // namespace

std::optional<ToolFormat> toolFormatByName(std::string_view name) {
  for (ToolFormat format : {ToolFormat::None, ToolFormat::Hermes, ToolFormat::Llama3,
                            ToolFormat::Mistral, ToolFormat::Json})
    if (name == toolFormatName(format))
      return format;
  return std::nullopt;
}

const char *toolFormatName(ToolFormat format) {
  switch (format) {
  case ToolFormat::Hermes:
    return "hermes";
  case ToolFormat::Llama3:
    return "llama3";
  case ToolFormat::Mistral:
    return "mistral";
  case ToolFormat::Json:
    return "json";
  case ToolFormat::None:
    break;
  }
  return "none";
}

ToolFormat detectToolFormat(std::string_view text) {
  auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
  if (has(kMistralOpen))
    return ToolFormat::Mistral;
  if (has(kHermesOpen))
    return ToolFormat::Hermes;
  // Llama 3's template shows the form of a call, and gives results to the role ipython.
  if (has(kLlamaOpen) || (has("ipython") && has("\"parameters\"")))
    return ToolFormat::Llama3;
  return ToolFormat::None;
}

ToolCallParser::ToolCallParser(ToolFormat format, std::vector<std::string> names, size_t maxHeld)
    : format_(format), names_(std::move(names)), maxHeld_(maxHeld), marker_(markerOf(format)),
      state_(format == ToolFormat::Llama3 || format == ToolFormat::Json ? State::Start
                                                                        : State::Text) {}

std::vector<ToolEvent> ToolCallParser::feed(std::string_view piece) {
  for (char c : piece)
    step(c);
  return std::exchange(events_, {});
}

std::vector<ToolEvent> ToolCallParser::finish() {
  // Behind a call, white space and what came of the closing tag belong to it.
  if (state_ == State::After)
    held_.clear();
  flush();
  state_ = State::Text;
  return std::exchange(events_, {});
}

void ToolCallParser::hold(char c, State next) {
  held_ += c;
  state_ = next;
}

void ToolCallParser::flush() {
  if (held_.empty())
    return;
  if (events_.empty() || events_.back().call)
    events_.emplace_back();
  events_.back().text += held_;
  held_.clear();
}

void ToolCallParser::fail(char c) {
  flush();
  state_ = State::Text;
  step(c);
}

void ToolCallParser::step(char c) {
  if (held_.size() >= maxHeld_) {
    flush();
    state_ = State::Text;
  }
  switch (state_) {
  case State::Start:
    if (isSpace(c))
      return hold(c, State::Start);
    if (c == '{' || (c == '[' && format_ == ToolFormat::Json))
      return beginJson(c, true);
    return fail(c);
  case State::Text:
    matched_ = 1;
    if (!marker_.empty() && c == marker_[0])
      return hold(c, State::Marker);
    held_ += c;
    return flush();
  case State::Marker:
    if (c != marker_[matched_])
      return fail(c);
    hold(c, ++matched_ == marker_.size() ? State::Open : State::Marker);
    name_.clear();
    return;
  case State::Open:
    if (!stepOpen(c))
      fail(c);
    return;
  case State::Name:
    if (!stepName(c))
      fail(c);
    return;
  case State::Json:
    return stepJson(c);
  case State::After:
    return stepAfter(c);
  }
}

bool ToolCallParser::stepOpen(char c) {
  bool mistral = format_ == ToolFormat::Mistral;
  if (isSpace(c))
    hold(c, State::Open);
  else if (c == (mistral ? '[' : '{'))
    beginJson(c, false);
  else if (mistral && isNameByte(c)) {
    name_ = c;
    matched_ = 0;
    hold(c, State::Name);
  } else
    return false;
  return true;
}

bool ToolCallParser::stepName(char c) {
  if (matched_ > 0 && matched_ < kMistralArguments.size()) { // inside [ARGS]
    if (c != kMistralArguments[matched_])
      return false;
    ++matched_;
  } else if (c == '{') {
    beginJson(c, false);
    return true;
  } else if (matched_ == 0 && c == kMistralArguments[0]) {
    matched_ = 1;
  } else if (matched_ == 0 && isNameByte(c) && name_.size() < kMaxName) {
    name_ += c;
  } else if (!isSpace(c) || matched_ == 0) {
    return false;
  }
  hold(c, State::Name);
  return true;
}

void ToolCallParser::beginJson(char c, bool bare) {
  json_ = held_.size();
  depth_ = 1;
  inString_ = escaped_ = false;
  opened_ = false;
  key_ = 0;
  bare_ = bare;
  hold(c, State::Json);
}

void ToolCallParser::stepJson(char c) {
  if (!opened_ && !isSpace(c)) {
    // The first byte inside already shows text in brackets that is no JSON.
    bool object = held_[json_] == '{';
    if (!(object ? c == '"' || c == '}' : c == '{' || c == ']'))
      return fail(c);
    opened_ = true;
    key_ = object && bare_ && name_.empty() && c == '"' ? held_.size() : 0;
  }
  hold(c, State::Json);
  if (inString_) {
    if (escaped_)
      escaped_ = false;
    else if (c == '\\')
      escaped_ = true;
    else if (c == '"') {
      inString_ = false;
      // An answer that is some other JSON shows so with its first key, and need not be held.
      if (key_ > 0) {
        std::string_view key = std::string_view(held_).substr(key_);
        bool known = key == "\"name\"" || key == "\"type\"" || key == "\"parameters\"" ||
                     key == "\"arguments\"" || key == "\"id\"";
        key_ = 0;
        if (!known) {
          flush();
          state_ = State::Text;
        }
      }
    }
  } else if (c == '"') {
    inString_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if ((c == '}' || c == ']') && --depth_ == 0) {
    endJson();
  }
}

void ToolCallParser::endJson() {
  std::string held = std::exchange(held_, {});
  std::string_view json = std::string_view(held).substr(json_);
  bool taken = false;
  if (name_.empty())
    taken = takeCalls(json);
  else if (Result<Json> read = readJson(json); allowed(name_) && read.ok() && read->is_object()) {
    emit({"", name_, std::string(json)});
    taken = true;
  }
  if (taken) {
    state_ = State::After;
    matched_ = 0;
    closed_ = format_ != ToolFormat::Hermes;
  } else {
    held_ = std::move(held);
    flush();
    state_ = State::Text;
  }
}

void ToolCallParser::stepAfter(char c) {
  if (!closed_ && (matched_ > 0 || c == kHermesClose[0])) {
    if (c == kHermesClose[matched_]) {
      held_ += c;
      if (++matched_ == kHermesClose.size()) {
        held_.clear();
        closed_ = true;
      }
      return;
    }
    // Not the closing tag: perhaps the next opening one, which begins in the same way.
    if (matched_ == 1 && c == marker_[1]) {
      matched_ = 2;
      return hold(c, State::Marker);
    }
    return fail(c);
  }
  if (isSpace(c)) {
    held_ += c;
    return;
  }
  if (!marker_.empty() && c == marker_[0]) {
    matched_ = 1;
    return hold(c, State::Marker);
  }
  if (format_ == ToolFormat::Llama3 && (c == ';' || c == ',') &&
      held_.find_first_of(";,") == held_.npos) {
    held_ += c;
    return;
  }
  if (format_ == ToolFormat::Llama3 && c == '{')
    return beginJson(c, true);
  fail(c);
}

bool ToolCallParser::allowed(std::string_view name) const {
  return !name.empty() && name.size() <= kMaxName &&
         (names_.empty() || std::find(names_.begin(), names_.end(), name) != names_.end());
}

void ToolCallParser::emit(ParsedCall call) {
  ++calls_;
  events_.push_back({"", std::move(call)});
}

/// One call, or a list of them; all or none are taken.
bool ToolCallParser::takeCalls(std::string_view json) {
  std::vector<ParsedCall> calls;
  if (json[0] == '{') {
    if (!takeCall(json, calls))
      return false;
  } else {
    if (!readJson(json).ok())
      return false;
    for (std::string_view item : itemTexts(json))
      if (!takeCall(item, calls))
        return false;
  }
  for (ParsedCall &call : calls)
    emit(std::move(call));
  return !calls.empty();
}

bool ToolCallParser::takeCall(std::string_view object, std::vector<ParsedCall> &calls) {
  Result<Json> read = readJson(object);
  if (!read.ok() || !read->is_object())
    return false;
  ParsedCall call;
  bool hasArguments = false;
  std::vector<std::string_view> texts = valueTexts(object);
  size_t index = 0;
  for (const auto &[key, value] : read->get_ref<const Json::object_t &>()) {
    std::string_view text = texts[index++];
    if (key == "name" && value.is_string())
      call.name = value.get_ref<const std::string &>();
    if (key == "id" && value.is_string() && value.get_ref<const std::string &>().size() <= 64)
      call.id = value.get_ref<const std::string &>();
    if (key != "arguments" && key != "parameters")
      continue;
    if (hasArguments)
      return false;
    hasArguments = true;
    if (value.is_object())
      call.arguments = text;
    else if (value.is_null())
      call.arguments = "{}";
    else if (value.is_string()) // some models write JSON into a string
      call.arguments = value.get_ref<const std::string &>();
    else
      return false;
    if (value.is_string()) {
      Result<Json> inner = readJson(call.arguments);
      if (!inner.ok() || !inner->is_object())
        return false;
    }
  }
  // Without a marker, only what has both is surely meant as a call.
  if (!allowed(call.name) || (bare_ && !hasArguments))
    return false;
  if (!hasArguments)
    call.arguments = "{}";
  calls.push_back(std::move(call));
  return true;
}

ToolAnswer parseToolCalls(ToolFormat format, std::string_view text,
                          std::vector<std::string> names) {
  ToolCallParser parser(format, std::move(names));
  ToolAnswer answer;
  auto take = [&](std::vector<ToolEvent> events) {
    for (ToolEvent &event : events)
      if (event.call)
        answer.calls.push_back(std::move(*event.call));
      else
        answer.text += event.text;
  };
  take(parser.feed(text));
  take(parser.finish());
  if (!answer.calls.empty() && std::all_of(answer.text.begin(), answer.text.end(), isSpace))
    answer.text.clear();
  return answer;
}

} // namespace axiom::serve::openai
