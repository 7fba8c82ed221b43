// RUN: axiom-opt %s --axiom-fuse-linear-list | FileCheck %s

// q, k, v in that order whatever their order in the graph; formats and biases may be mixed.
// CHECK-LABEL: @qkv
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>, %[[A:.*]]: !axiom.weight<8 x 64, q8>, %[[B:.*]]: !axiom.weight<4 x 64, f16>
func.func @qkv(%x: tensor<?x64xf32>, %a: !axiom.weight<8 x 64, q8>, %b: !axiom.weight<4 x 64, f16>)
    -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK: %[[BIAS:.*]] = axiom.vector "bias"
  // CHECK: %[[Q:.*]] = axiom.quantize %[[X]]
  // CHECK: %[[L:.*]]:3 = axiom.linear_list rows(%[[X]]) qrows(%[[Q]]) weights(%[[A]], %[[B]], %[[B]]) biases(%[[BIAS]]) cuts [] bias_of [2] :
  // CHECK: return %[[L]]#0, %[[L]]#1, %[[L]]#2
  %bias = axiom.vector "bias" : !axiom.vector<4>
  %v = axiom.linear %x, %b bias %bias role v cuts [] : (tensor<?x64xf32>, !axiom.weight<4 x 64, f16>, !axiom.vector<4>) -> tensor<?x4xf32>
  %k = axiom.linear %x, %b role k cuts [] : (tensor<?x64xf32>, !axiom.weight<4 x 64, f16>) -> tensor<?x4xf32>
  %xq = axiom.quantize %x : (tensor<?x64xf32>) -> !axiom.qrows<64>
  %q = axiom.linear %xq, %a role q cuts [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32>
  return %q, %k, %v : tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: @gate_up
func.func @gate_up(%x: !axiom.qrows<64>, %a: !axiom.weight<8 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[L:.*]]:2 = axiom.linear_list qrows(%{{.*}}) weights(%{{.*}}, %{{.*}}) cuts [32] bias_of [] :
  %g = axiom.linear %x, %a role gate cuts [32] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32>
  %u = axiom.linear %x, %a role up cuts [32] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32>
  return %g, %u : tensor<?x8xf32>, tensor<?x8xf32>
}

// Other segments, other sums: not one list.
// CHECK-LABEL: @other_cuts
// CHECK-NOT: linear_list
func.func @other_cuts(%x: !axiom.qrows<64>, %a: !axiom.weight<8 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %g = axiom.linear %x, %a role gate cuts [32] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32>
  %u = axiom.linear %x, %a role up cuts [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32>
  return %g, %u : tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: @other_inputs
// CHECK-NOT: linear_list
func.func @other_inputs(%x: !axiom.qrows<64>, %y: !axiom.qrows<64>, %a: !axiom.weight<8 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %g = axiom.linear %x, %a role gate cuts [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32>
  %u = axiom.linear %y, %a role up cuts [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32>
  return %g, %u : tensor<?x8xf32>, tensor<?x8xf32>
}
