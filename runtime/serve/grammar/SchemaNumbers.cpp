#include "runtime/serve/grammar/SchemaParts.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace axiom::serve::grammar {
namespace {

constexpr int64_t kMost = 999'999'999'999'999'999; // 18 digits

std::string digitRange(char low, char high) {
  if (low == high)
    return literal(std::string_view(&low, 1));
  return std::string("[") + low + "-" + high + "]";
}

std::string anyDigits(size_t count) {
  return count == 0 ? "" : count == 1 ? " [0-9]" : format(" [0-9]{%zu,%zu}", count, count);
}

/// Digits from `low` to `high`, of the same length.
std::string sameLength(std::string_view low, std::string_view high) {
  if (low.empty())
    return "";
  size_t rest = low.size() - 1;
  bool whole =
      low.find_first_not_of('0', 1) == low.npos && high.find_first_not_of('9', 1) == high.npos;
  if (whole)
    return digitRange(low[0], high[0]) + anyDigits(rest);
  if (low[0] == high[0])
    return digitRange(low[0], low[0]) + " " + sameLength(low.substr(1), high.substr(1));
  std::vector<std::string> parts;
  std::string nines(rest, '9'), zeros(rest, '0');
  parts.push_back(digitRange(low[0], low[0]) + " " + sameLength(low.substr(1), nines));
  if (high[0] - low[0] > 1)
    parts.push_back(digitRange(static_cast<char>(low[0] + 1), static_cast<char>(high[0] - 1)) +
                    anyDigits(rest));
  parts.push_back(digitRange(high[0], high[0]) + " " + sameLength(zeros, high.substr(1)));
  return anyOf(parts);
}

/// With `decimals` of the digits behind a point: at least one before it.
std::string pointed(int64_t low, int64_t high, uint32_t decimals);

/// From 0 on.
std::vector<std::string> positive(int64_t low, int64_t high, size_t leastDigits) {
  std::vector<std::string> parts;
  std::string first = std::to_string(low), last = std::to_string(high);
  first.insert(0, leastDigits > first.size() ? leastDigits - first.size() : 0, '0');
  last.insert(0, leastDigits > last.size() ? leastDigits - last.size() : 0, '0');
  for (size_t digits = first.size(); digits <= last.size(); ++digits) {
    std::string from = digits == first.size() ? first : "1" + std::string(digits - 1, '0');
    std::string to = digits == last.size() ? last : std::string(digits, '9');
    parts.push_back(sameLength(from, to));
  }
  return parts;
}

std::string pointed(int64_t low, int64_t high, uint32_t decimals) {
  int64_t unit = 1;
  for (uint32_t i = 0; i < decimals; ++i)
    unit *= 10;
  // The whole part, then the decimals: the ends apart from what lies between.
  std::vector<std::string> parts;
  auto at = [&](int64_t whole, int64_t from, int64_t to) {
    std::string a = std::to_string(from), b = std::to_string(to);
    a.insert(0, decimals - a.size(), '0');
    b.insert(0, decimals - b.size(), '0');
    parts.push_back(literal(std::to_string(whole) + ".") + " " + sameLength(a, b));
  };
  int64_t first = low / unit, last = high / unit;
  if (first == last) {
    at(first, low % unit, high % unit);
  } else {
    int64_t from = first, to = last;
    if (low % unit != 0) {
      at(first, low % unit, unit - 1);
      ++from;
    }
    if (high % unit != unit - 1) {
      at(last, 0, high % unit);
      --to;
    }
    if (from <= to)
      parts.push_back(anyOf(positive(from, to, 1)) + " \".\"" + anyDigits(decimals));
  }
  return anyOf(parts);
}

std::string signedRange(int64_t low, int64_t high, uint32_t decimals) {
  auto write = [&](int64_t a, int64_t b) {
    return decimals > 0 ? pointed(a, b, decimals) : anyOf(positive(a, b, 1));
  };
  std::vector<std::string> parts;
  if (low < 0)
    parts.push_back("\"-\" " + write(std::max<int64_t>(1, -high), -low));
  if (high >= 0)
    parts.push_back(write(std::max<int64_t>(0, low), high));
  return anyOf(parts);
}

struct Bounds {
  std::optional<double> low, high;
  bool lowOpen = false, highOpen = false;
  bool any() const { return low || high; }
};

Result<Bounds> boundsOf(const Json &schema, const std::string &path) {
  Bounds bounds;
  auto read = [&](const char *key) -> Result<std::optional<double>> {
    auto found = schema.find(key);
    if (found == schema.end())
      return std::optional<double>();
    if (!found->is_number())
      return invalidSchema(path, std::string(key) + " must be a number");
    return std::optional<double>(found->get<double>());
  };
  AXIOM_ASSIGN_OR_RETURN(bounds.low, read("minimum"));
  AXIOM_ASSIGN_OR_RETURN(bounds.high, read("maximum"));
  // Draft 4 says true or false here.
  for (auto [key, bound, open] : {std::tuple("exclusiveMinimum", &bounds.low, &bounds.lowOpen),
                                  std::tuple("exclusiveMaximum", &bounds.high, &bounds.highOpen)}) {
    auto found = schema.find(key);
    if (found == schema.end())
      continue;
    if (found->is_boolean()) {
      *open = found->get<bool>();
      continue;
    }
    AXIOM_ASSIGN_OR_RETURN(std::optional<double> value, read(key));
    bool lower = bound == &bounds.low;
    if (!*bound || (lower ? *value >= **bound : *value <= **bound)) {
      *bound = value;
      *open = true;
    }
  }
  return bounds;
}

/// Decimals of the shortest text that reads back to the same number; nothing for those too far out.
std::optional<uint32_t> decimalsOf(double value) {
  char text[64];
  auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed).ptr;
  std::string_view view(text, static_cast<size_t>(end - text));
  size_t point = view.find('.');
  return point == view.npos ? 0 : static_cast<uint32_t>(view.size() - point - 1);
}

