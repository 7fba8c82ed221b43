// What the engine needs from a device: run a step, clear a KV block. The CPU's executor behind it,
// or a fake in tests.
#ifndef AXIOM_RUNTIME_ENGINE_STEPRUNNER_H
#define AXIOM_RUNTIME_ENGINE_STEPRUNNER_H

#include "runtime/device/cpu/Executor.h"

#include <memory>
#include <string>
#include <string_view>

namespace axiom::engine {

class StepRunner {
public:
  virtual ~StepRunner() = default;
  virtual Status step(const StepInput &input) = 0;
  virtual void clearBlock(uint32_t block) = 0;
};

class ExecutorRunner : public StepRunner {
public:
  explicit ExecutorRunner(std::unique_ptr<Executor> executor) : executor_(std::move(executor)) {}
  Status step(const StepInput &input) override { return executor_->step(input); }
  void clearBlock(uint32_t block) override { executor_->clearBlock(block); }
  Executor &executor() { return *executor_; }

private:
  std::unique_ptr<Executor> executor_;
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
