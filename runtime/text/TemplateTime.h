// Local time as the caller knows it, for strftime_now: a render never reads a clock.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATETIME_H
#define AXIOM_RUNTIME_TEXT_TEMPLATETIME_H

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace axiom {

struct TemplateTime {
  int year = 1970; ///< 1 .. 9999
  int month = 1;   ///< 1 .. 12
  int day = 1;     ///< 1 .. 31
  int hour = 0;    ///< 0 .. 23
  int minute = 0;  ///< 0 .. 59
  int second = 0;  ///< 0 .. 59
};

/// strftime in the C locale; the directives are a A b B d e H I j m M p S w y Y %, with '-' after
/// the percent sign for no padding, and D F R T. Another directive or a date that does not exist
/// is an error.
Result<std::string> formatTime(const TemplateTime &time, std::string_view format);

} // namespace axiom

#endif
