// What a handler of the HTTP server is given and what it answers with.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_MESSAGE_H
#define AXIOM_RUNTIME_SERVE_HTTP_MESSAGE_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::http {

struct Header {
  std::string name;
  std::string value;
};

/// Fields in the order in which they came; names are compared without case.
class Headers {
public:
  void add(std::string name, std::string value);
  /// The first of that name, or null.
  const std::string *find(std::string_view name) const;
  size_t count(std::string_view name) const;
  std::vector<Header>::const_iterator begin() const { return fields_.begin(); }
  std::vector<Header>::const_iterator end() const { return fields_.end(); }

private:
  std::vector<Header> fields_;
};

struct Request {
  std::string id;     ///< the client's X-Request-Id where it is usable, else one of our own
  std::string method; ///< HEAD reaches the handler of GET as HEAD; its body is left out for it
  std::string path;   ///< as sent, before '?': still percent-encoded
  std::string query;  ///< as sent, after '?'
  Headers headers;
  std::string body;
  std::string peer; ///< "127.0.0.1:4711", "[::1]:4711"
  bool secure = false;
  std::vector<Header> answerFields; ///< of the gate: the answer gets them, too
  std::shared_ptr<void> note; ///< of the gate: what it found out, for the handler and for Finished
};

struct Response {
  int status = 200;
  std::string contentType = "application/json";
  std::string body;
  std::vector<Header> headers; ///< besides those the server writes itself
};

/// OpenAI's form of an error: {"error":{"message","type","param","code"}}. The type follows from
/// the status unless it is given; an empty `param` or `code` becomes null.
std::string errorBody(int status, std::string_view message, std::string_view code,
                      std::string_view param = {}, std::string_view type = {});
Response errorResponse(int status, std::string_view message, std::string_view code,
                       std::string_view param = {}, std::string_view type = {});

/// %XX resolved; nothing if a '%' lacks its two hexadecimal digits.
std::optional<std::string> percentDecode(std::string_view text);

/// The phrase of a status line: "Not Found".
std::string_view statusPhrase(int status);

/// Compares ASCII letters without case.
bool equalsIgnoreCase(std::string_view a, std::string_view b);

/// Printable ASCII of a client's text for a message, at most 100 characters.
std::string shown(std::string_view text);

} // namespace axiom::http

#endif
