// What form-kernels refuses.
// RUN: axiom-opt %s --axiom-form-kernels -split-input-file -verify-diagnostics

// expected-error @below {{has no func.func @step to plan}}
module {
}

// -----

// expected-error @below {{needs an embedding, at least one layer and a head}}
func.func @step(%t: tensor<?xi32>) {
  return
}

// -----

func.func @step(%t: tensor<?xi32>) -> tensor<?x8xf32> {
  %e = axiom.weight "embed" : !axiom.weight<9 x 8, q8>
  %x = axiom.embedding %t, %e : (tensor<?xi32>, !axiom.weight<9 x 8, q8>) -> tensor<?x8xf32>
  // expected-error @below {{has no place in a plan, which is embedding, layers in a chain, head; fuse and outline phases come first}}
  %y = axiom.swiglu %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

axiom.layer @l0(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{has no kernel of its own; the fuse phase joins it with others}}
  %y = axiom.swiglu %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  axiom.return %y : tensor<?x8xf32>
}
func.func @step(%t: tensor<?xi32>) -> (tensor<?x9xf32>, !axiom.tiles<1>) {
  %e = axiom.weight "embed" : !axiom.weight<9 x 8, q8>
  %g = axiom.vector "norm" : !axiom.vector<8>
  %x = axiom.embedding %t, %e : (tensor<?xi32>, !axiom.weight<9 x 8, q8>) -> tensor<?x8xf32>
  %y = axiom.call_layer @l0(%x) layer 0 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %l, %s = axiom.head %y, %g, %e eps 1.0e-3 cuts [] : (tensor<?x8xf32>, !axiom.vector<8>, !axiom.weight<9 x 8, q8>) -> (tensor<?x9xf32>, !axiom.tiles<1>)
  return %l, %s : tensor<?x9xf32>, !axiom.tiles<1>
}

// -----

// expected-error @below {{does not consist of qkv, attention, o, gate_up, down}}
axiom.layer @l0(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  axiom.return %x : tensor<?x8xf32>
}
func.func @step(%t: tensor<?xi32>) -> (tensor<?x9xf32>, !axiom.tiles<1>) {
  %e = axiom.weight "embed" : !axiom.weight<9 x 8, q8>
  %g = axiom.vector "norm" : !axiom.vector<8>
  %x = axiom.embedding %t, %e : (tensor<?xi32>, !axiom.weight<9 x 8, q8>) -> tensor<?x8xf32>
  %y = axiom.call_layer @l0(%x) layer 0 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %l, %s = axiom.head %y, %g, %e eps 1.0e-3 cuts [] : (tensor<?x8xf32>, !axiom.vector<8>, !axiom.weight<9 x 8, q8>) -> (tensor<?x9xf32>, !axiom.tiles<1>)
  return %l, %s : tensor<?x9xf32>, !axiom.tiles<1>
}
