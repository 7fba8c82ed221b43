// All passes. One .cpp and one lit file a pass, of the same stem, in the folder of its phase.
#ifndef AXIOM_PASSES_TD
#define AXIOM_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// normalize
//===----------------------------------------------------------------------===//

def FoldUnitOffset : Pass<"axiom-fold-unit-offset", "::mlir::ModuleOp"> {
  let summary = "Fold the gain form 1 + w into the vector's addend";
  let dependentDialects = ["::axiom::ir::AxiomDialect"];
}

def UniqueConstants : Pass<"axiom-unique-constants", "::mlir::ModuleOp"> {
  let summary = "Keep one axiom.weight or axiom.vector per tensor and form";
}

def DropDeadWeights : Pass<"axiom-drop-dead-weights", "::mlir::ModuleOp"> {
  let summary = "Erase weights and vectors that nothing uses";
}

//===----------------------------------------------------------------------===//
// quantize
//===----------------------------------------------------------------------===//

def AssignFormats : Pass<"axiom-assign-formats", "::mlir::ModuleOp"> {
  let summary = "Choose the stored format of every weight";
  let description = [{
    An override (the first whose regular expression matches the tensor's name) decides; else `quant`;
    else the source type is kept: floats as they are, Q4_0 and Q4_1 as q4f16, Q8_0 as q8, Q4_K as q4,
    Q6_K as q6, and what no format holds exactly (Q5_*) as q8. With `quant` q4 or q4f16 a table that
    is embedding and head at once is q8.
  }];
  let options = [
    Option<"quant", "quant", "std::string", "\"\"", "Format of every weight; empty keeps the source's">,
    ListOption<"overrides", "overrides", "std::string", "Entries REGEX=FORMAT">,
  ];
}

def InsertQuantize : Pass<"axiom-insert-quantize", "::mlir::ModuleOp"> {
  let summary = "Quantize activations explicitly where linears with integer weights read them";
  let dependentDialects = ["::axiom::ir::AxiomDialect"];
}

//===----------------------------------------------------------------------===//
// fuse
//===----------------------------------------------------------------------===//

def FuseLinearList : Pass<"axiom-fuse-linear-list", "::mlir::ModuleOp"> {
  let summary = "Join q|k|v and gate|up, which read one input, into axiom.linear_list";
}

def FuseNormQuantize : Pass<"axiom-fuse-norm-quantize", "::mlir::ModuleOp"> {
  let summary = "Join rms_norm and the quantization of its result";
}

def FuseQkv : Pass<"axiom-fuse-qkv", "::mlir::ModuleOp"> {
  let summary = "Join the q|k|v list with QK-norm, rope, q scale and the KV write";
}

def FuseSwiGlu : Pass<"axiom-fuse-swiglu", "::mlir::ModuleOp"> {
  let summary = "Join the gate|up list with swiglu and the quantization of its result";
}

def FuseResidual : Pass<"axiom-fuse-residual", "::mlir::ModuleOp"> {
  let summary = "Join a linear and the addition to the residual stream";
}

def FuseHead : Pass<"axiom-fuse-head", "::mlir::ModuleOp"> {
  let summary = "Join row selection, final norm, head linear and tiles";
}

//===----------------------------------------------------------------------===//
// outline
//===----------------------------------------------------------------------===//

def OutlineLayers : Pass<"axiom-outline-layers", "::mlir::ModuleOp"> {
  let summary = "Make one axiom.layer of all layers with equal structure";
  let description = [{
    Cuts @step at its axiom.layer_end marks. Equal means: the same ops, types (weight formats and KV
    types included) and attributes (cuts, windows, eps). Weights and vectors become arguments.
  }];
}

//===----------------------------------------------------------------------===//
// plan
//===----------------------------------------------------------------------===//

def FormKernels : Pass<"axiom-form-kernels", "::mlir::ModuleOp"> {
  let summary = "Replace the fused and outlined graph by a plan.model";
  let description = [{
    Each fused op becomes a task with a kernel of its own; axiom.quantize and the norms become the
    prologues of the kernels that read them. Neighbouring calls of one layer become a plan.repeat.
  }];
  let dependentDialects = ["::axiom::plan::PlanDialect"];
}

def UniqueKernels : Pass<"axiom-unique-kernels", "::mlir::ModuleOp"> {
  let summary = "Keep one of each set of equal kernels";
}

def MergeSlots : Pass<"axiom-merge-slots", "::mlir::ModuleOp"> {
  let summary = "Let slots whose lifetimes do not overlap share memory";
}

#endif
