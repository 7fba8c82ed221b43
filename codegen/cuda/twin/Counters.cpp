#include "codegen/cuda/twin/Counters.h"

#include <algorithm>
#include <set>

namespace axiom::twin {

void WarpAccesses::access(Kind kind, int site, uint32_t lane, uint64_t at, size_t bytes,
                          Counts &counts) {
  Site &here = sites[static_cast<int>(kind)][site];
  uint64_t visit = here.visits[lane]++;
  Group &group = here.open[visit];
  group.bytes = static_cast<uint32_t>(bytes);
  group.addresses[lane] = at;
  group.lanes |= 1u << lane;
  if (group.lanes != 0xffffffffu)
    return;
  count(kind, group, counts);
  here.open.erase(visit);
}

void WarpAccesses::finish(Counts &counts) {
  for (Kind kind : {Kind::Global, Kind::Shared}) {
    for (auto &[line, site] : sites[static_cast<int>(kind)])
      for (auto &[visit, group] : site.open)
        count(kind, group, counts);
    sites[static_cast<int>(kind)].clear();
  }
}

void WarpAccesses::count(Kind kind, const Group &group, Counts &counts) {
  if (kind == Kind::Global) {
    std::set<uint64_t> sectors;
    for (uint32_t lane = 0; lane < 32; ++lane)
      if (group.lanes >> lane & 1)
        sectors.insert(group.addresses[lane] / 32);
    counts.sectors += sectors.size();
    return;
  }
  // 128 bytes at a time: all lanes with 4 bytes each, a half or a quarter of them with 8 or 16.
  // Lanes that ask for the same word share it.
  uint32_t together = group.bytes <= 4 ? 32 : 128 / group.bytes;
  for (uint32_t first = 0; first < 32; first += together) {
    std::set<uint64_t> words;
    for (uint32_t lane = first; lane < first + together; ++lane)
      if (group.lanes >> lane & 1)
        for (uint32_t byte = 0; byte < group.bytes; byte += 4)
          words.insert((group.addresses[lane] + byte) / 4);
    uint32_t rounds[32] = {}, most = 1;
    for (uint64_t word : words)
      most = std::max(most, ++rounds[word % 32]);
    counts.bankConflicts += most - 1;
  }
}

} // namespace axiom::twin
