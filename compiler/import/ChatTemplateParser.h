// Recursive descent over the tokens of a chat template; the grammar is Jinja's.
#ifndef AXIOM_COMPILER_IMPORT_CHATTEMPLATEPARSER_H
#define AXIOM_COMPILER_IMPORT_CHATTEMPLATEPARSER_H

#include "compiler/import/ChatTemplateBuilder.h"
#include "compiler/import/ChatTemplateLexer.h"
#include "runtime/text/TemplateBuiltins.h"

#include <set>
#include <string>
#include <vector>

namespace axiom::chattemplate {

class Parser {
public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  /// The blob; throws TemplateSyntaxError.
  std::vector<uint8_t> parse();

private:
  // Tokens.
  const Token &peek(size_t ahead = 0) const {
    return tokens_[std::min(pos_ + ahead, tokens_.size() - 1)];
  }
  const Token &take() { return tokens_[pos_ + 1 < tokens_.size() ? pos_++ : pos_]; }
  bool isName(std::string_view name, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Name && peek(ahead).text == name;
  }
  bool isOperator(std::string_view symbol, size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::Operator && peek(ahead).text == symbol;
  }
  bool takeName(std::string_view name);
  bool takeOperator(std::string_view symbol);
  void expectOperator(std::string_view symbol);
  std::string expectIdentifier(const char *what);
  void expectBlockEnd();
  [[noreturn]] void fail(const Token &at, const std::string &message) const {
    failAt(Code::BadInput, at.line, at.column, message);
  }
  [[noreturn]] void unsupported(const Token &at, const std::string &message) const {
    failAt(Code::Unsupported, at.line, at.column, message);
  }

  /// Counts recursion; too deep is an error and not a stack overflow.
  class Level {
  public:
    explicit Level(Parser &parser) : parser_(parser) {
      if (++parser.level_ > 500)
        parser.unsupported(parser.peek(), "brackets and blocks nest too deep");
    }
    ~Level() { --parser_.level_; }

  private:
    Parser &parser_;
  };

  // Statements (ChatTemplateStatements.cpp).
  NodeId block(const std::vector<std::string_view> &ends);
  NodeId statementBody(const std::vector<std::string_view> &ends);
  /// A body that must not leave the loop around it.
  NodeId isolatedBody(std::string_view end);
  NodeId statement();
  NodeId parseSet();
  NodeId parseFor();
  NodeId parseIf();
  NodeId parseMacro();
  NodeId parseFilterBlock();
  NodeId parseWith();
  NodeId parseLoopControl();
  NodeId parseTarget(bool allowNamespace, bool untilIn);
  NodeId parseTargetItem(bool allowNamespace);

  // Expressions (ChatTemplateExpressions.cpp).
  NodeId expression(bool withCondition = true);
  NodeId tuple(bool withCondition, bool parenthesized = false);
  NodeId condition();
  NodeId orExpression();
  NodeId andExpression();
  NodeId notExpression();
  NodeId comparison();
  NodeId sum();
  NodeId concatenation();
  NodeId product();
  NodeId power();
  NodeId unary(bool withFilter = true);
  NodeId primary();
  NodeId postfix(NodeId node);
  NodeId filtersAndTests(NodeId node);
  NodeId subscript(NodeId object);
  NodeId slice(NodeId object, NodeId start, bool hasStart, const Token &at);
  NodeId call(NodeId callee, const Token &calleeToken);
  NodeId filter(NodeId subject);
  NodeId test(NodeId subject);
  NodeId stringLiteral();
  NodeId numberLiteral();
  NodeId listLiteral();
  NodeId dictLiteral();
  /// Adds the arguments in parentheses to `children`; gives the names of the keywords.
  std::vector<std::string_view> arguments(std::vector<NodeId> &children);
  /// Checks a call of a builtin; `children` begins with the subject.
  void checkBuiltin(const Token &at, const char *kind, const BuiltinEntry &entry,
                    const std::vector<NodeId> &children,
                    const std::vector<std::string_view> &keywords);
  void checkNames() const;
  /// Every node goes through here, so that no tree is deeper than a render may nest.
  NodeId checked(NodeId id) const;
  NodeId add(TemplateOp op, const Token &at, std::vector<NodeId> children = {}, uint64_t imm = 0,
             uint8_t flag = 0) {
    return checked(builder_.add(op, at.line, std::move(children), imm, flag));
  }
  NodeId addNamed(TemplateOp op, const Token &at, std::string_view name,
                  std::vector<NodeId> children = {}) {
    return checked(builder_.addNamed(op, at.line, name, std::move(children)));
  }

  std::vector<Token> tokens_;
  size_t pos_ = 0;
  Builder builder_;
  unsigned level_ = 0;
  unsigned loops_ = 0;
  unsigned macros_ = 0;
  std::set<std::string, std::less<>> assigned_;
  /// Names that are called, and names that mean something special inside a macro, where they stand.
  std::vector<Token> called_, specialInMacro_;
  /// Uses of jinja2's own globals that we do not have.
  std::vector<Token> jinjaOnly_;
  /// Names that attributes of namespaces and dicts may have: calling one may call a macro there.
  std::set<std::string, std::less<>> attributes_;
  /// Calls that fit no method, with what to say unless the name is one of attributes_.
  std::vector<std::pair<Token, std::string>> unknownMethods_;
};

} // namespace axiom::chattemplate

#endif
