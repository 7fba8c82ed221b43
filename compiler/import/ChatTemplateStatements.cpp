// Statements of the chat template parser.
#include "compiler/import/ChatTemplateParser.h"

#include <algorithm>

namespace axiom::chattemplate {

using Op = TemplateOp;

namespace {

constexpr std::string_view constants[] = {"true", "false", "none", "True", "False", "None"};
constexpr std::string_view keywords[] = {"and", "or", "not", "in", "is", "if", "else", "elif"};

std::string describe(const Token &token) {
  switch (token.kind) {
  case TokenKind::End:
    return "the end of the template";
  case TokenKind::BlockEnd:
    return "'%}'";
  case TokenKind::VariableEnd:
    return "'}}'";
  case TokenKind::String:
    return "a string";
  default:
    return "'" + token.text + "'";
  }
}

} // namespace

bool Parser::takeName(std::string_view name) {
  if (!isName(name))
    return false;
  take();
  return true;
}

bool Parser::takeOperator(std::string_view symbol) {
  if (!isOperator(symbol))
    return false;
  take();
  return true;
}

void Parser::expectOperator(std::string_view symbol) {
  if (!takeOperator(symbol))
    fail(peek(),
         format("expected '%s', got %s", std::string(symbol).c_str(), describe(peek()).c_str()));
}

std::string Parser::expectIdentifier(const char *what) {
  const Token &token = peek();
  bool reserved = std::count(std::begin(constants), std::end(constants), token.text) ||
                  std::count(std::begin(keywords), std::end(keywords), token.text);
  if (token.kind != TokenKind::Name || reserved)
    fail(token, format("expected %s, got %s", what, describe(token).c_str()));
  return take().text;
}

void Parser::expectBlockEnd() {
  if (peek().kind != TokenKind::BlockEnd)
    fail(peek(), "expected '%}', got " + describe(peek()));
  take();
}

NodeId Parser::checked(NodeId id) const {
  if (builder_.depth(id) > 600)
    unsupported(peek(), "the template nests deeper than 600 levels");
  return id;
}

std::vector<uint8_t> Parser::parse() {
  block({});
  checkNames();
  return builder_.write();
}

void Parser::checkNames() const {
  for (const Token &token : called_) {
    if (assigned_.count(token.text) || findBuiltin(templateFunctions(), token.text) >= 0)
      continue;
    unsupported(token, format("the function '%s' is not supported; these are: %s",
                              token.text.c_str(), listBuiltins(templateFunctions()).c_str()));
  }
  for (const auto &[token, message] : unknownMethods_)
    if (!attributes_.count(token.text))
      unsupported(token, message);
  for (const Token &token : jinjaOnly_)
    if (!assigned_.count(token.text))
      unsupported(token, format("the global '%s' is not supported; these are: %s",
                                token.text.c_str(), listBuiltins(templateFunctions()).c_str()));
  for (const Token &token : specialInMacro_)
    if (!assigned_.count(token.text))
      unsupported(token, format("the variable '%s' of a macro is not supported; name the "
                                "parameters instead",
                                token.text.c_str()));
}

/// Text, output and statements up to one of `ends` (the name is not taken), or the template's end.
NodeId Parser::block(const std::vector<std::string_view> &ends) {
  Level level(*this);
  Token start = peek();
  std::vector<NodeId> children;
  for (;;) {
    const Token &token = peek();
    if (token.kind == TokenKind::End) {
      if (!ends.empty())
        fail(start, format("this block is not closed with %s",
                           ("'" + std::string(ends.back()) + "'").c_str()));
      break;
    }
    if (token.kind == TokenKind::Text) {
      children.push_back(addNamed(Op::Text, token, token.text));
      take();
    } else if (token.kind == TokenKind::VariableBegin) {
      Token open = take();
      NodeId value = tuple(true);
      if (peek().kind != TokenKind::VariableEnd)
        fail(peek(), "expected '}}', got " + describe(peek()));
      take();
      children.push_back(add(Op::Output, open, {value}));
    } else {
      take();
      if (peek().kind == TokenKind::Name &&
          std::find(ends.begin(), ends.end(), peek().text) != ends.end())
        break;
      children.push_back(statement());
      expectBlockEnd();
    }
  }
  return add(Op::Block, start, std::move(children));
}

NodeId Parser::statementBody(const std::vector<std::string_view> &ends) {
  takeOperator(":");
  expectBlockEnd();
  return block(ends);
}

NodeId Parser::isolatedBody(std::string_view end) {
  unsigned loops = std::exchange(loops_, 0);
  NodeId body = statementBody({end});
  take();
  loops_ = loops;
  return body;
}

NodeId Parser::statement() {
  Token token = peek();
  if (token.kind != TokenKind::Name)
    fail(token, "expected a statement, got " + describe(token));
  const std::string &name = token.text;
  if (name == "set")
    return parseSet();
  if (name == "for")
    return parseFor();
  if (name == "if")
    return parseIf();
  if (name == "macro")
    return parseMacro();
  if (name == "filter")
    return parseFilterBlock();
  if (name == "with")
    return parseWith();
  if (name == "break" || name == "continue")
    return parseLoopControl();
  if (name == "generation") {
    take();
    return add(Op::Generation, token, {isolatedBody("endgeneration")});
  }
  if (name.starts_with("end") || name == "else" || name == "elif")
    fail(token, format("'%s' closes no open block", name.c_str()));
  unsupported(token,
              format("the statement '%s' is not supported; these are: break, continue, filter, "
                     "for, generation, if, macro, raw, set, with",
                     name.c_str()));
}

NodeId Parser::parseTargetItem(bool allowNamespace) {
  Level level(*this);
  const Token token = peek();
  if (takeOperator("(")) {
    NodeId inner = parseTarget(allowNamespace, false);
    expectOperator(")");
    return inner;
  }
  std::string name = expectIdentifier("a name to assign to");
  if (allowNamespace && takeOperator(".")) {
    std::string attribute = expectIdentifier("the name of an attribute");
    attributes_.insert(attribute);
    return add(Op::TargetAttribute, token, {},
               builder_.intern(name) | static_cast<uint64_t>(builder_.intern(attribute)) << 32);
  }
  assigned_.insert(name);
  return addNamed(Op::TargetName, token, name);
}

NodeId Parser::parseTarget(bool allowNamespace, bool untilIn) {
  const Token token = peek();
  std::vector<NodeId> items;
  bool isTuple = false;
  auto ended = [&]() {
    return isOperator(")") || isOperator("=") || peek().kind == TokenKind::BlockEnd ||
           (untilIn && isName("in"));
  };
  while (items.empty() || !ended()) {
    items.push_back(parseTargetItem(allowNamespace));
    if (!takeOperator(","))
      break;
    isTuple = true;
  }
  return isTuple ? add(Op::TargetTuple, token, std::move(items)) : items[0];
}

NodeId Parser::parseSet() {
  Token token = take();
  NodeId target = parseTarget(true, false);
  if (takeOperator("=")) {
    NodeId value = tuple(true);
    return add(Op::Set, token, {target, value});
  }
  std::vector<NodeId> children = {target};
  NodeId applied = 0;
  bool filtered = isOperator("|");
  if (filtered) {
    applied = add(Op::Captured, token);
    while (takeOperator("|"))
      applied = filter(applied);
  }
  children.push_back(isolatedBody("endset"));
  if (filtered)
    children.push_back(applied);
  return add(Op::SetBlock, token, std::move(children));
}

NodeId Parser::parseFor() {
  Token token = take();
  const Token targetToken = peek();
  NodeId target = parseTarget(false, true);
  if (targetToken.text == "loop")
    fail(targetToken, "the loop variable cannot be named 'loop'");
  if (!takeName("in"))
    fail(peek(), "expected 'in', got " + describe(peek()));
  NodeId iterable = tuple(false);
  NodeId test = takeName("if") ? expression() : add(Op::Nothing, token);
  if (isName("recursive"))
    unsupported(peek(), "a recursive for is not supported; use a macro that calls itself");
  ++loops_;
  NodeId body = statementBody({"else", "endfor"});
  --loops_;
  NodeId otherwise;
  if (take().text == "else") {
    otherwise = statementBody({"endfor"});
    take();
  } else {
    otherwise = add(Op::Nothing, token);
  }
  return add(Op::For, token, {target, iterable, test, body, otherwise});
}

NodeId Parser::parseIf() {
  Token token = take();
  std::vector<NodeId> children;
  for (;;) {
    children.push_back(tuple(false));
    children.push_back(statementBody({"elif", "else", "endif"}));
    std::string end = take().text;
    if (end == "elif")
      continue;
    if (end == "else") {
      children.push_back(statementBody({"endif"}));
      take();
    }
    return add(Op::If, token, std::move(children));
  }
}

NodeId Parser::parseMacro() {
  Token token = take();
  std::string name = expectIdentifier("the name of the macro");
  assigned_.insert(name);
  expectOperator("(");
  std::vector<NodeId> children;
  bool hasDefault = false;
  ++macros_;
  while (!isOperator(")")) {
    if (!children.empty())
      expectOperator(",");
    Token at = peek();
    std::string param = expectIdentifier("the name of a parameter");
    assigned_.insert(param);
    std::vector<NodeId> value;
    if (takeOperator("="))
      value.push_back(expression());
    else if (hasDefault)
      fail(at, "a parameter without default follows one with default");
    hasDefault = !value.empty();
    children.push_back(addNamed(Op::Param, at, param, std::move(value)));
  }
  take();
  children.push_back(isolatedBody("endmacro"));
  --macros_;
  return addNamed(Op::Macro, token, name, std::move(children));
}

NodeId Parser::parseFilterBlock() {
  Token token = take();
  NodeId applied = filter(add(Op::Captured, token));
  while (takeOperator("|"))
    applied = filter(applied);
  NodeId body = isolatedBody("endfilter");
  return add(Op::FilterBlock, token, {applied, body});
}

NodeId Parser::parseWith() {
  Token token = take();
  std::vector<NodeId> children;
  while (peek().kind != TokenKind::BlockEnd) {
    if (!children.empty())
      expectOperator(",");
    children.push_back(parseTargetItem(false));
    expectOperator("=");
    children.push_back(expression());
  }
  children.push_back(statementBody({"endwith"}));
  take();
  return add(Op::With, token, std::move(children));
}

NodeId Parser::parseLoopControl() {
  Token token = take();
  if (loops_ == 0)
    fail(token, format("'%s' stands outside of a loop, or inside a block of it that keeps its text "
                       "(set, filter, macro, generation)",
                       token.text.c_str()));
  return add(token.text == "break" ? Op::Break : Op::Continue, token);
}

} // namespace axiom::chattemplate
