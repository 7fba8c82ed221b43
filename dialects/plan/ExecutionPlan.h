// A finished plan in plain C++: what the packager writes and the emitters generate. The plan
// dialect is its textual form; readPlan() (dialects/plan/ReadPlan.h) extracts it from a module. No
// MLIR here.
#ifndef AXIOM_DIALECTS_PLAN_EXECUTIONPLAN_H
#define AXIOM_DIALECTS_PLAN_EXECUTIONPLAN_H

#include "dialects/plan/KernelSpec.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace axiom::plan {

/// A tensor of the weights segment. Matrices are packed in stripes, vectors are plain f32.
struct PlanWeight {
  std::string name;   ///< symbol, unique; the canonical source name where there is one
  std::string source; ///< source tensor; empty when `values` holds the data
  bool vector = false;
  AxmFormat format = AXM_FORMAT_F32; ///< matrices only
  uint32_t rows = 0, cols = 0;       ///< logical; a vector has rows = 1
  /// Rows (of a matrix, or elements of a bias vector) come in `heads` equal heads, each padded to
  /// rowAlign.
  uint32_t heads = 1, rowAlign = 8;
  std::vector<uint32_t> cuts; ///< matrices: inner boundaries of the K segments
  float addend = 0.0f;        ///< vectors: added to each element (gain form 1 + w)
  std::vector<float> values;  ///< computed constants, for example inverse frequencies
};

struct PlanBinding {
  AxmSpace space = AXM_SPACE_WORKSPACE;
  uint32_t slot = 0; ///< WORKSPACE
  /// WEIGHTS: index into ExecutionPlan::weights; KV: layer index. One entry, or one per repetition.
  std::vector<uint32_t> indices;
};

struct PlanTask {
  std::string name;
  std::array<uint32_t, 3> kernels{}; ///< index into ExecutionPlan::kernels for T = 1, 2..8, more
  std::vector<PlanBinding> bindings; ///< one per argument, in kernelArgs() order
  bool balance = false;              ///< units differ in cost
};

struct PlanPhase {
  std::vector<PlanTask> tasks;
};

struct PlanRepeat {
  uint32_t count = 1;
  int64_t firstLayer = -1; ///< -1: no layer (embedding, head)
  std::vector<PlanPhase> phases;
};

struct PlanSlot {
  std::string name;
  uint64_t fixed = 0, perToken = 0; ///< bytes
};

struct ExecutionPlan {
  std::vector<KernelSpec> kernels;
  std::vector<PlanWeight> weights;
  std::vector<PlanSlot> slots;
  std::vector<PlanRepeat> repeats;
  uint32_t residualSlot = 0;
  AxmKvType kvType = AXM_KV_F16;
  uint64_t kvHeadBytes = 0, kvLayerBytes = 0, kvBlockBytes = 0;
};

} // namespace axiom::plan

#endif
