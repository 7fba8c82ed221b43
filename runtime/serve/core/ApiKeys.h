// The keys that clients have to send, from a file.
#ifndef AXIOM_RUNTIME_SERVE_CORE_APIKEYS_H
#define AXIOM_RUNTIME_SERVE_CORE_APIKEYS_H

#include "runtime/base/Sha256.h"
#include "runtime/base/Status.h"
#include "runtime/serve/http/Message.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::serve {

/// Whose request it is. Keys with one name are one client: an old key and its successor.
struct Client {
  std::string name;
  uint64_t id = 0; ///< of the name, never 0: what the engine shares fairly among
};

/// Any thread.
class ApiKeys {
public:
  /// A file of lines `KEY [NAME]`; empty lines and lines that begin with # say nothing. A key is 16
  /// to 512 printable characters. Errors name the line, never the key.
  static Result<std::unique_ptr<ApiKeys>> load(const std::string &path);

  /// Reads the file again. After an error the keys are what they were.
  Status reload();
  /// The client of a key; how long it takes depends on the number of keys alone.
  std::optional<Client> find(std::string_view key) const;
  size_t size() const;
  /// Whether others than the file's owner can read it.
  bool readableByOthers() const;

private:
  struct Entry {
    Sha256Digest digest; ///< keys themselves are not kept
    Client client;
  };
  explicit ApiKeys(std::string path) : path_(std::move(path)) {}
  static Result<std::vector<Entry>> parse(const std::string &text, const std::string &path);

  const std::string path_;
  mutable std::mutex mutex_;
  std::shared_ptr<const std::vector<Entry>> entries_;
};

/// The key of `Authorization: Bearer KEY`; nothing where there is none or there are two.
std::optional<std::string_view> bearerKey(const http::Request &request);

/// 401 in OpenAI's form, with WWW-Authenticate. `given`: a key was sent, but a wrong one.
http::Response wrongKey(bool given);

} // namespace axiom::serve

#endif
