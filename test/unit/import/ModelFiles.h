// Tiny models for tests, as files: a writer of GGUF and of safetensors that knows nothing of the
// readers, and temporary folders.
#ifndef AXIOM_TEST_UNIT_IMPORT_MODELFILES_H
#define AXIOM_TEST_UNIT_IMPORT_MODELFILES_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace axiom::test {

std::string le(uint64_t value, int bytes);

/// A folder under the system's temporary one, removed with its files at the end.
class TempFolder {
public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder &) = delete;
  TempFolder &operator=(const TempFolder &) = delete;
  std::string path(const std::string &name = "") const;
  void write(const std::string &name, const std::string &bytes) const;

private:
  std::string folder_;
};

struct Tensor {
  std::vector<uint64_t> shape; ///< outermost first
  std::string bytes;
  std::string dtype = "F32"; ///< safetensors
  uint32_t ggufType = 0;
};
using Tensors = std::map<std::string, Tensor>;

/// f32 values that differ from each other and depend on the seed.
Tensor floats(std::vector<uint64_t> shape, uint32_t seed);

std::string safetensorsBytes(const Tensors &tensors);

/// A GGUF file, field by field; the public parts may be damaged before bytes() is called.
struct GgufWriter {
  std::string magic = "GGUF";
  uint32_t version = 3;
  uint64_t alignment = 32; ///< for placing; the key general.alignment is not written by itself
  std::vector<std::string> entries; ///< encoded key-value pairs
  struct Info {
    std::string name;
    Tensor tensor;
    int64_t offset = -1; ///< -1: where it is put
  };
  std::vector<Info> tensors;
  int64_t tensorCount = -1, entryCount = -1; ///< -1: as many as there are

  void u32(const std::string &key, uint32_t value);
  void f32(const std::string &key, float value);
  void boolean(const std::string &key, uint8_t value);
  void string(const std::string &key, const std::string &value);
  void strings(const std::string &key, const std::vector<std::string> &values);
  void raw(const std::string &key, uint32_t type, const std::string &value);
  void remove(const std::string &key);
  Info &find(const std::string &name);
  std::string bytes() const;
};

/// Sizes of the tiny models: 2 layers, hidden 96, 3 heads of 40 with 1 KV head, inner 80, 131 ids.
Tensors tinyTensors(const std::string &family, bool tied);
std::string tinyConfig(const std::string &family, bool tied, const std::string &more = "");
/// tinyTensors() under GGUF's names, q and k permuted where the architecture has it.
GgufWriter tinyGguf(const std::string &family, bool tied);

} // namespace axiom::test

#endif
