// Expressions of the chat template parser.
#include "compiler/import/ChatTemplateParser.h"

#include <algorithm>
#include <bit>
#include <charconv>

namespace axiom::chattemplate {

using Op = TemplateOp;

NodeId Parser::expression(bool withCondition) {
  Level level(*this);
  return withCondition ? condition() : orExpression();
}

/// One expression, or several with commas as a tuple.
NodeId Parser::tuple(bool withCondition, bool parenthesized) {
  Level level(*this);
  const Token start = peek();
  std::vector<NodeId> items;
  bool isTuple = false;
  auto ended = [&]() {
    return isOperator(")") || peek().kind == TokenKind::BlockEnd ||
           peek().kind == TokenKind::VariableEnd;
  };
  while (!ended()) {
    items.push_back(expression(withCondition));
    if (!takeOperator(","))
      break;
    isTuple = true;
  }
  if (items.empty() && !parenthesized)
    fail(start, "expected an expression");
  if (isTuple || items.empty())
    return add(Op::Tuple, start, std::move(items));
  return items[0];
}

NodeId Parser::condition() {
  const Token start = peek();
  NodeId value = orExpression();
  while (takeName("if")) {
    std::vector<NodeId> children = {orExpression(), value};
    if (takeName("else"))
      children.push_back(expression());
    value = add(Op::Condition, start, std::move(children));
  }
  return value;
}

NodeId Parser::orExpression() {
  const Token start = peek();
  NodeId left = andExpression();
  while (takeName("or")) {
    NodeId right = andExpression();
    left = add(Op::Or, start, {left, right});
  }
  return left;
}

NodeId Parser::andExpression() {
  const Token start = peek();
  NodeId left = notExpression();
  while (takeName("and")) {
    NodeId right = notExpression();
    left = add(Op::And, start, {left, right});
  }
  return left;
}

NodeId Parser::notExpression() {
  Level level(*this);
  const Token start = peek();
  if (takeName("not"))
    return add(Op::Not, start, {notExpression()});
  return comparison();
}

NodeId Parser::comparison() {
  static constexpr std::string_view symbols[] = {"==", "!=", "<", "<=", ">", ">="};
  const Token start = peek();
  std::vector<NodeId> children = {sum()};
  for (;;) {
    const Token at = peek();
    std::optional<TemplateCompare> op;
    for (size_t i = 0; i < std::size(symbols); ++i)
      if (isOperator(symbols[i]))
        op = static_cast<TemplateCompare>(i);
    if (isName("in"))
      op = TemplateCompare::In;
    if (isName("not") && isName("in", 1)) {
      take();
      op = TemplateCompare::NotIn;
    }
    if (!op)
      break;
    take();
    NodeId right = sum();
    children.push_back(add(Op::Operand, at, {right}, 0, static_cast<uint8_t>(*op)));
  }
  return children.size() == 1 ? children[0] : add(Op::Compare, start, std::move(children));
}

NodeId Parser::sum() {
  const Token start = peek();
  NodeId left = concatenation();
  while (isOperator("+") || isOperator("-")) {
    auto op = take().text == "+" ? TemplateBinary::Add : TemplateBinary::Sub;
    NodeId right = concatenation();
    left = add(Op::Binary, start, {left, right}, 0, static_cast<uint8_t>(op));
  }
  return left;
}

NodeId Parser::concatenation() {
  const Token start = peek();
  std::vector<NodeId> parts = {product()};
  while (takeOperator("~"))
    parts.push_back(product());
  return parts.size() == 1 ? parts[0] : add(Op::Concat, start, std::move(parts));
}

NodeId Parser::product() {
  const Token start = peek();
  NodeId left = power();
  while (isOperator("*") || isOperator("/") || isOperator("//") || isOperator("%")) {
    std::string symbol = take().text;
    auto op = symbol == "*"    ? TemplateBinary::Mul
              : symbol == "/"  ? TemplateBinary::Div
              : symbol == "//" ? TemplateBinary::FloorDiv
                               : TemplateBinary::Mod;
    NodeId right = power();
    left = add(Op::Binary, start, {left, right}, 0, static_cast<uint8_t>(op));
  }
  return left;
}

NodeId Parser::power() {
  const Token start = peek();
  NodeId left = unary();
  while (takeOperator("**")) {
    NodeId right = unary();
    left = add(Op::Binary, start, {left, right}, 0, static_cast<uint8_t>(TemplateBinary::Pow));
  }
  return left;
}

NodeId Parser::unary(bool withFilter) {
  Level level(*this);
  const Token start = peek();
  NodeId node;
  if (takeOperator("-"))
    node = add(Op::Negative, start, {unary(false)});
  else if (takeOperator("+"))
    node = add(Op::Positive, start, {unary(false)});
  else
    node = primary();
  node = postfix(node);
  return withFilter ? filtersAndTests(node) : node;
}

NodeId Parser::primary() {
  const Token token = peek();
  if (token.kind == TokenKind::Name) {
    const std::string &name = token.text;
    if (name == "true" || name == "True" || name == "false" || name == "False") {
      take();
      return add(Op::ConstBool, token, {}, 0, name[0] == 't' || name[0] == 'T');
    }
    if (name == "none" || name == "None") {
      take();
      return add(Op::ConstNone, token);
    }
    expectIdentifier("an expression");
    if (name == "self" || name == "cycler" || name == "joiner" || name == "lipsum")
      jinjaOnly_.push_back(token);
    if (macros_ && (name == "caller" || name == "varargs" || name == "kwargs"))
      specialInMacro_.push_back(token);
    return addNamed(Op::Name, token, name);
  }
  if (token.kind == TokenKind::String)
    return stringLiteral();
  if (token.kind == TokenKind::Integer || token.kind == TokenKind::Float)
    return numberLiteral();
  if (takeOperator("(")) {
    NodeId inner = tuple(true, true);
    expectOperator(")");
    return inner;
  }
  if (isOperator("["))
    return listLiteral();
  if (isOperator("{"))
    return dictLiteral();
  expectIdentifier("an expression");
  return 0;
}

NodeId Parser::stringLiteral() {
  const Token token = peek();
  std::string value;
  while (peek().kind == TokenKind::String)
    value += take().text;
  return addNamed(Op::ConstString, token, value);
}

NodeId Parser::numberLiteral() {
  const Token token = take();
  const std::string &text = token.text;
  if (token.kind == TokenKind::Float) {
    double value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
      value = std::strtod(text.c_str(), nullptr); // 0 or infinity, as in Python
    return add(Op::ConstDouble, token, {}, std::bit_cast<uint64_t>(value));
  }
  char mark = text.size() > 1 ? static_cast<char>(text[1] | 0x20) : '\0';
  int base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
  const char *begin = text.data() + (base == 10 ? 0 : 2);
  int64_t value = 0;
  if (std::from_chars(begin, text.data() + text.size(), value, base).ec != std::errc())
    unsupported(token, format("the integer %s does not fit 64 bits", text.c_str()));
  return add(Op::ConstInt, token, {}, static_cast<uint64_t>(value));
}

NodeId Parser::listLiteral() {
  const Token token = take();
  std::vector<NodeId> items;
  while (!isOperator("]")) {
    items.push_back(expression());
    if (!takeOperator(","))
      break;
  }
  expectOperator("]");
  return add(Op::List, token, std::move(items));
}

NodeId Parser::dictLiteral() {
  const Token token = take();
  std::vector<NodeId> items;
  while (!isOperator("}")) {
    items.push_back(expression());
    expectOperator(":");
    items.push_back(expression());
    if (!takeOperator(","))
      break;
  }
  expectOperator("}");
  return add(Op::Dict, token, std::move(items));
}

NodeId Parser::postfix(NodeId node) {
  for (;;) {
    const Token before = tokens_[pos_ ? pos_ - 1 : 0];
    if (isOperator(".") || isOperator("["))
      node = subscript(node);
    else if (isOperator("("))
      node = call(node, before);
    else
      return node;
  }
}

NodeId Parser::filtersAndTests(NodeId node) {
  for (;;) {
    const Token before = tokens_[pos_ ? pos_ - 1 : 0];
    if (takeOperator("|"))
      node = filter(node);
    else if (takeName("is"))
      node = test(node);
    else if (isOperator("("))
      node = call(node, before);
    else
      return node;
  }
}

NodeId Parser::subscript(NodeId object) {
  const Token token = take();
  if (token.text == ".") {
    const Token name = take();
    if (name.kind == TokenKind::Name)
      return addNamed(Op::Attribute, token, name.text, {object});
    if (name.kind != TokenKind::Integer)
      fail(name, "expected a name or a number after '.'");
    --pos_;
    return add(Op::Item, token, {object, numberLiteral()});
  }
  if (isOperator(":"))
    return slice(object, 0, false, token);
  std::vector<NodeId> keys = {expression()};
  if (isOperator(":"))
    return slice(object, keys[0], true, token);
  bool isTuple = false;
  while (takeOperator(",")) {
    isTuple = true;
    if (isOperator(":"))
      unsupported(peek(), "a slice inside a tuple of subscripts is not supported");
    keys.push_back(expression());
  }
  expectOperator("]");
  return add(Op::Item, token, {object, isTuple ? add(Op::Tuple, token, std::move(keys)) : keys[0]});
}

/// [start:stop:step] from its first colon.
NodeId Parser::slice(NodeId object, NodeId start, bool hasStart, const Token &at) {
  std::vector<NodeId> children = {object, hasStart ? start : add(Op::ConstNone, at)};
  for (int part = 0; part < 2; ++part) {
    bool present = takeOperator(":") && !isOperator(":") && !isOperator("]");
    children.push_back(present ? expression() : add(Op::ConstNone, at));
  }
  if (isOperator(","))
    unsupported(peek(), "a slice inside a tuple of subscripts is not supported");
  expectOperator("]");
  return add(Op::Slice, at, std::move(children));
}

std::vector<std::string_view> Parser::arguments(std::vector<NodeId> &children) {
  expectOperator("(");
  std::vector<std::string_view> keywords;
  while (!isOperator(")")) {
    const Token &token = peek();
    if (isOperator("*") || isOperator("**"))
      unsupported(token, format("passing arguments with '%s' is not supported; write them out",
                                token.text.c_str()));
    if (token.kind == TokenKind::Name && isOperator("=", 1)) {
      // Points into tokens_, which does not change any more.
      keywords.push_back(token.text);
      take();
      take();
      attributes_.insert(token.text);
      NodeId value = expression();
      children.push_back(addNamed(Op::Keyword, token, token.text, {value}));
    } else {
      if (!keywords.empty())
        fail(token, "a positional argument follows a keyword argument");
      children.push_back(expression());
    }
    if (!takeOperator(","))
      break;
  }
  expectOperator(")");
  return keywords;
}

NodeId Parser::call(NodeId callee, const Token &calleeToken) {
  const Token open = peek();
  std::vector<NodeId> children = {callee};
  std::vector<std::string_view> keywords = arguments(children);
  size_t count = children.size() - 1 - keywords.size();
  if (builder_.op(callee) == Op::Name) {
    if (calleeToken.text == "loop")
      unsupported(calleeToken, "a recursive loop is not supported; use a macro that calls itself");
    called_.push_back(calleeToken);
    int function = findBuiltin(templateFunctions(), calleeToken.text);
    if (function >= 0 && !assigned_.count(calleeToken.text))
      checkBuiltin(calleeToken, "function", templateFunctions()[static_cast<size_t>(function)],
                   children, keywords);
  } else if (builder_.op(callee) == Op::Attribute) {
    // The object's type is not known here: the call must fit one of the methods of that name.
    const std::string &name = calleeToken.text;
    bool known = isMutatorName(name);
    std::string wrong;
    for (auto table : {stringMethods(), dictMethods(), listMethods(), loopMethods()}) {
      int index = findBuiltin(table, name);
      if (index < 0)
        continue;
      std::string problem = checkCall(table[static_cast<size_t>(index)].signature, count, keywords);
      known |= problem.empty();
      wrong = problem;
    }
    if (!known)
      unknownMethods_.emplace_back(
          calleeToken,
          !wrong.empty()
              ? format("the method '%s' %s", name.c_str(), wrong.c_str())
              : format("the method '%s' is not supported; these are, of texts: %s; of dicts: %s; "
                       "of lists: %s; of loop: %s",
                       name.c_str(), listBuiltins(stringMethods()).c_str(),
                       listBuiltins(dictMethods()).c_str(), listBuiltins(listMethods()).c_str(),
                       listBuiltins(loopMethods()).c_str()));
  }
  return add(Op::Call, open, std::move(children));
}

void Parser::checkBuiltin(const Token &at, const char *kind, const BuiltinEntry &entry,
                          const std::vector<NodeId> &children,
                          const std::vector<std::string_view> &keywords) {
  std::string wrong = checkCall(entry.signature, children.size() - 1 - keywords.size(), keywords);
  if (!wrong.empty())
    unsupported(at, format("the %s '%s' %s; its parameters are (%s)", kind, at.text.c_str(),
                           wrong.c_str(), entry.signature.params));
}

NodeId Parser::filter(NodeId subject) {
  const Token token = peek();
  if (token.kind != TokenKind::Name)
    fail(token, "expected the name of a filter after '|'");
  take();
  int index = findFilter(token.text);
  if (index < 0)
    unsupported(token, format("the filter '%s' is not supported; these are: %s", token.text.c_str(),
                              listBuiltins(templateFilters()).c_str()));
  std::vector<NodeId> children = {subject};
  std::vector<std::string_view> keywords;
  if (isOperator("("))
    keywords = arguments(children);
  checkBuiltin(token, "filter", templateFilters()[static_cast<size_t>(index)], children, keywords);
  // A filter or test that is named by a literal is checked here too.
  bool named = token.text == "map" || token.text == "select" || token.text == "reject" ||
               token.text == "selectattr" || token.text == "rejectattr";
  size_t at = token.text.ends_with("attr") ? 2 : 1;
  if (named && children.size() > at) {
    const std::string *name = builder_.constString(children[at]);
    bool isMap = token.text == "map";
    if (name && (isMap ? findFilter(*name) : findTest(*name)) < 0)
      unsupported(token, format("the %s '%s' is not supported; these are: %s",
                                isMap ? "filter" : "test", name->c_str(),
                                listBuiltins(isMap ? templateFilters() : templateTests()).c_str()));
  }
  return addNamed(Op::Filter, token, token.text, std::move(children));
}

NodeId Parser::test(NodeId subject) {
  bool negated = takeName("not");
  const Token token = peek();
  if (token.kind != TokenKind::Name)
    fail(token, "expected the name of a test after 'is'");
  take();
  int index = findTest(token.text);
  if (index < 0)
    unsupported(token, format("the test '%s' is not supported; these are: %s", token.text.c_str(),
                              listBuiltins(templateTests()).c_str()));
  std::vector<NodeId> children = {subject};
  std::vector<std::string_view> keywords;
  const Token next = peek();
  bool begins = next.kind == TokenKind::String || next.kind == TokenKind::Integer ||
                next.kind == TokenKind::Float || isOperator("[") || isOperator("{") ||
                (next.kind == TokenKind::Name && next.text != "else" && next.text != "or" &&
                 next.text != "and");
  if (isOperator("(")) {
    keywords = arguments(children);
  } else if (begins) {
    if (next.text == "is" && next.kind == TokenKind::Name)
      fail(next, "tests cannot be chained with 'is'");
    NodeId argument = primary();
    children.push_back(postfix(argument));
  }
  checkBuiltin(token, "test", templateTests()[static_cast<size_t>(index)], children, keywords);
  NodeId node = addNamed(Op::Test, token, token.text, std::move(children));
  return negated ? add(Op::Not, token, {node}) : node;
}

} // namespace axiom::chattemplate
