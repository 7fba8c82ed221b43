// The pack's format: what is written is read again, and damage is an error, never a crash.
#include "test/gpu/SmallPack.h"

#include "runtime/abi/cuda_abi.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace axiom::replay {
namespace {

TEST(Replay, ReadsWhatWasWritten) {
  std::vector<uint8_t> file = smallPack();
  Result<Pack> pack = parsePack(file);
  ASSERT_TRUE(pack.ok()) << pack.status().message();
  EXPECT_EQ(pack->archs, (std::vector<std::string>{"sm_80", "compute_80"}));
  EXPECT_EQ(pack->modules, std::vector<std::string>{"some"});
  EXPECT_EQ(pack->blobs.size(), 3u) << "shared";
  ASSERT_EQ(pack->cases.size(), 2u);
  const Case &c = pack->cases[1];
  EXPECT_EQ(c.name, "second");
  ASSERT_EQ(c.segments.size(), 2u);
  EXPECT_TRUE(c.segments[0].readOnly);
  EXPECT_EQ(c.segments[0].after, kNone);
  EXPECT_EQ(c.segments[1].compare, Compare::F32);
  const Blob &before = pack->blobs[c.segments[1].before], &after = pack->blobs[c.segments[1].after];
  EXPECT_TRUE(before.fill);
  EXPECT_EQ(before.size, 8u);
  EXPECT_EQ(before.value, 0xff);
  EXPECT_EQ(std::vector<uint8_t>(after.bytes.begin(), after.bytes.end()),
            (std::vector<uint8_t>{5, 6, 7, 8}));
  ASSERT_EQ(c.launches.size(), 2u);
  EXPECT_EQ(c.launches[1].symbol, "kernel");
  EXPECT_EQ(c.launches[1].grid, 3u);
  EXPECT_EQ(c.launches[1].threads, 64u);
  ASSERT_EQ(c.launches[1].relocations.size(), 2u);
  EXPECT_EQ(c.launches[1].relocations[0].offset, 2u);
  EXPECT_EQ(c.launches[1].relocations[1].place, 8u);
}

TEST(Replay, LeavesOutWhatIsThereAlready) {
  PackWriter pack;
  EXPECT_TRUE(pack.add(smallCase(pack, "first")));
  EXPECT_FALSE(pack.add(smallCase(pack, "again")));
  EXPECT_EQ(pack.cases(), 1u);
  Case other = smallCase(pack, "first");
  other.launches[0].grid = 4;
  EXPECT_TRUE(pack.add(other));
  std::vector<uint8_t> file = pack.finish({"host"});
  Result<Pack> read = parsePack(file);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->cases[1].name, "first (2)");
}

TEST(Replay, KeepsLongRunsShort) {
  // Runs of every length beside pieces of every length, also longer than a piece may be.
  for (size_t length : {1u, 15u, 16u, 17u, 300u, 65534u, 65535u, 65536u, 140000u})
    for (size_t run : {1u, 15u, 16u, 300u, 65535u, 65536u, 140000u}) {
      std::vector<uint8_t> bytes;
      for (size_t i = 0; i < length; ++i)
        bytes.push_back(static_cast<uint8_t>(i * 7 + i / 256));
      bytes.insert(bytes.end(), run, 0xff);
      bytes.push_back(1);
      PackWriter pack;
      Case c = smallCase(pack, "runs");
      c.segments[0].before = pack.blob(bytes);
      ASSERT_TRUE(pack.add(c));
      std::vector<uint8_t> file = pack.finish({"host"});
      EXPECT_LT(file.size(), length + length / 8192 + std::max<size_t>(run / 1024, 40) + 600 +
                                 (run < length ? run : 0));
      Result<Pack> read = parsePack(file);
      ASSERT_TRUE(read.ok()) << length << " " << run << read.status().message();
      const Blob &blob = read->blobs[read->cases[0].segments[0].before];
      EXPECT_TRUE(std::equal(blob.bytes.begin(), blob.bytes.end(), bytes.begin(), bytes.end()))
          << length << " " << run;
    }
}

