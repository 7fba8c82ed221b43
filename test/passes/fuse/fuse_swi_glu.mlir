// RUN: axiom-opt %s --axiom-fuse-swiglu | FileCheck %s

// CHECK-LABEL: @quantized
// CHECK-SAME: (%[[X:[^:]*]]: !axiom.qrows<64>, %[[A:[^:]*]]: !axiom.weight<8 x 64, q8>)
func.func @quantized(%x: !axiom.qrows<64>, %a: !axiom.weight<8 x 64, q8>) -> !axiom.qrows<8> {
  // CHECK-NEXT: %[[H:.*]] = axiom.swiglu_linear qrows(%[[X]]) weights(%[[A]], %[[A]]) cuts [32] bias_of [] : ({{.*}}) -> !axiom.qrows<8>
  // CHECK-NEXT: return %[[H]]
  %l:2 = axiom.linear_list qrows(%x) weights(%a, %a) cuts [32] bias_of [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>, !axiom.weight<8 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  %h = axiom.swiglu %l#0, %l#1 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %q = axiom.quantize %h : (tensor<?x8xf32>) -> !axiom.qrows<8>
  return %q : !axiom.qrows<8>
}

// down has float weights: f32 rows.
// CHECK-LABEL: @rows
func.func @rows(%x: !axiom.qrows<64>, %a: !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32> {
  // CHECK-NEXT: axiom.swiglu_linear {{.*}} -> tensor<?x8xf32>
  // CHECK-NEXT: return
  %l:2 = axiom.linear_list qrows(%x) weights(%a, %a) cuts [] bias_of [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>, !axiom.weight<8 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  %h = axiom.swiglu %l#0, %l#1 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %h : tensor<?x8xf32>
}

// Gate and up swapped are another function.
// CHECK-LABEL: @swapped
// CHECK-NOT: swiglu_linear
func.func @swapped(%x: !axiom.qrows<64>, %a: !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32> {
  %l:2 = axiom.linear_list qrows(%x) weights(%a, %a) cuts [] bias_of [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>, !axiom.weight<8 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  %h = axiom.swiglu %l#1, %l#0 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %h : tensor<?x8xf32>
}
