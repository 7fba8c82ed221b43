#include "runtime/kv/PrefixCache.h"

#include "runtime/kv/BlockTable.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <numeric>
#include <random>

using namespace axiom;

namespace {

PrefixSalt salt(const char *text) { return std::make_shared<const std::string>(text); }

std::vector<int32_t> counted(int32_t first, size_t count) {
  std::vector<int32_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

std::span<const int32_t> blockOf(const std::vector<int32_t> &tokens, uint32_t index) {
  return std::span(tokens).subspan(index * AXM_KV_BLOCK, AXM_KV_BLOCK);
}

/// A sequence that has computed all whole blocks of `tokens`.
BlockTable computed(PrefixCache &cache, const std::vector<int32_t> &tokens, PrefixSalt salt = {}) {
  BlockTable table;
  std::vector<uint32_t> fresh;
  auto known = cache.match(salt, tokens);
  table.share(cache, known);
  uint32_t blocks = static_cast<uint32_t>(tokens.size() / AXM_KV_BLOCK);
  EXPECT_TRUE(table.grow(cache, blocks, fresh));
  for (uint32_t i = static_cast<uint32_t>(known.size()); i < blocks; ++i)
    table.remember(cache, i, salt, blockOf(tokens, i));
  return table;
}

} // namespace

TEST(PrefixCache, FindsThePrefixOfAnother) {
  PrefixCache cache(8);
  auto tokens = counted(0, 200);
  BlockTable first = computed(cache, tokens);
  ASSERT_EQ(first.size(), 3u);
  EXPECT_TRUE(std::ranges::equal(cache.match({}, tokens), first.blocks()));
  tokens[130] = 7; // in the third block
  EXPECT_EQ(cache.match({}, tokens).size(), 2u);
  EXPECT_EQ(cache.match({}, std::span(tokens).first(127)).size(), 1u) << "whole blocks only";
  tokens[0] = 7;
  EXPECT_TRUE(cache.match({}, tokens).empty()) << "a block stands for all tokens before it";
  EXPECT_EQ(cache.match({}, std::span(tokens).subspan(64)).size(), 0u);
}

TEST(PrefixCache, SaltsDoNotMeet) {
  PrefixCache cache(8);
  auto tokens = counted(0, 64);
  computed(cache, tokens, salt("a"));
  EXPECT_EQ(cache.match(salt("a"), tokens).size(), 1u) << "compared by content";
  EXPECT_EQ(cache.match(salt("b"), tokens).size(), 0u);
  EXPECT_EQ(cache.match(salt(""), tokens).size(), 0u);
  EXPECT_EQ(cache.match({}, tokens).size(), 0u);
  computed(cache, tokens);
  EXPECT_EQ(cache.numCached(), 2u);
}

TEST(PrefixCache, EqualBlocksBecomeOne) {
  PrefixCache cache(8);
  auto tokens = counted(0, 128);
  BlockTable a, b;
  std::vector<uint32_t> fresh;
  ASSERT_TRUE(a.grow(cache, 2, fresh));
  ASSERT_TRUE(b.grow(cache, 2, fresh));
  for (uint32_t i = 0; i < 2; ++i) {
    a.remember(cache, i, {}, blockOf(tokens, i));
    b.remember(cache, i, {}, blockOf(tokens, i));
    EXPECT_EQ(a.blocks()[i], b.blocks()[i]);
    EXPECT_EQ(cache.owners(a.blocks()[i]), 2u);
    EXPECT_EQ(cache.checkInvariants(), "");
  }
  EXPECT_EQ(cache.numOwned(), 2u);
}

TEST(PrefixCache, TheOldestGoesFirstAndItsEndBeforeItsBeginning) {
  PrefixCache cache(4);
  auto x = counted(0, 128), y = counted(1000, 128);
  computed(cache, x).shrink(cache, 0);
  computed(cache, y).shrink(cache, 0);
  EXPECT_EQ(cache.numOwned(), 0u);
  EXPECT_EQ(cache.numAvailable(), 4u);
  EXPECT_EQ(cache.numCached(), 4u);
  BlockTable table;
  std::vector<uint32_t> fresh;
  ASSERT_TRUE(table.grow(cache, 1, fresh));
  EXPECT_EQ(cache.match({}, x).size(), 1u);
  EXPECT_EQ(cache.match({}, y).size(), 2u);
  // What is used again is the newest again.
  BlockTable again;
  again.share(cache, cache.match({}, x));
  again.shrink(cache, 0);
  ASSERT_TRUE(table.grow(cache, 3, fresh));
  EXPECT_EQ(cache.match({}, x).size(), 1u);
  EXPECT_EQ(cache.match({}, y).size(), 0u);
  EXPECT_EQ(cache.evictions(), 3u);
  EXPECT_FALSE(again.grow(cache, 2, fresh));
  EXPECT_EQ(cache.checkInvariants(), "");
}

TEST(PrefixCache, ClearKeepsTheOwners) {
  PrefixCache cache(4);
  auto tokens = counted(0, 128);
  BlockTable table = computed(cache, tokens);
  computed(cache, counted(500, 64)).shrink(cache, 0);
  cache.clear();
  EXPECT_EQ(cache.numCached(), 0u);
  EXPECT_EQ(cache.numOwned(), 2u);
  EXPECT_TRUE(cache.match({}, tokens).empty());
  EXPECT_EQ(cache.checkInvariants(), "");
  table.shrink(cache, 0);
  EXPECT_EQ(cache.numAvailable(), 4u);
}

// Against a plain list of what was inserted: a match never gives a block that holds anything else.
TEST(PrefixCache, RandomUse) {
  uint64_t hits = 0, evictions = 0;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    PrefixCache cache(6 + random() % 10);
    std::map<uint32_t, std::vector<int32_t>> held; ///< block: all tokens up to its end, salt first
    std::vector<BlockTable> tables;
    for (int step = 0; step < 1500; ++step) {
      if (!tables.empty() && (random() % 2 == 0 || cache.numAvailable() < 3)) {
        size_t at = random() % tables.size();
        tables[at].shrink(cache, 0);
        tables.erase(tables.begin() + static_cast<ptrdiff_t>(at));
      } else {
        int32_t salted = static_cast<int32_t>(random() % 2);
        PrefixSalt which = salted ? salt("x") : PrefixSalt();
        std::vector<int32_t> tokens;
        for (uint32_t i = 0, blocks = 1 + random() % 3; i < blocks; ++i)
          tokens.insert(tokens.end(), AXM_KV_BLOCK, static_cast<int32_t>(random() % 2));
        auto content = [&](size_t index) {
          std::vector<int32_t> all{salted};
          all.insert(all.end(), tokens.begin(),
                     tokens.begin() + static_cast<ptrdiff_t>((index + 1) * AXM_KV_BLOCK));
          return all;
        };
        auto known = cache.match(which, tokens);
        hits += known.size();
        for (size_t i = 0; i < known.size(); ++i)
          ASSERT_EQ(held.at(known[i]), content(i));
        BlockTable table = computed(cache, tokens, which);
        for (size_t i = 0; i < table.size(); ++i)
          held[table.blocks()[i]] = content(i);
        tables.push_back(std::move(table));
      }
      ASSERT_EQ(cache.checkInvariants(), "");
    }
    evictions += cache.evictions();
    for (auto &table : tables)
      table.shrink(cache, 0);
    EXPECT_EQ(cache.numOwned(), 0u);
  }
  EXPECT_GT(hits, 1000u);
  EXPECT_GT(evictions, 1000u);
}
