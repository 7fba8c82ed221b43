// Warp operations: each lane leaves its operands, the last one to come does the work for all.
#include "codegen/cuda/twin/Threads.h"

#include <bit>
#include <cstring>

namespace axiom::twin {

static std::string maskText(uint32_t mask) {
  static const char digits[] = "0123456789abcdef";
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4)
    text += digits[mask >> shift & 15];
  return text;
}

void meet(Meeting kind, uint32_t mask, Operands &operands, int site) {
  Thread &t = current();
  Warp &warp = t.block->warpOf(t);
  const char *what = "comes to a warp operation";
  if (!(mask >> t.lane() & 1))
    fail(t, site, what, "its own lane is not in the mask " + maskText(mask));
  if (mask & warp.ended)
    fail(t, site, what,
         "lane " + std::to_string(std::countr_zero(mask & warp.ended)) +
             " of the mask has ended or does not exist");
  // Lanes of this mask may first have to meet others in a smaller one: only the same mask at
  // another line is a fault at once. Masks that never come together end in a standstill.
  size_t at = 0;
  while (at < warp.gatherings.size() && warp.gatherings[at].mask != mask)
    ++at;
  if (at == warp.gatherings.size())
    warp.gatherings.push_back({kind, mask, 0, site, {}});
  Gathering &g = warp.gatherings[at];
  if (g.site != site || g.kind != kind)
    fail(t, site, what,
         "lanes of its mask " + maskText(mask) + " wait at line " + std::to_string(g.site));
  g.arrived |= 1u << t.lane();
  g.operands[t.lane()] = &operands;
  if (g.arrived != mask)
    return pause(t, State::Waiting, site);
  perform(t, g);
  warp.gatherings.erase(warp.gatherings.begin() + static_cast<ptrdiff_t>(at));
  uint32_t first = t.index - t.lane();
  for (uint32_t lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1)
      t.block->threads[first + lane]->state = State::Ready;
}

namespace {

/// A lane's view of the operands of all.
struct Lanes {
  Gathering &g;
  uint32_t in(uint32_t lane, unsigned word) const { return g.operands[lane]->in[word]; }
  void out(uint32_t lane, unsigned word, uint32_t value) { g.operands[lane]->out[word] = value; }
  bool has(uint32_t lane) const { return g.mask >> lane & 1; }
};

/// Byte i of a word, as the operand's type says.
int16_t byteOf(uint32_t word, uint32_t i, bool isUnsigned) {
  uint32_t byte = word >> 8 * i & 0xffu;
  return isUnsigned ? static_cast<int16_t>(byte) : static_cast<int8_t>(byte);
}

/// C += A * B in fragments; device/Device.h says what lies where.
void multiply(Lanes lanes, bool unsignedA, bool unsignedB) {
  int16_t a[16][32], b[8][32]; // B by columns
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t g = lane / 4, t = lane % 4;
    for (uint32_t word = 0; word < 4; ++word)
      for (uint32_t i = 0; i < 4; ++i)
        a[g + word % 2 * 8][4 * t + i + word / 2 * 16] = byteOf(lanes.in(lane, word), i, unsignedA);
    for (uint32_t word = 0; word < 2; ++word)
      for (uint32_t i = 0; i < 4; ++i)
        b[g][4 * t + i + word * 16] = byteOf(lanes.in(lane, 4 + word), i, unsignedB);
  }
  for (uint32_t lane = 0; lane < 32; ++lane)
    for (uint32_t n = 0; n < 4; ++n) {
      uint32_t row = lane / 4 + n / 2 * 8, column = 2 * (lane % 4) + n % 2;
      int32_t sum = 0;
      for (uint32_t k = 0; k < 32; ++k)
        sum += a[row][k] * b[column][k];
      lanes.out(lane, n, lanes.in(lane, 6 + n) + static_cast<uint32_t>(sum));
    }
}

