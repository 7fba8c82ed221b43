#include "runtime/kv/BlockPool.h"
#include "runtime/kv/BlockTable.h"

#include <gtest/gtest.h>
#include <random>

using namespace axiom;

TEST(BlockPool, HandsOutEachBlockOnce) {
  BlockPool pool(5);
  std::vector<bool> seen(5, false);
  for (int i = 0; i < 5; ++i) {
    auto block = pool.allocate();
    ASSERT_TRUE(block.has_value());
    EXPECT_FALSE(seen.at(*block));
    seen[*block] = true;
  }
  EXPECT_FALSE(pool.allocate().has_value());
  EXPECT_EQ(pool.numFree(), 0u);
  EXPECT_EQ(pool.checkInvariants(), "");
}

TEST(BlockPool, SharedBlockIsFreeAfterItsLastOwner) {
  BlockPool pool(1);
  uint32_t block = *pool.allocate();
  pool.retain(block);
  pool.release(block);
  EXPECT_EQ(pool.owners(block), 1u);
  EXPECT_EQ(pool.numFree(), 0u);
  pool.release(block);
  EXPECT_EQ(pool.numFree(), 1u);
}

TEST(BlockPool, RandomUseKeepsInvariants) {
  std::mt19937 random(1);
  BlockPool pool(17);
  std::vector<uint32_t> held;
  for (int i = 0; i < 20000; ++i) {
    uint32_t action = random() % 3;
    if (action == 0) {
      auto block = pool.allocate();
      EXPECT_EQ(block.has_value(), pool.owners(block.value_or(0)) == 1 && block.has_value());
      if (block)
        held.push_back(*block);
    } else if (action == 1 && !held.empty() && held.size() < 60) {
      uint32_t block = held[random() % held.size()];
      pool.retain(block);
      held.push_back(block);
    } else if (!held.empty()) {
      size_t at = random() % held.size();
      pool.release(held[at]);
      held.erase(held.begin() + static_cast<ptrdiff_t>(at));
    }
    ASSERT_EQ(pool.checkInvariants(), "");
    std::vector<uint32_t> counts(17, 0);
    for (uint32_t block : held)
      ++counts[block];
    for (uint32_t block = 0; block < 17; ++block)
      ASSERT_EQ(pool.owners(block), counts[block]);
  }
}

TEST(BlockTable, GrowsAllOrNothing) {
  PrefixCache pool(4);
  BlockTable a, b;
  std::vector<uint32_t> fresh;
  EXPECT_TRUE(a.grow(pool, 3, fresh));
  EXPECT_EQ(fresh.size(), 3u);
  EXPECT_FALSE(b.grow(pool, 2, fresh));
  EXPECT_EQ(b.size(), 0u);
  EXPECT_EQ(fresh.size(), 3u);
  a.shrink(pool, 1);
  EXPECT_TRUE(b.grow(pool, 3, fresh));
  EXPECT_EQ(pool.numAvailable(), 0u);
  EXPECT_EQ(pool.checkInvariants(), "");
}

TEST(BlockTable, BlocksForPositions) {
  EXPECT_EQ(blocksFor(0), 0u);
  EXPECT_EQ(blocksFor(1), 1u);
  EXPECT_EQ(blocksFor(64), 1u);
  EXPECT_EQ(blocksFor(65), 2u);
}
