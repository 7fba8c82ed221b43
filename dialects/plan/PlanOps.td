// The plan dialect: what the machine does, in which order, in which memory.
#ifndef AXIOM_DIALECTS_PLAN_OPS_TD
#define AXIOM_DIALECTS_PLAN_OPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let summary = "What the runtime executes, and nothing else.";
  let description = [{
    A `plan.model` lists kernels, packed weights, workspace slots, and then repeats of phases of tasks.
    Tasks of a phase are independent; a barrier follows each phase.
  }];
  let cppNamespace = "::axiom::plan";
  let useDefaultAttributePrinterParser = 1;
}

class Plan_Op<string opMnemonic, list<Trait> traits = []> : Op<Plan_Dialect, opMnemonic, traits>;

def Plan_BindingAttr : AttrDef<Plan_Dialect, "Binding"> {
  let mnemonic = "bind";
  let summary = "what an argument of a task points to";
  let description = [{
    A slot, a weight, a layer of the KV memory (weights and layers: one for all repetitions, or one per
    repetition), or an array that the runtime provides.

    Example: `#plan.bind<slot @x>`, `#plan.bind<weights [@a, @b]>`, `#plan.bind<kv [0, 1]>`,
    `#plan.bind<positions>`
  }];
  let parameters = (ins "::AxmSpace":$space,
                        ArrayRefParameter<"::mlir::FlatSymbolRefAttr">:$symbols,
                        ArrayRefParameter<"uint32_t">:$layers);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}
def Plan_BindingArray : TypedArrayAttrBase<Plan_BindingAttr, "bindings, one per kernel argument">;
def Plan_KernelVariants : ConfinedAttr<TypedArrayAttrBase<FlatSymbolRefAttr, "kernels">,
                                       [ArrayCount<3>]>;

def Plan_ModelOp : Plan_Op<"model", [SymbolTable, NoTerminator, IsolatedFromAbove, SingleBlock,
                                     NoRegionArguments]> {
  let summary = "a whole execution plan";
  let description = [{
    `residual` is the slot that holds the hidden state after each layer.

    ```mlir
    plan.model residual @x kv "f16" head_bytes 16384 layer_bytes 16384 block_bytes 16384 {
      plan.slot @x fixed 0 per_token 256
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$residual, StrAttr:$kv_type, I64Attr:$kv_head_bytes,
                       I64Attr:$kv_layer_bytes, I64Attr:$kv_block_bytes);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `residual` $residual `kv` $kv_type `head_bytes` $kv_head_bytes `layer_bytes` $kv_layer_bytes
    `block_bytes` $kv_block_bytes attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

def Plan_KernelOp : Plan_Op<"kernel", [Symbol, HasParent<"ModelOp">]> {
  let summary = "a kernel to generate";
  let description = [{
    The dictionary is the KernelSpec (dialects/plan/KernelSpec.h) in attribute form; fields with their
    default value are left out.

    ```mlir
    plan.kernel @rope_angles {kind = "rope_angles", head_dim = 64 : i64}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DictionaryAttr:$spec);
  let assemblyFormat = "$sym_name $spec attr-dict";
  let hasVerifier = 1;
}

def Plan_WeightOp : Plan_Op<"weight", [Symbol, HasParent<"ModelOp">]> {
  let summary = "a tensor of the weights segment";
  let description = [{
    Packed in stripes (`format`) or a plain f32 vector (`vector`). Rows, or the elements of a vector,
    come in `heads` heads that are each padded to `row_align`.

    ```mlir
    plan.weight @"model.layers.0.mlp.up_proj.weight" {
      source = "model.layers.0.mlp.up_proj.weight", format = "q4f16", rows = 1536 : i64,
      cols = 576 : i64, row_align = 32 : i64}
    plan.weight @rope.inv_freq {vector, values = array<f32: 1.0, 0.5>, cols = 2 : i64}
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DictionaryAttr:$tensor);
  let assemblyFormat = "$sym_name $tensor attr-dict";
  let hasVerifier = 1;
}

def Plan_SlotOp : Plan_Op<"slot", [Symbol, HasParent<"ModelOp">]> {
  let summary = "a buffer of the workspace: fixed + per_token * T bytes";
  let description = [{
    ```mlir
    plan.slot @x fixed 0 per_token 2304
    ```
    `keeps_padding`: readers rely on zeros that nobody writes, or that return after each use, so the slot is shared
    with no other use.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$fixed, I64Attr:$per_token,
                       UnitAttr:$keeps_padding);
  let assemblyFormat = [{
    $sym_name `fixed` $fixed `per_token` $per_token (`keeps_padding` $keeps_padding^)? attr-dict
  }];
  let hasVerifier = 1;
}

def Plan_RepeatOp : Plan_Op<"repeat", [HasParent<"ModelOp">, NoTerminator, SingleBlock,
                                       NoRegionArguments]> {
  let summary = "phases that run `count` times with per-repetition bindings";
  let description = [{
    `first_layer` is the model layer of the first repetition; absent for phases of no layer.

    ```mlir
    plan.repeat 30 first_layer 0 {
      plan.phase {
      }
    }
    ```
  }];
  let arguments = (ins I64Attr:$count, OptionalAttr<I64Attr>:$first_layer);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$count (`first_layer` $first_layer^)? attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Plan_PhaseOp : Plan_Op<"phase", [HasParent<"RepeatOp">, NoTerminator, SingleBlock,
                                     NoRegionArguments]> {
  let summary = "independent tasks between two barriers";
  let description = "See `plan.repeat`.";
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Plan_TaskOp : Plan_Op<"task", [HasParent<"PhaseOp">,
                                   DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "one kernel with its arguments";
  let description = [{
    The three kernels are for 1 token, 2 to 8, and more. Bindings are in the order of the kernel's
    arguments; the verifier holds them against kernelArgs(). `balance` says that units differ in cost.

    ```mlir
    plan.task "rope_angles" kernels [@r, @r, @r]
        bindings [#plan.bind<positions>, #plan.bind<weights @rope.inv_freq>, #plan.bind<slot @angles>]
    ```
  }];
  let arguments = (ins StrAttr:$name, Plan_KernelVariants:$kernels, Plan_BindingArray:$bindings,
                       UnitAttr:$balance);
  let assemblyFormat = [{
    $name `kernels` $kernels `bindings` $bindings (`balance` $balance^)? attr-dict
  }];
}

#endif
