// Python's view of values: truth, ==, <, str() and repr(). Work is charged to the budget, so that
// shared structures that unfold to something huge end in an error.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATEVALUEOPS_H
#define AXIOM_RUNTIME_TEXT_TEMPLATEVALUEOPS_H

#include "runtime/text/TemplateBudget.h"
#include "runtime/text/Value.h"

#include <algorithm>

namespace axiom {

/// Storage of the render-only kinds that printing and truth look into.
struct IteratorObject {
  std::vector<Value> items;
  size_t position = 0;
};
struct NamespaceObject {
  ValueDict attributes;
};
struct MacroHead {
  std::string name;
};

/// The type's name in Python's messages: "str", "dict", "list", ...
const char *pythonTypeName(const Value &value);
bool isTruthy(const Value &value);
bool valuesEqual(const Value &a, const Value &b, TemplateBudget &budget);
/// -1, 0, 1, or 2 for unordered (a NaN); fails for types that `op` does not compare.
int compareValues(const Value &a, const Value &b, const char *op, TemplateBudget &budget);

void appendStr(MarkedText &out, const Value &value, TemplateBudget &budget);
void appendRepr(MarkedText &out, const Value &value, TemplateBudget &budget);
MarkedText strOf(const Value &value, TemplateBudget &budget);
/// repr() of a string, for messages.
std::string quoted(std::string_view text);
/// Shortest digits that read back as the same number, as Python prints a float.
std::string pythonDouble(double value);

/// A stable merge sort. Unlike std::stable_sort it needs no consistent order: with NaNs or a
/// failing comparison every element stays somewhere, once.
template <typename T, typename Less> void sortStable(std::vector<T> &items, Less less) {
  std::vector<T> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      size_t middle = std::min(begin + width, items.size());
      size_t end = std::min(begin + 2 * width, items.size());
      size_t left = begin, right = middle;
      for (size_t to = begin; to < end; ++to) {
        bool takeRight = left == middle || (right < end && less(std::as_const(items[right]),
                                                                std::as_const(items[left])));
        merged[to] = std::move(takeRight ? items[right++] : items[left++]);
      }
    }
    items.swap(merged);
  }
}

/// Fails with the reason of an undefined value, as jinja2's UndefinedError.
[[noreturn]] void failUndefined(const Value &value);

} // namespace axiom

#endif
