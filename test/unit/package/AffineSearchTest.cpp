#include "compiler/package/AffineSearch.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

namespace axiom::quant {
namespace {

/// Groups as weights have them, and the odd ones: all equal, all zero, of one sign, with columns
/// that do not count, with squares that overflow.
std::vector<Group> someGroups() {
  std::mt19937 random(7);
  std::normal_distribution<float> value(0.0f, 0.02f);
  std::vector<Group> groups(15);
  for (size_t g = 0; g < groups.size(); ++g)
    for (uint32_t k = 0; k < kGroup; ++k)
      for (uint32_t i = 0; i < kLanes; ++i) {
        float x = value(random);
        float kinds[] = {x, 0.25f, 0.0f, 1.0f + x, x * 1e25f};
        groups[g].x[k][i] = kinds[g % 5];
        groups[g].w[k][i] = g % 3 == 2 && k > 20 ? 0.0f : g % 3 == 1 ? x * x : 1.0f;
      }
  return groups;
}

TEST(AffineSearch, GroupsAreFoundAloneAndTogetherAlike) {
  std::vector<Group> groups = someGroups();
  for (bool nonPositiveMin : {false, true})
    for (uint32_t count = 1; count <= groups.size(); ++count) {
      std::vector<Affine> together(count);
      searchAffine(groups.data(), count, nonPositiveMin, together.data());
      for (uint32_t g = 0; g < count; ++g) {
        Affine alone;
        searchAffine(&groups[g], 1, nonPositiveMin, &alone);
        EXPECT_EQ(std::memcmp(&alone, &together[g], sizeof alone), 0)
            << "group " << g << " of " << count;
      }
    }
}

TEST(AffineSearch, FindsLevelsThatAreThere) {
  Group group;
  for (uint32_t k = 0; k < kGroup; ++k)
    for (uint32_t i = 0; i < kLanes; ++i) {
      group.x[k][i] = -0.5f + 0.125f * static_cast<float>((k * 7 + i) % 16);
      group.w[k][i] = 1.0f;
    }
  Affine found;
  searchAffine(&group, 1, /*nonPositiveMin=*/true, &found);
  for (uint32_t i = 0; i < kLanes; ++i) {
    EXPECT_FLOAT_EQ(found.scale[i], 0.125f);
    EXPECT_FLOAT_EQ(found.min[i], -0.5f);
    EXPECT_LT(found.error[i], 1e-6f);
  }
}

} // namespace
} // namespace axiom::quant
