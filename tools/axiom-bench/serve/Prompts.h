// What is asked and when: random prompts with shared prefixes, and times of arrival. One seed is
// one load, whatever the machine and the order in which it is used.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_SERVE_PROMPTS_H
#define AXIOM_TOOLS_AXIOM_BENCH_SERVE_PROMPTS_H

#include <cstdint>
#include <string>
#include <vector>

namespace axiom::bench {

/// Numbers by a counter: the same on every machine.
class Random {
public:
  explicit Random(uint64_t seed, uint64_t stream = 0);
  uint64_t next();
  /// [0, 1)
  double fraction();
  /// least to most, both included
  uint64_t between(uint64_t least, uint64_t most);
  /// Time to the next of independent events that come `rate` times a second.
  double exponential(double rate);

private:
  uint64_t state_;
};

struct Span {
  uint32_t least = 0, most = 0;
};

enum class PromptForm { Tokens, Text };

struct PromptOptions {
  PromptForm form = PromptForm::Tokens;
  Span input{1024, 1024}, output{128, 128}; ///< tokens; text has as many words
  uint32_t prefix = 0;                      ///< shared tokens before `input`
  uint32_t numPrefixes = 1;                 ///< taken by turns
  Span ids{1000, 20000};                    ///< of random tokens
  uint64_t seed = 0;
};

struct Prompt {
  std::string json; ///< [1,2,3] or "a text"
  uint32_t tokens = 0;
  uint32_t output = 0;
};

class Prompts {
public:
  explicit Prompts(PromptOptions options);
  /// The prompt of request `index`.
  Prompt operator[](uint64_t index) const;

private:
  void append(std::string &out, Random &random, uint32_t count) const;

  PromptOptions options_;
  std::vector<std::string> prefixes_; ///< as part of the JSON
};

} // namespace axiom::bench

#endif
