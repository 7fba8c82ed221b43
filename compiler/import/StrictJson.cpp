#include "compiler/import/StrictJson.h"

#include <vector>

namespace axiom {

namespace {

using nlohmann::json;

/// Builds the tree from parser events and refuses what the limits forbid.
class TreeBuilder final : public nlohmann::json_sax<json> {
public:
  TreeBuilder(json &root, const JsonLimits &limits) : root_(root), limits_(limits) {}

  const std::string &error() const { return error_; }

  bool null() override { return add(json()); }
  bool boolean(bool v) override { return add(json(v)); }
  bool number_integer(number_integer_t v) override { return add(json(v)); }
  bool number_unsigned(number_unsigned_t v) override { return add(json(v)); }
  bool number_float(number_float_t v, const string_t &) override { return add(json(v)); }
  bool string(string_t &v) override { return add(json(std::move(v))); }
  bool binary(binary_t &) override { return fail("binary value"); }
  bool start_object(size_t) override { return open(json::object()); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t &name) override {
    if (stack_.back()->contains(name))
      return fail("key '" + shownText(name) + "' occurs twice in one object");
    key_ = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string &, const json::exception &) override {
    return fail(format("not valid JSON at byte %zu", position));
  }

private:
  bool fail(std::string message) {
    if (error_.empty())
      error_ = std::move(message);
    return false;
  }
  json *place(json value) {
    if (++values_ > limits_.values) {
      fail(format("more than %zu values", limits_.values));
      return nullptr;
    }
    if (stack_.empty())
      return &(root_ = std::move(value));
    json &parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }
  bool add(json value) { return place(std::move(value)) != nullptr; }
  bool open(json value) {
    if (stack_.size() >= limits_.depth)
      return fail(format("nested deeper than %zu", limits_.depth));
    json *placed = place(std::move(value));
    if (placed)
      stack_.push_back(placed);
    return placed != nullptr;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  json &root_;
  const JsonLimits &limits_;
  /// Open objects and arrays, outermost first. A parent's children can only move while it is the
  /// innermost, so the pointers stay valid.
  std::vector<json *> stack_;
  std::string key_;
  std::string error_;
  size_t values_ = 0;
};

} // namespace

std::string shownText(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 80))
    out += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > 80 ? out + "..." : out;
}

Result<json> parseStrictJson(std::string_view text, const std::string &name,
                             const JsonLimits &limits) {
  if (text.size() > limits.bytes)
    return Status(Code::BadInput, format("%s: %zu bytes; at most %zu are read", name.c_str(),
                                         text.size(), limits.bytes));
  // The parser takes a NUL byte for the end of its input.
  if (text.find('\0') != text.npos)
    return Status(Code::BadInput, name + ": not valid JSON: it holds a NUL byte");
  try {
    json root;
    TreeBuilder builder(root, limits);
    if (!json::sax_parse(text.begin(), text.end(), &builder))
      return Status(Code::BadInput, name + ": " + builder.error());
    return root;
  } catch (const std::bad_alloc &) {
    return Status(Code::Resource, name + ": not enough memory to parse it");
  } catch (const std::exception &e) {
    return Status(Code::BadInput, name + ": " + e.what());
  }
}

} // namespace axiom
