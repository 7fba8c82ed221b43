// GGUF files with one thing wrong each: every one gets an error that names it.
#include "compiler/import/GgufModel.h"
#include "test/unit/import/ModelFiles.h"

#include <gtest/gtest.h>

#include <functional>

using namespace axiom;
using namespace axiom::test;

namespace {

constexpr uint64_t kHuge = 0x7fffffffffffffffull;

struct Case {
  const char *name;
  std::function<void(GgufWriter &)> damage;
  Code code;
  const char *message; ///< part of the error
  const char *family = "llama";
};

std::string longString(size_t size) { return std::string(size, 'x'); }

const Case kCases[] = {
    {"wrong magic", [](GgufWriter &w) { w.magic = "GGUG"; }, Code::BadInput, "not a GGUF"},
    {"version 1", [](GgufWriter &w) { w.version = 1; }, Code::Unsupported, "version 1"},
    {"version 4", [](GgufWriter &w) { w.version = 4; }, Code::Unsupported, "version 4"},
    {"big-endian", [](GgufWriter &w) { w.version = 3u << 24; }, Code::Unsupported, "big-endian"},
    {"tensor count huge", [](GgufWriter &w) { w.tensorCount = kHuge; }, Code::BadInput,
     "tensor count"},
    {"metadata count huge", [](GgufWriter &w) { w.entryCount = kHuge; }, Code::BadInput,
     "metadata count"},
    {"one tensor too many", [](GgufWriter &w) { w.tensorCount = int64_t(w.tensors.size()) + 1; },
     Code::BadInput, ""},
    {"one entry too many", [](GgufWriter &w) { w.entryCount = int64_t(w.entries.size()) + 1; },
     Code::BadInput, ""},
    {"empty key", [](GgufWriter &w) { w.u32("", 1); }, Code::BadInput, "0 bytes"},
    {"key too long", [](GgufWriter &w) { w.u32(longString(65536), 1); }, Code::BadInput,
     "65536 bytes"},
    {"duplicate key", [](GgufWriter &w) { w.string("general.name", "again"); }, Code::BadInput,
     "'general.name' occurs twice"},
    {"value type 13", [](GgufWriter &w) { w.raw("x", 13, le(0, 8)); }, Code::BadInput,
     "value type 13"},
    {"string beyond the end", [](GgufWriter &w) { w.raw("x", 8, le(kHuge, 8)); }, Code::BadInput,
     "'x'"},
    {"string of 2^64-1", [](GgufWriter &w) { w.raw("x", 8, le(~0ull, 8)); }, Code::BadInput, "'x'"},
    {"bool 2", [](GgufWriter &w) { w.boolean("x", 2); }, Code::BadInput, "bool with the value 2"},
    {"array count huge", [](GgufWriter &w) { w.raw("x", 9, le(4, 4) + le(kHuge, 8)); },
     Code::BadInput, "reaches beyond"},
    {"array size wraps", [](GgufWriter &w) { w.raw("x", 9, le(10, 4) + le(1ull << 61, 8)); },
     Code::BadInput, "reaches beyond"},
    {"array of type 99", [](GgufWriter &w) { w.raw("x", 9, le(99, 4) + le(1, 8)); }, Code::BadInput,
     "value type 99"},
    {"string array with a bad length",
     [](GgufWriter &w) { w.raw("x", 9, le(8, 4) + le(2, 8) + le(0, 8) + le(kHuge, 8)); },
     Code::BadInput, "'x'"},
    {"arrays nested too deep",
     [](GgufWriter &w) {
       std::string value;
       for (int i = 0; i < 50; ++i)
         value += le(9, 4) + le(1, 8);
       w.raw("x", 9, value);
     },
     Code::BadInput, "nests arrays"},
    {"alignment 0", [](GgufWriter &w) { w.u32("general.alignment", 0); }, Code::BadInput,
     "general.alignment is 0"},
    {"alignment 48", [](GgufWriter &w) { w.u32("general.alignment", 48); }, Code::BadInput,
     "power of two"},
    {"alignment a string", [](GgufWriter &w) { w.string("general.alignment", "32"); },
     Code::BadInput, "u32 is needed"},
    {"tensor name empty", [](GgufWriter &w) { w.tensors[0].name = ""; }, Code::BadInput, "0 bytes"},
    {"tensor name too long", [](GgufWriter &w) { w.tensors[0].name = longString(65); },
     Code::BadInput, "65 bytes"},
    {"duplicate tensor", [](GgufWriter &w) { w.tensors.push_back(w.tensors[0]); }, Code::BadInput,
     "occurs twice"},
    {"no dimensions", [](GgufWriter &w) { w.tensors[0].tensor.shape = {}; }, Code::BadInput,
     "0 dimensions"},
    {"five dimensions", [](GgufWriter &w) { w.tensors[0].tensor.shape = {1, 1, 1, 1, 1}; },
     Code::BadInput, "5 dimensions"},
    {"dimension 0", [](GgufWriter &w) { w.tensors[0].tensor.shape = {0, 4}; }, Code::BadInput,
     "dimension of 0"},
    {"dimension huge", [](GgufWriter &w) { w.tensors[0].tensor.shape = {kHuge}; }, Code::BadInput,
     "larger than the file"},
    {"shape overflows", [](GgufWriter &w) { w.tensors[0].tensor.shape = {1ull << 33, 1ull << 33}; },
     Code::BadInput, "larger than the file"},
    {"tensor type 99", [](GgufWriter &w) { w.tensors[0].tensor.ggufType = 99; }, Code::Unsupported,
     "type 99"},
    {"tensor type Q2_K", [](GgufWriter &w) { w.tensors[0].tensor.ggufType = 10; },
     Code::Unsupported, "Q2_K"},
    {"rows that are no whole blocks",
     [](GgufWriter &w) { w.find("blk.0.ffn_down.weight").tensor.ggufType = 8; }, Code::BadInput,
     "multiple of 32"},
    {"offset unaligned", [](GgufWriter &w) { w.tensors[0].offset = 4; }, Code::BadInput,
     "no multiple of the alignment"},
    {"offset beyond the end", [](GgufWriter &w) { w.tensors[0].offset = 1 << 30; }, Code::BadInput,
     "truncated"},
    {"offset wraps", [](GgufWriter &w) { w.tensors[0].offset = kHuge - 31; }, Code::BadInput,
     "truncated"},
    {"tensors overlap", [](GgufWriter &w) { w.tensors[1].offset = 0; }, Code::BadInput, "overlap"},
    {"data truncated", [](GgufWriter &w) { w.tensors.back().tensor.bytes.resize(4); },
     Code::BadInput, "truncated"},

    {"no architecture", [](GgufWriter &w) { w.remove("general.architecture"); }, Code::BadInput,
     "general.architecture"},
    {"architecture gemma3",
     [](GgufWriter &w) {
       w.remove("general.architecture");
       w.string("general.architecture", "gemma3");
     },
     Code::Unsupported, "llama, mistral, qwen2, qwen3"},
    {"one of several parts", [](GgufWriter &w) { w.raw("split.count", 2, le(3, 2)); },
     Code::Unsupported, "3 parts"},
    {"no layer count", [](GgufWriter &w) { w.remove("llama.block_count"); }, Code::BadInput,
     "llama.block_count"},
    {"layer count a float",
     [](GgufWriter &w) {
       w.remove("llama.block_count");
       w.f32("llama.block_count", 2);
     },
     Code::BadInput, "an integer is needed"},
    {"layer count negative",
     [](GgufWriter &w) {
       w.remove("llama.block_count");
       w.raw("llama.block_count", 5, le(~0u, 4));
     },
     Code::BadInput, "must not be negative"},
    {"layer count 0",
     [](GgufWriter &w) {
       w.remove("llama.block_count");
       w.u32("llama.block_count", 0);
     },
     Code::BadInput, "llama.block_count"},
    {"three layers, two stored",
     [](GgufWriter &w) {
       w.remove("llama.block_count");
       w.u32("llama.block_count", 3);
     },
     Code::BadInput, "model.layers.2.input_layernorm.weight is missing"},
    {"layers 4 billion",
     [](GgufWriter &w) {
       w.remove("llama.block_count");
       w.u32("llama.block_count", ~0u);
     },
     Code::BadInput, "1 to 4096"},
    {"heads no multiple",
     [](GgufWriter &w) {
       w.remove("llama.attention.head_count_kv");
       w.u32("llama.attention.head_count_kv", 2);
     },
     Code::BadInput, "no multiple of 2"},
    {"heads differ between layers",
     [](GgufWriter &w) {
       w.remove("llama.attention.head_count");
       w.raw("llama.attention.head_count", 9, le(4, 4) + le(2, 8) + le(3, 4) + le(6, 4));
     },
     Code::Unsupported, "differs between layers"},
    {"odd head dimension",
     [](GgufWriter &w) {
       for (const char *key :
            {"attention.key_length", "attention.value_length", "rope.dimension_count"}) {
         w.remove(std::string("llama.") + key);
         w.u32(std::string("llama.") + key, 41);
       }
     },
     Code::BadInput, "an even number"},
    {"partial rotary",
     [](GgufWriter &w) {
       w.remove("llama.rope.dimension_count");
       w.u32("llama.rope.dimension_count", 20);
     },
     Code::Unsupported, "rope.dimension_count is 20"},
    {"experts", [](GgufWriter &w) { w.u32("llama.expert_count", 8); }, Code::Unsupported,
     "8 experts"},
    {"epsilon NaN",
     [](GgufWriter &w) {
       w.remove("llama.attention.layer_norm_rms_epsilon");
       w.raw("llama.attention.layer_norm_rms_epsilon", 6, le(0x7fc00000u, 4));
     },
     Code::BadInput, "layer_norm_rms_epsilon"},
    {"epsilon negative",
     [](GgufWriter &w) {
       w.remove("llama.attention.layer_norm_rms_epsilon");
       w.f32("llama.attention.layer_norm_rms_epsilon", -1e-5f);
     },
     Code::BadInput, "layer_norm_rms_epsilon"},
    {"yarn", [](GgufWriter &w) { w.string("llama.rope.scaling.type", "yarn"); }, Code::Unsupported,
     "'yarn'"},
    {"linear without factor", [](GgufWriter &w) { w.string("llama.rope.scaling.type", "linear"); },
     Code::BadInput, "llama.rope.scaling.factor"},
    {"rope factors of the wrong size",
     [](GgufWriter &w) { w.tensors.push_back({"rope_freqs.weight", floats({21}, 1), -1}); },
     Code::BadInput, "20 F32 values"},
    {"rope factor 0",
     [](GgufWriter &w) {
       Tensor zeros = floats({20}, 1);
       zeros.bytes.assign(80, '\0');
       w.tensors.push_back({"rope_freqs.weight", zeros, -1});
     },
     Code::BadInput, "must be positive"},
    {"window of unknown layers", [](GgufWriter &w) { w.u32("qwen3.attention.sliding_window", 9); },
     Code::Unsupported, "sliding_window", "qwen3"},
    {"EOS beyond the vocabulary",
     [](GgufWriter &w) {
       w.remove("tokenizer.ggml.eos_token_id");
       w.u32("tokenizer.ggml.eos_token_id", 131);
     },
     Code::BadInput, "eos_token_id"},
    {"tokens and embedding differ",
     [](GgufWriter &w) {
       w.remove("tokenizer.ggml.tokens");
       w.strings("tokenizer.ggml.tokens", {"a", "b"});
     },
     Code::BadInput, "the embedding has 131 rows"},
    {"tokens are numbers",
     [](GgufWriter &w) {
       w.remove("tokenizer.ggml.tokens");
       w.raw("tokenizer.ggml.tokens", 9, le(4, 4) + le(1, 8) + le(5, 4));
     },
     Code::BadInput, "array of string"},
    {"no embedding", [](GgufWriter &w) { w.find("token_embd.weight").name = "x"; }, Code::BadInput,
     "token_embd.weight"},
    {"a weight missing", [](GgufWriter &w) { w.find("blk.1.ffn_up.weight").name = "x"; },
     Code::BadInput, "model.layers.1.mlp.up_proj.weight is missing"},
    {"a weight transposed",
     [](GgufWriter &w) { w.find("blk.1.ffn_up.weight").tensor.shape = {96, 80}; }, Code::BadInput,
     "[96, 80]"},
    {"q rows no whole heads",
     [](GgufWriter &w) { w.find("blk.0.attn_q.weight").tensor = floats({119, 96}, 1); },
     Code::BadInput, "[119, 96]"},
    {"quantized norm",
     [](GgufWriter &w) {
       Tensor &norm = w.find("output_norm.weight").tensor;
       norm.ggufType = 8;
       norm.bytes.assign(3 * 34, '\1');
     },
     Code::Unsupported, "supported for a vector"},
    {"qwen2 without bias", [](GgufWriter &w) { w.find("blk.0.attn_k.bias").name = "x"; },
     Code::BadInput, "k_proj.bias is missing", "qwen2"},
    {"qwen3 without q norm", [](GgufWriter &w) { w.find("blk.0.attn_q_norm.weight").name = "x"; },
     Code::BadInput, "q_norm.weight is missing", "qwen3"},
};

} // namespace

