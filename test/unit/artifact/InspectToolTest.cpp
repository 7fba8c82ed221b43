// axiom-inspect as a process: output and exit codes.
#include "test/unit/artifact/TestArtifact.h"

#include <cstdio>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

using namespace axiom;
using namespace axiom::test;

namespace {

struct Outcome {
  int exit;
  std::string out; ///< both streams
};

Outcome inspect(const std::string &arguments) {
  std::string command = std::string(AXIOM_INSPECT) + " " + arguments + " 2>&1";
  FILE *pipe = ::popen(command.c_str(), "r");
  Outcome run{-1, ""};
  char buffer[4096];
  while (size_t got = std::fread(buffer, 1, sizeof buffer, pipe))
    run.out.append(buffer, got);
  int status = ::pclose(pipe);
  run.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return run;
}

std::string goodPath() { return writeTemporary(makeTestArtifact().bytes(), "inspect.axm"); }

void expectHas(const Outcome &run, const std::string &part) {
  EXPECT_NE(run.out.find(part), std::string::npos) << part << " is not in:\n" << run.out;
}

TEST(InspectTool, Sections) {
  std::string path = goodPath();
  Outcome summary = inspect(path);
  EXPECT_EQ(summary.exit, 0) << summary.out;
  for (const char *part : {"'tiny'", "2 layers, hidden 40", "3 a layer", "x86-64-v3", "tokenizer"})
    expectHas(summary, part);
  EXPECT_EQ(summary.out.find("tensors: format"), std::string::npos);
  Outcome rest =
      inspect(path + " --tensors --kernels --phases --memory --provenance --batch 2 --context 100");
  EXPECT_EQ(rest.exit, 0) << rest.out;
  for (const char *part : {"'layers.1.qkv'", "attention (1)", "layers 0 to 1: 3 barriers each",
                           "'attention' balanced", "in 4 blocks", "'axiomc test'"})
    expectHas(rest, part);
  EXPECT_EQ(rest.out.find("digest "), std::string::npos);
}

TEST(InspectTool, Json) {
  Outcome run = inspect(goodPath() + " --json --batch 3 --context 65 --step-tokens 32 --threads 2");
  ASSERT_EQ(run.exit, 0) << run.out;
  auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["barriers_per_layer"], 3);
  EXPECT_EQ(json["code_bytes"], 3 * NumTestKernels * 16);
  EXPECT_EQ(json["config"]["vocab"], 70);
  EXPECT_EQ(json["tensors"].size(), 11u);
  EXPECT_EQ(json["images"][0]["kernels"].size(), size_t(3 * NumTestKernels));
  EXPECT_EQ(json["memory"]["kv_blocks"], 6);
  EXPECT_EQ(json["memory"]["workspace_bytes"], 32 * 256 + 32 * 40 + 32 * 128 + 64 + 32 * 256 + 192);
  EXPECT_EQ(json["memory"]["scratch_bytes"], 2 * 3264);
}

TEST(InspectTool, Roofline) {
  std::string path = goodPath();
  Outcome text = inspect(path + " --roofline --context 100");
  EXPECT_EQ(text.exit, 0) << text.out;
  for (const char *part : {"of each of 8 sequences, 100 positions", "100 tokens of 1 sequence",
                           "attention x2", "head", "total"})
    expectHas(text, part);
  EXPECT_EQ(text.out.find("digest "), std::string::npos);
  Outcome run = inspect(path + " --json");
  ASSERT_EQ(run.exit, 0) << run.out;
  auto roofline = nlohmann::json::parse(run.out)["roofline"];
  ASSERT_EQ(roofline.size(), 4u);
  uint64_t each[] = {1, 1, 1, 256}, sequences[] = {1, 8, 32, 1}; // the model's context is 256
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(roofline[i]["sequences"], sequences[i]);
    EXPECT_EQ(roofline[i]["tokens_each"], each[i]);
    EXPECT_EQ(roofline[i]["context"], 256);
    EXPECT_EQ(roofline[i]["tasks"].size(), size_t(NumTestKernels));
    uint64_t tokens = each[i] * sequences[i];
    EXPECT_EQ(roofline[i]["total"]["linear_multiply_adds"],
              tokens * 4 * 40 * 40 + sequences[i] * 70 * 40);
  }
}

