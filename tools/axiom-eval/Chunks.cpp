#include "tools/axiom-eval/Chunks.h"

#include "tools/axiom-eval/Commands.h"

#include "tools/common/Tool.h"

#include <algorithm>
#include <cmath>

namespace axiom::eval {

Expected<Chunks> makeChunks(const Model &model, const std::string &text, uint32_t context,
                            uint32_t limit) {
  axiom_model_info info = model.info();
  if (context < 4 || context > info.max_context)
    return Error{AXIOM_INVALID_ARGUMENT, "--context " + std::to_string(context) + ": 4 to " +
                                             std::to_string(info.max_context) +
                                             " are possible with this model"};
  auto tokens = model.tokenize(text, tool::kPromptFlags);
  auto plain = model.tokenize("a", AXIOM_TOKENIZE_PARSE_SPECIAL);
  auto special = model.tokenize("a", tool::kPromptFlags);
  if (!tokens || !plain || !special)
    return !tokens ? tokens.error() : !plain ? plain.error() : special.error();
  bool addsBos = info.bos >= 0 && !special->empty() && special->front() == info.bos &&
                 (plain->empty() || plain->front() != info.bos);
  Chunks chunks;
  chunks.context = context;
  size_t count = tokens->size() / context;
  if (count == 0)
    return Error{AXIOM_INVALID_ARGUMENT, "the text has " + std::to_string(tokens->size()) +
                                             " tokens, less than one chunk of " +
                                             std::to_string(context) +
                                             ": give a longer text or a smaller --context"};
  if (limit > 0)
    count = std::min<size_t>(count, limit);
  for (size_t i = 0; i < count; ++i) {
    auto begin = tokens->begin() + static_cast<ptrdiff_t>(i * context);
    chunks.tokens.emplace_back(begin, begin + context);
    if (addsBos)
      chunks.tokens.back().front() = info.bos;
  }
  return chunks;
}

EngineOptions chunkEngine(uint32_t context, uint32_t threads, uint64_t memoryLimit) {
  EngineOptions options;
  options.threads = threads;
  options.maxSequences = 1;
  options.maxBatchedTokens = 512;
  options.maxRows = std::min(128u, context);
  options.kvPositions = context;
  options.memoryLimit = memoryLimit;
  options.manual = true;
  options.upload = tool::uploadProgress(kTool);
  return options;
}

RowSum rowSum(std::span<const float> logits) {
  float max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float l : logits)
    sum += std::exp(static_cast<double>(l - max));
  return {static_cast<double>(max), std::log(sum)};
}

double Score::perplexity() const { return std::exp(sum / static_cast<double>(count)); }

double Score::error() const {
  if (count < 2)
    return 0;
  double n = static_cast<double>(count), mean = sum / n;
  double variance = sumSquares / n - mean * mean;
  return variance > 0 ? std::sqrt(variance / (n - 1)) * perplexity() : 0;
}

} // namespace axiom::eval
