// A step of one sequence for the test model, with room for its results.
#ifndef AXIOM_TEST_UNIT_DEVICE_STEPDATA_H
#define AXIOM_TEST_UNIT_DEVICE_STEPDATA_H

#include "runtime/base/Memory.h"
#include "runtime/device/cpu/Executor.h"

#include <vector>

namespace axiom::test {

struct StepData {
  StepData(const LoadedProgram &program, uint32_t numTokens, uint32_t numRows)
      : logits(Pages::allocate(4ull * program.config.logitsStride() * (numRows + 1), "logits")
                   .value()),
        tiles(Pages::allocate(sizeof(AxmTile) * program.config.numTiles() * (numRows + 1), "tiles")
                  .value()) {
    for (uint32_t t = 0; t < numTokens; ++t) {
      tokens.push_back(static_cast<int32_t>(t % program.config.vocab));
      positions.push_back(static_cast<int32_t>(t));
      tableOffsets.push_back(0);
    }
    for (uint32_t b = 0; b <= (numTokens - 1) / AXM_KV_BLOCK; ++b)
      blockTables.push_back(b);
    for (uint32_t r = 0; r < numRows; ++r)
      rows.push_back(numTokens - 1 - r);
    bind();
  }
  StepData(const StepData &) = delete;

  /// After the vectors have changed their size.
  void bind() {
    input = {tokens,
             positions,
             tableOffsets,
             blockTables,
             rows,
             reinterpret_cast<float *>(logits.data()),
             reinterpret_cast<AxmTile *>(tiles.data())};
  }

  std::vector<int32_t> tokens, positions;
  std::vector<uint32_t> tableOffsets, blockTables, rows;
  Pages logits, tiles;
  StepInput input;
};

} // namespace axiom::test

#endif
