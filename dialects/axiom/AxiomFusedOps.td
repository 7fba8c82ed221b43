// Ops that the fuse and outline phases make: one per kernel, and layers as callable units.
#ifndef AXIOM_DIALECTS_AXIOM_FUSEDOPS_TD
#define AXIOM_DIALECTS_AXIOM_FUSEDOPS_TD

include "dialects/axiom/AxiomBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/CallInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Axiom_NormQuantizeOp : Axiom_Op<"norm_quantize", [Pure]> {
  let summary = "rms_norm and quantization of its result";
  let description = [{
    Gives the quantized rows and the f32 rows; float weights of a mixed list read the latter.

    ```mlir
    %q, %y = axiom.norm_quantize %x, %gain eps 1.0e-05
        : (tensor<?x576xf32>, !axiom.vector<576>) -> (!axiom.qrows<576>, tensor<?x576xf32>)
    ```
  }];
  let arguments = (ins Axiom_Rows:$input, Axiom_F32VectorType:$gain, F32Attr:$eps);
  let results = (outs Axiom_QRowsType:$quantized, Axiom_Rows:$normalized);
  let assemblyFormat = [{
    $input `,` $gain `eps` $eps attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_LinearListOp : Axiom_Op<"linear_list", [Pure, AttrSizedOperandSegments]> {
  let summary = "several linears of one input";
  let description = [{
    The weights may differ in format: integer ones read `qrows`, float ones `rows`; an input that no
    weight needs is absent. `bias_of` gives the index of the weight to which each bias belongs.

    ```mlir
    %g, %u = axiom.linear_list qrows(%q) weights(%a, %b) cuts [] bias_of []
        : (!axiom.qrows<576>, !axiom.weight<1536 x 576, q8>, !axiom.weight<1536 x 576, q4f16>)
        -> (tensor<?x1536xf32>, tensor<?x1536xf32>)
    ```
  }];
  let arguments = (ins Optional<Axiom_Rows>:$rows, Optional<Axiom_QRowsType>:$qrows,
                       Variadic<Axiom_WeightType>:$weights, Variadic<Axiom_F32VectorType>:$biases,
                       DenseI64ArrayAttr:$cuts, DenseI64ArrayAttr:$bias_of);
  let results = (outs Variadic<Axiom_Rows>:$outputs);
  let assemblyFormat = [{
    (`rows` `(` $rows^ `)`)? (`qrows` `(` $qrows^ `)`)? `weights` `(` $weights `)`
    (`biases` `(` $biases^ `)`)? `cuts` $cuts `bias_of` $bias_of attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_QkvOp : Axiom_Op<"qkv", [MemoryEffects<[MemWrite]>, AttrSizedOperandSegments]> {
  let summary = "Q, K and V: linears, biases, QK-norm, rope, q scale, KV write";
  let description = [{
    The weights are those of q, k and v. The query comes out rotated and scaled; keys (rotated) and
    values go to the KV store of the layer.

    ```mlir
    %q, %kv = axiom.qkv qrows(%n) weights(%wq, %wk, %wv) inv_freq(%f) scale 1.25e-01 cuts []
        bias_of [] layer 0
        : (!axiom.qrows<576>, !axiom.weight<576 x 576, q8>, !axiom.weight<192 x 576, q8>,
           !axiom.weight<192 x 576, q8>, !axiom.vector<32>)
        -> (tensor<?x576xf32>, !axiom.kv<3 x 64, f16>)
    ```
  }];
  let arguments = (ins Optional<Axiom_Rows>:$rows, Optional<Axiom_QRowsType>:$qrows,
                       Variadic<Axiom_WeightType>:$weights, Variadic<Axiom_F32VectorType>:$biases,
                       Optional<Axiom_F32VectorType>:$q_norm, Optional<Axiom_F32VectorType>:$k_norm,
                       Axiom_F32VectorType:$inv_freq, F32Attr:$scale, OptionalAttr<F32Attr>:$eps,
                       DenseI64ArrayAttr:$cuts, DenseI64ArrayAttr:$bias_of,
                       OptionalAttr<I32Attr>:$layer);
  let results = (outs Axiom_Rows:$query, Axiom_KvCacheType:$kv);
  let assemblyFormat = [{
    (`rows` `(` $rows^ `)`)? (`qrows` `(` $qrows^ `)`)? `weights` `(` $weights `)`
    (`biases` `(` $biases^ `)`)? (`q_norm` `(` $q_norm^ `)`)? (`k_norm` `(` $k_norm^ `)`)?
    `inv_freq` `(` $inv_freq `)` `scale` $scale (`eps` $eps^)? `cuts` $cuts `bias_of` $bias_of
    (`layer` $layer^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_SwiGluLinearOp : Axiom_Op<"swiglu_linear", [Pure, AttrSizedOperandSegments]> {
  let summary = "gate and up linears, swiglu, and quantization of the result if down reads it so";
  let description = [{
    ```mlir
    %h = axiom.swiglu_linear qrows(%n) weights(%wg, %wu) cuts [] bias_of []
        : (!axiom.qrows<576>, !axiom.weight<1536 x 576, q8>, !axiom.weight<1536 x 576, q8>)
        -> !axiom.qrows<1536>
    ```
  }];
  let arguments = (ins Optional<Axiom_Rows>:$rows, Optional<Axiom_QRowsType>:$qrows,
                       Variadic<Axiom_WeightType>:$weights, Variadic<Axiom_F32VectorType>:$biases,
                       DenseI64ArrayAttr:$cuts, DenseI64ArrayAttr:$bias_of);
  let results = (outs Axiom_Activation:$result);
  let assemblyFormat = [{
    (`rows` `(` $rows^ `)`)? (`qrows` `(` $qrows^ `)`)? `weights` `(` $weights `)`
    (`biases` `(` $biases^ `)`)? `cuts` $cuts `bias_of` $bias_of attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_LinearResidualOp : Axiom_Op<"linear_residual", [Pure]> {
  let summary = "the residual stream plus a linear (o or down)";
  let description = [{
    ```mlir
    %y = axiom.linear_residual %x, %q, %w role o cuts [192]
        : (tensor<?x576xf32>, !axiom.qrows<576>, !axiom.weight<576 x 576, q4f16>)
        -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Axiom_Rows:$residual, Axiom_Activation:$input, Axiom_WeightType:$weight,
                       Optional<Axiom_F32VectorType>:$bias, Axiom_RoleAttr:$role,
                       DenseI64ArrayAttr:$cuts);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = [{
    $residual `,` $input `,` $weight (`bias` $bias^)? `role` $role `cuts` $cuts attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_HeadOp : Axiom_Op<"head", [Pure]> {
  let summary = "row selection, final norm, head linear and tile statistics";
  let description = [{
    ```mlir
    %logits, %tiles = axiom.head %x, %gain, %w eps 1.0e-05 cuts []
        : (tensor<?x576xf32>, !axiom.vector<576>, !axiom.weight<49152 x 576, q8>)
        -> (tensor<?x49152xf32>, !axiom.tiles<48>)
    ```
  }];
  let arguments = (ins Axiom_Rows:$input, Axiom_F32VectorType:$gain, Axiom_WeightType:$weight,
                       Optional<Axiom_F32VectorType>:$bias, F32Attr:$eps, DenseI64ArrayAttr:$cuts);
  let results = (outs Axiom_Rows:$logits, Axiom_TilesType:$tiles);
  let assemblyFormat = [{
    $input `,` $gain `,` $weight (`bias` $bias^)? `eps` $eps `cuts` $cuts attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

def Axiom_LayerOp : Axiom_Op<"layer", [IsolatedFromAbove, FunctionOpInterface]> {
  let summary = "one distinct layer: hidden state and weights in, hidden state out";
  let description = [{
    Layers that are structurally equal (formats, cuts, windows and KV types included) share one; their
    weights are arguments, and the layer index comes from the call.

    ```mlir
    axiom.layer @l0(%x: tensor<?x576xf32>, %gain: !axiom.vector<576>) -> tensor<?x576xf32> {
      %y = axiom.rms_norm %x, %gain eps 1.0e-05
          : (tensor<?x576xf32>, !axiom.vector<576>) -> tensor<?x576xf32>
      axiom.return %y : tensor<?x576xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs);
  let regions = (region AnyRegion:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::ArrayRef<::mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ::mlir::ArrayRef<::mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
  }];
}

def Axiom_ReturnOp : Axiom_Op<"return", [Pure, Terminator, HasParent<"LayerOp">]> {
  let summary = "the hidden state after a layer";
  let description = "See `axiom.layer`.";
  let arguments = (ins Axiom_Rows:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Axiom_CallLayerOp : Axiom_Op<"call_layer", [DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                                MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "runs a layer with the weights and the index of one of its repetitions";
  let description = [{
    ```mlir
    %y = axiom.call_layer @l0(%x, %gain) layer 3
        : (tensor<?x576xf32>, !axiom.vector<576>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyType>:$args, I32Attr:$layer);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = [{
    $callee `(` $args `)` `layer` $layer attr-dict `:` functional-type($args, results)
  }];
}

#endif
