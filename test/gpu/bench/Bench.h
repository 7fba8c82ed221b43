// The measurements of gpu-bench; each gives an object for its JSON.
#ifndef AXIOM_TEST_GPU_BENCH_BENCH_H
#define AXIOM_TEST_GPU_BENCH_BENCH_H

#include "test/gpu/bench/Timer.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace axiom::bench {

using Json = nlohmann::ordered_json;

/// How often; a quick look for the stand-in driver.
struct Effort {
  size_t warm = 5, count = 50;
};

/// The read kernel of `image` over `bytes` of memory, checked by its sum, and a copy on the device.
Result<Json> measureStream(const Bench &bench, const std::string &image, uint64_t bytes,
                           const Effort &effort);

/// A product of [rows x cols] weights and `tokens` columns.
struct Shape {
  uint32_t rows = 0, cols = 0, tokens = 0;
};

/// Whether a cuBLAS can be loaded: its name, else what was tried. `names`: paths to try.
Result<Json> measureBlas(const Bench &bench, const std::vector<std::string> &names,
                         const std::vector<Shape> &shapes, const Effort &effort);

/// The kernels of a step of an artifact, task by task: `sequences` of `tokens` tokens each, the
/// last with `contextLength` positions. Opens its own context.
Result<Json> measureTasks(const cuda::Driver &driver, uint32_t ordinal, const std::string &path,
                          uint32_t sequences, uint32_t tokens, uint32_t contextLength,
                          const Effort &effort);

} // namespace axiom::bench

#endif
