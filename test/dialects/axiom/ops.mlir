// Every op of the graph, round trip.
// RUN: axiom-opt %s | axiom-opt | FileCheck %s

// CHECK-LABEL: func.func @step
// CHECK-SAME: (%[[TOKENS:.*]]: tensor<?xi32>) -> (tensor<?x100xf32>, !axiom.tiles<1>)
func.func @step(%tokens: tensor<?xi32>) -> (tensor<?x100xf32>, !axiom.tiles<1>) {
  // CHECK: %[[W:.*]] = axiom.weight "embed" : <100 x 64, q8>
  %table = axiom.weight "embed" : !axiom.weight<100 x 64, q8>
  // CHECK: axiom.vector "gain" : <64>
  %gain = axiom.vector "gain" : !axiom.vector<64>
  // CHECK: axiom.vector "gain" plus 1.000000e+00 : <64>
  %gain1 = axiom.vector "gain" plus 1.0 : !axiom.vector<64>
  // CHECK: %[[FREQ:.*]] = axiom.vector "freq" values [1.000000e+00, 2.500000e-01] : <2>
  %freq = axiom.vector "freq" values [1.0, 0.25] : !axiom.vector<2>
  // CHECK: axiom.embedding %[[TOKENS]], %[[W]] : (tensor<?xi32>, !axiom.weight<100 x 64, q8>) -> tensor<?x64xf32>
  %x = axiom.embedding %tokens, %table : (tensor<?xi32>, !axiom.weight<100 x 64, q8>) -> tensor<?x64xf32>
  // CHECK: %[[N:.*]] = axiom.rms_norm %{{.*}}, %{{.*}} eps 1.000000e-03 : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  %n = axiom.rms_norm %x, %gain1 eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  // CHECK: axiom.rms_norm %{{.*}}, %{{.*}} eps 1.000000e-03 unit_offset
  %n1 = axiom.rms_norm %x, %gain eps 1.0e-3 unit_offset : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  // CHECK: axiom.quantize %[[N]] : (tensor<?x64xf32>) -> !axiom.qrows<64>
  %nq = axiom.quantize %n : (tensor<?x64xf32>) -> !axiom.qrows<64>
  // CHECK: axiom.weight "q" : <8 x 64, q4f16>
  %wq = axiom.weight "q" : !axiom.weight<8 x 64, q4f16>
  // CHECK: axiom.weight "k" : <4 x 64, src:Q4_K>
  %wk = axiom.weight "k" : !axiom.weight<4 x 64, src:Q4_K>
  %bias = axiom.vector "b" : !axiom.vector<8>
  // CHECK: axiom.linear %{{.*}}, %{{.*}} bias %{{.*}} role q cuts [32] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q4f16>, !axiom.vector<8>) -> tensor<?x8xf32>
  %q = axiom.linear %nq, %wq bias %bias role q cuts [32] : (!axiom.qrows<64>, !axiom.weight<8 x 64, q4f16>, !axiom.vector<8>) -> tensor<?x8xf32>
  // CHECK: axiom.linear %{{.*}}, %{{.*}} role k cuts [] :
  %k = axiom.linear %n, %wk role k cuts [] : (tensor<?x64xf32>, !axiom.weight<4 x 64, src:Q4_K>) -> tensor<?x4xf32>
  %hg = axiom.vector "head_gain" : !axiom.vector<4>
  // CHECK: axiom.qk_norm %{{.*}}, %{{.*}} eps 1.000000e-03 :
  %qn = axiom.qk_norm %q, %hg eps 1.0e-3 : (tensor<?x8xf32>, !axiom.vector<4>) -> tensor<?x8xf32>
  // CHECK: axiom.rope %{{.*}}, %[[FREQ]] :
  %qr = axiom.rope %qn, %freq : (tensor<?x8xf32>, !axiom.vector<2>) -> tensor<?x8xf32>
  // CHECK: axiom.scale %{{.*}} by 5.000000e-01 :
  %qs = axiom.scale %qr by 5.0e-1 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: axiom.kv_write %{{.*}}, %{{.*}} layer 0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> !axiom.kv<1 x 4, int8>
  %kv = axiom.kv_write %k, %k layer 0 : (tensor<?x4xf32>, tensor<?x4xf32>) -> !axiom.kv<1 x 4, int8>
  // CHECK: axiom.attention %{{.*}}, %{{.*}} window 128 :
  %a = axiom.attention %qs, %kv window 128 : (tensor<?x8xf32>, !axiom.kv<1 x 4, int8>) -> tensor<?x8xf32>
  // CHECK: axiom.swiglu
  %h = axiom.swiglu %a, %a : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %wo = axiom.weight "o" : !axiom.weight<64 x 8, bf16>
  %o = axiom.linear %h, %wo role o cuts [] : (tensor<?x8xf32>, !axiom.weight<64 x 8, bf16>) -> tensor<?x64xf32>
  // CHECK: axiom.add
  %y = axiom.add %x, %o : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: axiom.layer_end %{{.*}} layer 0 :
  %e = axiom.layer_end %y layer 0 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  // CHECK: axiom.select_rows
  %s = axiom.select_rows %e : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %logits = axiom.linear %s, %table role head cuts [] : (tensor<?x64xf32>, !axiom.weight<100 x 64, q8>) -> tensor<?x100xf32>
  // CHECK: axiom.head_tiles %{{.*}} : (tensor<?x100xf32>) -> !axiom.tiles<1>
  %t = axiom.head_tiles %logits : (tensor<?x100xf32>) -> !axiom.tiles<1>
  return %logits, %t : tensor<?x100xf32>, !axiom.tiles<1>
}
