// Tokens of a chat template, with Jinja's white space rules already applied to the text between.
#ifndef AXIOM_COMPILER_IMPORT_CHATTEMPLATELEXER_H
#define AXIOM_COMPILER_IMPORT_CHATTEMPLATELEXER_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::chattemplate {

enum class TokenKind {
  Text, ///< between the tags
  BlockBegin,
  BlockEnd,
  VariableBegin,
  VariableEnd,
  Name,
  String,  ///< text = the value
  Integer, ///< text = the digits with prefix, no underscores
  Float,
  Operator, ///< text = the symbol
  End,
};

struct Token {
  TokenKind kind = TokenKind::End;
  std::string text;
  uint32_t line = 1;
  uint32_t column = 1; ///< in code points
};

/// Thrown inside the compiler, turned into a Status by compileChatTemplate.
struct TemplateSyntaxError {
  Code code;
  std::string message;
};

[[noreturn]] void failAt(Code code, uint32_t line, uint32_t column, const std::string &message);

/// The tokens with an End at the end; throws TemplateSyntaxError.
std::vector<Token> tokenize(std::string_view source);

} // namespace axiom::chattemplate

#endif