/// The bounds in units of 10^-decimals. Exact: by the shortest texts, not by arithmetic.
int64_t scaled(double value, uint32_t decimals) {
  char text[400];
  auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed,
                           static_cast<int>(decimals))
                 .ptr;
  int64_t out = 0;
  bool negative = false;
  for (const char *c = text; c != end; ++c) {
    if (*c == '-')
      negative = true;
    else if (*c != '.')
      out = out * 10 + (*c - '0');
  }
  return negative ? -out : out;
}

Result<std::pair<int64_t, int64_t>> scaledBounds(const Bounds &b, uint32_t decimals,
                                                 const std::string &path) {
  double most = static_cast<double>(kMost);
  for (uint32_t i = 0; i < decimals; ++i)
    most /= 10;
  int64_t low = -kMost, high = kMost;
  if (b.low && *b.low > -most) {
    if (*b.low >= most)
      return unsupported(path, "minimum", "numbers have at most 18 digits here");
    low = scaled(*b.low, decimals) + (b.lowOpen ? 1 : 0);
  }
  if (b.high && *b.high < most) {
    if (*b.high <= -most)
      return unsupported(path, "maximum", "numbers have at most 18 digits here");
    high = scaled(*b.high, decimals) - (b.highOpen ? 1 : 0);
  }
  if (low > high)
    return unsatisfiable(path, "the least number is above the largest");
  return std::pair(low, high);
}

} // namespace

Result<std::string> integersBetween(const Json &schema, const std::string &path) {
  AXIOM_ASSIGN_OR_RETURN(Bounds bounds, boundsOf(schema, path));
  if (!bounds.any())
    return std::string("\"-\"? (\"0\" | [1-9] [0-9]{0,17})");
  // Inwards to whole numbers, which then belong to the range.
  if (bounds.low && *bounds.low != std::ceil(*bounds.low)) {
    bounds.low = std::ceil(*bounds.low);
    bounds.lowOpen = false;
  }
  if (bounds.high && *bounds.high != std::floor(*bounds.high)) {
    bounds.high = std::floor(*bounds.high);
    bounds.highOpen = false;
  }
  AXIOM_ASSIGN_OR_RETURN(auto range, scaledBounds(bounds, 0, path));
  return signedRange(range.first, range.second, 0);
}

Result<std::string> numbersBetween(const Json &schema, const std::string &path) {
  AXIOM_ASSIGN_OR_RETURN(Bounds bounds, boundsOf(schema, path));
  if (!bounds.any())
    return std::string("\"-\"? (\"0\" | [1-9] [0-9]{0,17}) (\".\" [0-9]{1,17})? "
                       "([eE] [+\\-]? [0-9]{1,2})?");
  uint32_t decimals = 2;
  for (const std::optional<double> &bound : {bounds.low, bounds.high})
    if (bound)
      decimals = std::max(decimals, decimalsOf(*bound).value_or(0));
  if (decimals > 12)
    return unsupported(path, bounds.low ? "minimum" : "maximum",
                       "a bound may have at most 12 decimals");
  AXIOM_ASSIGN_OR_RETURN(auto range, scaledBounds(bounds, decimals, path));
  std::vector<std::string> parts = {signedRange(range.first, range.second, decimals)};
  int64_t unit = 1;
  for (uint32_t i = 0; i < decimals; ++i)
    unit *= 10;
  int64_t low = range.first > 0 ? (range.first + unit - 1) / unit : range.first / unit;
  int64_t high = range.second < 0 ? (range.second - unit + 1) / unit : range.second / unit;
  if (low <= high)
    parts.push_back(signedRange(low, high, 0));
  return anyOf(parts);
}

} // namespace axiom::serve::grammar
