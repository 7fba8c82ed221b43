// The axiom dialect and its types: what a model computes.
#ifndef AXIOM_DIALECTS_AXIOM_BASE_TD
#define AXIOM_DIALECTS_AXIOM_BASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"

def Axiom_Dialect : Dialect {
  let name = "axiom";
  let summary = "What a language model computes, one op per thing that it does.";
  let description = [{
    A module holds `func.func @step`: one step over the tokens of any mix of sequences. Activations are
    tensors `tensor<?xNxf32>` with one row per token. Two things are implicit context of the step: the
    position of each token and the sequence that it belongs to. The keys and values of earlier tokens
    are state, read and written through `!axiom.kv`.

    What each op computes, to the bit, is in docs/numerics.md; the interpreter is its executable form.
  }];
  let cppNamespace = "::axiom::ir";
  let useDefaultTypePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Axiom_Type<string name, string typeMnemonic> : TypeDef<Axiom_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Axiom_WeightType : Axiom_Type<"Weight", "weight"> {
  let summary = "a weight matrix";
  let description = [{
    A matrix of ROWS output features and COLS input features in a format: `f32`, `f16`, `bf16`, `q8`,
    `q4f16`, `q4`, `q6` once it is decided how the artifact stores it; before that `src:TYPE`, the type in the
    source file.

    Example: `!axiom.weight<1536 x 576, q4f16>`, `!axiom.weight<1536 x 576, src:Q4_1>`
  }];
  let parameters = (ins "uint32_t":$rows, "uint32_t":$cols, "::axiom::ir::WeightFormat":$format);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Axiom_F32VectorType : Axiom_Type<"F32Vector", "vector"> {
  let summary = "a constant f32 vector: norm gain, bias, inverse frequencies";
  let description = "Example: `!axiom.vector<576>`";
  let parameters = (ins "uint32_t":$size);
  let assemblyFormat = "`<` $size `>`";
  let genVerifyDecl = 1;
}

def Axiom_QRowsType : Axiom_Type<"QRows", "qrows"> {
  let summary = "activation rows of COLS features quantized to int8 per token and group of 32";
  let description = "Example: `!axiom.qrows<576>`";
  let parameters = (ins "uint32_t":$cols);
  let assemblyFormat = "`<` $cols `>`";
  let genVerifyDecl = 1;
}

def Axiom_KvCacheType : Axiom_Type<"KvCache", "kv"> {
  let summary = "stored keys and values of one layer";
  let description = [{
    HEADS KV heads of DIM features, stored as `f32`, `f16` or `int8`; all tokens of the sequence up to
    and including those of this step.

    Example: `!axiom.kv<3 x 64, f16>`
  }];
  let parameters = (ins "uint32_t":$heads, "uint32_t":$dim, "::AxmKvType":$kind);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Axiom_TilesType : Axiom_Type<"Tiles", "tiles"> {
  let summary = "per row and tile of 1024 ids: max, its lowest id, sum of exp(l - max)";
  let description = "Example: `!axiom.tiles<48>`";
  let parameters = (ins "uint32_t":$count);
  let assemblyFormat = "`<` $count `>`";
  let genVerifyDecl = 1;
}

def Axiom_Rows : Type<CPred<"::axiom::ir::isRows($_self)">, "f32 rows, tensor<?xNxf32>",
                      "::mlir::RankedTensorType">;
def Axiom_Tokens : Type<CPred<"::axiom::ir::isTokens($_self)">, "token ids, tensor<?xi32>",
                        "::mlir::RankedTensorType">;
def Axiom_Activation : AnyTypeOf<[Axiom_Rows, Axiom_QRowsType], "f32 rows or quantized rows">;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

def Axiom_RoleAttr : I32EnumAttr<"Role", "which linear of the model this is", [
    I32EnumAttrCase<"Q", 0, "q">, I32EnumAttrCase<"K", 1, "k">, I32EnumAttrCase<"V", 2, "v">,
    I32EnumAttrCase<"O", 3, "o">, I32EnumAttrCase<"Gate", 4, "gate">, I32EnumAttrCase<"Up", 5, "up">,
    I32EnumAttrCase<"Down", 6, "down">, I32EnumAttrCase<"Head", 7, "head">]> {
  let cppNamespace = "::axiom::ir";
}

class Axiom_Op<string opMnemonic, list<Trait> traits = []> : Op<Axiom_Dialect, opMnemonic, traits>;

#endif
