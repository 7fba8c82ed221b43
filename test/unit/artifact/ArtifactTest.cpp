#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/IsaLevel.h"
#include "runtime/base/Memory.h"
#include "runtime/schema/Header.h"
#include "test/unit/artifact/TestArtifact.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace axiom;
using namespace axiom::test;

namespace {

Status openStatus(const std::vector<uint8_t> &bytes, const OpenOptions &options = {}) {
  auto artifact = Artifact::open(writeTemporary(bytes), options);
  return artifact.ok() ? Status() : artifact.status();
}

bool haveV3() {
  const IsaLevel *level = findIsaLevel("x86-64-v3");
  return level && level->missing() == 0;
}

#define NEEDS_V3()                                                                                 \
  if (!haveV3())                                                                                   \
  GTEST_SKIP() << "this CPU does not have x86-64-v3"

void expectMessage(const Status &status, Code code, const std::string &part) {
  EXPECT_EQ(codeName(status.code()), std::string(codeName(code))) << status.message();
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
}

TEST(Artifact, OpensAndTellsWhatIsInside) {
  NEEDS_V3();
  TestArtifact a = makeTestArtifact();
  std::vector<uint8_t> bytes = a.bytes();
  auto opened = Artifact::open(writeTemporary(bytes));
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const Artifact &artifact = **opened;
  EXPECT_EQ(artifact.fileSize(), bytes.size());
  EXPECT_EQ(artifact.digest(), Sha256::of(serialize(a.metadata)));
  EXPECT_EQ(artifact.config().name, "tiny");
  EXPECT_EQ(artifact.config().eos, std::vector<int32_t>{2});
  EXPECT_EQ(artifact.config().windows, (std::vector<uint32_t>{0, 64}));
  EXPECT_EQ(artifact.metadata().tensors.size(), a.metadata.tensors.size());
  EXPECT_EQ(artifact.metadata().tensors[3].heads, 4u);
  EXPECT_EQ(artifact.metadata().plan.repeats[1].phases[0].tasks[0].bindings[1].values.size(), 2u);
  EXPECT_EQ(artifact.metadata().plan.repeats[0].firstLayer, -1);
  EXPECT_EQ(artifact.target(), "cpu:x86-64-v3");
  auto tokenizer = artifact.segment(SegmentKind::Tokenizer);
  EXPECT_EQ(std::string(tokenizer.begin(), tokenizer.end()), "tok");
  EXPECT_TRUE(artifact.segment(SegmentKind::Debug).empty());
  EXPECT_TRUE(artifact.verify().ok());

  const LoadedProgram &program = artifact.program();
  ASSERT_EQ(program.kernels.size(), size_t(3 * NumTestKernels));
  EXPECT_NE(program.kernels[0].prologue, nullptr);
  EXPECT_EQ(program.kernels[1].prologue, nullptr);
  AxmLaunch launch{};
  for (const LoadedKernel &kernel : program.kernels)
    kernel.body(&launch); // only returns; executable memory is the point
  EXPECT_EQ(std::memcmp(program.weights, a.blobs[1].data(), a.blobs[1].size()), 0);
  EXPECT_GE(program.weights, artifact.mapping().data());
}

TEST(Artifact, TheFinalNormIsCheckedOrAbsent) {
  NEEDS_V3();
  TestArtifact a = makeTestArtifact();
  auto opened = Artifact::open(writeTemporary(a.bytes()));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ((*opened)->program().plan.finalNorm, int64_t(a.metadata.tensors.size()) - 1);
  EXPECT_EQ((*opened)->program().plan.finalNormEps, 1e-5f);
  a.metadata.plan.finalNorm = -1; // as files of older compilers have it
  EXPECT_TRUE(openStatus(a.bytes()).ok());
  for (int64_t wrong : {int64_t(0), int64_t(1), int64_t(4), int64_t(a.metadata.tensors.size())}) {
    a.metadata.plan.finalNorm = wrong; // a matrix, a short vector, one of heads, none
    EXPECT_EQ(openStatus(a.bytes()).code(), Code::BadInput) << wrong;
  }
  a.metadata.plan.finalNorm = 2;
  for (float eps : {0.0f, -1.0f, 2.0f, std::nanf("")}) {
    a.metadata.plan.finalNormEps = eps;
    expectMessage(openStatus(a.bytes()), Code::BadInput, "epsilon");
  }
}

TEST(Artifact, CopiesTheWeights) {
  NEEDS_V3();
  TestArtifact a = makeTestArtifact();
  OpenOptions options;
  options.load = LoadMode::Copy;
  auto opened = Artifact::open(writeTemporary(a.bytes()), options);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const LoadedProgram &program = (*opened)->program();
  ASSERT_EQ(program.weightsSize, a.blobs[1].size());
  EXPECT_EQ(std::memcmp(program.weights, a.blobs[1].data(), a.blobs[1].size()), 0);
  auto mapping = (*opened)->mapping();
  EXPECT_TRUE(program.weights < mapping.data() ||
              program.weights >= mapping.data() + mapping.size());
}

TEST(Artifact, InspectOnlyNeedsNoImage) {
  TestArtifact a = makeTestArtifact();
  a.metadata.segments[0].target = "cpu:unknown-level";
  OpenOptions options;
  options.code = false;
  auto opened = Artifact::open(writeTemporary(a.bytes()), options);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  EXPECT_TRUE((*opened)->program().kernels.empty());
  auto images = (*opened)->images();
  ASSERT_TRUE(images.ok());
  ASSERT_EQ(images->size(), 1u);
  EXPECT_EQ((*images)[0].rows.size(), size_t(3 * NumTestKernels));
  EXPECT_FALSE((*images)[0].note.empty());
  expectMessage(openStatus(a.bytes()), Code::Unsupported, "cpu:unknown-level");
}

TEST(Artifact, VersionsAreNamedWithTheRemedy) {
  std::vector<uint8_t> bytes = makeTestArtifact().bytes();
  const char *names[] = {"format", "numerics", "kernel ABI"};
  const uint32_t ours[] = {kArtifactFormatVersion, AXM_NUMERICS_VERSION, AXM_KERNEL_ABI_VERSION};
  for (int i = 0; i < 3; ++i) {
    for (uint32_t version : {0u, ours[i] - 1, ours[i] + 1}) {
      std::vector<uint8_t> other = bytes;
      std::memcpy(other.data() + 4 + 4 * i, &version, 4);
      Status status = openStatus(other);
      expectMessage(status, Code::Unsupported,
                    format("%s version %u and this runtime has %u", names[i], version, ours[i]));
      expectMessage(status, Code::Unsupported, "axiomc MODEL -o MODEL.axm");
    }
  }
}

TEST(Artifact, ChoosesTheImage) {
  NEEDS_V3();
  TestArtifact a = makeTestArtifact();
  OpenOptions options;
  options.isa = "x86-64-v9";
  expectMessage(openStatus(a.bytes(), options), Code::InvalidArgument, "x86-64-v3");
  options.isa = "x86-64-v3-vnni";
  bool haveVnni = findIsaLevel("x86-64-v3-vnni")->missing() == 0;
  expectMessage(openStatus(a.bytes(), options), Code::Unsupported,
                haveVnni ? "no code for this CPU" : "does not have");

  // The best level that this CPU has, wherever it lies in the file.
  a.metadata.segments.insert(a.metadata.segments.begin(), a.metadata.segments[0]);
  a.blobs.insert(a.blobs.begin(), a.blobs[0]);
  for (size_t place : {1, 0}) {
    a.metadata.segments[place].target = "cpu:x86-64-v3-vnni";
    a.metadata.segments[1 - place].target = "cpu:x86-64-v3";
    a.seal();
    auto opened = Artifact::open(writeTemporary(a.bytes()));
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    EXPECT_EQ((*opened)->target(), haveVnni ? "cpu:x86-64-v3-vnni" : "cpu:x86-64-v3");
  }
  if (haveVnni) {
    auto opened = Artifact::open(writeTemporary(a.bytes()), options);
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    EXPECT_EQ((*opened)->target(), "cpu:x86-64-v3-vnni");
  }
}

TEST(Artifact, DamageIsFoundAndNamed) {
  TestArtifact a = makeTestArtifact();
  std::vector<uint8_t> good = a.bytes();
  auto flipped = [&](uint64_t at) {
    std::vector<uint8_t> bytes = good;
    bytes[at] ^= 1;
    return bytes;
  };
  expectMessage(openStatus(flipped(0)), Code::BadInput, "not an Axiom artifact");
  expectMessage(openStatus(flipped(a.metadataPlace + 20)), Code::BadInput, "metadata is damaged");
  expectMessage(openStatus(flipped(100)), Code::BadInput, "padding");
  expectMessage(openStatus(flipped(a.places[2])), Code::BadInput, "tokenizer");
  expectMessage(openStatus(flipped(a.places[3])), Code::BadInput, "template");
  std::vector<uint8_t> longer = good;
  longer.push_back(0);
  expectMessage(openStatus(longer), Code::BadInput, "1 bytes follow the metadata");
  expectMessage(openStatus({1, 2, 3}), Code::BadInput, "3 bytes");
  expectMessage(openStatus({}), Code::BadInput, "0 bytes");
  if (haveV3()) {
    expectMessage(openStatus(flipped(a.places[0] + 3)), Code::BadInput, "code segment");
    EXPECT_TRUE(openStatus(flipped(a.places[4])).ok());
    OpenOptions all;
    all.verifyAll = true;
    expectMessage(openStatus(flipped(a.places[4]), all), Code::BadInput, "golden");
    const TensorInfo &tensor = a.metadata.tensors[3];
    expectMessage(openStatus(flipped(a.places[1] + tensor.offset + 5), all), Code::BadInput,
                  tensor.name);
    const TensorInfo &bias = a.metadata.tensors[1];
    ASSERT_NE(bias.size % 64, 1u);
    EXPECT_TRUE(openStatus(good, all).ok());
  }
  EXPECT_EQ(Artifact::open("/nonexistent/model.axm").status().code(), Code::NotFound);
  EXPECT_EQ(Artifact::open("/").status().code(), Code::BadInput);
}

TEST(Artifact, HeaderFieldsThatPointOutside) {
  std::vector<uint8_t> good = makeTestArtifact().bytes();
  for (uint64_t offset :
       {uint64_t(0), uint64_t(64), uint64_t(1) << 63, UINT64_MAX - 63, uint64_t(good.size())})
    for (uint64_t size : {uint64_t(0), uint64_t(1), uint64_t(good.size()), UINT64_MAX}) {
      std::vector<uint8_t> bytes = good;
      std::memcpy(bytes.data() + 16, &offset, 8);
      std::memcpy(bytes.data() + 24, &size, 8);
      Status status = openStatus(bytes);
      EXPECT_EQ(status.code(), Code::BadInput) << offset << " " << size;
    }
}

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

// A kernel that forbids turning written memory executable (what MemoryDenyWriteExecute asks for):
// the image is then mapped from the file.
TEST(Artifact, RunsWhereWrittenMemoryMayNotBecomeExecutable) {
  NEEDS_V3();
  std::string path = writeTemporary(makeTestArtifact().bytes(), "mdwe.axm");
  pid_t child = ::fork();
  if (child == 0) {
    if (::prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0)
      ::_exit(77);
    auto pages = Pages::allocate(4096, "a test");
    if (!pages.ok() || pages->makeExecutable().ok())
      ::_exit(2);
    auto opened = Artifact::open(path);
    if (!opened.ok())
      ::_exit(1);
    AxmLaunch launch{};
    (*opened)->program().kernels[0].body(&launch);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "this kernel has no PR_SET_MDWE";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Artifact, BrokenIsSeenByAll) {
  auto opened =
      Artifact::open(writeTemporary(makeTestArtifact().bytes()), {.isa = {}, .code = false});
  ASSERT_TRUE(opened.ok());
  EXPECT_FALSE((*opened)->broken());
  (*opened)->markBroken();
  EXPECT_TRUE((*opened)->broken());
}

} // namespace
