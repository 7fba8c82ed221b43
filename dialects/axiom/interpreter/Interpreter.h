// The executable form of docs/numerics.md: runs a module of the axiom dialect, at any stage before
// plan, in plain scalar C++. Shares no code with the kernel emitters.
#ifndef AXIOM_DIALECTS_AXIOM_INTERPRETER_INTERPRETER_H
#define AXIOM_DIALECTS_AXIOM_INTERPRETER_INTERPRETER_H

#include "dialects/axiom/interpreter/WeightProvider.h"
#include "runtime/abi/kernel_abi.h"
#include "runtime/base/Status.h"

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace mlir {
class ModuleOp;
}

namespace axiom {

/// One step: tokens of any mix of sequences. All arrays but `rows` have one entry per token; the
/// positions of a sequence rise by one from step to step and inside a step.
struct InterpreterStep {
  std::vector<int32_t> tokens;
  std::vector<int32_t> positions;
  std::vector<uint32_t> sequences; ///< any number chosen by the caller
  std::vector<uint32_t> rows;      ///< token indices whose logits are wanted
};

struct InterpreterOutput {
  uint32_t vocab = 0, tileCount = 0;
  std::vector<float> logits;  ///< [rows][vocab]
  std::vector<AxmTile> tiles; ///< [rows][tileCount]; reserved = 0
};

class Interpreter {
public:
  /// Called after each layer with the hidden state [tokens][width].
  using LayerHook =
      std::function<void(uint32_t layer, std::span<const float> hidden, uint32_t width)>;

  /// Checks the module and reads every weight it names. The module must outlive the interpreter;
  /// the provider may go after load().
  static Result<std::unique_ptr<Interpreter>> load(mlir::ModuleOp module, WeightProvider &weights);
  ~Interpreter();

  Result<InterpreterOutput> run(const InterpreterStep &step, const LayerHook &hook = {});
  /// Forgets the stored K and V of a sequence.
  void dropSequence(uint32_t sequence);

private:
  struct Impl;
  explicit Interpreter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace axiom

#endif
