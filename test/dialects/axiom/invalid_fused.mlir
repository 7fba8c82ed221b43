// Verifiers of fused ops and layers.
// RUN: axiom-opt %s -split-input-file -verify-diagnostics

func.func @f(%x: tensor<?x64xf32>, %g: !axiom.vector<64>) {
  // expected-error @below {{input has 64 features, quantized result has 32}}
  %q, %n = axiom.norm_quantize %x, %g eps 1.0 : (tensor<?x64xf32>, !axiom.vector<64>) -> (!axiom.qrows<32>, tensor<?x64xf32>)
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %g: !axiom.vector<32>) {
  // expected-error @below {{the gain has 32 elements, the rows have 64 features}}
  %q, %n = axiom.norm_quantize %x, %g eps 1.0 : (tensor<?x64xf32>, !axiom.vector<32>) -> (!axiom.qrows<64>, tensor<?x64xf32>)
  return
}

// -----

func.func @f(%w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{needs rows or qrows}}
  %y = axiom.linear_list weights(%w) cuts [] bias_of [] : (!axiom.weight<8 x 64, f16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, q8>) {
  // expected-error @below {{needs qrows}}
  %y = axiom.linear_list rows(%x) weights(%w) cuts [] bias_of [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: !axiom.qrows<64>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{needs rows}}
  %y = axiom.linear_list qrows(%x) weights(%w) cuts [] bias_of [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, f16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{has 1 weights and 2 results}}
  %y:2 = axiom.linear_list rows(%x) weights(%w) cuts [] bias_of [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>, %b: !axiom.vector<8>) {
  // expected-error @below {{bias_of has 0 entries for 1 biases}}
  %y = axiom.linear_list rows(%x) weights(%w) biases(%b) cuts [] bias_of [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.vector<8>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>, %b: !axiom.vector<8>) {
  // expected-error @below {{bias_of must rise and name weights of the list, got 1}}
  %y = axiom.linear_list rows(%x) weights(%w) biases(%b) cuts [] bias_of [1] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.vector<8>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>, %b: !axiom.vector<9>) {
  // expected-error @below {{bias of weight 0 has 9 elements, the weight has 8 rows}}
  %y = axiom.linear_list rows(%x) weights(%w) biases(%b) cuts [] bias_of [0] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.vector<9>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>, %f: !axiom.vector<2>) {
  // expected-error @below {{needs the weights of q, k and v, got 2}}
  %q, %kv = axiom.qkv rows(%x) weights(%w, %w) inv_freq(%f) scale 1.0 cuts [] bias_of [] layer 0 : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>, !axiom.vector<2>) -> (tensor<?x8xf32>, !axiom.kv<2 x 4, f16>)
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>, %f: !axiom.vector<3>) {
  // expected-error @below {{needs 2 inverse frequencies, got 3}}
  %q, %kv = axiom.qkv rows(%x) weights(%w, %w, %w) inv_freq(%f) scale 1.0 cuts [] bias_of [] layer 0 : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>, !axiom.vector<3>) -> (tensor<?x8xf32>, !axiom.kv<2 x 4, f16>)
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>, %f: !axiom.vector<2>) {
  // expected-error @below {{have 4 features, a weight has 8 rows}}
  %q, %kv = axiom.qkv rows(%x) weights(%w, %w, %w) inv_freq(%f) scale 1.0 cuts [] bias_of [] layer 0 : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>, !axiom.vector<2>) -> (tensor<?x8xf32>, !axiom.kv<1 x 4, f16>)
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>, %f: !axiom.vector<2>) {
  // expected-error @below {{needs a layer index outside of an axiom.layer}}
  %q, %kv = axiom.qkv rows(%x) weights(%w, %w, %w) inv_freq(%f) scale 1.0 cuts [] bias_of [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>, !axiom.vector<2>) -> (tensor<?x8xf32>, !axiom.kv<2 x 4, f16>)
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>, %f: !axiom.vector<2>) {
  // expected-error @below {{q_norm, k_norm and eps come together}}
  %q, %kv = axiom.qkv rows(%x) weights(%w, %w, %w) inv_freq(%f) scale 1.0 eps 1.0 cuts [] bias_of [] layer 0 : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>, !axiom.vector<2>) -> (tensor<?x8xf32>, !axiom.kv<2 x 4, f16>)
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{needs the weights of gate and up, got 1}}
  %h = axiom.swiglu_linear rows(%x) weights(%w) cuts [] bias_of [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{a weight has 8 rows, the result has 9 features}}
  %h = axiom.swiglu_linear rows(%x) weights(%w, %w) cuts [] bias_of [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, f16>, !axiom.weight<8 x 64, f16>) -> tensor<?x9xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{the weight has 8 rows, the result has 64 features}}
  %y = axiom.linear_residual %x, %x, %w role o cuts [] : (tensor<?x64xf32>, tensor<?x64xf32>, !axiom.weight<8 x 64, f16>) -> tensor<?x64xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>, %g: !axiom.vector<64>, %w: !axiom.weight<8 x 64, f16>) {
  // expected-error @below {{8 logits make 1 tiles, got 2}}
  %y, %t = axiom.head %x, %g, %w eps 1.0 cuts [] : (tensor<?x64xf32>, !axiom.vector<64>, !axiom.weight<8 x 64, f16>) -> (tensor<?x8xf32>, !axiom.tiles<2>)
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @below {{calls @none, which is no axiom.layer of this module}}
  %y = axiom.call_layer @none(%x) layer 0 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

axiom.layer @l0(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  axiom.return %x : tensor<?x64xf32>
}
func.func @f(%x: tensor<?x32xf32>) {
  // expected-error @below {{arguments do not have the types of @l0}}
  %y = axiom.call_layer @l0(%x) layer 0 : (tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

// expected-error @below {{needs the hidden state, tensor<?xNxf32>, as its first argument}}
axiom.layer @l0(%g: !axiom.vector<64>, %x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  axiom.return %x : tensor<?x64xf32>
}

// -----

// expected-error @below {{arguments after the first are weights and vectors}}
axiom.layer @l0(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> tensor<?x64xf32> {
  axiom.return %x : tensor<?x64xf32>
}

// -----

axiom.layer @l0(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error @below {{inside an axiom.layer takes its layer index from the call}}
  %kv = axiom.kv_write %x, %x layer 0 : (tensor<?x64xf32>, tensor<?x64xf32>) -> !axiom.kv<4 x 16, f16>
  axiom.return %x : tensor<?x64xf32>
}
