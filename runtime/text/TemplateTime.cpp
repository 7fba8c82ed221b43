#include "runtime/text/TemplateTime.h"

namespace axiom {
namespace {

constexpr const char *dayNames[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                    "Thursday", "Friday", "Saturday"};
constexpr const char *monthNames[] = {"January",   "February", "March",    "April",
                                      "May",       "June",     "July",     "August",
                                      "September", "October",  "November", "December"};

bool isLeap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int daysInMonth(int year, int month) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && isLeap(year) ? 29 : days[month - 1];
}

/// 1 .. 366.
int dayOfYear(const TemplateTime &t) {
  int day = t.day;
  for (int month = 1; month < t.month; ++month)
    day += daysInMonth(t.year, month);
  return day;
}

/// 0 = Sunday. The first of January of year 1 was a Monday in this calendar.
int dayOfWeek(const TemplateTime &t) {
  int years = t.year - 1;
  return (years * 365 + years / 4 - years / 100 + years / 400 + dayOfYear(t)) % 7;
}

/// `width` digits padded with `pad`, or none with '\0'.
std::string padded(int value, int width, char pad) {
  std::string digits = std::to_string(value);
  while (pad && static_cast<int>(digits.size()) < width)
    digits.insert(digits.begin(), pad);
  return digits;
}

} // namespace

Result<std::string> formatTime(const TemplateTime &t, std::string_view pattern) {
  auto in = [](int v, int low, int high) { return v >= low && v <= high; };
  if (!in(t.year, 1, 9999) || !in(t.month, 1, 12) || !in(t.day, 1, daysInMonth(t.year, t.month)) ||
      !in(t.hour, 0, 23) || !in(t.minute, 0, 59) || !in(t.second, 0, 59))
    return Status(Code::InvalidArgument,
                  format("there is no time %d-%d-%d %d:%d:%d; give strftime_now a real one", t.year,
                         t.month, t.day, t.hour, t.minute, t.second));
  std::string out;
  int hour12 = t.hour % 12 == 0 ? 12 : t.hour % 12;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      out += pattern[i];
      continue;
    }
    bool bare = i + 1 < pattern.size() && pattern[i + 1] == '-';
    i += bare ? 2 : 1;
    char zero = bare ? '\0' : '0';
    switch (i < pattern.size() ? pattern[i] : '\0') {
    case 'a':
      out += std::string_view(dayNames[dayOfWeek(t)]).substr(0, 3);
      break;
    case 'A':
      out += dayNames[dayOfWeek(t)];
      break;
    case 'b':
      out += std::string_view(monthNames[t.month - 1]).substr(0, 3);
      break;
    case 'B':
      out += monthNames[t.month - 1];
      break;
    case 'd':
      out += padded(t.day, 2, zero);
      break;
    case 'D':
      out += padded(t.month, 2, '0') + "/" + padded(t.day, 2, '0') + "/" +
             padded(t.year % 100, 2, '0');
      break;
    case 'e':
      out += padded(t.day, 2, bare ? '\0' : ' ');
      break;
    case 'F':
      out += padded(t.year, 0, zero) + "-" + padded(t.month, 2, '0') + "-" + padded(t.day, 2, '0');
      break;
    case 'H':
      out += padded(t.hour, 2, zero);
      break;
    case 'I':
      out += padded(hour12, 2, zero);
      break;
    case 'j':
      out += padded(dayOfYear(t), 3, zero);
      break;
    case 'm':
      out += padded(t.month, 2, zero);
      break;
    case 'M':
      out += padded(t.minute, 2, zero);
      break;
    case 'p':
      out += t.hour < 12 ? "AM" : "PM";
      break;
    case 'R':
      out += padded(t.hour, 2, '0') + ":" + padded(t.minute, 2, '0');
      break;
    case 'S':
      out += padded(t.second, 2, zero);
      break;
    case 'T':
      out +=
          padded(t.hour, 2, '0') + ":" + padded(t.minute, 2, '0') + ":" + padded(t.second, 2, '0');
      break;
    case 'w':
      out += std::to_string(dayOfWeek(t));
      break;
    case 'y':
      out += padded(t.year % 100, 2, zero);
      break;
    case 'Y':
      out += std::to_string(t.year);
      break;
    case '%':
      out += '%';
      break;
    default:
      return Status(Code::Unsupported,
                    format("strftime_now: the format '%s' has a directive that is not supported; "
                           "a A b B d D e F H I j m M p R S T w y Y %% are",
                           std::string(pattern).c_str()));
    }
  }
  return out;
}

} // namespace axiom
