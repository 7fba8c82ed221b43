// The instruction-set levels that kernels can be generated for. A level is data: what LLVM is told,
// and which instructions the inner products use.
#ifndef AXIOM_CODEGEN_CPU_LEVEL_H
#define AXIOM_CODEGEN_CPU_LEVEL_H

#include <cstdint>
#include <string>
#include <vector>

namespace axiom::codegen {

/// How 4 adjacent byte products reach a 32-bit lane.
enum class DotKind {
  Maddubs, ///< vpmaddubsw, sums in int16, one vpmaddwd (AVX2)
  Vnni,    ///< vpdpbusd
  Sdot,    ///< sdot: both sides signed, the activations by lane (NEON)
};

struct CpuLevel {
  std::string name; ///< "x86-64-v3"
  std::string triple;
  std::string cpu;
  std::string features;
  DotKind dot;
  int64_t stripes;    ///< stripes of 8 rows that one vector of an inner product holds
  int64_t maxTile;    ///< most tokens that one inner product takes: 8 or 16; 32 in matrix tiles
  int64_t registers;  ///< vector registers
  bool tiles = false; ///< matrix tiles for 16 and more tokens (AMX)
  /// For tests: the dot instructions as plain LLVM arithmetic, so that the emitter of a level runs
  /// on x86-64-v3, whatever its own instructions are.
  bool plainDots = false;
};

/// By architecture, x86-64 first; of each from the least to the most able.
const std::vector<CpuLevel> &levels();
/// The level called `name`, or null. "NAME+plain" is NAME with plainDots, lowered for x86-64-v3.
const CpuLevel *findLevel(const std::string &name);

} // namespace axiom::codegen

#endif
