// Damaged and hostile artifacts: cut short, with every byte changed, with single wrong fields, with
// random metadata. All digests of the mutants are right, so that only the checks can find them.
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/IsaLevel.h"
#include "test/corrupt/artifact/CorruptFile.h"
#include "test/corrupt/artifact/Mutants.h"

#include <chrono>
#include <cstring>
#include <gtest/gtest.h>
#include <set>

using namespace axiom;
using namespace axiom::test;

namespace {

class CorruptArtifact : public ::testing::Test {
protected:
  void SetUp() override {
    const IsaLevel *level = findIsaLevel("x86-64-v3");
    if (!level || level->missing() != 0)
      GTEST_SKIP() << "this CPU does not have x86-64-v3";
    size_t accepted = 0;
    ASSERT_EQ(judge(file, artifact, accepted), "");
    ASSERT_EQ(accepted, 1u) << "the unchanged artifact does not open";
  }

  TestArtifact artifact = makeTestArtifact();
  CorruptFile file{artifact};
};

TEST_F(CorruptArtifact, CutShort) {
  ASSERT_LT(file.good().size(), 256u * 1024);
  for (uint64_t size = 0; size < file.good().size(); size += 64) {
    file.resize(size);
    auto opened = Artifact::open(file.path());
    ASSERT_FALSE(opened.ok()) << size;
    ASSERT_EQ(opened.status().code(), Code::BadInput) << opened.status().message();
    file.restore();
  }
}

// With all digests checked there is no byte that may differ.
TEST_F(CorruptArtifact, EveryByteFlipped) {
  OpenOptions options;
  options.verifyAll = true;
  const std::vector<uint8_t> &good = file.good();
  uint64_t step = longTests() ? 1 : 13; // the header and the metadata always whole
  for (uint64_t at = 0; at < good.size();
       at += at < 64 || at >= artifact.metadataPlace ? 1 : step) {
    uint8_t flipped = static_cast<uint8_t>(good[at] ^ (1u << at % 8));
    file.write(at, &flipped, 1);
    auto opened = Artifact::open(file.path(), options);
    ASSERT_FALSE(opened.ok()) << at;
    ASSERT_TRUE(opened.status().code() == Code::BadInput ||
                opened.status().code() == Code::Unsupported)
        << opened.status().message();
    file.write(at, &good[at], 1);
  }
}

TEST_F(CorruptArtifact, SingleFields) {
  size_t mutants = 0, accepted = 0;
  for (const Field &field : metadataFields(artifact.metadata)) {
    uint64_t value = field.get(artifact.metadata);
    uint64_t mask = field.bits == 64 ? UINT64_MAX : (uint64_t(1) << field.bits) - 1;
    std::set<uint64_t> values;
    for (uint64_t other :
         {value + 1, value - 1, value ^ 1, value * 2, value / 2, value + 64, value - 64,
          value + (uint64_t(1) << 32), uint64_t(0), uint64_t(1), uint64_t(1) << 31,
          (uint64_t(1) << 31) - 1, uint64_t(1) << 63, UINT64_MAX, UINT64_MAX - 63, ~value})
      values.insert(other & mask);
    values.erase(value & mask);
    for (uint64_t other : values) {
      Metadata changed = artifact.metadata;
      field.set(changed, other);
      file.writeMetadata(serialize(changed));
      size_t opens = 0;
      ASSERT_EQ(judge(file, artifact, opens), "") << field.name << " = " << other;
      EXPECT_FALSE(field.strict && opens > 0) << field.name << " = " << other << " is accepted";
      accepted += opens;
      ++mutants;
    }
  }
  std::printf("%zu mutants, %zu accepted as harmless\n", mutants, accepted);
  EXPECT_GE(mutants, 500u);
  EXPECT_LT(accepted, mutants / 10);
}

TEST_F(CorruptArtifact, Surgery) {
  size_t mutants = 0, accepted = 0;
  for (const Surgery &surgery : metadataSurgeries(artifact.metadata)) {
    Metadata changed = artifact.metadata;
    surgery.apply(changed);
    if (serialize(changed) == serialize(artifact.metadata))
      continue;
    file.writeMetadata(serialize(changed));
    ASSERT_EQ(judge(file, artifact, accepted), "") << surgery.name;
    ++mutants;
  }
  std::printf("%zu mutants, %zu accepted as harmless\n", mutants, accepted);
  EXPECT_GE(mutants, 100u);
}

struct Random {
  uint64_t state;
  uint64_t next() {
    state += 0x9e3779b97f4a7c15u;
    uint64_t z = state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  uint64_t below(uint64_t n) { return next() % n; }
};

void mutate(std::vector<uint8_t> &bytes, Random &random) {
  uint64_t at = random.below(bytes.size());
  uint64_t word = random.below(bytes.size() / 4) * 4;
  switch (random.below(7)) {
  case 0:
    bytes[at] ^= static_cast<uint8_t>(1u << random.below(8));
    break;
  case 1:
    bytes[at] = static_cast<uint8_t>(random.next());
    break;
  case 2:
    bytes[at] = random.below(2) ? 0xff : 0;
    break;
  case 3: { // an offset or a number, a little off
    uint32_t value;
    std::memcpy(&value, &bytes[word], 4);
    value += static_cast<uint32_t>(random.below(17)) - 8;
    std::memcpy(&bytes[word], &value, 4);
    break;
  }
  case 4: { // a word from elsewhere
    uint64_t from = random.below(bytes.size() / 4) * 4;
    std::memmove(&bytes[word], &bytes[from], 4);
    break;
  }
  case 5: {
    const uint32_t edges[] = {0,          1,          0x7fffffff,
                              0x80000000, 0xffffffff, static_cast<uint32_t>(bytes.size())};
    std::memcpy(&bytes[word], &edges[random.below(6)], 4);
    break;
  }
  default: // shorter or longer
    bytes.resize(random.below(2) ? bytes.size() - 1 - random.below(16)
                                 : bytes.size() + 1 + random.below(16));
  }
}

TEST_F(CorruptArtifact, RandomMetadata) {
  std::vector<uint8_t> good = serialize(artifact.metadata);
  size_t rounds = longTests() ? 100000 : 4000, accepted = 0;
  Random random{20261123};
  double slowest = 0;
  for (size_t i = 0; i < rounds; ++i) {
    std::vector<uint8_t> bytes = good;
    for (uint64_t changes = 1 + random.below(3); changes > 0; --changes)
      mutate(bytes, random);
    file.writeMetadata(bytes);
    auto start = std::chrono::steady_clock::now();
    ASSERT_EQ(judge(file, artifact, accepted), "") << "round " << i;
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    slowest = std::max(slowest, seconds.count());
  }
  std::printf("%zu mutants, %zu accepted as harmless, slowest %.3f s\n", rounds, accepted, slowest);
  EXPECT_LT(slowest, 1.0);
  EXPECT_LT(accepted, rounds / 2);
}

} // namespace
