#include "runtime/serve/core/ApiKeys.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>

namespace axiom::serve {
namespace {

constexpr size_t kLeastKey = 16, kMostKey = 512, kMostName = 64, kMostBytes = 4 << 20;

Result<std::string> readKeys(const std::string &path) {
  std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file)
    return {Code::NotFound, path + ": the API keys can't be read: " + std::strerror(errno)};
  std::string text(kMostBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()))
    return {Code::NotFound, path + ": the API keys can't be read: " + std::strerror(errno)};
  if (text.size() > kMostBytes)
    return {Code::InvalidArgument, path + ": more than 4 MiB: this is no file of API keys"};
  return text;
}

bool printable(std::string_view word) {
  return std::ranges::all_of(word, [](char c) { return c > ' ' && c < 0x7f; });
}

/// The next word of `line`, which loses it.
std::string_view nextWord(std::string_view &line) {
  constexpr std::string_view kBlank = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

Sha256Digest digestOf(std::string_view text) {
  return Sha256::of({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
}

Client clientOf(std::string name) {
  Sha256Digest digest = digestOf(name);
  Client client{std::move(name), 0};
  std::memcpy(&client.id, digest.data(), sizeof client.id);
  client.id |= 1; // 0 stands for nobody's
  return client;
}

} // namespace

Result<std::vector<ApiKeys::Entry>> ApiKeys::parse(const std::string &text,
                                                   const std::string &path) {
  std::vector<Entry> entries;
  std::string_view rest = text;
  for (size_t number = 1; !rest.empty(); ++number) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    auto wrong = [&](const std::string &what) {
      return Status(Code::InvalidArgument,
                    format("%s:%zu: %s", path.c_str(), number, what.c_str()));
    };
    std::string_view key = nextWord(line);
    if (key.empty() || key[0] == '#')
      continue;
    if (key.size() < kLeastKey || key.size() > kMostKey)
      return wrong(format("a key of %zu characters; %zu to %zu are possible: make one with "
                          "'openssl rand -hex 24'",
                          key.size(), kLeastKey, kMostKey));
    if (!printable(key))
      return wrong("a key with a character that is not printable ASCII");
    Sha256Digest digest = digestOf(key);
    std::string name(nextWord(line));
    if (name.empty()) // the same in every run, and tells nothing of the key
      name = "key-" + sha256Hex(digest).substr(0, 8);
    if (name.size() > kMostName || !printable(name))
      return wrong(format("a key's name has %zu characters; 1 to %zu of printable ASCII are "
                          "possible",
                          name.size(), kMostName));
    if (!nextWord(line).empty())
      return wrong("more than a key and its name");
    for (const Entry &other : entries)
      if (other.digest == digest)
        return wrong("a key that the file has already, as that of " + other.client.name);
    entries.push_back({digest, clientOf(std::move(name))});
  }
  if (entries.empty())
    return {Code::InvalidArgument, path + ": no keys: write one a line, as KEY or KEY NAME"};
  return entries;
}

Result<std::unique_ptr<ApiKeys>> ApiKeys::load(const std::string &path) {
  std::unique_ptr<ApiKeys> keys(new ApiKeys(path));
  AXIOM_RETURN_IF_ERROR(keys->reload());
  return keys;
}

Status ApiKeys::reload() {
  AXIOM_ASSIGN_OR_RETURN(std::string text, readKeys(path_));
  AXIOM_ASSIGN_OR_RETURN(std::vector<Entry> entries, parse(text, path_));
  auto shared = std::make_shared<const std::vector<Entry>>(std::move(entries));
  std::lock_guard lock(mutex_);
  entries_ = std::move(shared);
  return {};
}

size_t ApiKeys::size() const {
  std::lock_guard lock(mutex_);
  return entries_->size();
}

bool ApiKeys::readableByOthers() const {
  struct stat status{};
  return stat(path_.c_str(), &status) == 0 && (status.st_mode & (S_IRGRP | S_IROTH)) != 0;
}

// Digests are compared, whole and with each, so that time tells neither how much of a key was right
// nor which one it was.
std::optional<Client> ApiKeys::find(std::string_view key) const {
  std::shared_ptr<const std::vector<Entry>> entries;
  {
    std::lock_guard lock(mutex_);
    entries = entries_;
  }
  Sha256Digest digest = digestOf(key);
  size_t found = entries->size();
  for (size_t i = 0; i < entries->size(); ++i) {
    volatile uint8_t different = 0;
    for (size_t k = 0; k < digest.size(); ++k)
      different = different | static_cast<uint8_t>(digest[k] ^ (*entries)[i].digest[k]);
    size_t mask = size_t(0) - static_cast<size_t>(different == 0);
    found = (found & ~mask) | (i & mask);
  }
  if (found == entries->size())
    return std::nullopt;
  return (*entries)[found].client;
}

std::optional<std::string_view> bearerKey(const http::Request &request) {
  if (request.headers.count("Authorization") != 1)
    return std::nullopt;
  std::string_view value = *request.headers.find("Authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (value.size() <= scheme.size() ||
      !http::equalsIgnoreCase(value.substr(0, scheme.size()), scheme))
    return std::nullopt;
  value.remove_prefix(scheme.size());
  while (!value.empty() && value.front() == ' ')
    value.remove_prefix(1);
  while (!value.empty() && value.back() == ' ')
    value.remove_suffix(1);
  return value;
}

http::Response wrongKey(bool given) {
  http::Response response = http::errorResponse(
      401,
      given ? "This API key is not known here. Check it, or ask the server's operator for one."
            : "There is no API key. Send it in the field 'Authorization: Bearer KEY'.",
      given ? "invalid_api_key" : "missing_api_key");
  response.headers.push_back(
      {"WWW-Authenticate", given ? "Bearer error=\"invalid_token\"" : "Bearer"});
  return response;
}

} // namespace axiom::serve
