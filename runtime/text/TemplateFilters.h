// The filters on sequences; the table of all filters is in TemplateFilters.cpp.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATEFILTERS_H
#define AXIOM_RUNTIME_TEXT_TEMPLATEFILTERS_H

#include "runtime/text/TemplateInterpreter.h"

namespace axiom {

namespace filters {

#define AXIOM_TEMPLATE_FILTER(NAME)                                                                \
  Value NAME(TemplateInterpreter &in, const Value &subject, const BoundArguments &args,            \
             const TemplateArguments &rest)

AXIOM_TEMPLATE_FILTER(batch);
AXIOM_TEMPLATE_FILTER(dictSort);
AXIOM_TEMPLATE_FILTER(first);
AXIOM_TEMPLATE_FILTER(items);
AXIOM_TEMPLATE_FILTER(join);
AXIOM_TEMPLATE_FILTER(last);
AXIOM_TEMPLATE_FILTER(length);
AXIOM_TEMPLATE_FILTER(list);
AXIOM_TEMPLATE_FILTER(map);
AXIOM_TEMPLATE_FILTER(maximum);
AXIOM_TEMPLATE_FILTER(minimum);
AXIOM_TEMPLATE_FILTER(reject);
AXIOM_TEMPLATE_FILTER(rejectAttribute);
AXIOM_TEMPLATE_FILTER(reverse);
AXIOM_TEMPLATE_FILTER(select);
AXIOM_TEMPLATE_FILTER(selectAttribute);
AXIOM_TEMPLATE_FILTER(sort);
AXIOM_TEMPLATE_FILTER(sum);
AXIOM_TEMPLATE_FILTER(unique);

} // namespace filters

/// Whether an optional argument is given and true.
inline bool isSet(const std::optional<Value> &arg) { return arg && isTruthy(*arg); }
/// An integer argument; fails for other types.
int64_t integerArgument(const std::optional<Value> &arg, int64_t otherwise, const char *name);

} // namespace axiom

#endif
