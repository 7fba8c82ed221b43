// Builds a plan.model from the calls of an outlined @step. Used by FormKernels only.
#ifndef AXIOM_PASSES_PLAN_BUILDER_PLANBUILDER_H
#define AXIOM_PASSES_PLAN_BUILDER_PLANBUILDER_H

#include "dialects/plan/ExecutionPlan.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>
#include <set>

namespace axiom {

/// A task whose arguments are still values of the axiom dialect, by the names of kernelArgs().
/// Arguments that are neither weights nor slots bind themselves.
struct TaskDraft {
  std::string name; ///< also the base of the kernel's name
  plan::KernelSpec spec;
  /// Constants, or arguments of the axiom.layer, which become one weight per call.
  std::map<std::string, mlir::Value> weights;
  std::map<std::string, std::string> slots;
  bool balance = false;
  bool spansForFew = false; ///< the variants for up to 8 tokens have span units
};

/// Turns the body of an axiom.layer into its five tasks.
class LayerPlanner {
public:
  LayerPlanner(ir::LayerOp layer, uint32_t layerCount) : layer_(layer), layerCount_(layerCount) {}

  mlir::LogicalResult run();

  std::vector<TaskDraft> tasks; ///< one per phase
  mlir::Value invFreq;          ///< of the layer's rope
  ir::KvCacheType kv;

private:
  mlir::LogicalResult planQkv(ir::QkvOp op);
  mlir::LogicalResult planAttention(ir::AttentionOp op);
  mlir::LogicalResult planResidual(ir::LinearResidualOp op);
  mlir::LogicalResult planSwiGlu(ir::SwiGluLinearOp op);
  /// The norm before a list of linears becomes the task's prologue.
  mlir::LogicalResult takeNorm(mlir::Operation *op, mlir::Value rows, mlir::Value qrows,
                               TaskDraft &task);
  void setKvFields(plan::KernelSpec &spec) const;

  ir::LayerOp layer_;
  uint32_t layerCount_;
  mlir::Value hidden_; ///< what the residual slot holds at this point
  llvm::DenseMap<mlir::Value, std::string> slotOf_;
};

class PlanBuilder {
public:
  explicit PlanBuilder(mlir::ModuleOp module);
  mlir::LogicalResult build(mlir::func::FuncOp step);

private:
  mlir::LogicalResult emitEntry(ir::EmbeddingOp embedding, ir::HeadOp head);
  mlir::LogicalResult emitRun(llvm::ArrayRef<ir::CallLayerOp> calls, const LayerPlanner &layer);
  mlir::LogicalResult emitHead(ir::HeadOp head);
  /// The task with its kernel, weights and slots; `calls` give the layer's arguments.
  mlir::LogicalResult emitTask(mlir::OpBuilder &phase, const TaskDraft &task,
                               llvm::ArrayRef<ir::CallLayerOp> calls);
  mlir::FailureOr<mlir::FlatSymbolRefAttr> weight(mlir::Value constant, plan::PlanWeight layout);
  /// Takes over a kernel; gives the name under which it is planned.
  mlir::FlatSymbolRefAttr addKernel(plan::KernelSpec spec, const std::string &name);
  plan::RepeatOp addRepeat(size_t count, std::optional<uint32_t> firstLayer);

  mlir::ModuleOp module_;
  plan::ModelOp model_;
  mlir::OpBuilder builder_;

  struct Slot {
    std::string name;
    uint64_t fixed = 0, perToken = 0;
    bool keepsPadding = false;
  };
  Slot &slot(const std::string &name);
  std::vector<Slot> slots_;
  std::map<std::string, plan::PlanWeight> weights_;
  std::vector<std::string> weightOrder_;
  std::vector<plan::KernelSpec> kernels_;
  std::set<std::string> kernelNames_;
  llvm::DenseMap<mlir::Value, std::string> angles_; ///< inverse frequencies -> slot of the angles
};

} // namespace axiom

#endif
