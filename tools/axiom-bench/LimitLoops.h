// The loops whose speed is a machine's limit: reading memory, and multiply-adds in registers.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_LIMITLOOPS_H
#define AXIOM_TOOLS_AXIOM_BENCH_LIMITLOOPS_H

#include <cstdint>
#include <span>

namespace axiom::bench {

/// Reads [data, data + size) once and returns something that depends on every byte of it. `size` is
/// a multiple of 1024, `data` 64-byte aligned.
struct StreamLoop {
  const char *name; ///< "plain", "prefetched", "prefetched twice", "non-temporal"
  uint64_t (*read)(const uint8_t *data, uint64_t size);
};

/// Those that this CPU can run.
std::span<const StreamLoop> streamLoops();

/// `iterations` times `macs` multiply-adds on registers alone, in as many independent chains as
/// hide the latency.
struct ComputeLoop {
  const char *name;                 ///< "vpmaddubsw + vpaddw"
  const char *key;                  ///< "maddubs", for JSON
  uint32_t macs;                    ///< multiply-adds of an iteration
  bool available;                   ///< this CPU has the instructions; `run` is null otherwise
  void (*run)(uint64_t iterations); ///< at least 1
};

/// Always the same list, whatever the CPU has. Empty on other architectures.
std::span<const ComputeLoop> computeLoops();

} // namespace axiom::bench

#endif
