#include "runtime/base/Cgroup.h"

#include "runtime/base/Checked.h"

#include <fcntl.h>
#include <unistd.h>

namespace axiom {

std::optional<std::string> readKernelFile(const std::string &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return std::nullopt;
  std::string text(64 * 1024, '\0');
  size_t done = 0;
  while (done < text.size()) {
    ssize_t got = ::read(fd, text.data() + done, text.size() - done);
    if (got <= 0)
      break;
    done += static_cast<size_t>(got);
  }
  ::close(fd);
  text.resize(done);
  return text;
}

std::optional<uint64_t> leadingNumber(const std::string &text) {
  uint64_t value = 0;
  size_t i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    auto shifted = checkedMul(value, 10);
    auto next = shifted ? checkedAdd(*shifted, static_cast<uint64_t>(text[i] - '0')) : std::nullopt;
    if (!next)
      return std::nullopt;
    value = *next;
  }
  return i > 0 ? std::optional<uint64_t>(value) : std::nullopt;
}

std::optional<uint64_t> numberAfter(const std::string &text, const std::string &key) {
  size_t at = text.rfind(key, 0) == 0 ? 0 : text.find("\n" + key);
  if (at == std::string::npos)
    return std::nullopt;
  at = text.find(key, at) + key.size();
  while (at < text.size() && text[at] == ' ')
    ++at;
  return leadingNumber(text.substr(at));
}

static bool listHas(const std::string &list, const std::string &name) {
  return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

std::vector<std::string> cgroupFoldersFrom(const std::string &text, const std::string &controller) {
  std::vector<std::string> folders;
  auto addUpwards = [&](const std::string &root, std::string path) {
    while (!path.empty() && path.back() == '/')
      path.pop_back();
    while (true) {
      folders.push_back(root + path);
      size_t slash = path.rfind('/');
      if (slash == std::string::npos)
        break;
      path.resize(slash);
    }
  };
  // Lines are "id:controllers:/path"; version 2 has no controllers.
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos)
      end = text.size();
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    size_t first = line.find(':');
    size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (controllers.empty())
      addUpwards("/sys/fs/cgroup", path);
    else if (listHas(controllers, controller))
      addUpwards("/sys/fs/cgroup/" + controller, path);
  }
  return folders;
}

std::vector<std::string> cgroupFolders(const std::string &controller) {
  auto text = readKernelFile("/proc/self/cgroup");
  return text ? cgroupFoldersFrom(*text, controller) : std::vector<std::string>();
}

} // namespace axiom