TEST(InspectTool, CudaImages) {
  TestArtifact a = makeTestArtifact();
  addCudaImage(a, "cuda:sm_90a");
  a.seal();
  std::string path = writeTemporary(a.bytes(), "inspect-cuda.axm");
  Outcome text = inspect(path + " --summary --kernels --verify");
  EXPECT_EQ(text.exit, 0) << text.out;
  for (const char *part :
       {"'cuda:sm_90a', 18 kernels", "--device=cuda", "launches of 'cuda:sm_90a'",
        "qkv0_rows  qkv (1)", "5 (3) x 32  attention2_many  attention (9+)"})
    expectHas(text, part);
  Outcome run = inspect(path + " --json");
  ASSERT_EQ(run.exit, 0) << run.out;
  auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["code_bytes"], 3 * NumTestKernels * 16);
  auto kernel = json["images"][1]["kernels"][3 * Qkv];
  EXPECT_EQ(kernel["launches"].size(), 3u);
  EXPECT_EQ(kernel["launches"][0]["symbol"], "qkv0_rows");
  EXPECT_EQ(kernel["device_scratch_bytes_per_token"], 156);
  EXPECT_FALSE(json["images"][0]["kernels"][0].contains("launches"));
}

TEST(InspectTool, PredictionsSayThatTheyAre) {
  TestArtifact a = makeTestArtifact();
  addCudaImage(a, "cuda:sm_90a");
  a.seal();
  std::string path = writeTemporary(a.bytes(), "inspect-predict.axm");
  Outcome text = inspect(path + " --device h100 --sequences 3 --context 65");
  EXPECT_EQ(text.exit, 0) << text.out;
  for (const char *part :
       {"predicted, not measured: a step with 1 token of each of 3 sequences, up "
        "to position 65, on H100",
        "attention x2", "tokens/s"})
    expectHas(text, part);
  Outcome run = inspect(path + " --json --device a100 --tokens 40");
  ASSERT_EQ(run.exit, 0) << run.out;
  auto json = nlohmann::json::parse(run.out)["prediction"];
  EXPECT_EQ(json["measured"], false);
  EXPECT_EQ(json["tokens_each"], 40);
  EXPECT_GT(json["microseconds"], 0);
  Outcome unknown = inspect(path + " --device h99");
  EXPECT_EQ(unknown.exit, 2);
  expectHas(unknown, "there are a100, h100");
  Outcome without = inspect(goodPath() + " --device h100");
  EXPECT_EQ(without.exit, 3);
  expectHas(without, "no code for GPUs");
}

TEST(InspectTool, ExitCodes) {
  std::string path = goodPath();
  EXPECT_EQ(inspect(path + " --verify").exit, 0);
  EXPECT_EQ(inspect("--help").exit, 0);
  expectHas(inspect("--version"), "numerics " + std::to_string(AXM_NUMERICS_VERSION));
  EXPECT_EQ(inspect("").exit, 2);
  EXPECT_EQ(inspect("--no-such-flag").exit, 2);
  EXPECT_EQ(inspect(path + " --batch 0").exit, 2);
  EXPECT_EQ(inspect(path + " --context 257").exit, 2);
  EXPECT_EQ(inspect("/nonexistent.axm").exit, 3);

  TestArtifact a = makeTestArtifact();
  std::vector<uint8_t> bytes = a.bytes();
  bytes[a.places[1] + a.metadata.tensors[3].offset] ^= 1;
  path = writeTemporary(bytes, "inspect-bad.axm");
  EXPECT_EQ(inspect(path).exit, 0);
  Outcome bad = inspect(path + " --verify");
  EXPECT_EQ(bad.exit, 3);
  expectHas(bad, "layers.0.qkv");
  bytes[a.metadataPlace + 9] ^= 1;
  EXPECT_EQ(inspect(writeTemporary(bytes, "inspect-bad.axm")).exit, 3);
}

// Names in a file must not steer a terminal or break the JSON.
TEST(InspectTool, HostileNames) {
  TestArtifact a = makeTestArtifact();
  a.metadata.tensors[0].name = "a\x1b[2J\n\xff\"b";
  a.metadata.config.name = "\xc3\x28\x07";
  std::string path = writeTemporary(a.bytes(), "inspect-names.axm");
  Outcome text = inspect(path + " --summary --tensors");
  EXPECT_EQ(text.exit, 0);
  EXPECT_EQ(text.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.out.find('\x07'), std::string::npos);
  Outcome json = inspect(path + " --json");
  ASSERT_EQ(json.exit, 0);
  EXPECT_TRUE(nlohmann::json::accept(json.out)) << json.out;
}

} // namespace
