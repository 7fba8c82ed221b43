// The JSON files beside a model's weights; the first byte chooses which.
#include "compiler/import/ConfigReader.h"
#include "compiler/import/Safetensors.h"
#include "compiler/import/SafetensorsModel.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace axiom;
  if (size == 0)
    return 0;
  std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
  std::vector<std::string> notes;
  switch (data[0] % 4) {
  case 0: {
    auto read = readHfConfig(text, notes);
    if (!read.ok())
      break;
    const ModelConfig &c = read->config;
    if (c.layerWindow.size() != c.numLayers || c.headDim % 2 != 0 || c.numHeads % c.numKvHeads != 0)
      std::abort();
    break;
  }
  case 1: {
    ModelConfig config;
    config.vocabSize = 1000;
    (void)readGenerationConfig(text, config).ok();
    for (int32_t id : config.eosIds)
      if (id < 0 || id >= 1000)
        std::abort();
    break;
  }
  case 2: {
    TextSource out;
    (void)readTokenizerConfig(text, out, notes).ok();
    break;
  }
  default: {
    auto index = parseSafetensorsIndex(text);
    if (index.ok())
      for (const auto &[tensor, shard] : *index)
        if (shard.empty() || shard.find('/') != shard.npos)
          std::abort();
  }
  }
  return 0;
}
