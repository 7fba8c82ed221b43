// llama.cpp's way of measuring perplexity: the text is tokenized once and cut into chunks of
// `context` tokens; each chunk is computed on its own, its first token replaced by BOS if the
// tokenizer adds one; the tokens after the first context / 2 + 1 are scored.
#ifndef AXIOM_TOOLS_AXIOM_EVAL_CHUNKS_H
#define AXIOM_TOOLS_AXIOM_EVAL_CHUNKS_H

#include "runtime/include/axiom/axiom.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace axiom::eval {

struct Chunks {
  uint32_t context = 512;
  std::vector<std::vector<int32_t>> tokens; ///< each of `context`

  uint32_t firstScored() const { return context / 2; } ///< position of the first row used
  uint32_t scored() const { return context - 1 - firstScored(); } ///< of each chunk
};

/// `limit` chunks at most, 0 = all. Fails when the text is shorter than one.
Expected<Chunks> makeChunks(const Model &model, const std::string &text, uint32_t context,
                            uint32_t limit);

/// An engine for one chunk at a time.
EngineOptions chunkEngine(uint32_t context, uint32_t threads, uint64_t memoryLimit);

/// Max and log of the sum of exp(l - max) of a row of logits.
struct RowSum {
  double max, logSum;
};
RowSum rowSum(std::span<const float> logits);

/// Sums over scored tokens.
struct Score {
  uint64_t count = 0;
  double sum = 0, sumSquares = 0; ///< of the negative log likelihood

  void add(double nll) {
    ++count;
    sum += nll;
    sumSquares += nll * nll;
  }
  double perplexity() const;
  double error() const; ///< standard error of the perplexity
};

} // namespace axiom::eval

#endif
