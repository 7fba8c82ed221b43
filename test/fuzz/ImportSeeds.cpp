// Writes well-formed inputs for the import fuzz targets: ImportSeeds FOLDER.
#include "test/unit/import/ModelFiles.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

using namespace axiom::test;

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: ImportSeeds FOLDER\n");
    return 2;
  }
  namespace fs = std::filesystem;
  auto write = [&](const std::string &target, const std::string &name, const std::string &bytes) {
    fs::path folder = fs::path(argv[1]) / target;
    fs::create_directories(folder);
    std::ofstream(folder / name, std::ios::binary) << bytes;
  };
  Tensors small;
  small["a"] = floats({2, 3}, 1);
  small["b"] = floats({0}, 2);
  write("Safetensors", "two", safetensorsBytes(small));
  std::string header = R"({"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[],)"
                       R"("data_offsets":[0,2],"x":[1,{}]}})";
  write("Safetensors", "metadata", le(header.size(), 8) + header + "ab");
  for (const char *family : {"llama", "mistral", "qwen2", "qwen3"}) {
    GgufWriter w = tinyGguf(family, true);
    for (auto &info : w.tensors) // the keys are what matters: keep the input small
      info.tensor = floats({1}, 1);
    w.tensors[0] = {"token_embd.weight", floats({131, 1}, 1), -1};
    w.remove("tokenizer.ggml.tokens");
    w.strings("tokenizer.ggml.tokens", std::vector<std::string>(131, "t"));
    write("Gguf", family, w.bytes());
    write("Config", family,
          std::string(1, '\0') +
              tinyConfig(family, true,
                         R"(,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,)"
                         R"("high_freq_factor":4,"original_max_position_embeddings":64},)"
                         R"("use_sliding_window":true,"sliding_window":9,"max_window_layers":1,)"
                         R"("layer_types":["full_attention","sliding_attention"])"));
  }
  write("Config", "generation", R"(1{"eos_token_id":[1,2],"bos_token_id":3})");
  write("Config", "tokenizer",
        R"(2{"bos_token":{"content":"<s>"},"chat_template":[{"name":"default","template":"x"}]})");
  write("Config", "index", R"(3{"weight_map":{"a":"b.safetensors"}})");
  return 0;
}
