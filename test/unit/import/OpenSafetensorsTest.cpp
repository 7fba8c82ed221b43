// Folders of tiny models in safetensors, written by the test.
#include "compiler/import/SafetensorsModel.h"
#include "runtime/base/Half.h"
#include "test/unit/import/ModelFiles.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace axiom;
using namespace axiom::test;

namespace {

void expectTensors(const ModelSource &model, const Tensors &expected) {
  EXPECT_EQ(model.tensors().size(), expected.size());
  for (const auto &[name, tensor] : expected) {
    const SourceTensor *got = model.find(name);
    ASSERT_NE(got, nullptr) << name;
    EXPECT_EQ(got->permutedHeads, 0u) << name;
    std::vector<float> row(got->cols);
    for (uint64_t r = 0; r < got->rows; ++r) {
      readRowF32(*got, r, row.data());
      ASSERT_EQ(std::memcmp(row.data(), tensor.bytes.data() + r * got->cols * 4, got->cols * 4), 0)
          << name << " row " << r;
    }
  }
}

void expectError(const std::string &path, Code code, const std::vector<std::string> &parts) {
  auto model = openModel(path);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.status().code(), code) << model.status().message();
  for (const std::string &part : parts)
    EXPECT_NE(model.status().message().find(part), std::string::npos)
        << "'" << part << "' is not in: " << model.status().message();
}

/// The tiny llama with some tensors in each of two shards, and its index.
void writeShards(const TempFolder &folder, const Tensors &tensors) {
  Tensors first, second;
  std::string map;
  for (const auto &[name, tensor] : tensors) {
    bool one = first.size() < 5;
    (one ? first : second)[name] = tensor;
    map += (map.empty() ? "" : ",") + ("\"" + name + "\":\"model-0000") + (one ? "1" : "2") +
           "-of-00002.safetensors\"";
  }
  folder.write("model-00001-of-00002.safetensors", safetensorsBytes(first));
  folder.write("model-00002-of-00002.safetensors", safetensorsBytes(second));
  folder.write("model.safetensors.index.json",
               "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + map + "}}");
}

} // namespace

TEST(OpenSafetensors, EveryFamilyTiedAndUntied) {
  for (const char *family : {"llama", "mistral", "qwen2", "qwen3"})
    for (bool tied : {false, true}) {
      SCOPED_TRACE(std::string(family) + (tied ? " tied" : " untied"));
      TempFolder folder;
      folder.write("config.json", tinyConfig(family, tied));
      folder.write("model.safetensors", safetensorsBytes(tinyTensors(family, tied)));
      for (const std::string &path : {folder.path(), folder.path("model.safetensors")}) {
        auto model = openModel(path);
        ASSERT_TRUE(model.ok()) << model.status().message();
        EXPECT_EQ((*model)->format(), "safetensors");
        EXPECT_EQ((*model)->config().tiedEmbedding, tied);
        expectTensors(**model, tinyTensors(family, tied));
      }
    }
}

TEST(OpenSafetensors, FilesBesideTheWeights) {
  TempFolder folder;
  folder.write("config.json", tinyConfig("llama", true, ",\"eos_token_id\":4"));
  folder.write("generation_config.json", "{\"eos_token_id\":[4,9]}");
  folder.write("tokenizer.json", "{\"t\":1}");
  folder.write("tokenizer_config.json",
               R"({"bos_token":{"content":"<s>"},"eos_token":"</s>","chat_template":"old"})");
  folder.write("model.safetensors", safetensorsBytes(tinyTensors("llama", true)));
  auto model = openModel(folder.path());
  ASSERT_TRUE(model.ok()) << model.status().message();
  const TextSource &text = (*model)->text();
  EXPECT_EQ(text.tokenizerJson, "{\"t\":1}");
  EXPECT_EQ(text.bosToken, "<s>");
  EXPECT_EQ(text.eosToken, "</s>");
  EXPECT_EQ(text.chatTemplate, "old");
  EXPECT_FALSE(text.gguf);
  EXPECT_EQ((*model)->config().eosIds, (std::vector<int32_t>{4, 9}));
  auto digests = (*model)->digests();
  ASSERT_TRUE(digests.ok());
  ASSERT_EQ(digests->size(), 5u);
  EXPECT_EQ(digests->back().name, "model.safetensors");
  EXPECT_EQ(digests->at(2).name, "tokenizer.json");
  // printf '{"t":1}' | sha256sum
  EXPECT_EQ(digests->at(2).sha256Hex,
            "4834945f7bf91f82efc5cf881d902ec1cfa58f1be01cb35fe602b8ad4620c552");

  folder.write("chat_template.jinja", "new");
  EXPECT_EQ((*openModel(folder.path()))->text().chatTemplate, "new");
}

