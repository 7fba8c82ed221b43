// Grammars of requests: those of the artifact's schemas are there from the start, others are
// compiled by a thread of their own, one at a time, and kept by what they were made of.
#ifndef AXIOM_RUNTIME_SERVE_CORE_CONSTRAINTS_H
#define AXIOM_RUNTIME_SERVE_CORE_CONSTRAINTS_H

#include "runtime/serve/core/Metrics.h"
#include "runtime/serve/core/Workers.h"
#include "runtime/serve/grammar/Compiler.h"
#include "runtime/serve/grammar/NamedSchemas.h"

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace axiom::serve {

struct ConstraintLimits {
  size_t cacheBytes = 256u << 20; ///< of compiled grammars that no request needs to hold
  size_t waiting = 32;            ///< compilations that may wait
};

class Constraints {
public:
  using GrammarPtr = std::shared_ptr<const grammar::Grammar>;
  using Answer = std::function<void(Result<GrammarPtr>)>;
  using Maker = std::function<Result<grammar::CheckedEbnf>()>;
  using Vocabulary = std::function<grammar::Vocabulary()>;

  Constraints(Vocabulary vocabulary, ConstraintLimits limits = {});

  /// Opens the artifact's schemas, before the first request. Without the library: none, and
  /// requests for them say so.
  Status open(const grammar::NamedSchemas &schemas);
  /// Names of these, as in "a, b"; empty if there are none.
  const std::string &schemaNames() const { return schemaNames_; }

  GrammarCounts counts() const;

  /// Gives the grammar of `key`: at once, on this thread, if it is there; else later, on the thread
  /// that compiles. Overloaded, at once, when too many wait.
  void get(const std::string &key, Maker text, Answer answer);

private:
  struct Entry {
    std::string key;
    GrammarPtr grammar;
    size_t bytes = 0;
  };
  GrammarPtr find(const std::string &key);
  Status makeCompiler();
  Result<GrammarPtr> make(const std::string &key, const Maker &text);
  Result<GrammarPtr> compile(const std::string &key, const Maker &text);
  void keep(const std::string &key, const GrammarPtr &grammar);

  const Vocabulary vocabulary_;
  const ConstraintLimits limits_;
  std::unique_ptr<grammar::Compiler>
      compiler_; ///< of the compiling thread once open() is over; made for the first grammar
  uint32_t vocab_ = 0;
  std::unordered_map<std::string, GrammarPtr> named_; ///< by key; as open() leaves it
  std::string schemaNames_;
  mutable std::mutex mutex_; ///< of what follows
  GrammarCounts counts_;
  std::list<Entry> entries_; ///< the last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> byKey_;
  size_t bytes_ = 0;
  Workers worker_; ///< last: it ends first
};

} // namespace axiom::serve

#endif
