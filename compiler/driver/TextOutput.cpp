#include "compiler/driver/TextOutput.h"

#include "compiler/package/OutputFile.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>

namespace axiom {

Status writeText(const std::string &path, std::string_view text) {
  if (path.empty() || path == "-") {
    if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
      return Status(Code::Resource, format("writing to stdout failed: %s", strerror(errno)));
    return Status();
  }
  AXIOM_ASSIGN_OR_RETURN(OutputFile file, OutputFile::create(path));
  AXIOM_RETURN_IF_ERROR(file.write({reinterpret_cast<const uint8_t *>(text.data()), text.size()}));
  return file.commit();
}

Status makeFolder(const std::string &path) {
  if (mkdir(path.c_str(), 0777) == 0)
    return Status();
  struct stat info;
  if (errno == EEXIST && stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return Status();
  return Status(Code::InvalidArgument,
                format("can't create the folder '%s': %s", path.c_str(), strerror(errno)));
}

} // namespace axiom
