// RUN: axiom-opt %s --axiom-outline-layers -split-input-file -verify-diagnostics | FileCheck %s

// Layers 0 and 1 are one function; layer 2 has a window and is another.
// CHECK-LABEL: axiom.layer @l0
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x8xf32>, %[[W:[^:]*]]: !axiom.weight<8 x 8, q8>) -> tensor<?x8xf32>
// CHECK:   axiom.kv_write %[[X]], %[[X]] :
// CHECK:   axiom.attention %{{.*}}, %{{.*}} :
// CHECK:   axiom.linear %{{.*}}, %[[W]] role o
// CHECK:   axiom.return
// CHECK-LABEL: axiom.layer @l1
// CHECK:   axiom.attention %{{.*}}, %{{.*}} window 16 :
// CHECK-LABEL: func.func @step
// CHECK-DAG: %[[W0:.*]] = axiom.weight "o0"
// CHECK-DAG: %[[W1:.*]] = axiom.weight "o1"
// CHECK-DAG: %[[W2:.*]] = axiom.weight "o2"
// CHECK: %[[E:.*]] = axiom.embedding
// CHECK: %[[X0:.*]] = axiom.call_layer @l0(%[[E]], %[[W0]]) layer 0 :
// CHECK: %[[X1:.*]] = axiom.call_layer @l0(%[[X0]], %[[W1]]) layer 1 :
// CHECK: %[[X2:.*]] = axiom.call_layer @l1(%[[X1]], %[[W2]]) layer 2 :
// CHECK-NOT: axiom.layer_end
// CHECK: return %[[X2]]
func.func @step(%t: tensor<?xi32>) -> tensor<?x8xf32> {
  %e = axiom.weight "embed" : !axiom.weight<9 x 8, q8>
  %w0 = axiom.weight "o0" : !axiom.weight<8 x 8, q8>
  %w1 = axiom.weight "o1" : !axiom.weight<8 x 8, q8>
  %w2 = axiom.weight "o2" : !axiom.weight<8 x 8, q8>
  %x = axiom.embedding %t, %e : (tensor<?xi32>, !axiom.weight<9 x 8, q8>) -> tensor<?x8xf32>
  %kv0 = axiom.kv_write %x, %x layer 0 : (tensor<?x8xf32>, tensor<?x8xf32>) -> !axiom.kv<2 x 4, f16>
  %a0 = axiom.attention %x, %kv0 : (tensor<?x8xf32>, !axiom.kv<2 x 4, f16>) -> tensor<?x8xf32>
  %o0 = axiom.linear %a0, %w0 role o cuts [] : (tensor<?x8xf32>, !axiom.weight<8 x 8, q8>) -> tensor<?x8xf32>
  %x0 = axiom.layer_end %o0 layer 0 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %kv1 = axiom.kv_write %x0, %x0 layer 1 : (tensor<?x8xf32>, tensor<?x8xf32>) -> !axiom.kv<2 x 4, f16>
  %a1 = axiom.attention %x0, %kv1 : (tensor<?x8xf32>, !axiom.kv<2 x 4, f16>) -> tensor<?x8xf32>
  %o1 = axiom.linear %a1, %w1 role o cuts [] : (tensor<?x8xf32>, !axiom.weight<8 x 8, q8>) -> tensor<?x8xf32>
  %x1 = axiom.layer_end %o1 layer 1 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %kv2 = axiom.kv_write %x1, %x1 layer 2 : (tensor<?x8xf32>, tensor<?x8xf32>) -> !axiom.kv<2 x 4, f16>
  %a2 = axiom.attention %x1, %kv2 window 16 : (tensor<?x8xf32>, !axiom.kv<2 x 4, f16>) -> tensor<?x8xf32>
  %o2 = axiom.linear %a2, %w2 role o cuts [] : (tensor<?x8xf32>, !axiom.weight<8 x 8, q8>) -> tensor<?x8xf32>
  %x2 = axiom.layer_end %o2 layer 2 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %x2 : tensor<?x8xf32>
}

// -----

func.func @step(%t: tensor<?xi32>, %e: !axiom.weight<9 x 8, q8>) -> tensor<?x8xf32> {
  %x = axiom.embedding %t, %e : (tensor<?xi32>, !axiom.weight<9 x 8, q8>) -> tensor<?x8xf32>
  // expected-error @below {{belongs to layer 5 but lies in layer 0}}
  %kv = axiom.kv_write %x, %x layer 5 : (tensor<?x8xf32>, tensor<?x8xf32>) -> !axiom.kv<2 x 4, f16>
  %a = axiom.attention %x, %kv : (tensor<?x8xf32>, !axiom.kv<2 x 4, f16>) -> tensor<?x8xf32>
  %y = axiom.layer_end %a layer 0 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @step(%t: tensor<?xi32>, %e: !axiom.weight<9 x 8, q8>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %x = axiom.embedding %t, %e : (tensor<?xi32>, !axiom.weight<9 x 8, q8>) -> tensor<?x8xf32>
  // expected-error @below {{of a layer is read outside of it}}
  %h = axiom.swiglu %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = axiom.layer_end %h layer 0 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y, %h : tensor<?x8xf32>, tensor<?x8xf32>
}
