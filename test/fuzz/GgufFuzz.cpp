// A GGUF file from anywhere: container, keys as a configuration, tokenizer keys, and each row of
// each tensor decoded.
#include "compiler/import/BlockDecode.h"
#include "compiler/import/GgufModel.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace axiom;
  auto file = GgufFile::parse({data, size});
  if (!file.ok())
    return 0;
  for (const auto &[key, entry] : file->metadata()) {
    (void)file->unsignedInt(key).ok();
    (void)file->uniformInt(key).ok();
    (void)file->number(key).ok();
    (void)file->string(key).ok();
    (void)file->stringArray(key).ok();
    (void)file->floatArray(key).ok();
    (void)file->intArray(key).ok();
  }
  std::vector<float> out;
  for (const GgufTensor &tensor : file->tensors()) {
    BlockShape shape = sourceBlock(tensor.type);
    uint64_t blocks = tensor.bytes.size() / shape.bytes;
    out.resize(blocks * shape.weights);
    decodeBlocks(tensor.type, tensor.bytes.data(), blocks, out.data());
  }
  std::vector<std::string> notes;
  auto config = readGgufConfig(*file, notes);
  if (config.ok()) {
    TextSource text;
    (void)readGgufText(*file, config->config, text).ok();
  }
  return 0;
}
