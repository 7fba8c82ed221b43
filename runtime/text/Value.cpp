#include "runtime/text/Value.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace axiom {
namespace {

struct ItemsObject {
  std::vector<Value> items;
  int64_t bounds[3] = {0, 0, 1};
};

uint32_t depthOf(const std::vector<Value> &items) {
  uint32_t depth = 0;
  for (const Value &v : items)
    depth = std::max(depth, v.depth());
  return depth + 1;
}

/// Appends a code that is equal for keys that are equal in Python. False if not hashable.
bool appendKeyCode(std::string &out, const Value &key) {
  auto raw = [&](char tag, const void *data, size_t size) {
    out += tag;
    out.append(static_cast<const char *>(data), size);
  };
  switch (key.kind()) {
  case Value::Kind::Undefined:
    out += 'U';
    return true;
  case Value::Kind::None:
    out += 'N';
    return true;
  case Value::Kind::Bool:
  case Value::Kind::Int: {
    int64_t i = key.asInt();
    raw('i', &i, sizeof i);
    return true;
  }
  case Value::Kind::BigInt:
    raw('b', key.text().bytes().data(), key.text().size());
    return true;
  case Value::Kind::Double: {
    double d = key.asDouble();
    if (d >= -9.2e18 && d <= 9.2e18 && d == std::floor(d)) {
      int64_t i = static_cast<int64_t>(d);
      raw('i', &i, sizeof i);
    } else {
      raw('d', &d, sizeof d);
    }
    return true;
  }
  case Value::Kind::String: {
    // The length makes the code of a tuple unambiguous.
    uint64_t size = key.text().size();
    raw('s', &size, sizeof size);
    out += key.text().bytes();
    return true;
  }
  case Value::Kind::Range:
  case Value::Kind::Tuple:
    out += key.is(Value::Kind::Range) ? 'R' : 'T';
    out += '(';
    for (const Value &v : key.items())
      if (!appendKeyCode(out, v))
        return false;
    out += ')';
    return true;
  default:
    return false;
  }
}

std::string stringKeyCode(std::string_view key) {
  uint64_t size = key.size();
  std::string code(1, 's');
  code.append(reinterpret_cast<const char *>(&size), sizeof size);
  code += key;
  return code;
}

} // namespace

void MarkedText::mark(size_t begin, size_t end) {
  if (begin == end)
    return;
  if (!marks_.empty() && marks_.back().end >= begin)
    marks_.back().end = std::max(marks_.back().end, end);
  else
    marks_.push_back({begin, end});
}

void MarkedText::append(std::string_view bytes, bool untrusted) {
  size_t begin = bytes_.size();
  bytes_ += bytes;
  if (untrusted)
    mark(begin, bytes_.size());
}

void MarkedText::appendSlice(const MarkedText &text, size_t begin, size_t end) {
  size_t base = bytes_.size();
  bytes_.append(text.bytes_, begin, end - begin);
  auto it = std::partition_point(text.marks_.begin(), text.marks_.end(),
                                 [&](const TextSpan &m) { return m.end <= begin; });
  for (; it != text.marks_.end() && it->begin < end; ++it)
    mark(base + std::max(it->begin, begin) - begin, base + std::min(it->end, end) - begin);
}

MarkedText MarkedText::slice(size_t begin, size_t end) const {
  MarkedText out;
  out.appendSlice(*this, begin, end);
  out.markup_ = markup_;
  return out;
}

Value Value::undefined(std::string why) {
  Value v;
  v.object_ = std::make_shared<std::string>(std::move(why));
  return v;
}

std::string Value::undefinedReason() const {
  return object_ ? *static_cast<const std::string *>(object_.get()) : std::string();
}

Value Value::boolean(bool b) {
  Value v(Kind::Bool);
  v.int_ = b;
  return v;
}

Value Value::integer(int64_t i) {
  Value v(Kind::Int);
  v.int_ = i;
  return v;
}

Value Value::number(double d) {
  Value v(Kind::Double);
  v.double_ = d;
  return v;
}

