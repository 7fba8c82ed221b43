// Every generated CUDA kernel against the interpreter's rules, byte for byte, on the host twin: the
// cases of the CPU's kernel tests. AXIOM_TEST_LONG: all launches, in three orders of their threads.
#include "codegen/cuda/Nvrtc.h"
#include "test/unit/codegen/TwinKernels.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace axiom::test {
namespace {

bool isLong() { return getenv("AXIOM_TEST_LONG") != nullptr; }

/// In each order; the quick form in a random one, launches of up to `quickTokens` tokens. The first
/// case unchecked, too.
void check(std::vector<KernelCase> cases, uint32_t quickTokens = 49,
           const codegen::FullGrid &full = {}) {
  std::vector<plan::KernelSpec> specs;
  std::vector<size_t> first;
  for (const KernelCase &c : cases) {
    first.push_back(specs.size());
    for (const plan::KernelSpec &spec : c.specs) {
      specs.push_back(spec);
      specs.back().name = "k" + std::to_string(specs.size());
    }
  }
  Result<TwinKernels> kernels = TwinKernels::compile(specs, "", full);
  ASSERT_TRUE(kernels.ok()) << kernels.status().message();
  std::vector<twin::Order> orders = {twin::Order::Random};
  if (isLong())
    orders = {twin::Order::Forward, twin::Order::Reverse, twin::Order::Random};
  for (size_t i = 0; i < cases.size(); ++i)
    for (twin::Order order : orders) {
      twin::LaunchOptions how;
      how.order = order;
      how.seed = i + 1;
      size_t ran = 0;
      uint32_t mostTokens = isLong() ? UINT32_MAX : quickTokens;
      EXPECT_EQ(kernels->check(cases[i], first[i], mostTokens, how, ran), "")
          << static_cast<int>(order);
      EXPECT_GT(ran, 0u);
    }
  twin::LaunchOptions unchecked;
  unchecked.check = false;
  size_t ran = 0;
  EXPECT_EQ(kernels->check(cases[0], first[0], quickTokens, unchecked, ran), "") << "unchecked";
}

class CudaLinear : public testing::TestWithParam<AxmFormat> {};

TEST_P(CudaLinear, EqualsTheInterpreter) {
  // They share their kernels with f32 and q4 but for a few lines.
  bool alike = GetParam() == AXM_FORMAT_BF16 || GetParam() == AXM_FORMAT_F16 ||
               GetParam() == AXM_FORMAT_Q4F16 || GetParam() == AXM_FORMAT_Q8;
  if (!isLong() && alike)
    GTEST_SKIP() << "the quick form takes f32, q4 and q6: AXIOM_TEST_LONG=1 runs all formats";
  std::vector<KernelCase> cases = {
      plainCase(GetParam(), plainShapes), headCase(GetParam(), headShapes),
      swiGluCase(GetParam(), false, swiGluShapes), swiGluCase(GetParam(), true, swiGluShapes)};
  if (plan::isQuantized(GetParam()))
    cases.push_back(quantizedRowsCase(GetParam(), {160, 40, {96}}));
  check(cases);
}

/// As if the smallest shapes had rows enough for every GPU.
class CudaLinearOfLargeModels : public testing::TestWithParam<AxmFormat> {};

TEST_P(CudaLinearOfLargeModels, EqualsTheInterpreter) {
  if (!isLong() && GetParam() != AXM_FORMAT_Q6)
    GTEST_SKIP() << "the quick form takes q6: AXIOM_TEST_LONG=1 runs all formats";
  check({plainCase(GetParam(), plainShapes), headCase(GetParam(), headShapes),
         swiGluCase(GetParam(), true, swiGluShapes)},
        4, {1, 1});
}

INSTANTIATE_TEST_SUITE_P(QuantizedFormats, CudaLinearOfLargeModels,
                         testing::Values(AXM_FORMAT_Q8, AXM_FORMAT_Q4F16, AXM_FORMAT_Q4,
                                         AXM_FORMAT_Q6),
                         [](const auto &param) { return std::string(formatName(param.param)); });

INSTANTIATE_TEST_SUITE_P(AllFormats, CudaLinear, testing::ValuesIn(allFormats),
                         [](const auto &param) { return std::string(formatName(param.param)); });

TEST(CudaLinearEdges, EqualTheInterpreter) {
  check({chosenLogitsCase(), infiniteLogitsCase(), specialActivationsCase()}, UINT32_MAX);
}

/// More segments than warps; up in floats behind a gate in floats or not.
TEST(CudaLinearFloats, EqualTheInterpreter) {
  check({plainCase(AXM_FORMAT_F16, {{320, 16, {32, 64, 96, 128, 160, 192, 224, 256, 288}}}),
         swiGluCase(AXM_FORMAT_F16, false, {{160, 100}}, AXM_FORMAT_F16),
         swiGluCase(AXM_FORMAT_Q4, false, {{160, 100}}, AXM_FORMAT_F16)});
}

TEST(CudaCompile, NvrtcTakesTheKernels) {
  Result<std::string> version = codegen::nvrtcVersion();
  if (!version.ok())
    GTEST_SKIP() << version.status().message();
  std::vector<plan::KernelSpec> specs;
  auto add = [&](const KernelCase &c) {
    for (const plan::KernelSpec &spec : c.specs) {
      specs.push_back(spec);
      specs.back().name = "k" + std::to_string(specs.size());
    }
  };
  // The quick form leaves most formats to test/codegen/cuda/gates.py, which compiles them too.
  for (AxmFormat format : allFormats)
    if (isLong() || format == AXM_FORMAT_Q6 || format == AXM_FORMAT_F32)
      add(swiGluCase(format, true, {swiGluShapes[0]}));
  add(plainCase(AXM_FORMAT_Q4, {plainShapes[0]}));
  add(headCase(AXM_FORMAT_Q8, {headShapes[0]}));
  add(embedCase(AXM_FORMAT_Q6));
  add(headsCase(headsShapes.back()));
  codegen::CudaSource source = codegen::emitCuda(specs);
  std::vector<std::string> archs = {"sm_90a"};
  if (isLong())
    archs = {"compute_80", "sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120"};
  for (const std::string &arch : archs) {
    Result<std::string> image = codegen::compileCuda("kernels.cu", source.text, arch);
    ASSERT_TRUE(image.ok()) << image.status().message();
    for (const codegen::CudaKernel &kernel : source.kernels)
      for (const codegen::CudaStage &body : kernel.bodies)
        EXPECT_NE(image->find(body.symbol), std::string::npos) << body.symbol;
  }
}

TEST(CudaTables, EqualTheInterpreter) {
  std::vector<KernelCase> cases;
  for (AxmFormat format : allFormats)
    cases.push_back(embedCase(format));
  check(cases);
}

TEST(CudaHeads, EqualTheInterpreter) {
  std::vector<KernelCase> cases;
  for (const Heads &heads : headsShapes)
    cases.push_back(headsCase(heads));
  check(cases);
}

TEST(CudaHeads, EqualTheInterpreterInTheFormsOfLargeModels) {
  check({headsCase(headsShapes[0]), headsCase(headsShapes[3])}, 4, {1, 1});
}

TEST(CudaContexts, EqualTheInterpreter) {
  std::vector<KernelCase> cases = {contextsCase(contextShapes[0])};
  for (size_t i = 0; isLong() && i < headsShapes.size(); ++i)
    cases.push_back(contextsCase(headsShapes[i]));
  for (size_t i = 1; isLong() && i < contextShapes.size(); ++i)
    cases.push_back(contextsCase(contextShapes[i]));
  check(cases, 77);
}

TEST(CudaContexts, EqualTheInterpreterForLargeHeads) { check({contextsCase(largeHeads)}, 8); }

TEST(CudaContexts, EqualTheInterpreterWhereSpansFindNoRoom) {
  // Two tokens' spans fit, or one's; the others' go through a block each.
  check({contextsCase(contextShapes[2])}, 8, {144, 512, 7});
}

TEST(CudaContexts, EqualTheInterpreterInASingleSplit) {
  check({contextsCase(contextShapes[1])}, 8, {1, 512, 1024});
}

} // namespace
} // namespace axiom::test
