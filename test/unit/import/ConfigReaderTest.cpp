#include "compiler/import/ConfigReader.h"
#include "test/unit/import/ModelFiles.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

ModelConfig read(const std::string &text) {
  std::vector<std::string> notes;
  auto config = readHfConfig(text, notes);
  EXPECT_TRUE(config.ok()) << config.status().message();
  return config.ok() ? config->config : ModelConfig();
}

} // namespace

TEST(ConfigReader, LlamaOnTheHub) {
  // The values of SmolLM2's file, in the old spelling.
  ModelConfig c = read(R"({"architectures":["LlamaForCausalLM"],"attention_bias":false,
    "attention_dropout":0.0,"bos_token_id":1,"eos_token_id":2,"hidden_act":"silu","hidden_size":576,
    "intermediate_size":1536,"max_position_embeddings":8192,"mlp_bias":false,"model_type":"llama",
    "num_attention_heads":9,"num_hidden_layers":30,"num_key_value_heads":3,"pretraining_tp":1,
    "rms_norm_eps":1e-05,"rope_interleaved":false,"rope_scaling":null,"rope_theta":100000,
    "tie_word_embeddings":true,"torch_dtype":"bfloat16","vocab_size":49152})");
  EXPECT_EQ(c.family, "llama");
  EXPECT_EQ(c.headDim, 64u);
  EXPECT_EQ(c.numLayers, 30u);
  EXPECT_EQ(c.numKvHeads, 3u);
  EXPECT_EQ(c.maxContext, 8192u);
  EXPECT_EQ(c.rope.theta, 100000.0);
  EXPECT_EQ(c.rope.scaling, RopeConfig::Scaling::None);
  EXPECT_EQ(c.normEps, 1e-5f);
  EXPECT_TRUE(c.tiedEmbedding);
  EXPECT_FALSE(c.qkNorm);
  EXPECT_EQ(c.bosId, 1);
  EXPECT_EQ(c.eosIds, std::vector<int32_t>{2});
  EXPECT_EQ(c.layerWindow, std::vector<uint32_t>(30, 0));
}

TEST(ConfigReader, Llama3ScalingInBothSpellings) {
  std::string values = R"("factor":32.0,"high_freq_factor":4.0,"low_freq_factor":1.0,
                          "original_max_position_embeddings":64,"rope_type":"llama3")";
  for (const std::string &more :
       {",\"rope_theta\":500000.0,\"rope_scaling\":{" + values + "}",
        ",\"rope_parameters\":{\"rope_theta\":500000.0," + values + "},\"dtype\":\"bfloat16\""}) {
    ModelConfig c = read(tinyConfig("llama", true, more));
    EXPECT_EQ(c.rope.theta, 500000.0);
    EXPECT_EQ(c.rope.scaling, RopeConfig::Scaling::Llama3);
    EXPECT_EQ(c.rope.factor, 32.0);
    EXPECT_EQ(c.rope.lowFreqFactor, 1.0);
    EXPECT_EQ(c.rope.highFreqFactor, 4.0);
    EXPECT_EQ(c.rope.originalContext, 64u);
  }
  // Absent, it is the context of the model, as in transformers.
  EXPECT_EQ(read(tinyConfig("llama", true,
                            R"(,"rope_scaling":{"rope_type":"llama3","factor":2,
                               "low_freq_factor":1,"high_freq_factor":4})"))
                .rope.originalContext,
            256u);
}

TEST(ConfigReader, LinearScalingOldKeyAndDefaultType) {
  ModelConfig c =
      read(tinyConfig("llama", true, R"(,"rope_scaling":{"type":"linear","factor":2.5})"));
  EXPECT_EQ(c.rope.scaling, RopeConfig::Scaling::Linear);
  EXPECT_EQ(c.rope.factor, 2.5);
  EXPECT_EQ(c.rope.theta, 10000.0);
  c = read(
      tinyConfig("qwen3", true, R"(,"rope_parameters":{"rope_type":"default","rope_theta":1e6})"));
  EXPECT_EQ(c.rope.scaling, RopeConfig::Scaling::None);
  EXPECT_EQ(c.rope.theta, 1e6);
}

