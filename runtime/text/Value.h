// The closed value type of chat templates: what JSON can say, tuples, and (inside a render only)
// ranges, views, iterators, namespaces and callables. A value never refers to a host object.
//
// Values are immutable and cheap to copy (shared storage); only a namespace and the position of an
// iterator change, and both live inside one render. So one context can be rendered from many
// threads at once.
#ifndef AXIOM_RUNTIME_TEXT_VALUE_H
#define AXIOM_RUNTIME_TEXT_VALUE_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace axiom {

/// Bytes [begin, end) of a text.
struct TextSpan {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const TextSpan &) const = default;
};

/// UTF-8 bytes and the spans of them that came from untrusted strings (sorted, disjoint, merged).
class MarkedText {
public:
  MarkedText() = default;
  explicit MarkedText(std::string bytes, bool untrusted = false) : bytes_(std::move(bytes)) {
    if (untrusted && !bytes_.empty())
      marks_.push_back({0, bytes_.size()});
  }

  const std::string &bytes() const { return bytes_; }
  const std::vector<TextSpan> &marks() const { return marks_; }
  size_t size() const { return bytes_.size(); }
  bool untrusted() const { return !marks_.empty(); }
  /// HTML-safe text (the filters safe and escape): `+` escapes what is joined to it.
  bool markup() const { return markup_; }
  void setMarkup() { markup_ = true; }

  void append(std::string_view bytes, bool untrusted = false);
  void append(const MarkedText &text) { appendSlice(text, 0, text.size()); }
  /// Bytes [begin, end) of `text` with their marks.
  void appendSlice(const MarkedText &text, size_t begin, size_t end);
  /// A part as a text of its own; markup stays markup.
  MarkedText slice(size_t begin, size_t end) const;
  std::string takeBytes() { return std::move(bytes_); }

private:
  void mark(size_t begin, size_t end);

  std::string bytes_;
  std::vector<TextSpan> marks_;
  bool markup_ = false;
};

class ValueDict;

class Value {
public:
  enum class Kind : uint8_t {
    Undefined,
    None,
    Bool,
    Int,
    BigInt, ///< an integer literal beyond 64 bits, kept as its digits: printable, not computable
    Double,
    String,
    List,
    Tuple,
    Dict,
    // Only inside a render:
    Range,
    View, ///< dict.keys(), values(), items(); asInt() is a ViewKind
    Iterator,
    Namespace,
    Macro,
    Method,
    Function,
    Loop,
  };
  enum ViewKind : int64_t { Keys, Values, Items };

  Value() = default; ///< undefined
  /// Undefined with the sentence that an operation on it fails with.
  static Value undefined(std::string why);
  static Value none() { return Value(Kind::None); }
  static Value boolean(bool v);
  static Value integer(int64_t v);
  static Value bigInteger(std::string digits);
  static Value number(double v);
  static Value string(MarkedText text);
  /// `untrusted`: the text comes from outside (a user's message), so no part of it may become a
  /// special token; the render reports where it ends up.
  static Value string(std::string_view bytes, bool untrusted = false) {
    return string(MarkedText(std::string(bytes), untrusted));
  }
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  static Value dict(ValueDict entries);
  static Value range(int64_t start, int64_t stop, int64_t step);
  static Value view(ViewKind kind, std::vector<Value> items);
  /// A value of a render-only kind that shares `object`; for the interpreter.
  static Value internal(Kind kind, std::shared_ptr<void> object, int64_t id = 0,
                        uint32_t depth = 1);

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool isUndefined() const { return kind_ == Kind::Undefined; }
  bool isNone() const { return kind_ == Kind::None; }
  bool isString() const { return kind_ == Kind::String; }
  bool isDict() const { return kind_ == Kind::Dict; }
  /// bool, int or double: what arithmetic takes.
  bool isNumber() const { return kind_ == Kind::Bool || kind_ == Kind::Int || isDouble(); }
  bool isIntegral() const { return kind_ == Kind::Bool || kind_ == Kind::Int; }
  bool isDouble() const { return kind_ == Kind::Double; }
  /// List, tuple, range or view: items() holds the elements.
  bool hasItems() const {
    return kind_ == Kind::List || kind_ == Kind::Tuple || kind_ == Kind::Range ||
           kind_ == Kind::View;
  }

  // Accessors: the caller has checked the kind.
  bool asBool() const { return int_ != 0; }
  int64_t asInt() const { return int_; }
  double asDouble() const { return isDouble() ? double_ : static_cast<double>(int_); }
  const MarkedText &text() const { return *static_cast<const MarkedText *>(object_.get()); }
  const std::vector<Value> &items() const;
  const ValueDict &dictionary() const;
  /// start, stop, step of a range.
  const int64_t *rangeBounds() const;
  template <typename T> T &object() const { return *static_cast<T *>(object_.get()); }
  const void *identity() const { return object_.get(); }
  /// Why an undefined value is undefined; may be empty.
  std::string undefinedReason() const;

  /// Nesting of containers below and including this value; 0 for scalars.
  uint32_t depth() const { return depth_; }

private:
  explicit Value(Kind kind) : kind_(kind) {}

  Kind kind_ = Kind::Undefined;
  uint32_t depth_ = 0;
  union {
    int64_t int_ = 0;
    double double_;
  };
  std::shared_ptr<void> object_;
};

/// Keys to values in the order of insertion, as Python's dict: equal numbers are one key.
class ValueDict {
public:
  using Entry = std::pair<Value, Value>;

  /// Sets or replaces (in place). False if the key can't be one (a list, a dict, a callable).
  bool set(Value key, Value value);
  void set(std::string_view key, Value value) { set(Value::string(key), std::move(value)); }
  /// Null when absent or when `key` can't be a key.
  const Value *find(const Value &key) const;
  const Value *find(std::string_view key) const;

  const std::vector<Entry> &entries() const { return entries_; }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

private:
  size_t indexOf(const std::string &code) const;

  std::vector<Entry> entries_;
  /// Canonical key code to index: an ordered map, so that no choice of keys makes look-up slow.
  std::map<std::string, uint32_t, std::less<>> index_;
};

/// False if Python would say "unhashable type".
bool isHashable(const Value &value);

} // namespace axiom

#endif
