// Every instruction-set level gives the interpreter's bits: with its own instructions where this
// CPU has them, and with the dot instructions as plain arithmetic everywhere.
#include "runtime/artifact/IsaLevel.h"
#include "test/unit/codegen/KernelCases.h"
#include "test/unit/codegen/LevelTestName.h"

#include "gtest/gtest.h"

namespace axiom::test {
namespace {

class Levels : public testing::TestWithParam<std::string> {};

const std::vector<Shape> fewShapes = {{96, 131, {32}}, {544, 24}, {640, 40, {288, 416}}};

std::string checkFormat(AxmFormat format, const std::string &level) {
  for (const KernelCase &kernels : {plainCase(format, fewShapes), headCase(format, {{96, 131}}),
                                    swiGluCase(format, true, {{96, 100}})})
    if (std::string found = kernels.check({}, KernelCase::kAll, level); !found.empty())
      return found;
  return "";
}

/// The other tests of this folder run the first level.
std::vector<std::string> otherLevels() {
  std::vector<std::string> names = codegen::cpuLevels();
  names.erase(names.begin());
  return names;
}

TEST_P(Levels, NativeEqualsTheInterpreter) {
  const IsaLevel *level = findIsaLevel(GetParam());
  if (!level)
    GTEST_SKIP() << "a level of another architecture; test/e2e/aarch64.long.py runs it";
  if (uint64_t missing = level->missing())
    GTEST_SKIP() << "this CPU does not have " << featureNames(missing);
  for (AxmFormat format : allFormats)
    EXPECT_EQ(checkFormat(format, GetParam()), "");
  EXPECT_EQ(
      headsCase({5, 1, 20, 65, AXM_KV_INT8, true, true}).check({}, KernelCase::kAll, GetParam()),
      "");
}

TEST_P(Levels, PlainArithmeticEqualsTheInterpreter) {
  for (AxmFormat format : {AXM_FORMAT_Q8, AXM_FORMAT_Q4F16, AXM_FORMAT_Q4, AXM_FORMAT_Q6})
    EXPECT_EQ(checkFormat(format, GetParam() + "+plain"), "");
}

INSTANTIATE_TEST_SUITE_P(All, Levels, testing::ValuesIn(otherLevels()), levelTestName);

} // namespace
} // namespace axiom::test
