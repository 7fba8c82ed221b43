#include "runtime/serve/http/Head.h"

#include <algorithm>
#include <charconv>

namespace axiom::http {

namespace {

bool isTokenChar(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
    return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool isToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), isTokenChar);
}

Refusal bad(std::string message) { return {400, Reason::BadRequest, std::move(message)}; }

constexpr std::string_view kMethods[] = {"GET", "HEAD",   "POST", "OPTIONS",
                                         "PUT", "DELETE", "PATCH"};

bool visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

} // namespace

std::optional<Refusal> checkRequestLine(std::string_view line) {
  size_t first = line.find(' '), last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return bad("The request line is not METHOD SP TARGET SP HTTP/1.1.");
  std::string_view method = line.substr(0, first), version = line.substr(last + 1);
  std::string_view target = line.substr(first + 1, last - first - 1);
  if (!isToken(method) || target.empty() || !visible(target))
    return bad("The request line is not METHOD SP TARGET SP HTTP/1.1.");
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !digit(version[5]) ||
      version[6] != '.' || !digit(version[7]))
    return bad("The request line does not end with HTTP/1.1.");
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return Refusal{505, Reason::VersionNotSupported,
                   "This server speaks HTTP/1.1 and HTTP/1.0, not " + std::string(version) + "."};
  if (std::find(std::begin(kMethods), std::end(kMethods), method) == std::end(kMethods))
    return Refusal{405, Reason::MethodNotAllowed,
                   "Method " + shown(method) + " is not allowed anywhere on this server."};
  return std::nullopt;
}

void HeadScanner::reset() {
  at_ = lineStart_ = 0;
  lines_ = 0;
  refusal_.reset();
}

HeadScanner::State HeadScanner::refuse(int status, Reason reason, std::string message) {
  refusal_ = Refusal{status, reason, std::move(message)};
  return State::Refused;
}

// A line without its CRLF, not the empty one at the end.
HeadScanner::State HeadScanner::endOfLine(std::string_view line) {
  if (lines_++ == 0) {
    refusal_ = checkRequestLine(line);
    return refusal_ ? State::Refused : State::More;
  }
  if (lines_ - 1 > limits_.headerFields)
    return refuse(431, Reason::HeadersTooLarge,
                  format("More than %u header fields.", limits_.headerFields));
  if (line[0] == ' ' || line[0] == '\t')
    return refuse(400, Reason::BadRequest, "A header line is folded; folding is not allowed.");
  size_t colon = line.find(':');
  if (colon == std::string_view::npos || !isToken(line.substr(0, colon)))
    return refuse(400, Reason::BadRequest, "A header line is not NAME: VALUE.");
  return State::More;
}

HeadScanner::State HeadScanner::scan(std::string_view input) {
  if (refusal_)
    return State::Refused;
  for (; at_ < input.size(); ++at_) {
    if (lines_ == 0 && at_ >= limits_.requestLineBytes + (input[at_] == '\r'))
      return refuse(414, Reason::TargetTooLong,
                    format("The request line is longer than %u bytes.", limits_.requestLineBytes));
    if (at_ >= limits_.headerBytes)
      return refuse(431, Reason::HeadersTooLarge,
                    format("The header is longer than %u bytes.", limits_.headerBytes));
    auto c = static_cast<unsigned char>(input[at_]);
    if (c == '\r') {
      if (at_ + 1 == input.size())
        return State::More; // looked at again with the next byte
      if (input[at_ + 1] != '\n')
        return refuse(400, Reason::BadRequest, "A carriage return without a line feed.");
      if (at_ == lineStart_ && lines_ > 0) {
        at_ += 2;
        return at_ > limits_.headerBytes
                   ? refuse(431, Reason::HeadersTooLarge,
                            format("The header is longer than %u bytes.", limits_.headerBytes))
                   : State::Complete;
      }
      if (endOfLine(input.substr(lineStart_, at_ - lineStart_)) == State::Refused)
        return State::Refused;
      lineStart_ = ++at_ + 1;
    } else if (c == '\n') {
      return refuse(400, Reason::BadRequest,
                    "A line ends in a line feed alone; lines end in CR LF.");
    } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
      return refuse(400, Reason::BadRequest, format("Control character 0x%02x in the header.", c));
    }
  }
  return State::More;
}

std::string hostName(std::string_view authority) {
  size_t end = authority.size();
  if (!authority.empty() && authority[0] == '[')
    end = std::min(authority.find(']'), authority.size() - 1) + 1;
  else
    end = std::min(authority.find(':'), authority.size());
  std::string name(authority.substr(0, end));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name;
}