TEST(OpenSafetensors, ChatTemplateLists) {
  TextSource text;
  std::vector<std::string> notes;
  ASSERT_TRUE(readTokenizerConfig(R"({"chat_template":[{"name":"tool_use","template":"a"},
                                     {"name":"default","template":"b"}]})",
                                  text, notes)
                  .ok());
  EXPECT_EQ(text.chatTemplate, "b");
  EXPECT_EQ(notes.size(), 1u);
  TextSource other;
  EXPECT_FALSE(
      readTokenizerConfig(R"({"chat_template":[{"name":"x","template":"a"}]})", other, notes).ok());
  EXPECT_FALSE(readTokenizerConfig(R"({"chat_template":5})", other, notes).ok());
}

TEST(OpenSafetensors, Shards) {
  TempFolder folder;
  Tensors tensors = tinyTensors("qwen2", false);
  folder.write("config.json", tinyConfig("qwen2", false));
  writeShards(folder, tensors);
  for (const std::string &path : {folder.path(), folder.path("model.safetensors.index.json")}) {
    auto model = openModel(path);
    ASSERT_TRUE(model.ok()) << model.status().message();
    expectTensors(**model, tensors);
    EXPECT_EQ((*model)->digests()->size(), 4u);
  }
}

TEST(OpenSafetensors, ShardsThatLie) {
  TempFolder folder;
  Tensors tensors = tinyTensors("llama", true);
  folder.write("config.json", tinyConfig("llama", true));
  writeShards(folder, tensors);
  std::string index = folder.path("model.safetensors.index.json");
  folder.write("model.safetensors.index.json",
               R"({"weight_map":{"nothing":"model-00001-of-00002.safetensors"}})");
  expectError(index, Code::BadInput, {"nothing", "model-00001-of-00002.safetensors"});
  for (const char *name : {"../model.safetensors", "/etc/passwd", "a/b.safetensors", "..", ""}) {
    folder.write("model.safetensors.index.json",
                 std::string("{\"weight_map\":{\"a\":\"") + name + "\"}}");
    expectError(index, Code::BadInput, {"plain file name"});
  }
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"gone.safetensors"}})");
  expectError(index, Code::NotFound, {"gone.safetensors"});
  folder.write("model.safetensors.index.json", R"({"weight_map":{"a":"x","a":"y"}})");
  expectError(index, Code::BadInput, {"twice"});
  folder.write("model.safetensors.index.json", R"({"weight_map":{}})");
  expectError(index, Code::BadInput, {"empty"});
}

TEST(OpenSafetensors, PrefixesOfLargerModels) {
  for (const char *prefix : {"model.language_model.", "language_model.model."}) {
    Tensors stored;
    for (const auto &[name, tensor] : tinyTensors("llama", false))
      stored[name == "lm_head.weight" ? name : prefix + name.substr(6)] = tensor;
    stored["vision_tower.patch"] = floats({3, 3}, 1);
    TempFolder folder;
    folder.write("config.json", tinyConfig("llama", false));
    folder.write("model.safetensors", safetensorsBytes(stored));
    auto model = openModel(folder.path());
    ASSERT_TRUE(model.ok()) << model.status().message();
    expectTensors(**model, tinyTensors("llama", false));
    std::string notes;
    for (const std::string &note : (*model)->notes())
      notes += note + "\n";
    EXPECT_NE(notes.find("vision_tower.patch"), std::string::npos) << notes;
  }
}

TEST(OpenSafetensors, TheSameWeightTwice) {
  Tensors stored = tinyTensors("llama", true);
  stored["model.language_model.norm.weight"] = floats({96}, 1);
  TempFolder folder;
  folder.write("config.json", tinyConfig("llama", true));
  folder.write("model.safetensors", safetensorsBytes(stored));
  expectError(folder.path(), Code::BadInput, {"stand for the same weight", "norm.weight"});
}

TEST(OpenSafetensors, TiedHeads) {
  TempFolder folder;
  folder.write("config.json", tinyConfig("llama", true));
  Tensors stored = tinyTensors("llama", true);
  stored["lm_head.weight"] = stored["model.embed_tokens.weight"];
  folder.write("model.safetensors", safetensorsBytes(stored));
  auto same = openModel(folder.path());
  ASSERT_TRUE(same.ok()) << same.status().message();
  EXPECT_TRUE((*same)->config().tiedEmbedding);
  EXPECT_EQ((*same)->find("lm_head.weight"), nullptr);

  stored["lm_head.weight"].bytes[0] ^= 1;
  folder.write("model.safetensors", safetensorsBytes(stored));
  auto other = openModel(folder.path());
  ASSERT_TRUE(other.ok());
  EXPECT_FALSE((*other)->config().tiedEmbedding);
  EXPECT_NE((*other)->find("lm_head.weight"), nullptr);

  folder.write("config.json", tinyConfig("llama", false));
  folder.write("model.safetensors", safetensorsBytes(tinyTensors("llama", true)));
  expectError(folder.path(), Code::BadInput, {"lm_head.weight", "tie_word_embeddings"});
}

TEST(OpenSafetensors, Biases) {
  Tensors stored = tinyTensors("llama", true);
  for (const char *layer : {"model.layers.0.", "model.layers.1."}) {
    stored[std::string(layer) + "self_attn.q_proj.bias"] = floats({120}, 1);
    stored[std::string(layer) + "self_attn.k_proj.bias"] = floats({40}, 2);
    stored[std::string(layer) + "self_attn.v_proj.bias"] = floats({40}, 3);
    stored[std::string(layer) + "self_attn.o_proj.bias"] = floats({96}, 4);
    stored[std::string(layer) + "mlp.gate_proj.bias"] = floats({80}, 5);
    stored[std::string(layer) + "mlp.up_proj.bias"] = floats({80}, 6);
    stored[std::string(layer) + "mlp.down_proj.bias"] = floats({96}, 7);
  }
  TempFolder folder;
  folder.write("model.safetensors", safetensorsBytes(stored));
  folder.write("config.json",
               tinyConfig("llama", true, ",\"attention_bias\":true,\"mlp_bias\":true"));
  auto model = openModel(folder.path());
  ASSERT_TRUE(model.ok()) << model.status().message();
  expectTensors(**model, stored);
  // Without the keys transformers ignores the vectors, and so do we, with notes.
  folder.write("config.json", tinyConfig("llama", true));
  auto plain = openModel(folder.path());
  ASSERT_TRUE(plain.ok());
  expectTensors(**plain, tinyTensors("llama", true));
  EXPECT_GE((*plain)->notes().size(), 14u);
  // With the key each must be there.
  folder.write("config.json", tinyConfig("llama", true, ",\"attention_bias\":true"));
  stored.erase("model.layers.1.self_attn.o_proj.bias");
  folder.write("model.safetensors", safetensorsBytes(stored));
  expectError(folder.path(), Code::BadInput, {"model.layers.1.self_attn.o_proj.bias", "missing"});
}

TEST(OpenSafetensors, SixteenBitTypes) {
  Tensors stored = tinyTensors("qwen3", true), rounded;
  for (auto &[name, tensor] : stored) {
    bool f16 = name.find("mlp") == name.npos;
    Tensor narrow{tensor.shape, "", f16 ? "F16" : "BF16", 0}, back{tensor.shape, "", "F32", 0};
    for (size_t i = 0; i < tensor.bytes.size(); i += 4) {
      float v;
      std::memcpy(&v, tensor.bytes.data() + i, 4);
      uint16_t h = f16 ? f32ToF16(v) : f32ToBf16(v);
      narrow.bytes += le(h, 2);
      v = f16 ? f16ToF32(h) : bf16ToF32(h);
      uint32_t bits;
      std::memcpy(&bits, &v, 4);
      back.bytes += le(bits, 4);
    }
    tensor = narrow;
    rounded[name] = back;
  }
  TempFolder folder;
  folder.write("config.json", tinyConfig("qwen3", true));
  folder.write("model.safetensors", safetensorsBytes(stored));
  auto model = openModel(folder.path());
  ASSERT_TRUE(model.ok()) << model.status().message();
  expectTensors(**model, rounded);
  EXPECT_EQ((*model)->find("model.norm.weight")->type, SourceType::F16);
  EXPECT_EQ((*model)->find("model.layers.0.mlp.up_proj.weight")->type, SourceType::BF16);
}

TEST(OpenSafetensors, WrongTensorsAreNamed) {
  TempFolder folder;
  folder.write("config.json", tinyConfig("llama", true));
  auto with = [&](auto change) {
    Tensors stored = tinyTensors("llama", true);
    change(stored);
    folder.write("model.safetensors", safetensorsBytes(stored));
  };
  std::string up = "model.layers.1.mlp.up_proj.weight";
  with([&](Tensors &t) { t.erase(up); });
  expectError(folder.path(), Code::BadInput, {up, "missing"});
  with([&](Tensors &t) { t[up] = floats({96, 80}, 1); });
  expectError(folder.path(), Code::BadInput, {up, "[96, 80]", "[80, 96]"});
  with([&](Tensors &t) { t[up] = floats({80 * 96}, 1); });
  expectError(folder.path(), Code::BadInput, {up, "[7680]", "[80, 96]"});
  with([&](Tensors &t) { t[up].dtype = "I32"; });
  expectError(folder.path(), Code::Unsupported, {up, "I32", "F32, F16, BF16"});
  with([&](Tensors &t) { t["model.norm.weight"].dtype = "U32"; });
  expectError(folder.path(), Code::Unsupported, {"model.norm.weight", "U32"});
}

TEST(OpenSafetensors, PathsThatAreNoModel) {
  TempFolder folder;
  expectError(folder.path("nowhere"), Code::NotFound, {"nowhere"});
  expectError(folder.path(), Code::NotFound, {"model.safetensors"});
  folder.write("model.bin", "x");
  expectError(folder.path("model.bin"), Code::Unsupported, {"model.bin", ".gguf"});
  folder.write("model.safetensors", safetensorsBytes(tinyTensors("llama", true)));
  expectError(folder.path(), Code::NotFound, {"config.json"});
}

TEST(OpenSafetensors, FolderWithOneGguf) {
  TempFolder folder;
  folder.write("tiny.gguf", tinyGguf("llama", true).bytes());
  auto model = openModel(folder.path());
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ((*model)->format(), "gguf");
}