TEST(ConfigReader, Windows) {
  using Windows = std::vector<uint32_t>;
  EXPECT_EQ(read(tinyConfig("mistral", true, ",\"sliding_window\":64")).layerWindow,
            Windows({64, 64}));
  EXPECT_EQ(read(tinyConfig("mistral", true, ",\"sliding_window\":null")).layerWindow,
            Windows({0, 0}));
  EXPECT_EQ(read(tinyConfig("mistral", true)).layerWindow, Windows({4096, 4096}));
  std::string types = R"(,"layer_types":["full_attention","sliding_attention"])";
  EXPECT_EQ(read(tinyConfig("mistral", true, ",\"sliding_window\":9" + types)).layerWindow,
            Windows({0, 9}));
  for (const char *family : {"qwen2", "qwen3"}) {
    std::string window = R"(,"sliding_window":9,"max_window_layers":1)";
    EXPECT_EQ(read(tinyConfig(family, true, window)).layerWindow, Windows({0, 0}));
    std::string on = window + ",\"use_sliding_window\":true";
    EXPECT_EQ(read(tinyConfig(family, true, on)).layerWindow, Windows({0, 9}));
    EXPECT_EQ(read(tinyConfig(family, true, on + types)).layerWindow, Windows({0, 9}));
    EXPECT_EQ(read(tinyConfig(family, true,
                              on + R"(,"layer_types":["sliding_attention","full_attention"])"))
                  .layerWindow,
              Windows({9, 0}));
    EXPECT_EQ(read(tinyConfig(family, true,
                              window + R"(,"layer_types":["full_attention","full_attention"])"))
                  .layerWindow,
              Windows({0, 0}));
  }
}

TEST(ConfigReader, DefaultsOfTheFamilies) {
  std::string base = R"("hidden_size":128,"intermediate_size":8,"num_hidden_layers":1,
                        "num_attention_heads":32,"vocab_size":10})";
  ModelConfig llama = read(R"({"model_type":"llama",)" + base);
  EXPECT_EQ(llama.numKvHeads, 32u);
  EXPECT_EQ(llama.headDim, 4u);
  EXPECT_EQ(llama.maxContext, 2048u);
  EXPECT_EQ(llama.normEps, 1e-6f);
  EXPECT_FALSE(llama.tiedEmbedding);
  ModelConfig mistral = read(R"({"model_type":"mistral",)" + base);
  EXPECT_EQ(mistral.numKvHeads, 8u);
  EXPECT_EQ(mistral.maxContext, 131072u);
  ModelConfig qwen3 = read(R"({"model_type":"qwen3",)" + base);
  EXPECT_EQ(qwen3.headDim, 128u);
  EXPECT_EQ(qwen3.numKvHeads, 32u);
  EXPECT_TRUE(qwen3.qkNorm);
  EXPECT_EQ(read(R"({"model_type":"mistral","num_key_value_heads":null,)" + base).numKvHeads, 32u);
  EXPECT_EQ(read(R"({"architectures":["Qwen2ForCausalLM"],)" + base).family, "qwen2");
}

TEST(ConfigReader, BiasKeys) {
  std::vector<std::string> notes;
  auto none = readHfConfig(tinyConfig("llama", true), notes);
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->biases.qkv, Bias::Never);
  EXPECT_EQ(none->biases.mlp, Bias::Never);
  auto all =
      readHfConfig(tinyConfig("llama", true, ",\"attention_bias\":true,\"mlp_bias\":true"), notes);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->biases.qkv, Bias::Always);
  EXPECT_EQ(all->biases.o, Bias::Always);
  EXPECT_EQ(all->biases.mlp, Bias::Always);
  auto qwen2 = readHfConfig(tinyConfig("qwen2", true), notes);
  ASSERT_TRUE(qwen2.ok());
  EXPECT_EQ(qwen2->biases.qkv, Bias::Always);
  EXPECT_EQ(qwen2->biases.o, Bias::Never);
}

TEST(ConfigReader, TokenIdsOfBothFiles) {
  ModelConfig c = read(tinyConfig("llama", true, R"(,"eos_token_id":[5,6],"bos_token_id":null)"));
  EXPECT_EQ(c.bosId, -1);
  Status status = readGenerationConfig(R"({"eos_token_id":[6,7],"bos_token_id":3})", c);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(c.eosIds, (std::vector<int32_t>{5, 6, 7}));
  EXPECT_EQ(c.bosId, 3);
  EXPECT_FALSE(readGenerationConfig(R"({"eos_token_id":131})", c).ok());
}

TEST(ConfigReader, TextPartOfALargerModel) {
  std::string inner = tinyConfig("mistral", true, ",\"sliding_window\":null");
  std::vector<std::string> notes;
  auto config = readHfConfig("{\"model_type\":\"llava\",\"text_config\":" + inner + "}", notes);
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->config.family, "mistral");
  EXPECT_EQ(notes.size(), 1u);
}

TEST(ConfigReader, NameKeepsNoPath) {
  EXPECT_EQ(read(tinyConfig("llama", true, R"(,"_name_or_path":"/home/someone/models/tiny")")).name,
            "tiny");
  EXPECT_EQ(read(tinyConfig("llama", true, R"(,"_name_or_path":"org/tiny")")).name, "tiny");
}
