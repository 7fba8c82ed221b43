// Kernels compiled for the host twin: the same bytes each time, nothing left behind, errors that
// say what to do.
#include "codegen/cuda/HostCompiler.h"
#include "codegen/cuda/twin/Launch.h"
#include "codegen/cuda/twin/Library.h"
#include "runtime/abi/cuda_abi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace axiom::test {
namespace {

namespace fs = std::filesystem;
using codegen::compileForTwin;

const char kSource[] = R"(#include "codegen/cuda/kernels/Kernels.h"
namespace axiom::device {
AXIOM_KERNEL(64, 1) number(Launch launch) {
  store(reinterpret_cast<u32 *>(launch.scratch) + threadIndex(), threadIndex());
}
AXIOM_KERNEL(32, 1) beyond(Launch launch) { store<u32>(launch.scratch + 1024, 0); }
} // namespace axiom::device
)";

class HostCompiler : public testing::Test {
protected:
  fs::path folder; ///< the temporary one while a test runs

  HostCompiler() {
    for (const char *name : kNames)
      before.push_back(getenv(name) ? std::optional<std::string>(getenv(name)) : std::nullopt);
    std::string name = (fs::temp_directory_path() / "axiom-test-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
    setenv("TMPDIR", name.c_str(), 1);
    setenv("CXX", AXIOM_HOST_COMPILER, 1);
  }
  ~HostCompiler() override {
    EXPECT_TRUE(fs::is_empty(folder)) << "something was left behind";
    fs::remove_all(folder);
    for (size_t i = 0; i < before.size(); ++i)
      if (before[i])
        setenv(kNames[i], before[i]->c_str(), 1);
      else
        unsetenv(kNames[i]);
  }

private:
  static constexpr const char *kNames[] = {"TMPDIR", "CXX", "PATH"};
  std::vector<std::optional<std::string>> before;
};

TEST_F(HostCompiler, GivesALibraryWhoseKernelsRun) {
  Result<std::string> bytes = compileForTwin("test.cu", kSource);
  ASSERT_TRUE(bytes.ok()) << bytes.status().message();
  auto library = twin::Library::load(bytes->data(), bytes->size());
  ASSERT_TRUE(library.ok()) << library.status().message();
  const AxmTwinKernel *number = (*library)->find("number"), *beyond = (*library)->find("beyond");
  ASSERT_TRUE(number && beyond);
  EXPECT_EQ((*library)->find("malloc"), nullptr);
  EXPECT_EQ(number->threads, 64u);
  EXPECT_EQ(beyond->threads, 32u);
  ASSERT_EQ(number->parameterBytes, sizeof(AxmCudaLaunch));
  alignas(64) uint32_t out[256] = {};
  AxmCudaLaunch launch = {};
  launch.scratch = out;
  twin::GlobalMemory memory;
  memory.add(out, sizeof(out), true);
  twin::LaunchOptions options;
  options.threads = 64;
  EXPECT_EQ(twin::launch(options, memory, [&] { number->run(&launch); }).fault, "");
  for (uint32_t i = 0; i < 64; ++i)
    EXPECT_EQ(out[i], i);
  // The same where the kernel uses memory itself.
  std::fill(std::begin(out), std::end(out), 0u);
  options.place = (*library)->place();
  options.check = false;
  EXPECT_EQ(twin::launch(options, memory, [&] { number->run(&launch); }).fault, "");
  for (uint32_t i = 0; i < 64; ++i)
    EXPECT_EQ(out[i], i);
  options.check = true;
  options.threads = 32;
  options.place = (*library)->place();
  std::string fault = twin::launch(options, memory, [&] { beyond->run(&launch); }).fault;
  EXPECT_EQ(fault.find("line 6: thread 0 of block 0"), 0u) << fault;
}

TEST_F(HostCompiler, GivesTheSameBytesWhereverItRuns) {
  Result<std::string> first = compileForTwin("test.cu", kSource);
  ASSERT_TRUE(first.ok()) << first.status().message();
  fs::create_directory(folder / "another");
  setenv("TMPDIR", (folder / "another").c_str(), 1);
  Result<std::string> second = compileForTwin("test.cu", kSource);
  ASSERT_TRUE(second.ok()) << second.status().message();
  EXPECT_TRUE(*first == *second);
  EXPECT_EQ(first->find("axiom-t"), std::string::npos) << "the temporary folder's name is in it";
  EXPECT_TRUE(fs::is_empty(folder / "another"));
  fs::remove(folder / "another");
}

TEST_F(HostCompiler, TakesWhatIsOnThePath) {
  unsetenv("CXX");
  if (!fs::exists("/usr/bin/c++"))
    GTEST_SKIP() << "no /usr/bin/c++";
  setenv("PATH", "/nowhere:/usr/bin:/bin", 1);
  Result<std::string> bytes = compileForTwin("test.cu", kSource);
  EXPECT_TRUE(bytes.ok()) << bytes.status().message();
}

TEST_F(HostCompiler, SaysWhatIsWrong) {
  auto expect = [](const Result<std::string> &result, Code code, const std::string &part) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.status().code(), code);
    EXPECT_NE(result.status().message().find(part), std::string::npos) << result.status().message();
  };
  expect(compileForTwin("test.cu", "\nAXIOM_KERNEL(32, 1) k(int) { nonsense(); }\n"),
         Code::Internal, "test.cu:2:");
  expect(compileForTwin("test.cu", "int x;\n"), Code::InvalidArgument, "no kernel");
  setenv("CXX", "/nowhere/compiler -x", 1);
  expect(compileForTwin("test.cu", kSource), Code::Unsupported, "/nowhere/compiler");
  unsetenv("CXX");
  setenv("PATH", "/nowhere", 1);
  expect(compileForTwin("test.cu", kSource), Code::Unsupported, "variable CXX");
}

TEST_F(HostCompiler, LibrariesAreKeptApart) {
  std::vector<std::unique_ptr<twin::Library>> libraries;
  for (const char *name : {"first", "second", "third"}) {
    std::string source = std::string("#include \"codegen/cuda/kernels/Launch.h\"\n") +
                         "using namespace axiom::device;\nAXIOM_KERNEL(32, 1) " + name +
                         "(Launch) {}\n";
    Result<std::string> bytes = compileForTwin("test.cu", source);
    ASSERT_TRUE(bytes.ok()) << bytes.status().message();
    auto library = twin::Library::load(bytes->data(), bytes->size());
    ASSERT_TRUE(library.ok()) << library.status().message();
    EXPECT_NE((*library)->find(name), nullptr);
    libraries.push_back(std::move(*library));
  }
  EXPECT_EQ(libraries[0]->find("third"), nullptr);
}

TEST_F(HostCompiler, OtherFilesAreNoLibraries) {
  auto library = twin::Library::load("no library", 10);
  ASSERT_FALSE(library.ok());
  EXPECT_NE(library.status().message().find("cannot be loaded"), std::string::npos);
}

} // namespace
} // namespace axiom::test
