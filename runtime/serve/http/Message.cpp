#include "runtime/serve/http/Message.h"

#include "runtime/base/Status.h"

namespace axiom::http {

static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size())
    return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i]))
      return false;
  return true;
}

void Headers::add(std::string name, std::string value) {
  fields_.push_back({std::move(name), std::move(value)});
}

const std::string *Headers::find(std::string_view name) const {
  for (const Header &field : fields_)
    if (equalsIgnoreCase(field.name, name))
      return &field.value;
  return nullptr;
}

size_t Headers::count(std::string_view name) const {
  size_t found = 0;
  for (const Header &field : fields_)
    found += equalsIgnoreCase(field.name, name);
  return found;
}

static void appendJsonString(std::string &out, std::string_view text) {
  out += '"';
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += format("\\u%04x", byte);
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string errorBody(int status, std::string_view message, std::string_view code,
                      std::string_view param, std::string_view type) {
  if (type.empty())
    type = status >= 500 ? "server_error" : "invalid_request_error";
  std::string out = "{\"error\":{\"message\":";
  appendJsonString(out, message);
  out += ",\"type\":";
  appendJsonString(out, type);
  out += ",\"param\":";
  param.empty() ? void(out += "null") : appendJsonString(out, param);
  out += ",\"code\":";
  code.empty() ? void(out += "null") : appendJsonString(out, code);
  out += "}}\n";
  return out;
}

Response errorResponse(int status, std::string_view message, std::string_view code,
                       std::string_view param, std::string_view type) {
  Response response;
  response.status = status;
  response.body = errorBody(status, message, code, param, type);
  return response;
}

static int hexDigit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::optional<std::string> percentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || hexDigit(text[i + 1]) < 0 || hexDigit(text[i + 2]) < 0)
      return std::nullopt;
    out += static_cast<char>(hexDigit(text[i + 1]) * 16 + hexDigit(text[i + 2]));
    i += 2;
  }
  return out;
}

std::string shown(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 100))
    out += c >= 0x20 && c < 0x7f ? c : '?';
  return text.size() > 100 ? out + "..." : out;
}

std::string_view statusPhrase(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 201:
    return "Created";
  case 202:
    return "Accepted";
  case 204:
    return "No Content";
  case 301:
    return "Moved Permanently";
  case 302:
    return "Found";
  case 304:
    return "Not Modified";
  case 307:
    return "Temporary Redirect";
  case 308:
    return "Permanent Redirect";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 408:
    return "Request Timeout";
  case 409:
    return "Conflict";
  case 411:
    return "Length Required";
  case 413:
    return "Content Too Large";
  case 414:
    return "URI Too Long";
  case 415:
    return "Unsupported Media Type";
  case 417:
    return "Expectation Failed";
  case 422:
    return "Unprocessable Content";
  case 429:
    return "Too Many Requests";
  case 431:
    return "Request Header Fields Too Large";
  case 500:
    return "Internal Server Error";
  case 501:
    return "Not Implemented";
  case 503:
    return "Service Unavailable";
  case 504:
    return "Gateway Timeout";
  case 505:
    return "HTTP Version Not Supported";
  default:
    return "Status";
  }
}

} // namespace axiom::http
