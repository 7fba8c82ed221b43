#include "test/gpu/SmallPack.h"

namespace axiom::replay {

Case smallCase(PackWriter &pack, const std::string &name) {
  std::vector<uint8_t> input(80, 9), output = {5, 6, 7, 8};
  input[0] = 1; // a short piece and a run
  Case c;
  c.name = name;
  c.module = pack.module("some");
  c.segments.push_back({"in", true, Compare::Bytes, pack.blob(input), kNone});
  c.segments.push_back({"out", false, Compare::F32, pack.fill(8, 0xff), pack.blob(output)});
  Launch launch;
  launch.symbol = "kernel";
  launch.grid = 3;
  launch.threads = 64;
  launch.parameter.resize(24);
  launch.relocations = {{0, 0, 2}, {8, 1, 0}};
  c.launches.push_back(launch);
  return c;
}

std::vector<uint8_t> smallPack() {
  PackWriter pack;
  (void)pack.add(smallCase(pack, "first"));
  Case second = smallCase(pack, "second");
  second.launches.push_back(second.launches[0]);
  (void)pack.add(second);
  return pack.finish({"sm_80", "compute_80"});
}

} // namespace axiom::replay