Value Value::bigInteger(std::string digits) {
  Value v(Kind::BigInt);
  v.object_ = std::make_shared<MarkedText>(std::move(digits));
  return v;
}

Value Value::string(MarkedText text) {
  Value v(Kind::String);
  v.object_ = std::make_shared<MarkedText>(std::move(text));
  return v;
}

static Value makeItems(Value::Kind kind, std::vector<Value> items, int64_t id = 0) {
  uint32_t depth = depthOf(items);
  auto object = std::make_shared<ItemsObject>();
  object->items = std::move(items);
  return Value::internal(kind, std::move(object), id, depth);
}

Value Value::list(std::vector<Value> items) { return makeItems(Kind::List, std::move(items)); }
Value Value::tuple(std::vector<Value> items) { return makeItems(Kind::Tuple, std::move(items)); }
Value Value::view(ViewKind kind, std::vector<Value> items) {
  return makeItems(Kind::View, std::move(items), kind);
}

Value Value::range(int64_t start, int64_t stop, int64_t step) {
  auto object = std::make_shared<ItemsObject>();
  // Unsigned differences: the bounds may lie further apart than an int64 can say.
  uint64_t count = 0;
  if (step > 0 && start < stop)
    count = (static_cast<uint64_t>(stop) - static_cast<uint64_t>(start) - 1) /
                static_cast<uint64_t>(step) +
            1;
  else if (step < 0 && start > stop)
    count = (static_cast<uint64_t>(start) - static_cast<uint64_t>(stop) - 1) /
                (0 - static_cast<uint64_t>(step)) +
            1;
  object->items.reserve(count);
  for (uint64_t i = 0; i < count; ++i)
    object->items.push_back(integer(
        static_cast<int64_t>(static_cast<uint64_t>(start) + i * static_cast<uint64_t>(step))));
  object->bounds[0] = start;
  object->bounds[1] = stop;
  object->bounds[2] = step;
  return internal(Kind::Range, std::move(object));
}

Value Value::dict(ValueDict entries) {
  uint32_t depth = 0;
  for (const auto &[key, value] : entries.entries())
    depth = std::max({depth, key.depth(), value.depth()});
  return internal(Kind::Dict, std::make_shared<ValueDict>(std::move(entries)), 0, depth + 1);
}

Value Value::internal(Kind kind, std::shared_ptr<void> object, int64_t id, uint32_t depth) {
  Value v(kind);
  v.int_ = id;
  v.depth_ = depth;
  v.object_ = std::move(object);
  return v;
}

const std::vector<Value> &Value::items() const {
  return static_cast<const ItemsObject *>(object_.get())->items;
}
const int64_t *Value::rangeBounds() const {
  return static_cast<const ItemsObject *>(object_.get())->bounds;
}
const ValueDict &Value::dictionary() const {
  return *static_cast<const ValueDict *>(object_.get());
}

size_t ValueDict::indexOf(const std::string &code) const {
  auto it = index_.find(code);
  return it == index_.end() ? entries_.size() : it->second;
}

bool ValueDict::set(Value key, Value value) {
  std::string code;
  if (!appendKeyCode(code, key))
    return false;
  auto [it, inserted] = index_.try_emplace(std::move(code), static_cast<uint32_t>(entries_.size()));
  if (inserted)
    entries_.emplace_back(std::move(key), std::move(value));
  else
    entries_[it->second].second = std::move(value);
  return true;
}

const Value *ValueDict::find(const Value &key) const {
  std::string code;
  if (!appendKeyCode(code, key))
    return nullptr;
  size_t i = indexOf(code);
  return i < entries_.size() ? &entries_[i].second : nullptr;
}

const Value *ValueDict::find(std::string_view key) const {
  size_t i = indexOf(stringKeyCode(key));
  return i < entries_.size() ? &entries_[i].second : nullptr;
}

bool isHashable(const Value &value) {
  std::string code;
  return appendKeyCode(code, value);
}

} // namespace axiom
