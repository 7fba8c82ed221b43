// config.json files with one thing wrong each: every one gets an error that names it.
#include "compiler/import/ConfigReader.h"
#include "compiler/import/StrictJson.h"
#include "test/unit/import/ModelFiles.h"

#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

struct Case {
  const char *family;
  /// Replaces the value of the key in the tiny configuration, or is added to it. Without a key the
  /// value is the whole text.
  const char *key;
  const char *value;
  Code code;
  const char *message;
};

const Case kCases[] = {
    {"llama", "", "", Code::BadInput, "not valid JSON"},
    {"llama", "", "[]", Code::BadInput, "an object is needed"},
    {"llama", "", "null", Code::BadInput, "an object is needed"},
    {"llama", "", "{", Code::BadInput, "not valid JSON"},
    {"llama", "", "{\"a\":1,\"a\":1}", Code::BadInput, "'a' occurs twice"},
    {"llama", "", "{\"a\":{\"b\":1,\"b\":2}}", Code::BadInput, "'b' occurs twice"},
    {"llama", "", "{\"a\":1e999}", Code::BadInput, "not valid JSON"},
    {"llama", "", "{\"a\":\"\xff\"}", Code::BadInput, "not valid JSON"},
    {"llama", "", "{}", Code::Unsupported, "model_type is absent"},
    {"llama", "model_type", "\"gemma3\"", Code::Unsupported, "llama, mistral, qwen2, qwen3"},
    {"llama", "model_type", "7", Code::BadInput, "a string is needed"},
    {"llama", "architectures", "[\"LlamaForSequenceClassification\"]", Code::Unsupported,
     "LlamaForCausalLM"},
    {"llama", "architectures", "\"LlamaForCausalLM\"", Code::BadInput, "list of at most"},
    {"llama", "hidden_size", "null", Code::BadInput, "hidden_size is missing"},
    {"llama", "hidden_size", "0", Code::BadInput, "hidden_size is 0"},
    {"llama", "hidden_size", "-96", Code::BadInput, "hidden_size is -96"},
    {"llama", "hidden_size", "96.0", Code::BadInput, "a whole number"},
    {"llama", "hidden_size", "\"96\"", Code::BadInput, "a whole number"},
    {"llama", "hidden_size", "99999999999", Code::BadInput, "from 1 to"},
    {"llama", "hidden_size", "18446744073709551617", Code::BadInput, "a whole number"},
    {"llama", "hidden_size", "[96]", Code::BadInput, "an array"},
    {"llama", "intermediate_size", "0", Code::BadInput, "intermediate_size"},
    {"llama", "num_hidden_layers", "0", Code::BadInput, "num_hidden_layers"},
    {"llama", "num_hidden_layers", "4097", Code::BadInput, "from 1 to 4096"},
    {"llama", "num_attention_heads", "0", Code::BadInput, "num_attention_heads"},
    {"llama", "num_key_value_heads", "0", Code::BadInput, "num_key_value_heads"},
    {"llama", "num_key_value_heads", "2", Code::BadInput, "no multiple of 2"},
    {"llama", "num_key_value_heads", "6", Code::BadInput, "no multiple of 6"},
    {"llama", "head_dim", "41", Code::BadInput, "an even number"},
    {"llama", "head_dim", "0", Code::BadInput, "head_dim is 0"},
    {"llama", "head_dim", "4098", Code::BadInput, "head_dim"},
    {"llama", "vocab_size", "0", Code::BadInput, "vocab_size"},
    {"llama", "vocab_size", "16777217", Code::BadInput, "vocab_size"},
    {"llama", "max_position_embeddings", "0", Code::BadInput, "max_position_embeddings"},
    {"llama", "rms_norm_eps", "0", Code::BadInput, "rms_norm_eps"},
    {"llama", "rms_norm_eps", "-1e-5", Code::BadInput, "rms_norm_eps"},
    {"llama", "rms_norm_eps", "1e-46", Code::BadInput, "rms_norm_eps"},
    {"llama", "rms_norm_eps", "\"tiny\"", Code::BadInput, "a number"},
    {"llama", "hidden_act", "\"gelu\"", Code::Unsupported, "'gelu'"},
    {"llama", "tie_word_embeddings", "1", Code::BadInput, "true or false"},
    {"llama", "quantization_config", "{\"quant_method\":\"gptq\"}", Code::Unsupported,
     "quantization_config"},
    {"llama", "partial_rotary_factor", "0.5", Code::Unsupported, "partial_rotary_factor"},
    {"llama", "num_local_experts", "8", Code::Unsupported, "mixture-of-experts"},
    {"llama", "rope_theta", "0", Code::BadInput, "rope_theta"},
    {"llama", "rope_theta", "\"1e4\"", Code::BadInput, "rope_theta"},
    {"llama", "rope_scaling", "5", Code::BadInput, "rope_scaling must be an object"},
    {"llama", "rope_scaling", "{\"type\":\"yarn\",\"factor\":2}", Code::Unsupported, "'yarn'"},
    {"llama", "rope_scaling", "{\"rope_type\":\"dynamic\",\"factor\":2}", Code::Unsupported,
     "default, linear, llama3"},
    {"llama", "rope_scaling", "{\"rope_type\":\"longrope\"}", Code::Unsupported, "'longrope'"},
    {"llama", "rope_scaling", "{\"rope_type\":\"linear\"}", Code::BadInput, "factor is missing"},
    {"llama", "rope_scaling", "{\"rope_type\":\"linear\",\"factor\":0}", Code::BadInput, "factor"},
    {"llama", "rope_scaling", "{\"rope_type\":\"llama3\",\"factor\":8}", Code::BadInput,
     "low_freq_factor is missing"},
    {"llama", "rope_scaling",
     "{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,\"high_freq_factor\":4}",
     Code::BadInput, "must be less than"},
    {"llama", "rope_parameters", "{\"rope_type\":\"default\",\"rope_theta\":-1}", Code::BadInput,
     "rope_parameters.rope_theta"},
    {"llama", "rope_parameters", "{\"partial_rotary_factor\":0.25}", Code::Unsupported,
     "rope_parameters.partial_rotary_factor"},
    {"llama", "rope_parameters", "{\"full_attention\":{\"rope_theta\":1e6}}", Code::Unsupported,
     "per layer type"},
    {"llama", "attention_bias", "\"yes\"", Code::BadInput, "attention_bias"},
    {"llama", "eos_token_id", "131", Code::BadInput, "below vocab_size 131"},
    {"llama", "eos_token_id", "-2", Code::BadInput, "eos_token_id"},
    {"llama", "eos_token_id", "[2,\"x\"]", Code::BadInput, "eos_token_id"},
    {"mistral", "sliding_window", "0", Code::BadInput, "sliding_window"},
    {"mistral", "sliding_window", "true", Code::BadInput, "sliding_window"},
    {"qwen2", "layer_types", "[\"full_attention\"]", Code::BadInput, "1 entries"},
    {"qwen2", "layer_types", "[\"full_attention\",\"linear_attention\"]", Code::Unsupported,
     "'linear_attention'"},
    {"qwen3", "layer_types", "[\"full_attention\",\"sliding_attention\"]", Code::BadInput,
     "there is no sliding_window"},
    {"qwen3", "num_experts", "128", Code::Unsupported, "num_experts"},
};

