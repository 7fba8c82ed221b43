// Nothing of the library leaves this file: its exceptions become errors, and what it is given has
// passed checkEbnf().
#include "runtime/serve/grammar/Compiler.h"

#include <xgrammar/xgrammar.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <variant>

namespace axiom::serve::grammar {
namespace {

/// Of its recursive passes: they nest as deep as a grammar's brackets, with room to spare.
constexpr int kMaxRecursion = 4000;

/// Runs what may throw. `what` begins the message.
template <typename Work> auto guarded(const char *what, Code code, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::bad_alloc &) {
    return Status(Code::Resource, std::string(what) + ": there is not enough memory");
  } catch (const std::exception &error) {
    // "[12:00:00] file:line: message\n"
    std::string text = error.what();
    size_t at = text.find(".cc:");
    at = at == text.npos ? at : text.find(": ", at + 4);
    if (at != text.npos)
      text.erase(0, at + 2);
    while (!text.empty() && text.back() == '\n')
      text.pop_back();
    return Status(code, std::string(what) + ": " + text);
  }
}

class Constraint final : public engine::TokenConstraint {
public:
  explicit Constraint(xgrammar::GrammarMatcher matcher) : matcher_(std::move(matcher)) {}

  Status fill(std::span<uint32_t> mask) override {
    return guarded("the mask of allowed tokens", Code::Internal, [&]() -> Status {
      int64_t size = static_cast<int64_t>(mask.size());
      DLTensor tensor{};
      tensor.data = mask.data();
      tensor.device = {kDLCPU, 0};
      tensor.ndim = 1;
      tensor.dtype = xgrammar::GetBitmaskDLType();
      tensor.shape = &size;
      matcher_.FillNextTokenBitmask(&tensor);
      return {};
    });
  }
  Status accept(int32_t token) override {
    return guarded("the chosen token", Code::Internal, [&]() -> Status {
      if (!matcher_.AcceptToken(token))
        return {Code::Internal,
                format("the grammar does not take token %d, which it allowed", token)};
      return {};
    });
  }
  bool ended() const override { return matcher_.IsTerminated(); }

private:
  xgrammar::GrammarMatcher matcher_;
};

class Compiled final : public Grammar {
public:
  Compiled(xgrammar::CompiledGrammar grammar, bool endsByItself)
      : grammar_(std::move(grammar)), endsByItself_(endsByItself),
        bytes_(grammar_.MemorySizeBytes()) {}

  Result<std::unique_ptr<engine::TokenConstraint>> start() const override {
    using Out = Result<std::unique_ptr<engine::TokenConstraint>>;
    return guarded("the grammar", Code::Internal, [&]() -> Out {
      return std::unique_ptr<engine::TokenConstraint>(std::make_unique<Constraint>(
          xgrammar::GrammarMatcher(grammar_, std::nullopt, endsByItself_)));
    });
  }
  size_t bytes() const override { return bytes_; }
  std::string serialized() const override { return grammar_.SerializeJSON(); }

private:
  xgrammar::CompiledGrammar grammar_;
  bool endsByItself_;
  size_t bytes_;
};

class XgrammarCompiler final : public Compiler {
public:
  explicit XgrammarCompiler(const Vocabulary &vocabulary)
      : endsByItself_(vocabulary.end.empty()),
        tokens_(vocabulary.tokens, xgrammar::VocabType::RAW,
                static_cast<int>(vocabulary.tokens.size()), std::vector<int32_t>(vocabulary.end)),
        compiler_(tokens_, /*max_threads=*/1, /*cache_enabled=*/false) {}

  Result<std::shared_ptr<const Grammar>> compile(const std::string &ebnf) override {
    using Out = Result<std::shared_ptr<const Grammar>>;
    std::lock_guard lock(mutex_);
    return guarded("the grammar", Code::InvalidArgument,
                   [&]() -> Out { return made(compiler_.CompileGrammar(ebnf, "root")); });
  }

  Result<std::shared_ptr<const Grammar>> read(const std::string &serialized) override {
    using Out = Result<std::shared_ptr<const Grammar>>;
    std::lock_guard lock(mutex_);
    return guarded("the compiled grammar", Code::BadInput, [&]() -> Out {
      auto read = xgrammar::CompiledGrammar::DeserializeJSON(serialized, tokens_);
      if (auto *grammar = std::get_if<xgrammar::CompiledGrammar>(&read))
        return made(std::move(*grammar));
      return Status(Code::BadInput,
                    "the compiled grammar can't be read by this version of xgrammar");
    });
  }

private:
  std::shared_ptr<const Grammar> made(xgrammar::CompiledGrammar grammar) const {
    return std::make_shared<const Compiled>(std::move(grammar), endsByItself_);
  }

  bool endsByItself_;
  std::mutex mutex_;
  xgrammar::TokenizerInfo tokens_;
  xgrammar::GrammarCompiler compiler_;
};

} // namespace

Result<std::unique_ptr<Compiler>> makeCompiler(Vocabulary vocabulary) {
  using Out = Result<std::unique_ptr<Compiler>>;
  return guarded("the vocabulary for grammars", Code::Internal, [&]() -> Out {
    xgrammar::SetMaxRecursionDepth(kMaxRecursion);
    return std::unique_ptr<Compiler>(std::make_unique<XgrammarCompiler>(vocabulary));
  });
}

const char *libraryName() { return AXIOM_XGRAMMAR_NAME; }

} // namespace axiom::serve::grammar
