#include "codegen/cpu/Level.h"

namespace axiom::codegen {

const std::vector<CpuLevel> &levels() {
  static const char *const linux64 = "x86_64-unknown-linux-gnu";
  static const std::vector<CpuLevel> all = {
      {"x86-64-v3", linux64, "x86-64-v3", "+prefer-256-bit", DotKind::Maddubs, 1, 8, 16},
      {"x86-64-v3-vnni", linux64, "x86-64-v3", "+avxvnni,+prefer-256-bit", DotKind::Vnni, 1, 8, 16},
      {"x86-64-v4-vnni", linux64, "x86-64-v4", "+avx512vnni,-prefer-256-bit", DotKind::Vnni, 2, 16,
       32},
      {"x86-64-v4-amx", linux64, "x86-64-v4", "+avx512vnni,+amx-tile,+amx-int8,-prefer-256-bit",
       DotKind::Vnni, 2, 32, 32, true},
      {"aarch64-dotprod", "aarch64-unknown-linux-gnu", "generic", "+dotprod", DotKind::Sdot, 1, 8,
       32},
  };
  return all;
}

static std::vector<CpuLevel> plainLevels() {
  const CpuLevel &base = levels().front();
  std::vector<CpuLevel> plain = levels();
  for (CpuLevel &level : plain) {
    level.name += "+plain";
    level.plainDots = true;
    level.triple = base.triple;
    level.cpu = base.cpu;
    level.features = base.features;
  }
  return plain;
}

const CpuLevel *findLevel(const std::string &name) {
  static const std::vector<CpuLevel> plain = plainLevels();
  for (const std::vector<CpuLevel> *list : {&levels(), &plain})
    for (const CpuLevel &level : *list)
      if (level.name == name)
        return &level;
  return nullptr;
}

} // namespace axiom::codegen
