// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011):
// a counter-based generator. The same key and counter give the same number, whoever else is served.
#ifndef AXIOM_RUNTIME_ENGINE_PHILOX_H
#define AXIOM_RUNTIME_ENGINE_PHILOX_H

#include <array>
#include <cstdint>

namespace axiom::engine {

inline std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter,
                                          std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = uint64_t(0xd2511f53u) * counter[0], p1 = uint64_t(0xcd9e8d57u) * counter[2];
    counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
               static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += 0x9e3779b9u;
    key[1] += 0xbb67ae85u;
  }
  return counter;
}

/// 64 random bits for the token at `position` of sample `n` of a request.
inline uint64_t sampleBits(uint64_t seed, uint32_t n, uint32_t position) {
  auto out = philox4x32({n, position, 0, 0},
                        {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  return static_cast<uint64_t>(out[1]) << 32 | out[0];
}

} // namespace axiom::engine

#endif
