#include "compiler/import/GgufModel.h"
#include "compiler/import/SafetensorsModel.h"

#include <exception>
#include <filesystem>
#include <new>

namespace axiom {

namespace fs = std::filesystem;

static bool endsWith(const std::string &text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The only .gguf file of a folder without safetensors; "" otherwise.
static std::string ggufInFolder(const std::string &folder) {
  std::string found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (endsWith(name, ".safetensors") || endsWith(name, ".safetensors.index.json"))
      return "";
    if (endsWith(name, ".gguf")) {
      if (!found.empty())
        return "";
      found = it->path().string();
    }
  }
  return found;
}

static Result<std::unique_ptr<ModelSource>> openByName(const std::string &path) {
  std::error_code error;
  auto status = fs::status(path, error);
  if (!fs::exists(status))
    return Status(Code::NotFound, "'" + path + "' does not exist");
  if (fs::is_directory(status)) {
    std::string gguf = ggufInFolder(path);
    return gguf.empty() ? openSafetensors(path) : openGguf(gguf);
  }
  if (endsWith(path, ".gguf"))
    return openGguf(path);
  if (endsWith(path, ".safetensors") || endsWith(path, ".index.json"))
    return openSafetensors(path);
  return Status(Code::Unsupported,
                "'" + path +
                    "' is not a model we can read; supported: a .safetensors file, a "
                    ".safetensors.index.json, a folder that holds one, a .gguf file");
}

Result<std::unique_ptr<ModelSource>> openModel(const std::string &path) {
  try {
    return openByName(path);
  } catch (const std::bad_alloc &) {
    return Status(Code::Resource, "not enough memory to open '" + path + "'");
  } catch (const std::exception &e) {
    return Status(Code::Internal, "while opening '" + path + "': " + e.what());
  }
}

} // namespace axiom
