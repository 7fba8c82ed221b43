#include "compiler/package/ArtifactWriter.h"

#include "codegen/TemporaryFolder.h"
#include "runtime/abi/kernel_abi.h"
#include "runtime/base/MappedFile.h"
#include "runtime/schema/Header.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace axiom {
namespace {

namespace fs = std::filesystem;

size_t entriesOf(const fs::path &folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

std::vector<uint8_t> fileBytes(const fs::path &path) {
  auto file = MappedFile::open(path.string());
  EXPECT_TRUE(file.ok());
  auto bytes = file->bytes();
  return {bytes.begin(), bytes.end()};
}

std::vector<uint8_t> pattern(size_t size, uint8_t seed) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<uint8_t>(i * 31 + seed);
  return bytes;
}

TEST(ArtifactWriter, PlacesSegmentsByTheHeaderRules) {
  codegen::TemporaryFolder folder("axiom-writer");
  fs::path out = folder.path() / "m.axm";
  auto writer = ArtifactWriter::create(out.string());
  ASSERT_TRUE(writer.ok()) << writer.status().message();
  auto tokenizer = pattern(1001, 1), code = pattern(5000, 2), weights = pattern(100000, 3);
  ASSERT_TRUE(writer->addSegment(SegmentType::Tokenizer, tokenizer).ok());
  ASSERT_TRUE(writer->addSegment(SegmentType::Code, code, "cpu:x86-64-v3").ok());
  ASSERT_TRUE(writer->beginSegment(SegmentType::Weights, weights.size()).ok());
  for (size_t at = 0; at < weights.size(); at += 777)
    ASSERT_TRUE(
        writer->write({weights.data() + at, std::min<size_t>(777, weights.size() - at)}).ok());
  ASSERT_TRUE(writer->endSegment().ok());
  EXPECT_FALSE(fs::exists(out));
  auto metadata = pattern(333, 4);
  ASSERT_TRUE(writer->seal(metadata).ok());
  ASSERT_TRUE(writer->commit().ok());
  EXPECT_EQ(entriesOf(folder.path()), 1u);

  auto bytes = fileBytes(out);
  const auto &segments = writer->segments();
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_EQ(segments[0].offset, 64u);
  EXPECT_EQ(segments[1].offset, 65536u);
  EXPECT_EQ(segments[2].offset, 131072u);
  EXPECT_EQ(segments[1].target, "cpu:x86-64-v3");
  EXPECT_EQ(segments[0].sha256, Sha256::of(tokenizer));
  EXPECT_EQ(segments[2].sha256, Sha256::of(weights));
  EXPECT_EQ(std::memcmp(bytes.data() + segments[2].offset, weights.data(), weights.size()), 0);

  ArtifactHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  EXPECT_EQ(header.magic, kArtifactMagic);
  EXPECT_EQ(std::memcmp(bytes.data(), "AXM1", 4), 0);
  EXPECT_EQ(header.formatVersion, kArtifactFormatVersion);
  EXPECT_EQ(header.numericsVersion, AXM_NUMERICS_VERSION);
  EXPECT_EQ(header.kernelAbiVersion, AXM_KERNEL_ABI_VERSION);
  EXPECT_EQ(header.metadataOffset, 231104u); // 131072 + 100000 rounded up to 64
  EXPECT_EQ(header.metadataSize, 333u);
  ASSERT_EQ(bytes.size(), header.metadataOffset + header.metadataSize);
  auto digest = Sha256::of(metadata);
  EXPECT_EQ(std::memcmp(header.metadataSha256, digest.data(), 32), 0);
  for (size_t i = 64 + 1001; i < 65536; ++i)
    ASSERT_EQ(bytes[i], 0) << i;
}

TEST(ArtifactWriter, SealingAgainGivesTheFileThatOneSealWouldGive) {
  codegen::TemporaryFolder folder("axiom-writer");
  auto code = pattern(100, 1), golden = pattern(200, 2), metadata = pattern(90, 3);
  auto once = ArtifactWriter::create((folder.path() / "a.axm").string());
  ASSERT_TRUE(once->addSegment(SegmentType::Code, code).ok());
  ASSERT_TRUE(once->addSegment(SegmentType::Golden, golden).ok());
  ASSERT_TRUE(once->seal(metadata).ok());
  ASSERT_TRUE(once->commit().ok());
  auto twice = ArtifactWriter::create((folder.path() / "b.axm").string());
  ASSERT_TRUE(twice->addSegment(SegmentType::Code, code).ok());
  ASSERT_TRUE(twice->seal(pattern(5000, 9)).ok());
  EXPECT_EQ(fs::file_size(twice->temporaryPath()), twice->size());
  ASSERT_TRUE(twice->addSegment(SegmentType::Golden, golden).ok());
  ASSERT_TRUE(twice->seal(metadata).ok());
  ASSERT_TRUE(twice->commit().ok());
  EXPECT_EQ(fileBytes(folder.path() / "a.axm"), fileBytes(folder.path() / "b.axm"));
}

TEST(ArtifactWriter, ASegmentThatIsTakenOutLeavesNoTrace) {
  codegen::TemporaryFolder folder("axiom-writer");
  auto weights = pattern(70000, 1), golden = pattern(200, 2), metadata = pattern(90, 3);
  auto without = ArtifactWriter::create((folder.path() / "a.axm").string());
  auto with = ArtifactWriter::create((folder.path() / "b.axm").string());
  EXPECT_FALSE(with->dropSegment().ok()) << "there is none";
  for (ArtifactWriter *writer : {&*without, &*with})
    ASSERT_TRUE(writer->addSegment(SegmentType::Weights, weights).ok());
  ASSERT_TRUE(with->addSegment(SegmentType::Code, pattern(300000, 4), "cpu:x86-64-v3").ok());
  ASSERT_TRUE(with->seal(pattern(5000, 9)).ok());
  ASSERT_TRUE(with->dropSegment().ok());
  EXPECT_FALSE(with->commit().ok()) << "no longer sealed";
  EXPECT_EQ(with->segments().size(), 1u);
  for (ArtifactWriter *writer : {&*without, &*with}) {
    ASSERT_TRUE(writer->addSegment(SegmentType::Golden, golden).ok());
    ASSERT_TRUE(writer->seal(metadata).ok());
    ASSERT_TRUE(writer->commit().ok());
  }
  EXPECT_EQ(fileBytes(folder.path() / "a.axm"), fileBytes(folder.path() / "b.axm"));
}

TEST(ArtifactWriter, LeavesNothingBehindAndKeepsTheOldFile) {
  codegen::TemporaryFolder folder("axiom-writer");
  fs::path out = folder.path() / "m.axm";
  std::ofstream(out) << "old";
  {
    auto writer = ArtifactWriter::create(out.string());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->addSegment(SegmentType::Code, pattern(100, 1)).ok());
    EXPECT_EQ(entriesOf(folder.path()), 2u);
    EXPECT_FALSE(writer->commit().ok()) << "not sealed";
  }
  EXPECT_EQ(entriesOf(folder.path()), 1u);
  EXPECT_EQ(fileBytes(out), (std::vector<uint8_t>{'o', 'l', 'd'}));
}

TEST(ArtifactWriter, RefusesFoldersAndShortSegments) {
  codegen::TemporaryFolder folder("axiom-writer");
  EXPECT_FALSE(ArtifactWriter::create(folder.path().string()).ok());
  EXPECT_FALSE(ArtifactWriter::create((folder.path() / "no" / "m.axm").string()).ok());
  auto writer = ArtifactWriter::create((folder.path() / "m.axm").string());
  ASSERT_TRUE(writer->beginSegment(SegmentType::Weights, 10).ok());
  ASSERT_TRUE(writer->write(pattern(9, 0)).ok());
  EXPECT_FALSE(writer->endSegment().ok());
}

} // namespace
} // namespace axiom
