#include "tools/axiom-bench/serve/Prompts.h"

#include <cmath>

namespace axiom::bench {

namespace {

/// Short words, which most vocabularies have as one token with the space before them.
constexpr const char *kWords[] = {
    "the",   "of",   "and",  "to",    "in",    "is",    "that", "it",    "was",  "for",  "on",
    "are",   "as",   "with", "his",   "they",  "at",    "be",   "this",  "have", "from", "or",
    "one",   "had",  "by",   "word",  "but",   "not",   "what", "all",   "were", "we",   "when",
    "your",  "can",  "said", "there", "use",   "an",    "each", "which", "she",  "do",   "how",
    "their", "if",   "will", "up",    "other", "about", "out",  "many",  "then", "them", "these",
    "so",    "some", "her",  "would", "make",  "like",  "him",  "into",  "time"};
constexpr uint64_t kNumWords = sizeof(kWords) / sizeof(kWords[0]);
constexpr uint64_t kPrefixStream = 1, kPromptStream = 2;

uint64_t mixed(uint64_t x) { // the finalizer of splitmix64
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

constexpr uint64_t kStep = 0x9E3779B97F4A7C15ull;

} // namespace

Random::Random(uint64_t seed, uint64_t stream)
    : state_(mixed(seed + kStep) + mixed(stream ^ 0xD1B54A32D192ED03ull)) {}

uint64_t Random::next() { return mixed(state_ += kStep); }

double Random::fraction() { return static_cast<double>(next() >> 11) * 0x1p-53; }

uint64_t Random::between(uint64_t least, uint64_t most) {
  return most <= least ? least : least + next() % (most - least + 1);
}

double Random::exponential(double rate) { return -std::log1p(-fraction()) / rate; }

Prompts::Prompts(PromptOptions options) : options_(options) {
  for (uint32_t i = 0; i < options.numPrefixes && options.prefix > 0; ++i) {
    Random random(options.seed, kPrefixStream << 56 | i);
    prefixes_.emplace_back();
    append(prefixes_.back(), random, options.prefix);
  }
}

void Prompts::append(std::string &out, Random &random, uint32_t count) const {
  for (uint32_t i = 0; i < count; ++i)
    if (options_.form == PromptForm::Text) {
      out += kWords[random.next() % kNumWords];
      out += ' ';
    } else {
      out += std::to_string(random.between(options_.ids.least, options_.ids.most));
      out += ',';
    }
}

Prompt Prompts::operator[](uint64_t index) const {
  Random random(options_.seed, kPromptStream << 56 | index);
  auto length = static_cast<uint32_t>(random.between(options_.input.least, options_.input.most));
  Prompt prompt;
  prompt.output =
      static_cast<uint32_t>(random.between(options_.output.least, options_.output.most));
  prompt.tokens = options_.prefix + length;
  prompt.json.reserve(prompt.tokens * 6ull + 2);
  bool text = options_.form == PromptForm::Text;
  prompt.json += text ? '"' : '[';
  if (!prefixes_.empty())
    prompt.json += prefixes_[index % prefixes_.size()];
  append(prompt.json, random, length);
  if (prompt.json.size() > 1)
    prompt.json.pop_back(); // the last separator
  prompt.json += text ? '"' : ']';
  return prompt;
}

} // namespace axiom::bench
