#include "compiler/driver/ModuleCache.h"

#include "compiler/package/OutputFile.h"
#include "runtime/base/ByteStream.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace axiom {

namespace fs = std::filesystem;

namespace {

constexpr char kMagic[8] = {'A', 'X', 'C', 'A', 'C', 'H', 'E', '1'};
constexpr size_t kHeadBytes = sizeof kMagic + sizeof(Sha256Digest);
constexpr const char *kSuffix = ".module";
constexpr size_t kKeyChars = 64;

std::string fromEnvironment(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

std::string cacheFolder() {
  std::string own = fromEnvironment("AXIOM_CACHE_DIR"), user = fromEnvironment("XDG_CACHE_HOME");
  std::string home = fromEnvironment("HOME");
  if (!own.empty())
    return own;
  if (!user.empty() && user[0] == '/')
    return user + "/axiom";
  return home.empty() ? "" : home + "/.cache/axiom";
}

/// The whole of a regular file; nothing where it can't be read.
std::optional<std::string> readFile(const std::string &path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return std::nullopt;
  struct stat info;
  std::optional<std::string> bytes;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
      static_cast<uint64_t>(info.st_size) <= kMostCacheBytes) {
    bytes.emplace(static_cast<size_t>(info.st_size), '\0');
    size_t done = 0;
    while (done < bytes->size()) {
      ssize_t got = read(fd, bytes->data() + done, bytes->size() - done);
      if (got <= 0)
        break;
      done += static_cast<size_t>(got);
    }
    bytes->resize(done);
  }
  close(fd);
  return bytes;
}

std::span<const uint8_t> bytesOf(const std::string &text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

bool isKey(std::string_view text) {
  return text.size() == kKeyChars &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Our files in the folder, whatever else lies there: entries, and what a killed axiomc left of one
/// (".KEY.module.XXXXXX").
bool isEntry(const std::string &name) {
  return name.size() == kKeyChars + std::strlen(kSuffix) && name.ends_with(kSuffix) &&
         isKey(std::string_view(name).substr(0, kKeyChars));
}
bool isLeftOver(const std::string &name) {
  return name.size() == 1 + kKeyChars + std::strlen(kSuffix) + 7 && name[0] == '.' &&
         isEntry(name.substr(1, kKeyChars + std::strlen(kSuffix)));
}

} // namespace

ModuleCache::ModuleCache() : folder_(cacheFolder()) {}

std::string ModuleCache::key(const std::vector<std::string> &texts) {
  Sha256 digest;
  for (const std::string &text : texts) {
    // The length keeps apart what belongs to two texts.
    std::string head = std::to_string(text.size()) + "\n";
    digest.update(head.data(), head.size());
    digest.update(text.data(), text.size());
  }
  return sha256Hex(digest.finish());
}

std::optional<std::string> ModuleCache::find(const std::string &key) const {
  if (folder_.empty())
    return std::nullopt;
  std::string path = folder_ + "/" + key + kSuffix;
  std::optional<std::string> bytes = readFile(path);
  if (!bytes || bytes->size() <= kHeadBytes ||
      std::memcmp(bytes->data(), kMagic, sizeof kMagic) != 0)
    return std::nullopt;
  std::string module = bytes->substr(kHeadBytes);
  Sha256Digest digest = Sha256::of(bytesOf(module));
  if (std::memcmp(bytes->data() + sizeof kMagic, digest.data(), digest.size()) != 0)
    return std::nullopt;
  utimensat(AT_FDCWD, path.c_str(), nullptr, 0); // used now
  return module;
}

void ModuleCache::store(const std::string &key, const std::string &module) const {
  if (folder_.empty() || kHeadBytes + module.size() > mostBytes_)
    return;
  std::error_code ignored;
  fs::create_directories(folder_, ignored);
  Result<OutputFile> file = OutputFile::create(folder_ + "/" + key + kSuffix);
  if (!file.ok())
    return;
  ByteWriter head;
  head.raw(kMagic, sizeof kMagic);
  Sha256Digest digest = Sha256::of(bytesOf(module));
  head.raw(digest.data(), digest.size());
  if (file->write(head.bytes()).ok() && file->write(bytesOf(module)).ok())
    (void)file->commit();
  removeOldest();
}

void ModuleCache::removeOldest() const {
  struct Entry {
    fs::file_time_type used;
    fs::path path;
    uint64_t bytes;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  auto hourAgo = fs::file_time_type::clock::now() - std::chrono::hours(1);
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    std::error_code none;
    std::string name = it->path().filename().string();
    fs::file_time_type used = it->last_write_time(none);
    if (none || !it->is_regular_file(none))
      continue;
    if (isLeftOver(name) && used < hourAgo)
      fs::remove(it->path(), none);
    if (!isEntry(name))
      continue;
    entries.push_back({used, it->path(), it->file_size(none)});
    total += none ? 0 : entries.back().bytes;
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry &a, const Entry &b) { return a.used < b.used; });
  for (size_t i = 0; i < entries.size() && total > mostBytes_; ++i) {
    fs::remove(entries[i].path, error);
    total -= entries[i].bytes;
  }
}

} // namespace axiom
