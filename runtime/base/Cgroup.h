// The control groups that this process is in, for limits on memory and CPU time.
#ifndef AXIOM_RUNTIME_BASE_CGROUP_H
#define AXIOM_RUNTIME_BASE_CGROUP_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace axiom {

/// Folders of the process's groups, innermost first, of version 2 and of the version 1 hierarchy of
/// `controller` ("cpu", "memory"). A folder need not exist.
std::vector<std::string> cgroupFolders(const std::string &controller);

/// The same from the text of /proc/self/cgroup.
std::vector<std::string> cgroupFoldersFrom(const std::string &text, const std::string &controller);

/// The beginning (at most 64 kB) of a file of the kernel; nothing if it can't be read.
std::optional<std::string> readKernelFile(const std::string &path);

/// The decimal number at the start of `text`; nothing for "max" and the like.
std::optional<uint64_t> leadingNumber(const std::string &text);

/// The number after `key` at the start of a line, for example "MemAvailable:".
std::optional<uint64_t> numberAfter(const std::string &text, const std::string &key);

} // namespace axiom

#endif
