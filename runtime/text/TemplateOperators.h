// Python's arithmetic on values. Integers are 64 bits; a result beyond them is an error.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATEOPERATORS_H
#define AXIOM_RUNTIME_TEXT_TEMPLATEOPERATORS_H

#include "runtime/text/TemplateInterpreter.h"

namespace axiom {

Value applyBinary(TemplateInterpreter &interpreter, TemplateBinary op, const Value &a,
                  const Value &b);
Value applyNegative(const Value &value);
Value applyPositive(const Value &value);
/// & < > ' " as HTML entities, as markupsafe writes them; text that is markup already is kept.
MarkedText escapeHtml(const MarkedText &text);

} // namespace axiom

#endif