std::string build(const Case &c) {
  if (!*c.key)
    return c.value;
  auto config = nlohmann::json::parse(tinyConfig(c.family, true));
  config.erase(c.key);
  std::string text = config.dump();
  text.back() = ','; // the value as it is written here: JSON libraries would respell it
  return text + "\"" + c.key + "\":" + c.value + "}";
}

} // namespace

TEST(ConfigCorrupt, EachDefectIsNamed) {
  for (const Case &c : kCases) {
    SCOPED_TRACE(std::string(c.key) + " = " + c.value);
    std::vector<std::string> notes;
    auto config = readHfConfig(build(c), notes);
    if (config.ok()) {
      ADD_FAILURE() << "accepted";
      continue;
    }
    EXPECT_EQ(config.status().code(), c.code) << config.status().message();
    EXPECT_NE(config.status().message().find(c.message), std::string::npos)
        << config.status().message();
    EXPECT_EQ(config.status().message().rfind("config.json", 0), 0u) << config.status().message();
  }
}

TEST(ConfigCorrupt, JsonLimits) {
  std::string deep = std::string(65, '[') + std::string(65, ']');
  auto tooDeep = parseStrictJson(deep, "x");
  ASSERT_FALSE(tooDeep.ok());
  EXPECT_NE(tooDeep.status().message().find("deeper than 64"), std::string::npos);
  EXPECT_TRUE(parseStrictJson(deep.substr(1, 128), "x").ok());
  std::string abyss(1 << 20, '[');
  EXPECT_FALSE(parseStrictJson(abyss, "x").ok());
  JsonLimits few;
  few.values = 10;
  EXPECT_TRUE(parseStrictJson("[1,2,3,4,5,6,7,8,9]", "x", few).ok());
  EXPECT_FALSE(parseStrictJson("[1,2,3,4,5,6,7,8,9,10]", "x", few).ok());
  few.bytes = 3;
  EXPECT_FALSE(parseStrictJson("[11]", "x", few).ok());
  EXPECT_FALSE(parseStrictJson(std::string("{}\0{}", 5), "x").ok());
  EXPECT_FALSE(parseStrictJson("{} {}", "x").ok());
}

TEST(ConfigCorrupt, EveryTruncationIsRejected) {
  std::string text = tinyConfig("llama", true, R"(,"rope_scaling":{"type":"linear","factor":2})");
  std::vector<std::string> notes;
  ASSERT_TRUE(readHfConfig(text, notes).ok());
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(readHfConfig(text.substr(0, size), notes).ok()) << size;
}
