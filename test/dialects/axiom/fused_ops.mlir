// Every op that the fuse and outline phases make, round trip.
// RUN: axiom-opt %s | axiom-opt | FileCheck %s

// CHECK-LABEL: axiom.layer @l0
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>, %[[G:.*]]: !axiom.vector<64>
axiom.layer @l0(%x: tensor<?x64xf32>, %g: !axiom.vector<64>, %wq: !axiom.weight<8 x 64, q8>,
                %wk: !axiom.weight<4 x 64, f16>, %f: !axiom.vector<2>, %b: !axiom.vector<4>,
                %wo: !axiom.weight<64 x 8, q8>, %wu: !axiom.weight<8 x 64, q4>) -> tensor<?x64xf32> {
  // CHECK: %[[Q:.*]], %[[N:.*]] = axiom.norm_quantize %[[X]], %[[G]] eps 1.000000e-03 :
  %q, %n = axiom.norm_quantize %x, %g eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> (!axiom.qrows<64>, tensor<?x64xf32>)
  // CHECK: axiom.linear_list rows(%[[N]]) qrows(%[[Q]]) weights(%{{.*}}, %{{.*}}) biases(%{{.*}}) cuts [32] bias_of [1] :
  %l:2 = axiom.linear_list rows(%n) qrows(%q) weights(%wq, %wk) biases(%b) cuts [32] bias_of [1]
      : (tensor<?x64xf32>, !axiom.qrows<64>, !axiom.weight<8 x 64, q8>, !axiom.weight<4 x 64, f16>, !axiom.vector<4>)
      -> (tensor<?x8xf32>, tensor<?x4xf32>)
  // CHECK: axiom.qkv rows(%[[N]]) qrows(%[[Q]]) weights(%{{.*}}, %{{.*}}, %{{.*}}) biases(%{{.*}}) q_norm(%{{.*}}) k_norm(%{{.*}}) inv_freq(%{{.*}}) scale 5.000000e-01 eps 1.000000e-03 cuts [] bias_of [2] :
  %query, %kv = axiom.qkv rows(%n) qrows(%q) weights(%wq, %wk, %wk) biases(%b) q_norm(%b) k_norm(%b) inv_freq(%f)
      scale 5.0e-1 eps 1.0e-3 cuts [] bias_of [2]
      : (tensor<?x64xf32>, !axiom.qrows<64>, !axiom.weight<8 x 64, q8>, !axiom.weight<4 x 64, f16>, !axiom.weight<4 x 64, f16>,
         !axiom.vector<4>, !axiom.vector<4>, !axiom.vector<4>, !axiom.vector<2>)
      -> (tensor<?x8xf32>, !axiom.kv<1 x 4, f16>)
  %a = axiom.attention %query, %kv : (tensor<?x8xf32>, !axiom.kv<1 x 4, f16>) -> tensor<?x8xf32>
  %aq = axiom.quantize %a : (tensor<?x8xf32>) -> !axiom.qrows<8>
  // CHECK: %[[Y:.*]] = axiom.linear_residual %[[X]], %{{.*}}, %{{.*}} role o cuts [] :
  %y = axiom.linear_residual %x, %aq, %wo role o cuts [] : (tensor<?x64xf32>, !axiom.qrows<8>, !axiom.weight<64 x 8, q8>) -> tensor<?x64xf32>
  // CHECK: axiom.swiglu_linear qrows(%[[Q]]) weights(%{{.*}}, %{{.*}}) cuts [] bias_of [] :
  %h = axiom.swiglu_linear qrows(%q) weights(%wu, %wu) cuts [] bias_of [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q4>, !axiom.weight<8 x 64, q4>) -> !axiom.qrows<8>
  // CHECK: axiom.return %[[Y]] : tensor<?x64xf32>
  axiom.return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func.func @step
func.func @step(%x: tensor<?x64xf32>, %g: !axiom.vector<64>, %wq: !axiom.weight<8 x 64, q8>,
                %wk: !axiom.weight<4 x 64, f16>, %f: !axiom.vector<2>, %b: !axiom.vector<4>,
                %wo: !axiom.weight<64 x 8, q8>, %wu: !axiom.weight<8 x 64, q4>, %wh: !axiom.weight<1025 x 64, q8>) {
  // CHECK: axiom.call_layer @l0(%{{.*}}) layer 3 :
  %y = axiom.call_layer @l0(%x, %g, %wq, %wk, %f, %b, %wo, %wu) layer 3
      : (tensor<?x64xf32>, !axiom.vector<64>, !axiom.weight<8 x 64, q8>, !axiom.weight<4 x 64, f16>, !axiom.vector<2>,
         !axiom.vector<4>, !axiom.weight<64 x 8, q8>, !axiom.weight<8 x 64, q4>) -> tensor<?x64xf32>
  // CHECK: axiom.head %{{.*}}, %{{.*}}, %{{.*}} eps 1.000000e-03 cuts [] :
  %logits, %tiles = axiom.head %y, %g, %wh eps 1.0e-3 cuts [] : (tensor<?x64xf32>, !axiom.vector<64>, !axiom.weight<1025 x 64, q8>) -> (tensor<?x1025xf32>, !axiom.tiles<2>)
  return
}