TEST(GgufCorrupt, EachDefectIsNamed) {
  static_assert(std::size(kCases) >= 40);
  TempFolder folder;
  for (const Case &c : kCases) {
    SCOPED_TRACE(c.name);
    GgufWriter w = tinyGguf(c.family, true);
    c.damage(w);
    std::string bytes = w.bytes();
    folder.write("m.gguf", bytes);
    auto model = openModel(folder.path("m.gguf"));
    if (model.ok()) {
      ADD_FAILURE() << "accepted";
      continue;
    }
    EXPECT_EQ(model.status().code(), c.code) << model.status().message();
    EXPECT_NE(model.status().message().find(c.message), std::string::npos)
        << model.status().message();
  }
}

TEST(GgufCorrupt, EveryTruncationIsRejected) {
  GgufWriter w;
  w.string("general.architecture", "llama");
  w.strings("list", {"a", "bc", ""});
  w.tensors.push_back({"a", floats({3}, 1), -1});
  w.tensors.push_back({"b", floats({2, 2}, 2), -1});
  std::string bytes = w.bytes();
  auto parse = [&](size_t size) {
    std::vector<uint8_t> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    return GgufFile::parse(cut).ok();
  };
  ASSERT_TRUE(parse(bytes.size()));
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(parse(size)) << size;
}

TEST(GgufCorrupt, EveryBitFlippedIsRejectedOrStaysInBounds) {
  GgufWriter w = tinyGguf("llama", true);
  std::string bytes = w.bytes();
  size_t data = 0;
  for (const auto &info : w.tensors)
    data += (info.tensor.bytes.size() + 31) / 32 * 32;
  size_t headerEnd = bytes.size() - data;
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  std::vector<std::string> notes;
  for (size_t at = 0; at < headerEnd; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      copy[at] = static_cast<uint8_t>(copy[at] ^ 1 << bit);
      auto file = GgufFile::parse(copy);
      if (file.ok()) {
        for (const GgufTensor &tensor : file->tensors()) {
          ASSERT_GE(tensor.bytes.data(), copy.data());
          ASSERT_LE(tensor.bytes.data() + tensor.bytes.size(), copy.data() + copy.size());
        }
        auto config = readGgufConfig(*file, notes);
        if (config.ok()) {
          TextSource text;
          (void)readGgufText(*file, config->config, text).ok();
        }
      }
      copy[at] = static_cast<uint8_t>(copy[at] ^ 1 << bit);
    }
  }
}
