// String work that methods and filters share.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATESTRINGMETHODS_H
#define AXIOM_RUNTIME_TEXT_TEMPLATESTRINGMETHODS_H

#include "runtime/text/TemplateInterpreter.h"

namespace axiom {

/// str.strip and its one-sided forms; null `chars` means white space.
MarkedText stripText(TemplateInterpreter &interpreter, const MarkedText &text,
                     const MarkedText *chars, bool left, bool right);
/// str.replace; a negative limit replaces all.
MarkedText replaceText(TemplateInterpreter &interpreter, const MarkedText &text,
                       const MarkedText &from, const MarkedText &to, int64_t limit);
/// str.splitlines.
std::vector<TextSpan> lineSpans(TemplateInterpreter &interpreter, const std::string &text,
                                bool keepEnds);

} // namespace axiom

#endif
