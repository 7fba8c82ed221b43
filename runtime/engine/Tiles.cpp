#include "runtime/engine/Tiles.h"

#include "runtime/base/DetMath.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace axiom::engine {

static bool allFinite(std::span<const float> logits) {
  uint32_t worst = 0; // the exponent field is all ones exactly for infinities and NaNs
  for (float value : logits)
    worst = std::max(worst, std::bit_cast<uint32_t>(value) & 0x7fffffffu);
  return worst < 0x7f800000u;
}

float contractExp(float x) {
  const float magic = 12582912.0f; // 1.5 * 2^23
  float x1 = x > 88.0f ? 88.0f : x;
  float t = std::fma(x1, 0x1.715476p+0f, magic);
  float n = t - magic;
  float r = std::fma(n, -0x1.62e430p-1f, x1);
  r = std::fma(n, 0x1.05c610p-29f, r);
  float p = 0x1.a01a02p-13f;
  for (float c :
       {0x1.6c16c2p-10f, 0x1.111112p-7f, 0x1.555556p-5f, 0x1.555556p-3f, 0.5f, 1.0f, 1.0f})
    p = std::fma(p, r, c);
  uint32_t shift = std::bit_cast<uint32_t>(t) - std::bit_cast<uint32_t>(magic);
  float y = std::bit_cast<float>(std::bit_cast<uint32_t>(p) + (shift << 23));
  return x < -87.0f ? 0.0f : y;
}

RowStats joinTiles(std::span<const AxmTile> tiles) {
  RowStats row;
  row.finite = !tiles.empty();
  for (size_t i = 0; i < tiles.size(); ++i) {
    const AxmTile &tile = tiles[i];
    if (!(std::abs(tile.max) <= 0x1.fffffep127f) || !(tile.sumExp <= 0x1.fffffep127f))
      row.finite = false;
    if (i == 0) {
      row.max = tile.max;
      row.argmax = tile.argmax;
      row.sumExp = tile.sumExp;
      continue;
    }
    float max = tile.max > row.max ? tile.max : row.max;
    if (tile.max > row.max) // a tie keeps the earlier tile: the lower id
      row.argmax = tile.argmax;
    row.sumExp =
        std::fma(row.sumExp, contractExp(row.max - max), tile.sumExp * contractExp(tile.max - max));
    row.max = max;
  }
  return row;
}

double logProbability(const RowStats &stats, float logit) {
  return (static_cast<double>(logit) - static_cast<double>(stats.max)) -
         detLog(static_cast<double>(stats.sumExp));
}

void computeTiles(std::span<const float> logits, std::span<AxmTile> tiles) {
  for (size_t t = 0; t < tiles.size(); ++t) {
    size_t begin = t * AXM_TILE_IDS, end = std::min(begin + AXM_TILE_IDS, logits.size());
    AxmTile &tile = tiles[t];
    tile = {logits[begin], static_cast<int32_t>(begin), 0.0f, 0};
    for (size_t i = begin; i < end; ++i)
      if (logits[i] > tile.max) {
        tile.max = logits[i];
        tile.argmax = static_cast<int32_t>(i);
      }
    float lanes[64] = {};
    for (size_t i = begin; i < end; ++i)
      lanes[i % 64] += contractExp(logits[i] - tile.max);
    for (size_t w = 32; w > 0; w /= 2)
      for (size_t i = 0; i < w; ++i)
        lanes[i] += lanes[i + w];
    tile.sumExp = lanes[0];
    if (!allFinite(logits.subspan(begin, end - begin))) {
      float nan = std::bit_cast<float>(0x7fc00000u);
      tile = {nan, static_cast<int32_t>(begin), nan, 0};
    }
  }
}

} // namespace axiom::engine