static std::optional<Refusal> checkTarget(Head &head) {
  std::string_view target = head.target;
  for (std::string_view scheme : {"http://", "https://"})
    if (target.size() > scheme.size() &&
        equalsIgnoreCase(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(scheme.size());
      size_t end = std::min(target.find_first_of("/?"), target.size());
      head.host = target.substr(0, end); // goes before the field
      target.remove_prefix(end);
      if (head.host.empty())
        return bad("The target has no host.");
      if (target.empty() || target[0] == '?')
        head.path = "/";
      break;
    }
  if (target == "*" && head.method == "OPTIONS") {
    head.path = "*";
    return std::nullopt;
  }
  if (head.path.empty() && (target.empty() || target[0] != '/'))
    return bad("The target does not begin with '/'.");
  if (target.find('#') != std::string_view::npos)
    return bad("The target has a fragment ('#').");
  if (auto decoded = percentDecode(target); !decoded || decoded->find('\0') != std::string::npos)
    return bad("The target has a '%' that stands for no character.");
  size_t question = target.find('?');
  if (head.path.empty())
    head.path = target.substr(0, question);
  if (question != std::string_view::npos)
    head.query = target.substr(question + 1);
  return std::nullopt;
}

static std::optional<Refusal> checkHost(Head &head) {
  size_t hosts = head.headers.count("Host");
  if (hosts > 1 || (hosts == 0 && head.minorVersion >= 1))
    return bad(hosts ? "Two Host fields." : "HTTP/1.1 needs a Host field.");
  if (hosts == 0)
    return std::nullopt;
  const std::string &value = *head.headers.find("Host");
  if (!visible(value) || value.find_first_of("/@,\\") != std::string::npos)
    return bad("The Host field is not NAME or NAME:PORT.");
  if (head.host.empty())
    head.host = value;
  else if (hostName(head.host) != hostName(value))
    return bad("The Host field and the target name two hosts.");
  return std::nullopt;
}

static std::optional<Refusal> checkFraming(Head &head) {
  size_t lengths = head.headers.count("Content-Length");
  size_t codings = head.headers.count("Transfer-Encoding");
  if (lengths > 0 && codings > 0)
    return bad("Content-Length beside Transfer-Encoding.");
  if (lengths > 1 || codings > 1)
    return bad(lengths > 1 ? "Two Content-Length fields." : "Two Transfer-Encoding fields.");
  if (codings == 1) {
    if (head.minorVersion == 0)
      return bad("Transfer-Encoding in HTTP/1.0.");
    const std::string &coding = *head.headers.find("Transfer-Encoding");
    if (!equalsIgnoreCase(coding, "chunked"))
      return Refusal{501, Reason::NotImplemented,
                     "Transfer-Encoding '" + shown(coding) + "' is not known: use chunked."};
    head.body = Head::Body::Chunked;
    return std::nullopt;
  }
  if (lengths == 1) {
    const std::string &text = *head.headers.find("Content-Length");
    const char *end = text.data() + text.size();
    bool digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                               [](char c) { return c >= '0' && c <= '9'; });
    auto [stop, error] = std::from_chars(text.data(), end, head.length);
    if (!digits || error != std::errc() || stop != end)
      return bad("Content-Length '" + shown(text) + "' is no number.");
    head.body = head.length ? Head::Body::Length : Head::Body::None;
    return std::nullopt;
  }
  if (head.method == "POST" || head.method == "PUT" || head.method == "PATCH")
    return Refusal{411, Reason::LengthRequired,
                   head.method + " needs Content-Length or Transfer-Encoding: chunked."};
  return std::nullopt;
}

static void splitConnection(Head &head) {
  bool close = false, keep = false;
  for (const Header &field : head.headers) {
    if (!equalsIgnoreCase(field.name, "Connection"))
      continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      size_t comma = std::min(rest.find(','), rest.size());
      std::string_view word = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      word.remove_prefix(std::min(word.find_first_not_of(" \t"), word.size()));
      word = word.substr(0, word.find_last_not_of(" \t") + 1);
      close |= equalsIgnoreCase(word, "close");
      keep |= equalsIgnoreCase(word, "keep-alive");
    }
  }
  head.keepAlive = !close && (head.minorVersion >= 1 || keep);
}

std::optional<Refusal> checkHead(Head &head) {
  splitConnection(head);
  for (auto check : {checkTarget, checkHost, checkFraming})
    if (auto refusal = check(head))
      return refusal;
  for (const Header &field : head.headers) {
    if (!equalsIgnoreCase(field.name, "Expect") || head.minorVersion == 0)
      continue;
    if (!equalsIgnoreCase(field.value, "100-continue"))
      return Refusal{417, Reason::ExpectationFailed,
                     "Expect '" + shown(field.value) + "' is not known: only 100-continue is."};
    head.expectsContinue = head.body != Head::Body::None;
  }
  return std::nullopt;
}

} // namespace axiom::http
