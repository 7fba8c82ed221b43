// Python's two ways to format text: "..." % values and "...".format(values).
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATEFORMATTING_H
#define AXIOM_RUNTIME_TEXT_TEMPLATEFORMATTING_H

#include "runtime/text/TemplateInterpreter.h"

namespace axiom {

/// `text % values`: %s %r %d %i %u %x %X %o %c %f %F %e %E %g %G %% with flags, width, precision
/// and (key). Marks of inserted text are kept.
MarkedText formatPercent(TemplateInterpreter &interpreter, const MarkedText &text,
                         const Value &values);
/// text.format(...): {} {0} {name} {name.attr} {name[key]}, !s !r, and format specifications of the
/// kinds s d x X o b f F e E g G %.
MarkedText formatBraces(TemplateInterpreter &interpreter, const MarkedText &text,
                        const TemplateArguments &args);

/// A number with `precision` digits in C's style 'f', 'e' or 'g' (or upper case).
std::string formatDouble(double value, char style, int precision, bool alternate);

} // namespace axiom

#endif
