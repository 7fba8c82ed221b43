// Records the kernel sweep of a level for a machine that has it: KernelSweepRecord LEVEL FILE
#include "test/unit/codegen/KernelCases.h"

#include <cstdio>

namespace axiom::test {
namespace {

Sweep record(const std::string &level) {
  Sweep sweep{level, {}};
  auto add = [&](const KernelCase &one) { sweep.cases.push_back(one.record(level)); };
  const std::vector<Shape> shapes = {
      {32, 8}, {96, 131, {32}}, {544, 24}, {640, 40, {288, 416}}, {771, 16, {64, 192, 288}}};
  for (AxmFormat format : allFormats) {
    add(plainCase(format, shapes));
    add(headCase(format, {{96, 131}, {64, 1100}}));
    for (bool quantizeOut : {false, true})
      add(swiGluCase(format, quantizeOut, {{96, 100}, {576, 64}}));
    add(embedCase(format));
  }
  add(chosenLogitsCase());
  add(infiniteLogitsCase());
  add(specialActivationsCase());
  for (const Heads &heads : headsShapes)
    add(headsCase(heads));
  for (const Heads &heads : contextShapes)
    add(contextsCase(heads));
  return sweep;
}

} // namespace
} // namespace axiom::test

int main(int argc, char **argv) {
  if (argc != 3) {
    std::printf("usage: KernelSweepRecord LEVEL FILE (KernelSweep plays it)\n");
    return 2;
  }
  axiom::Status written = axiom::test::writeSweep(argv[2], axiom::test::record(argv[1]));
  if (!written.ok())
    std::printf("%s\n", written.message().c_str());
  return written.ok() ? 0 : 1;
}
