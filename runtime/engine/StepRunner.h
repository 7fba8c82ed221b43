// What the engine needs from a device: run a step, clear a KV block. Behind it is an executor
// (Runners.h), or a fake in tests.
#ifndef AXIOM_RUNTIME_ENGINE_STEPRUNNER_H
#define AXIOM_RUNTIME_ENGINE_STEPRUNNER_H

#include "runtime/device/Step.h"

#include <memory>
#include <string>
#include <string_view>

namespace axiom::engine {

class StepRunner {
public:
  virtual ~StepRunner() = default;
  virtual Status step(const StepInput &input) = 0;
  /// True: steps are given no memory for logits and tiles; results() has them until the next step.
  virtual bool keepsResults() const { return false; }
  virtual StepResults results() const { return {}; }
  virtual void clearBlock(uint32_t block) = 0;
  /// Hidden state after the last layer of the tokens [first, first + count) of the step that has
  /// run: rows of ArtifactConfig::hiddenStride() elements, until the next call or step.
  virtual Result<const float *> hidden(uint32_t first, uint32_t count) {
    return Status(Code::Unsupported, format("no hidden state for tokens %u to %u", first, count));
  }
  /// Gives the memory of all blocks back to the system until they are used again; false: this
  /// device keeps it, and what the blocks hold.
  virtual bool releaseBlocks() { return false; }
  /// Called after each layer of a step; empty: none. A fake has no layers.
  virtual void setLayerHook(LayerHook) {}
};

struct TextOptions {
  bool fresh = false;   ///< the text starts here: it does not go on with another
  bool special = false; ///< special tokens are part of it
};

/// Turns the tokens of one sequence into text, piece by piece.
class TextStream {
public:
  virtual ~TextStream() = default;
  virtual std::string add(int32_t token) = 0;
  virtual std::string flush() = 0;
};

} // namespace axiom::engine

#endif
