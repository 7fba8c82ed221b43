// RUN: axiom-opt %s --axiom-fuse-qkv | FileCheck %s

// CHECK-LABEL: @plain
// CHECK-SAME: (%[[X:[^:]*]]: !axiom.qrows<64>, %[[A:[^:]*]]: !axiom.weight<8 x 64, q8>, %[[B:[^:]*]]: !axiom.weight<4 x 64, q8>, %[[F:[^:]*]]: !axiom.vector<2>, %[[G:[^:]*]]: !axiom.vector<4>)
func.func @plain(%x: !axiom.qrows<64>, %a: !axiom.weight<8 x 64, q8>, %b: !axiom.weight<4 x 64, q8>,
                 %f: !axiom.vector<2>, %g: !axiom.vector<4>) -> tensor<?x8xf32> {
  // CHECK-NEXT: %[[Q:.*]], %[[KV:.*]] = axiom.qkv qrows(%[[X]]) weights(%[[A]], %[[B]], %[[B]]) inv_freq(%[[F]]) scale 5.000000e-01 cuts [32] bias_of [] layer 7 :
  // CHECK-NEXT: axiom.attention %[[Q]], %[[KV]]
  %l:3 = axiom.linear_list qrows(%x) weights(%a, %b, %b) cuts [32] bias_of [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>, !axiom.weight<4 x 64, q8>, !axiom.weight<4 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %q = axiom.rope %l#0, %f : (tensor<?x8xf32>, !axiom.vector<2>) -> tensor<?x8xf32>
  %k = axiom.rope %l#1, %f : (tensor<?x4xf32>, !axiom.vector<2>) -> tensor<?x4xf32>
  %s = axiom.scale %q by 5.0e-1 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %kv = axiom.kv_write %k, %l#2 layer 7 : (tensor<?x4xf32>, tensor<?x4xf32>) -> !axiom.kv<1 x 4, f16>
  %o = axiom.attention %s, %kv : (tensor<?x8xf32>, !axiom.kv<1 x 4, f16>) -> tensor<?x8xf32>
  return %o : tensor<?x8xf32>
}

// CHECK-LABEL: @qk_norm
// CHECK-SAME: %[[G:[^:]*]]: !axiom.vector<4>)
func.func @qk_norm(%x: !axiom.qrows<64>, %a: !axiom.weight<8 x 64, q8>, %b: !axiom.weight<4 x 64, q8>,
                   %f: !axiom.vector<2>, %g: !axiom.vector<4>) -> tensor<?x8xf32> {
  // CHECK-NEXT: axiom.qkv {{.*}} q_norm(%[[G]]) k_norm(%[[G]]) inv_freq(%{{.*}}) scale 1.000000e+00 eps 1.000000e-03 cuts [] bias_of [] layer 0 :
  // CHECK-NEXT: axiom.attention
  %l:3 = axiom.linear_list qrows(%x) weights(%a, %b, %b) cuts [] bias_of [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>, !axiom.weight<4 x 64, q8>, !axiom.weight<4 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %qn = axiom.qk_norm %l#0, %g eps 1.0e-3 : (tensor<?x8xf32>, !axiom.vector<4>) -> tensor<?x8xf32>
  %kn = axiom.qk_norm %l#1, %g eps 1.0e-3 : (tensor<?x4xf32>, !axiom.vector<4>) -> tensor<?x4xf32>
  %q = axiom.rope %qn, %f : (tensor<?x8xf32>, !axiom.vector<2>) -> tensor<?x8xf32>
  %k = axiom.rope %kn, %f : (tensor<?x4xf32>, !axiom.vector<2>) -> tensor<?x4xf32>
  %kv = axiom.kv_write %k, %l#2 layer 0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> !axiom.kv<1 x 4, f16>
  %o = axiom.attention %q, %kv : (tensor<?x8xf32>, !axiom.kv<1 x 4, f16>) -> tensor<?x8xf32>
  return %o : tensor<?x8xf32>
}

// Something else reads the keys before rope: nothing is fused.
// CHECK-LABEL: @other_reader
// CHECK-NOT: axiom.qkv
func.func @other_reader(%x: !axiom.qrows<64>, %a: !axiom.weight<8 x 64, q8>, %b: !axiom.weight<4 x 64, q8>,
                        %f: !axiom.vector<2>) -> (tensor<?x8xf32>, tensor<?x4xf32>) {
  %l:3 = axiom.linear_list qrows(%x) weights(%a, %b, %b) cuts [] bias_of [] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q8>, !axiom.weight<4 x 64, q8>, !axiom.weight<4 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %q = axiom.rope %l#0, %f : (tensor<?x8xf32>, !axiom.vector<2>) -> tensor<?x8xf32>
  %k = axiom.rope %l#1, %f : (tensor<?x4xf32>, !axiom.vector<2>) -> tensor<?x4xf32>
  %kv = axiom.kv_write %k, %l#2 layer 0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> !axiom.kv<1 x 4, f16>
  %o = axiom.attention %q, %kv : (tensor<?x8xf32>, !axiom.kv<1 x 4, f16>) -> tensor<?x8xf32>
  return %o, %l#1 : tensor<?x8xf32>, tensor<?x4xf32>
}
