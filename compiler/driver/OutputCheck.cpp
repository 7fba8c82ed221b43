#include "compiler/driver/OutputCheck.h"

#include <cstdio>
#include <cstring>
#include <filesystem>

namespace axiom {

namespace fs = std::filesystem;

/// True if the file holds something that is not an artifact; a missing or empty file holds nothing.
static bool holdsSomethingElse(const fs::path &path) {
  std::FILE *file = std::fopen(path.c_str(), "rb");
  if (!file)
    return false;
  char magic[4] = {};
  size_t got = std::fread(magic, 1, sizeof magic, file);
  std::fclose(file);
  return got > 0 && (got < sizeof magic || std::memcmp(magic, "AXM1", sizeof magic) != 0);
}

static bool isInputOf(const fs::path &path, const fs::path &input) {
  std::error_code error;
  if (fs::equivalent(path, input, error))
    return true;
  fs::path folder = fs::is_directory(input, error) ? input : input.parent_path();
  fs::path own = path.parent_path();
  if (!fs::equivalent(own.empty() ? "." : own, folder.empty() ? "." : folder, error))
    return false;
  for (const char *extension : {".safetensors", ".gguf", ".json", ".jinja", ".model"})
    if (path.extension() == extension)
      return true;
  return false;
}

Result<std::string> chooseOutput(const CompilerOptions &options) {
  fs::path output = options.output;
  if (output.empty()) {
    if (options.emit != Emit::Artifact)
      return std::string();
    // A folder's name may end in a slash or be "."; a file in a folder is often just "model".
    std::error_code error;
    fs::path input = fs::weakly_canonical(options.input, error);
    output = input.filename();
    if (!fs::is_directory(input, error))
      output = output.stem();
    output += ".axm";
  }
  std::error_code error;
  if (!fs::exists(output, error) || output == "-")
    return output.string();
  if (isInputOf(output, options.input))
    return Status(Code::InvalidArgument,
                  format("the output '%s' belongs to the input; choose another name with -o",
                         output.c_str()));
  if (options.emit == Emit::Artifact && fs::is_regular_file(output, error) &&
      holdsSomethingElse(output))
    return Status(Code::InvalidArgument,
                  format("'%s' exists and is not an artifact; remove it or choose another name "
                         "with -o",
                         output.c_str()));
  return output.string();
}

} // namespace axiom