TEST(Replay, RefusesAChangedOrShorterFile) {
  const std::vector<uint8_t> file = smallPack();
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(parsePack({file.data(), size}).ok()) << size;
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::vector<uint8_t> changed = file;
    changed[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    EXPECT_FALSE(parsePack(changed).ok()) << bit;
  }
}

/// As if the digest had been made anew: every cut is found, and what still opens fits together.
TEST(Replay, ChecksTheBodyByItself) {
  const std::vector<uint8_t> file = smallPack(), body(file.begin() + kBodyAt, file.end());
  ASSERT_TRUE(parseBody(body).ok());
  for (size_t size = 0; size < body.size(); ++size)
    EXPECT_FALSE(parseBody({body.data(), size}).ok()) << size;
  std::vector<uint8_t> longer = body;
  longer.push_back(0);
  EXPECT_FALSE(parseBody(longer).ok());
  size_t refused = 0;
  for (size_t bit = 0; bit < 8 * body.size(); ++bit) {
    std::vector<uint8_t> changed = body;
    changed[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    Result<Pack> pack = parseBody(changed);
    refused += !pack.ok();
    if (!pack.ok()) {
      EXPECT_FALSE(pack.status().message().empty());
      continue;
    }
    for (const Case &c : pack->cases) {
      ASSERT_LT(c.module, pack->modules.size());
      for (const Segment &segment : c.segments) {
        ASSERT_LT(segment.before, pack->blobs.size());
        if (segment.after != kNone) {
          ASSERT_LE(pack->blobs[segment.after].size, pack->blobs[segment.before].size);
        }
      }
      for (const Launch &launch : c.launches) {
        ASSERT_LE(launch.sharedBytes, AXM_CUDA_SHARED);
        for (const Relocation &relocation : launch.relocations) {
          ASSERT_LE(relocation.place + uint64_t(8), launch.parameter.size());
          ASSERT_LT(relocation.segment, c.segments.size());
          ASSERT_LE(relocation.offset, pack->blobs[c.segments[relocation.segment].before].size);
        }
      }
    }
  }
  EXPECT_GT(refused, body.size());
}

TEST(Replay, ShowsWhatDiffers) {
  const std::vector<uint8_t> want = {1, 2, 3, 4, 0, 0, 0xc0, 0x7f};
  Blob blob{false, 0, want.size(), want};
  EXPECT_FALSE(compare(blob, want, Compare::Bytes));
  std::vector<uint8_t> found = want;
  found[2] = 9;
  found[7] = 0xff;
  auto bytes = compare(blob, found, Compare::Bytes);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(bytes->first, 2u);
  EXPECT_EQ(bytes->count, 2u);
  EXPECT_EQ(bytes->expected, "03");
  EXPECT_EQ(bytes->found, "09");
  // As numbers: the second one is NaN before and after.
  auto numbers = compare(blob, found, Compare::F32);
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->first, 0u);
  EXPECT_EQ(numbers->count, 1u);
  EXPECT_EQ(numbers->expected, "01020304");
  const std::vector<uint8_t> nan = {0x01, 0x7c, 0x00, 0x7c}, other = {0x00, 0xfe, 0x00, 0x7c};
  EXPECT_FALSE(compare({false, 0, 4, nan}, other, Compare::F16));
  const std::vector<uint8_t> infinity = {0x01, 0x7c, 0x01, 0x7c};
  EXPECT_TRUE(compare({false, 0, 4, nan}, infinity, Compare::F16)) << "infinity is no NaN";
  const std::vector<uint8_t> zeros = {0, 0, 1};
  auto fill = compare({true, 0, 3, {}}, zeros, Compare::Bytes);
  ASSERT_TRUE(fill);
  EXPECT_EQ(fill->first, 2u);
}

} // namespace
} // namespace axiom::replay
