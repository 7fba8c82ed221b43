// Verifiers of types and graph ops.
// RUN: axiom-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{unknown weight format 'q5'}}
func.func private @f(!axiom.weight<8 x 8, q5>)

// -----

// expected-error @below {{unknown weight format 'src:Q9'}}
func.func private @f(!axiom.weight<8 x 8, src:Q9>)

// -----

// expected-error @below {{rows of a weight must be in 1..268435456, got 0}}
func.func private @f(!axiom.weight<0 x 8, q8>)

// -----

// expected-error @below {{columns of a weight must be in 1..268435456, got 0}}
func.func private @f(!axiom.weight<8 x 0, q8>)

// -----

// expected-error @below {{size of a vector must be in}}
func.func private @f(!axiom.vector<0>)

// -----

// expected-error @below {{features of quantized rows must be in}}
func.func private @f(!axiom.qrows<0>)

// -----

// expected-error @below {{tile count must be in}}
func.func private @f(!axiom.tiles<0>)

// -----

// expected-error @below {{head dimension must be even, got 5}}
func.func private @f(!axiom.kv<2 x 5, f16>)

// -----

// expected-error @below {{unknown KV type 'int4'}}
func.func private @f(!axiom.kv<2 x 4, int4>)

// -----

func.func @f() {
  // expected-error @below {{needs the name of a tensor}}
  %w = axiom.weight "" : !axiom.weight<8 x 8, q8>
  return
}

// -----

func.func @f() {
  // expected-error @below {{needs a name}}
  %w = axiom.vector "" : !axiom.vector<8>
  return
}

// -----

func.func @f() {
  // expected-error @below {{has 1 values, its type says 2}}
  %w = axiom.vector "v" values [1.0] : !axiom.vector<2>
  return
}

// -----

func.func @f() {
  // expected-error @below {{an addend belongs to source tensors}}
  %w = axiom.vector "v" plus 1.0 values [1.0] : !axiom.vector<1>
  return
}

// -----

func.func @f(%t: tensor<?xi32>, %w: !axiom.weight<9 x 8, q8>) {
  // expected-error @below {{the table has 8 columns, the result has 9 features}}
  %x = axiom.embedding %t, %w : (tensor<?xi32>, !axiom.weight<9 x 8, q8>) -> tensor<?x9xf32>
  return
}

// -----

func.func @f(%t: tensor<?x?xi32>, %w: !axiom.weight<9 x 8, q8>) {
  // expected-error @below {{must be token ids}}
  %x = axiom.embedding %t, %w : (tensor<?x?xi32>, !axiom.weight<9 x 8, q8>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %g: !axiom.vector<32>) {
  // expected-error @below {{the gain has 32 elements, the rows have 64 features}}
  %y = axiom.rms_norm %x, %g eps 1.0e-5 : (tensor<?x64xf32>, !axiom.vector<32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %g: !axiom.vector<64>) {
  // expected-error @below {{eps must be positive and finite}}
  %y = axiom.rms_norm %x, %g eps 0.0 : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %g: !axiom.vector<64>) {
  // expected-error @below {{input and result must have one type}}
  %y = axiom.rms_norm %x, %g eps 1.0 : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{input has 64 features, result has 32}}
  %y = axiom.quantize %x : (tensor<?x64xf32>) -> !axiom.qrows<32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 32, f16>) {
  // expected-error @below {{the weight has 32 columns, the input has 64 features}}
  %y = axiom.linear %x, %w role up cuts [] : (tensor<?x64xf32>, !axiom.weight<8 x 32, f16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{the weight has 8 rows, the result has 9 features}}
  %y = axiom.linear %x, %w role up cuts [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>) -> tensor<?x9xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{cut 33 must be a multiple of 32 above 0 and below 64}}
  %y = axiom.linear %x, %w role up cuts [33] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{cut 64 must be a multiple of 32 above 0 and below 64}}
  %y = axiom.linear %x, %w role up cuts [64] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x100xf32>, %w: !axiom.weight<8 x 100, f16>) {
  // expected-error @below {{cut 64 must be a multiple of 32 above 64 and below 128}}
  %y = axiom.linear %x, %w role up cuts [64, 64] : (tensor<?x100xf32>, !axiom.weight<8 x 100, f16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: !axiom.qrows<64>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{reads f32 rows, not quantized ones}}
  %y = axiom.linear %x, %w role up cuts [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, f16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>, %b: !axiom.vector<7>) {
  // expected-error @below {{the bias has 7 elements, the weight has 8 rows}}
  %y = axiom.linear %x, %w bias %b role up cuts [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.vector<7>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %g: !axiom.vector<48>) {
  // expected-error @below {{rows of 64 features are no whole number of heads of 48}}
  %y = axiom.qk_norm %x, %g eps 1.0 : (tensor<?x64xf32>, !axiom.vector<48>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %g: !axiom.vector<24>) {
  // expected-error @below {{rows of 64 features are no whole number of heads of 48}}
  %y = axiom.rope %x, %g : (tensor<?x64xf32>, !axiom.vector<24>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{factor must be finite}}
  %y = axiom.scale %x by 0x7F800000 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{have 48 features, got 64}}
  %y = axiom.kv_write %x, %x layer 0 : (tensor<?x64xf32>, tensor<?x64xf32>) -> !axiom.kv<3 x 16, f16>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{needs a layer index outside of an axiom.layer}}
  %y = axiom.kv_write %x, %x : (tensor<?x64xf32>, tensor<?x64xf32>) -> !axiom.kv<4 x 16, f16>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{layer index must not be negative}}
  %y = axiom.kv_write %x, %x layer -1 : (tensor<?x64xf32>, tensor<?x64xf32>) -> !axiom.kv<4 x 16, f16>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %kv: !axiom.kv<3 x 16, f16>) {
  // expected-error @below {{a query of 64 features is no multiple of KV heads times head dimension}}
  %y = axiom.attention %x, %kv : (tensor<?x64xf32>, !axiom.kv<3 x 16, f16>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %kv: !axiom.kv<4 x 16, f16>) {
  // expected-error @below {{window must be positive}}
  %y = axiom.attention %x, %kv window 0 : (tensor<?x64xf32>, !axiom.kv<4 x 16, f16>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %u: tensor<?x32xf32>) {
  // expected-error @below {{gate and up must have one type}}
  %y = axiom.swiglu %x, %u : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %u: tensor<?x32xf32>) {
  // expected-error @below {{residual and update must have one type}}
  %y = axiom.add %x, %u : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{layer index must not be negative}}
  %y = axiom.layer_end %x layer -1 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{input and result must have one type}}
  %y = axiom.select_rows %x : (tensor<?x64xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x1025xf32>) {
  // expected-error @below {{1025 logits make 2 tiles, got 1}}
  %y = axiom.head_tiles %x : (tensor<?x1025xf32>) -> !axiom.tiles<1>
  return
}

// -----

func.func @f(%x: tensor<4x64xf32>) {
  // expected-error @below {{must be f32 rows}}
  %y = axiom.quantize %x : (tensor<4x64xf32>) -> !axiom.qrows<64>
  return
}
