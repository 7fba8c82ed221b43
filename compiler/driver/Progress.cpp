#include "compiler/driver/Progress.h"

#include "runtime/base/Status.h"

#include <cstdio>
#include <unistd.h>

namespace axiom {

static double secondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Details are tensor or target names; quotes and control characters would break the line.
static std::string jsonText(const std::string &text) {
  std::string out;
  for (char c : text)
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out;
}

Progress::Progress(ProgressMode mode) : mode_(mode) {
  if (mode_ == ProgressMode::Auto) {
    line_ = isatty(STDERR_FILENO) == 1;
    if (!line_)
      mode_ = ProgressMode::None;
  }
}

Progress::~Progress() {
  if (line_ && !name_.empty())
    drawLine("");
}

void Progress::drawLine(const std::string &text) {
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
  drawn_ = Clock::now();
}

void Progress::endStage() {
  if (name_.empty())
    return;
  if (mode_ == ProgressMode::Plain)
    std::fprintf(stderr, "%s: done in %.2f s\n", name_.c_str(), secondsSince(started_));
  else if (mode_ == ProgressMode::Json)
    std::fprintf(stderr, "{\"phase\":\"%s\",\"state\":\"done\",\"seconds\":%.3f}\n",
                 jsonText(name_).c_str(), secondsSince(started_));
}

void Progress::stage(const std::string &name, const std::string &detail) {
  endStage();
  name_ = name;
  detail_ = detail;
  started_ = Clock::now();
  tenth_ = 0;
  std::string text = detail.empty() ? name : name + " " + detail;
  if (mode_ == ProgressMode::Auto)
    drawLine(text);
  else if (mode_ == ProgressMode::Plain)
    std::fprintf(stderr, "%s\n", text.c_str());
  else if (mode_ == ProgressMode::Json)
    std::fprintf(stderr, "{\"phase\":\"%s\",\"state\":\"start\",\"detail\":\"%s\"}\n",
                 jsonText(name).c_str(), jsonText(detail).c_str());
}

void Progress::advance(uint64_t done, uint64_t total) {
  if (mode_ == ProgressMode::None || total == 0)
    return;
  double share = static_cast<double>(done) / static_cast<double>(total);
  if (mode_ == ProgressMode::Auto) {
    if (secondsSince(drawn_) > 0.1)
      drawLine(format("%s %.0f %%", name_.c_str(), 100 * share));
    return;
  }
  int tenth = static_cast<int>(10 * share);
  if (tenth <= tenth_)
    return;
  tenth_ = tenth;
  if (mode_ == ProgressMode::Plain)
    std::fprintf(stderr, "%s: %d %%\n", name_.c_str(), 10 * tenth);
  else
    std::fprintf(stderr, "{\"phase\":\"%s\",\"state\":\"running\",\"done\":%llu,\"total\":%llu}\n",
                 jsonText(name_).c_str(), static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(total));
}

void Progress::part(const std::string &name, double seconds, uint64_t done, uint64_t total) {
  if (mode_ == ProgressMode::Auto)
    drawLine(format("%s %llu of %llu", name_.c_str(), static_cast<unsigned long long>(done),
                    static_cast<unsigned long long>(total)));
  else if (mode_ == ProgressMode::Plain)
    std::fprintf(stderr, "%s: %s in %.2f s\n", name_.c_str(), name.c_str(), seconds);
  else if (mode_ == ProgressMode::Json)
    std::fprintf(stderr,
                 "{\"phase\":\"%s\",\"state\":\"running\",\"done\":%llu,\"total\":%llu,"
                 "\"part\":\"%s\",\"seconds\":%.3f}\n",
                 jsonText(name_).c_str(), static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(total), jsonText(name).c_str(), seconds);
}

void Progress::finish() {
  endStage();
  if (line_)
    drawLine("");
  name_.clear();
}

} // namespace axiom