void loadMatrices(Thread &last, Lanes lanes, uint32_t matrices) {
  Block &block = *last.block;
  Grid &grid = block.grid;
  uint32_t first = last.index - last.lane();
  for (uint32_t row = 0; row < 8 * matrices; ++row) {
    uint32_t at = lanes.in(row, 0);
    uint8_t bytes[16];
    // What a lane gets was read for it: who wrote a row must be ordered before all of them, and the
    // lane that named the row stands for them.
    Thread &reader = *block.threads[first + row];
    std::string why = block.shared.read(at, bytes, sizeof(bytes), reader.access());
    if (!why.empty())
      fail(last, lanes.g.site,
           "loads the row of a matrix that lane " + std::to_string(row) + " names", why);
    grid.result.counts.sharedReads += sizeof(bytes);
    if (grid.options.count)
      block.warpOf(last).accesses.access(WarpAccesses::Kind::Shared, lanes.g.site, row, at,
                                         sizeof(bytes), grid.result.counts);
    for (uint32_t t = 0; t < 4; ++t) {
      uint32_t word;
      std::memcpy(&word, bytes + 4 * t, sizeof(word));
      lanes.out(row % 8 * 4 + t, row / 8, word);
    }
  }
}

/// The same result for every lane.
template <typename Step> void reduce(Lanes lanes, uint32_t start, Step step) {
  for (uint32_t lane = 0; lane < 32; ++lane)
    if (lanes.has(lane))
      start = step(start, lane, lanes.in(lane, 0));
  for (uint32_t lane = 0; lane < 32; ++lane)
    if (lanes.has(lane))
      lanes.out(lane, 0, start);
}

void exchange(Thread &last, Lanes lanes, bool exclusive) {
  for (uint32_t lane = 0; lane < 32; ++lane) {
    if (!lanes.has(lane))
      continue;
    uint32_t from = exclusive ? lane ^ lanes.in(lane, 1) : lanes.in(lane, 1);
    if (from >= 32 || !lanes.has(from))
      fail(last, lanes.g.site, "shuffles",
           "lane " + std::to_string(lane) + " asks for lane " + std::to_string(from) +
               ", which is not in the mask");
    lanes.out(lane, 0, lanes.in(from, 0));
  }
}

} // namespace

void perform(Thread &last, Gathering &g) {
  Lanes lanes = {g};
  Warp &warp = last.block->warpOf(last);
  Counts &counts = last.block->grid.result.counts;
  switch (g.kind) {
  case Meeting::Sync: {
    ++warp.barriers;
    ++counts.warpBarriers;
    uint32_t first = last.index - last.lane();
    for (uint32_t lane = 0; lane < 32; ++lane)
      if (lanes.has(lane))
        last.block->threads[first + lane]->warpBarriers = warp.barriers;
    return;
  }
  case Meeting::Shuffle:
  case Meeting::ShuffleXor:
    return exchange(last, lanes, g.kind == Meeting::ShuffleXor);
  case Meeting::Ballot:
    return reduce(lanes, 0, [](uint32_t sum, uint32_t lane, uint32_t in) {
      return sum | (in ? 1u << lane : 0u);
    });
  case Meeting::Max:
    return reduce(lanes, 0,
                  [](uint32_t sum, uint32_t, uint32_t in) { return in > sum ? in : sum; });
  case Meeting::Add:
    return reduce(lanes, 0, [](uint32_t sum, uint32_t, uint32_t in) { return sum + in; });
  case Meeting::Matrix4:
  case Meeting::Matrix2:
    return loadMatrices(last, lanes, g.kind == Meeting::Matrix4 ? 4 : 2);
  case Meeting::MmaS8S8:
  case Meeting::MmaU8S8:
  case Meeting::MmaS8U8:
    ++counts.mmas;
    return multiply(lanes, g.kind == Meeting::MmaU8S8, g.kind == Meeting::MmaS8U8);
  }
}

} // namespace axiom::twin
