// What one render may use, and the failure that ends it. Internal to the template engine: the
// failure is thrown inside and turned into a Status by ChatTemplate.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATEBUDGET_H
#define AXIOM_RUNTIME_TEXT_TEMPLATEBUDGET_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>

namespace axiom {

struct TemplateLimits {
  /// Evaluated nodes, items looked at, and one per 64 bytes of text worked on.
  uint64_t maxSteps = 10'000'000;
  /// Nested evaluations (expressions, statements, macro calls, containers); each takes up to about
  /// one KB of stack.
  uint32_t maxDepth = 1500;
  uint64_t maxOutputBytes = 16u << 20;
  /// Bytes of all strings and containers that the render makes, freed ones included.
  uint64_t maxValueBytes = 256u << 20;
};

struct TemplateFailure {
  Code code;
  std::string message;
};

[[noreturn]] inline void failTemplate(std::string message) {
  throw TemplateFailure{Code::BadInput, std::move(message)};
}

class TemplateBudget {
public:
  explicit TemplateBudget(const TemplateLimits &limits) : limits_(limits) {}

  void step(uint64_t count = 1) {
    steps_ += count;
    if (steps_ > limits_.maxSteps)
      exceeded("steps", limits_.maxSteps, "maxSteps");
  }
  /// To be called before `count` bytes are made.
  void bytes(uint64_t count) {
    if (count > limits_.maxValueBytes || bytes_ > limits_.maxValueBytes - count)
      exceeded("bytes of intermediate values", limits_.maxValueBytes, "maxValueBytes");
    bytes_ += count;
    step(count / 64);
  }
  void output(uint64_t size) const {
    if (size > limits_.maxOutputBytes)
      exceeded("bytes of output", limits_.maxOutputBytes, "maxOutputBytes");
  }

  /// Counts one level of nesting while it lives.
  class Level {
  public:
    explicit Level(TemplateBudget &budget) : budget_(budget) {
      if (++budget_.depth_ > budget_.limits_.maxDepth) {
        --budget_.depth_;
        budget_.exceeded("nested evaluations", budget_.limits_.maxDepth, "maxDepth");
      }
    }
    ~Level() { --budget_.depth_; }
    Level(const Level &) = delete;
    Level &operator=(const Level &) = delete;

  private:
    TemplateBudget &budget_;
  };

private:
  [[noreturn]] void exceeded(const char *what, uint64_t limit, const char *name) const {
    throw TemplateFailure{
        Code::Resource,
        format("the chat template needs more than %llu %s; raise %s if it is meant to",
               static_cast<unsigned long long>(limit), what, name)};
  }

  TemplateLimits limits_;
  uint64_t steps_ = 0;
  uint64_t bytes_ = 0;
  uint32_t depth_ = 0;
};

} // namespace axiom

#endif
