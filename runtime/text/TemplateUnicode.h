// Code points of UTF-8 strings, and the properties of them that Python's str methods use.
//
// Bytes that are not valid UTF-8 are stepped over one by one and count as one code point each, so
// every function is total.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATEUNICODE_H
#define AXIOM_RUNTIME_TEXT_TEMPLATEUNICODE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace axiom {

/// The code point at `pos` (pos < text.size()); `size` gets its bytes, at least 1. An invalid byte
/// gives 0xFFFFFFFF and size 1.
uint32_t decodeUtf8(std::string_view text, size_t pos, size_t &size);
void appendUtf8(std::string &out, uint32_t codePoint);
bool isValidUtf8(std::string_view text);
size_t countCodePoints(std::string_view text);
/// Byte offset of code point `index`; text.size() when there are fewer.
size_t codePointOffset(std::string_view text, size_t index);

/// str.isspace() of one code point: also what strip(), split() and the \s of the lexer use.
bool isPythonSpace(uint32_t codePoint);
/// Where str.splitlines() ends a line.
bool isPythonLineBreak(uint32_t codePoint);
/// False for what repr() escapes.
bool isPythonPrintable(uint32_t codePoint);
bool isLowerCase(uint32_t codePoint);
bool isUpperCase(uint32_t codePoint);
bool isTitleCase(uint32_t codePoint);

void appendLower(std::string &out, uint32_t codePoint);
void appendUpper(std::string &out, uint32_t codePoint);
void appendTitle(std::string &out, uint32_t codePoint);
std::string toLower(std::string_view text);
std::string toUpper(std::string_view text);
/// str.title(): every run of cased letters starts with a titlecase letter.
std::string toTitle(std::string_view text);
/// str.capitalize(): first code point titlecase, the others lowercase.
std::string toCapitalized(std::string_view text);

/// First byte that is not leading white space / end of the last byte that is not trailing.
size_t skipSpaceForward(std::string_view text);
size_t skipSpaceBackward(std::string_view text);

} // namespace axiom

#endif
