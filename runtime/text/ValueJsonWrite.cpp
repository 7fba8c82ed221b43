#include "runtime/text/TemplateUnicode.h"
#include "runtime/text/TemplateValueOps.h"
#include "runtime/text/ValueJson.h"

#include <algorithm>
#include <cmath>

namespace axiom {

using Kind = Value::Kind;

namespace {

class JsonWriter {
public:
  JsonWriter(MarkedText &out, const JsonWriteOptions &options, TemplateBudget &budget)
      : out_(out), options_(options), budget_(budget),
        itemSeparator_(options.itemSeparator.value_or(options.indent ? "," : ", ")) {}

  void write(const Value &value, size_t depth) {
    TemplateBudget::Level level(budget_);
    budget_.step();
    switch (value.kind()) {
    case Kind::String:
      return string(value.text());
    case Kind::List:
    case Kind::Tuple:
      return array(value.items(), depth);
    case Kind::Dict:
      return object(value.dictionary(), depth);
    case Kind::None:
    case Kind::Bool:
    case Kind::Int:
    case Kind::BigInt:
    case Kind::Double:
      return put(scalar(value));
    default:
      failTemplate(format("Object of type %s is not JSON serializable", pythonTypeName(value)));
    }
  }

private:
  void put(std::string_view bytes, bool untrusted = false) {
    budget_.bytes(bytes.size());
    out_.append(bytes, untrusted);
  }

  static std::string scalar(const Value &value) {
    switch (value.kind()) {
    case Kind::None:
      return "null";
    case Kind::Bool:
      return value.asBool() ? "true" : "false";
    case Kind::Int:
      return std::to_string(value.asInt());
    case Kind::BigInt:
      return value.text().bytes();
    default: {
      double d = value.asDouble();
      if (std::isnan(d))
        return "NaN";
      if (std::isinf(d))
        return d > 0 ? "Infinity" : "-Infinity";
      return pythonDouble(d);
    }
    }
  }

  void string(const MarkedText &text) {
    const std::string &s = text.bytes();
    std::string escaped(1, '"');
    for (size_t pos = 0, size; pos < s.size(); pos += size) {
      uint32_t c = decodeUtf8(s, pos, size);
      static constexpr std::string_view values = "\"\\\b\f\n\r\t", names = "\"\\bfnrt";
      size_t special = c < 0x80 ? values.find(static_cast<char>(c)) : std::string_view::npos;
      if (special != std::string_view::npos) {
        escaped += '\\';
        escaped += names[special];
      } else if (c < 0x20) {
        escaped += format("\\u%04x", c);
      } else if (c < 0x7F || !options_.ensureAscii) {
        escaped.append(s, pos, size);
      } else if (c == 0xFFFFFFFF) {
        escaped += "\\ufffd";
      } else if (c < 0x10000) {
        escaped += format("\\u%04x", c);
      } else {
        escaped += format("\\u%04x\\u%04x", 0xD800 + ((c - 0x10000) >> 10),
                          0xDC00 + ((c - 0x10000) & 0x3FF));
      }
    }
    escaped += '"';
    put(escaped, text.untrusted());
  }

  void newLine(size_t depth) {
    if (!options_.indent)
      return;
    put("\n");
    for (size_t i = 0; i < depth; ++i)
      put(*options_.indent);
  }

  void array(const std::vector<Value> &items, size_t depth) {
    if (items.empty())
      return put("[]");
    put("[");
    for (size_t i = 0; i < items.size(); ++i) {
      if (i)
        put(itemSeparator_);
      newLine(depth + 1);
      write(items[i], depth + 1);
    }
    newLine(depth);
    put("]");
  }

  void object(const ValueDict &dict, size_t depth) {
    if (dict.empty())
      return put("{}");
    std::vector<const ValueDict::Entry *> entries;
    for (const auto &entry : dict.entries())
      entries.push_back(&entry);
    if (options_.sortKeys)
      sortStable(entries, [&](const auto *a, const auto *b) {
        return compareValues(a->first, b->first, "<", budget_) == -1;
      });
    put("{");
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i)
        put(itemSeparator_);
      newLine(depth + 1);
      key(entries[i]->first);
      put(options_.keySeparator);
      write(entries[i]->second, depth + 1);
    }
    newLine(depth);
    put("}");
  }

  void key(const Value &key) {
    if (key.isString())
      return string(key.text());
    if (!key.isNumber() && !key.isNone() && !key.is(Kind::BigInt))
      failTemplate(
          format("keys must be str, int, float, bool or None, not %s", pythonTypeName(key)));
    put('"' + scalar(key) + '"');
  }

  MarkedText &out_;
  const JsonWriteOptions &options_;
  TemplateBudget &budget_;
  std::string itemSeparator_;
};

} // namespace

void appendJson(MarkedText &out, const Value &value, const JsonWriteOptions &options,
                TemplateBudget &budget) {
  JsonWriter(out, options, budget).write(value, 0);
}

Result<std::string> writeJson(const Value &value, const JsonWriteOptions &options,
                              const TemplateLimits &limits) {
  try {
    TemplateBudget budget(limits);
    MarkedText out;
    appendJson(out, value, options, budget);
    return out.takeBytes();
  } catch (const TemplateFailure &failure) {
    return Result<std::string>(failure.code, failure.message);
  } catch (const std::bad_alloc &) {
    return Result<std::string>(Code::Resource, "out of memory while writing JSON");
  }
}

} // namespace axiom
