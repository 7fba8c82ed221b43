// What gpu-replay reads: the body of a pack, without its digest.
#include "test/gpu/Replay.h"

#include <cstdlib>
#include <vector>

using namespace axiom;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::vector<uint8_t> body(data, data + size); // so that the sanitizer sees its end
  Result<replay::Pack> pack = replay::parseBody(body);
  if (!pack.ok())
    return 0;
  // What a player does with a case without asking.
  for (const replay::Case &c : pack->cases) {
    if (c.module >= pack->modules.size() || c.launches.empty())
      std::abort();
    for (const replay::Segment &segment : c.segments) {
      const replay::Blob &before = pack->blobs.at(segment.before);
      if (segment.after == replay::kNone || before.size > 4096)
        continue;
      (void)compare(pack->blobs.at(segment.after), std::vector<uint8_t>(before.size),
                    segment.compare);
    }
    for (const replay::Launch &launch : c.launches)
      for (const replay::Relocation &relocation : launch.relocations)
        if (relocation.place + sizeof(uint64_t) > launch.parameter.size() ||
            relocation.segment >= c.segments.size())
          std::abort();
  }
  return 0;
}
