// Ops as the graph builder makes them: one per thing that a model does.
#ifndef AXIOM_DIALECTS_AXIOM_OPS_TD
#define AXIOM_DIALECTS_AXIOM_OPS_TD

include "dialects/axiom/AxiomBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

def Axiom_WeightOp : Axiom_Op<"weight", [Pure]> {
  let summary = "a weight matrix of the source model";
  let description = [{
    Names a tensor; its data stays where it is.

    ```mlir
    %w = axiom.weight "model.layers.0.mlp.up_proj.weight" : !axiom.weight<1536 x 576, src:Q4_1>
    ```
  }];
  let arguments = (ins StrAttr:$tensor);
  let results = (outs Axiom_WeightType:$result);
  let assemblyFormat = "$tensor attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Axiom_VectorOp : Axiom_Op<"vector", [Pure]> {
  let summary = "a constant f32 vector";
  let description = [{
    A tensor of the source model (values converted to f32 exactly), with `addend` added to each element
    if it is there; or, with `values`, data that the compiler computed, under a name of its own.

    ```mlir
    %g = axiom.vector "model.norm.weight" : !axiom.vector<576>
    %h = axiom.vector "model.norm.weight" plus 1.0 : !axiom.vector<576>
    %f = axiom.vector "rope.inv_freq" values [1.0, 0.25] : !axiom.vector<2>
    ```
  }];
  let arguments = (ins StrAttr:$tensor, OptionalAttr<F32Attr>:$addend,
                       OptionalAttr<DenseF32ArrayAttr>:$values);
  let results = (outs Axiom_F32VectorType:$result);
  let assemblyFormat = [{
    $tensor (`plus` $addend^)? (`values` $values^)? attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Computation
//===----------------------------------------------------------------------===//

def Axiom_EmbeddingOp : Axiom_Op<"embedding", [Pure]> {
  let summary = "rows of the embedding table, in f32";
  let description = [{
    ```mlir
    %x = axiom.embedding %tokens, %table
        : (tensor<?xi32>, !axiom.weight<49152 x 576, q8>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Axiom_Tokens:$tokens, Axiom_WeightType:$table);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = "$tokens `,` $table attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Axiom_RmsNormOp : Axiom_Op<"rms_norm", [Pure]> {
  let summary = "root-mean-square normalization with a gain";
  let description = [{
    `y = x / sqrt(mean(x^2) + eps) * gain`; with `unit_offset` the gain is `1 + gain`, a form that the
    normalize phase folds into the vector.

    ```mlir
    %y = axiom.rms_norm %x, %gain eps 1.0e-05
        : (tensor<?x576xf32>, !axiom.vector<576>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Axiom_Rows:$input, Axiom_F32VectorType:$gain, F32Attr:$eps,
                       UnitAttr:$unit_offset);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = [{
    $input `,` $gain `eps` $eps (`unit_offset` $unit_offset^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_QuantizeOp : Axiom_Op<"quantize", [Pure]> {
  let summary = "activation rows to int8 per token and group of 32";
  let description = [{
    ```mlir
    %q = axiom.quantize %x : (tensor<?x576xf32>) -> !axiom.qrows<576>
    ```
  }];
  let arguments = (ins Axiom_Rows:$input);
  let results = (outs Axiom_QRowsType:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Axiom_LinearOp : Axiom_Op<"linear", [Pure]> {
  let summary = "matrix product of activation rows and a weight, with an optional bias";
  let description = [{
    `cuts` are the inner boundaries of the K segments: multiples of 32, rising, inside (0, K). They are
    part of the numerics. A weight in an integer format reads quantized rows; given f32 rows it
    quantizes them first, which the quantize phase makes explicit. Float and source formats read f32.

    ```mlir
    %y = axiom.linear %q, %w bias %b role down cuts [768]
        : (!axiom.qrows<1536>, !axiom.weight<576 x 1536, q4f16>, !axiom.vector<576>)
        -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Axiom_Activation:$input, Axiom_WeightType:$weight,
                       Optional<Axiom_F32VectorType>:$bias, Axiom_RoleAttr:$role,
                       DenseI64ArrayAttr:$cuts);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? `role` $role `cuts` $cuts attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_QkNormOp : Axiom_Op<"qk_norm", [Pure]> {
  let summary = "rms_norm of each head";
  let description = [{
    The gain's size is the head dimension; the row's width is a multiple of it.

    ```mlir
    %y = axiom.qk_norm %q, %gain eps 1.0e-06
        : (tensor<?x1024xf32>, !axiom.vector<128>) -> tensor<?x1024xf32>
    ```
  }];
  let arguments = (ins Axiom_Rows:$input, Axiom_F32VectorType:$gain, F32Attr:$eps,
                       UnitAttr:$unit_offset);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = [{
    $input `,` $gain `eps` $eps (`unit_offset` $unit_offset^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_RopeOp : Axiom_Op<"rope", [Pure]> {
  let summary = "rotary position embedding of each head, by the token's position";
  let description = [{
    The vector holds head_dim / 2 inverse frequencies; feature i of a head turns with i + head_dim / 2.

    ```mlir
    %y = axiom.rope %q, %inv_freq
        : (tensor<?x576xf32>, !axiom.vector<32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Axiom_Rows:$input, Axiom_F32VectorType:$inv_freq);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = "$input `,` $inv_freq attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Axiom_ScaleOp : Axiom_Op<"scale", [Pure]> {
  let summary = "rows times a constant";
  let description = [{
    ```mlir
    %y = axiom.scale %q by 1.25e-01 : (tensor<?x576xf32>) -> tensor<?x576xf32>
    ```
    Folds away when the factor is 1.
  }];
  let arguments = (ins Axiom_Rows:$input, F32Attr:$factor);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = "$input `by` $factor attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Axiom_KvWriteOp : Axiom_Op<"kv_write", [MemoryEffects<[MemWrite]>]> {
  let summary = "stores the keys and values of this step's tokens, rounded to the KV type";
  let description = [{
    `layer` says which layer's store; inside an `axiom.layer` it is absent and comes from the call.

    ```mlir
    %kv = axiom.kv_write %k, %v layer 3
        : (tensor<?x192xf32>, tensor<?x192xf32>) -> !axiom.kv<3 x 64, f16>
    ```
  }];
  let arguments = (ins Axiom_Rows:$key, Axiom_Rows:$value, OptionalAttr<I32Attr>:$layer);
  let results = (outs Axiom_KvCacheType:$result);
  let assemblyFormat = [{
    $key `,` $value (`layer` $layer^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_AttentionOp : Axiom_Op<"attention", [MemoryEffects<[MemRead]>]> {
  let summary = "causal attention of each token over its sequence's stored keys and values";
  let description = [{
    Heads and head dimension follow from the types; query heads share a KV head in groups. With a
    `window` W the query at position p sees positions p - W < j <= p.

    ```mlir
    %o = axiom.attention %q, %kv window 4096
        : (tensor<?x576xf32>, !axiom.kv<3 x 64, f16>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Axiom_Rows:$query, Axiom_KvCacheType:$kv, OptionalAttr<I32Attr>:$window);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = [{
    $query `,` $kv (`window` $window^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Axiom_SwiGluOp : Axiom_Op<"swiglu", [Pure]> {
  let summary = "silu(gate) * up";
  let description = [{
    ```mlir
    %h = axiom.swiglu %gate, %up
        : (tensor<?x1536xf32>, tensor<?x1536xf32>) -> tensor<?x1536xf32>
    ```
  }];
  let arguments = (ins Axiom_Rows:$gate, Axiom_Rows:$up);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = "$gate `,` $up attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Axiom_AddOp : Axiom_Op<"add", [Pure]> {
  let summary = "the residual stream plus a linear's output";
  let description = [{
    ```mlir
    %y = axiom.add %x, %o : (tensor<?x576xf32>, tensor<?x576xf32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Axiom_Rows:$residual, Axiom_Rows:$update);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = "$residual `,` $update attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Axiom_LayerEndOp : Axiom_Op<"layer_end", [Pure]> {
  let summary = "marks the hidden state after a layer";
  let description = [{
    The value is unchanged. The outline phase cuts the graph at these marks; the interpreter shows the
    value to its layer hook.

    ```mlir
    %y = axiom.layer_end %x layer 3 : (tensor<?x576xf32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Axiom_Rows:$input, I32Attr:$layer);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = "$input `layer` $layer attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Axiom_SelectRowsOp : Axiom_Op<"select_rows", [Pure]> {
  let summary = "the rows of the step that reach the head";
  let description = [{
    Which rows is implicit context of the step, as are positions.

    ```mlir
    %y = axiom.select_rows %x : (tensor<?x576xf32>) -> tensor<?x576xf32>
    ```
  }];
  let arguments = (ins Axiom_Rows:$input);
  let results = (outs Axiom_Rows:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Axiom_HeadTilesOp : Axiom_Op<"head_tiles", [Pure]> {
  let summary = "statistics of each tile of 1024 logits";
  let description = [{
    ```mlir
    %t = axiom.head_tiles %logits : (tensor<?x49152xf32>) -> !axiom.tiles<48>
    ```
  }];
  let arguments = (ins Axiom_Rows:$logits);
  let results = (outs Axiom_TilesType:$result);
  let assemblyFormat = "$logits attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif
