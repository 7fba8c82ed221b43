#include "runtime/serve/core/Constraints.h"

#include "runtime/serve/grammar/Apart.h"
#include "runtime/serve/grammar/OutputGrammar.h"

#include <chrono>
#include <exception>

namespace axiom::serve {

Constraints::Constraints(Vocabulary vocabulary, ConstraintLimits limits)
    : vocabulary_(std::move(vocabulary)), limits_(limits), worker_(1, limits.waiting) {}

Status Constraints::open(const grammar::NamedSchemas &all) {
  if (*grammar::libraryName() == '\0' || all.schemas.empty())
    return {};
  AXIOM_RETURN_IF_ERROR(makeCompiler());
  for (const grammar::NamedSchema &schema : all.schemas) {
    auto grammar = grammar::openNamedSchema(*compiler_, schema, all.library, vocab_);
    AXIOM_RETURN_IF_ERROR(grammar.status());
    named_[grammar::namedSchemaKey(schema.name)] = std::move(grammar).value();
    schemaNames_ += (schemaNames_.empty() ? "" : ", ") + schema.name;
  }
  return {};
}

Status Constraints::makeCompiler() {
  if (compiler_)
    return {};
  grammar::Vocabulary vocabulary = vocabulary_();
  vocab_ = static_cast<uint32_t>(vocabulary.tokens.size());
  AXIOM_ASSIGN_OR_RETURN(compiler_, grammar::makeCompiler(std::move(vocabulary)));
  return {};
}

void Constraints::get(const std::string &key, Maker text, Answer answer) {
  if (*grammar::libraryName() == '\0')
    return answer(grammar::makeCompiler({}).status());
  if (GrammarPtr grammar = find(key)) {
    {
      std::lock_guard lock(mutex_);
      ++counts_.reused;
    }
    return answer(std::move(grammar));
  }
  auto shared = std::make_shared<Answer>(std::move(answer));
  bool taken = worker_.post([this, key, text = std::move(text), shared] {
    Result<GrammarPtr> grammar = make(key, text);
    try {
      (*shared)(std::move(grammar));
    } catch (const std::exception &) { // memory: nobody is left to be told
    }
  });
  if (!taken)
    (*shared)(Status(Code::Overloaded, format("%zu grammars wait for their compilation: try again",
                                              limits_.waiting)));
}

Constraints::GrammarPtr Constraints::find(const std::string &key) {
  if (auto named = named_.find(key); named != named_.end())
    return named->second;
  std::lock_guard lock(mutex_);
  auto found = byKey_.find(key);
  if (found == byKey_.end())
    return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->grammar;
}

GrammarCounts Constraints::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

Result<Constraints::GrammarPtr> Constraints::make(const std::string &key, const Maker &text) {
  GrammarPtr known = find(key); // a request before this one may have asked for the same
  auto begin = std::chrono::steady_clock::now();
  Result<GrammarPtr> grammar = known ? Result<GrammarPtr>(known) : compile(key, text);
  auto time = std::chrono::nanoseconds(std::chrono::steady_clock::now() - begin);
  std::lock_guard lock(mutex_);
  ++(known ? counts_.reused : grammar.ok() ? counts_.compiled : counts_.failed);
  if (!known)
    counts_.compileNs += static_cast<uint64_t>(time.count());
  return grammar;
}

Result<Constraints::GrammarPtr> Constraints::compile(const std::string &key, const Maker &text) {
  try {
    AXIOM_ASSIGN_OR_RETURN(grammar::CheckedEbnf ebnf, text());
    AXIOM_RETURN_IF_ERROR(makeCompiler());
    AXIOM_ASSIGN_OR_RETURN(GrammarPtr grammar, grammar::compileApart(*compiler_, ebnf, vocab_));
    keep(key, grammar);
    return grammar;
  } catch (const std::exception &) {
    return {Code::Resource, "there is not enough memory to compile the grammar"};
  }
}

void Constraints::keep(const std::string &key, const GrammarPtr &grammar) {
  std::lock_guard lock(mutex_);
  size_t bytes = grammar->bytes() + 2 * key.size();
  entries_.push_front({key, grammar, bytes});
  byKey_[key] = entries_.begin();
  bytes_ += bytes;
  while (bytes_ > limits_.cacheBytes && !entries_.empty()) {
    bytes_ -= entries_.back().bytes;
    byKey_.erase(entries_.back().key);
    entries_.pop_back();
  }
}

} // namespace axiom::serve
