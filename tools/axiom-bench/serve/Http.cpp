#include "tools/axiom-bench/serve/Http.h"

#include <algorithm>
#include <charconv>

namespace axiom::bench {

namespace {

constexpr size_t kMostHead = 64 << 10, kMostChunkLine = 4 << 10;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

bool contains(std::string_view text, std::string_view word) {
  return !std::ranges::search(text, word, [](char x, char y) {
            return lower(x) == lower(y);
          }).empty();
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

template <typename T> bool number(std::string_view text, T &value, int base = 10) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

} // namespace

Result<Url> parseUrl(std::string_view text) {
  auto wrong = [&](const char *why) {
    return Status(Code::InvalidArgument, "'" + std::string(text) + "' is " + why +
                                             ": give http://HOST:PORT, for example "
                                             "http://127.0.0.1:8000");
  };
  constexpr std::string_view scheme = "http://";
  if (text.starts_with("https://"))
    return wrong("an https address, and this client has no TLS");
  if (!text.starts_with(scheme))
    return wrong("no http address");
  std::string_view rest = text.substr(scheme.size());
  Url url;
  size_t slash = std::min(rest.find('/'), rest.size());
  url.authority = rest.substr(0, slash);
  url.path = rest.substr(slash);
  while (url.path.ends_with('/'))
    url.path.pop_back();
  std::string_view host = url.authority;
  size_t colon = host.rfind(':'), bracket = host.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    if (!number(host.substr(colon + 1), url.port) || url.port == 0)
      return wrong("an address whose port is no number of 1 to 65535");
    host = host.substr(0, colon);
  }
  if (host.starts_with('[')) {
    if (!host.ends_with(']'))
      return wrong("an address with a '[' and no ']'");
    host = host.substr(1, host.size() - 2);
  }
  url.host = host;
  if (url.host.empty())
    return wrong("an address without a host");
  return url;
}

std::string requestText(std::string_view method, const Url &url, std::string_view endpoint,
                        const std::vector<std::string> &fields, std::string_view body) {
  std::string text;
  text.reserve(256 + body.size());
  text.append(method).append(" ").append(url.path).append(endpoint).append(" HTTP/1.1\r\nHost: ");
  text.append(url.authority).append("\r\nUser-Agent: axiom-bench\r\nAccept: */*\r\n");
  for (const std::string &field : fields)
    text.append(field).append("\r\n");
  if (!body.empty())
    text.append("Content-Type: application/json\r\nContent-Length: ")
        .append(std::to_string(body.size()))
        .append("\r\n");
  return text.append("\r\n").append(body);
}

void ResponseReader::bad(std::string problem) {
  state_ = State::Bad;
  problem_ = std::move(problem);
  keepAlive_ = false;
}

void ResponseReader::field(std::string_view name, std::string_view value) {
  if (same(name, "Content-Length")) {
    if (framing_ == Framing::Chunks)
      return;
    if (!number(value, left_))
      return bad("its Content-Length is '" + std::string(value.substr(0, 40)) + "'");
    framing_ = Framing::Length;
  } else if (same(name, "Transfer-Encoding")) {
    if (!same(value, "chunked"))
      return bad("its Transfer-Encoding is '" + std::string(value.substr(0, 40)) + "'");
    framing_ = Framing::Chunks;
  } else if (same(name, "Connection")) {
    if (contains(value, "close"))
      keepAlive_ = false;
  } else if (same(name, "Retry-After")) {
    uint32_t seconds = 0;
    if (number(value, seconds))
      retryAfter_ = seconds;
  }
}

void ResponseReader::readHead(std::string_view head) {
  size_t end = head.find('\n');
  std::string_view first = trimmed(head.substr(0, end));
  if (!first.starts_with("HTTP/1.") || first.size() < 12 || first[8] != ' ' ||
      !number(first.substr(9, 3), status_) || status_ < 100)
    return bad("it begins with '" + std::string(first.substr(0, 60)) + "', which is no HTTP/1.1");
  keepAlive_ = first[7] != '0';
  while (end != std::string_view::npos && state_ != State::Bad) {
    head = head.substr(end + 1);
    end = head.find('\n');
    std::string_view line = trimmed(head.substr(0, end));
    if (size_t colon = line.find(':'); colon != std::string_view::npos)
      field(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  if (state_ == State::Bad)
    return;
  if (status_ < 200) // 100 Continue, 103 Early Hints: the answer itself follows
    return reset();
  state_ = State::Body;
  if (status_ == 204 || status_ == 304 || (framing_ == Framing::Length && left_ == 0))
    state_ = State::Done;
  if (framing_ == Framing::ToEnd)
    keepAlive_ = false;
}

size_t ResponseReader::feed(std::string_view bytes, std::string &body) {
  size_t taken = 0;
  while (taken < bytes.size() && (state_ == State::Head || state_ == State::Body)) {
    std::string_view rest = bytes.substr(taken);
    if (state_ == State::Head) {
      // Up to the empty line, which may have come in part.
      size_t before = line_.size(), from = before < 3 ? 0 : before - 3;
      line_.append(rest);
      size_t end = line_.find("\r\n\r\n", from);
      if (end == std::string::npos) {
        if (line_.size() > kMostHead)
          bad("its head has no end within 64 KiB");
        return bytes.size();
      }
      taken += end + 4 - before;
      std::string head = line_.substr(0, end + 2);
      line_.clear();
      readHead(head);
    } else if (framing_ == Framing::Chunks) {
      taken += feedChunks(rest, body);
    } else {
      size_t count = rest.size();
      if (framing_ == Framing::Length)
        count = static_cast<size_t>(std::min<uint64_t>(count, left_));
      body.append(rest.substr(0, count));
      taken += count;
      if (framing_ == Framing::Length && (left_ -= count) == 0)
        state_ = State::Done;
    }
  }
  return state_ == State::Bad ? bytes.size() : taken;
}

/// One piece of `bytes`: a line, or data of a chunk.
size_t ResponseReader::feedChunks(std::string_view bytes, std::string &body) {
  if (chunk_ == Chunk::Data) {
    auto count = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
    body.append(bytes.substr(0, count));
    if ((left_ -= count) == 0)
      chunk_ = Chunk::DataEnd;
    return count;
  }
  size_t end = bytes.find('\n');
  line_.append(bytes.substr(0, end));
  if (end == std::string_view::npos) {
    if (line_.size() > kMostChunkLine)
      bad("a line between its chunks is longer than 4 KiB");
    return bytes.size();
  }
  if (line_.ends_with('\r'))
    line_.pop_back();
  chunkLine();
  line_.clear();
  return end + 1;
}

void ResponseReader::chunkLine() {
  switch (chunk_) {
  case Chunk::Size:
    if (!number(trimmed(std::string_view(line_).substr(0, line_.find(';'))), left_, 16))
      return bad("the size of a chunk is '" + line_.substr(0, 40) + "'");
    chunk_ = left_ == 0 ? Chunk::Trailer : Chunk::Data;
    return;
  case Chunk::DataEnd:
    if (!line_.empty())
      return bad("a chunk is longer than its size");
    chunk_ = Chunk::Size;
    return;
  default: // a field after the last chunk, or the empty line at the end
    if (line_.empty())
      state_ = State::Done;
  }
}

bool ResponseReader::end() {
  if (state_ == State::Body && framing_ == Framing::ToEnd)
    state_ = State::Done;
  keepAlive_ = false;
  return state_ == State::Done;
}

} // namespace axiom::bench
