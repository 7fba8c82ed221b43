// A model of one layer through the named phases, as the graph builder makes it.
// RUN: axiom-opt %s --axiom-phase-normalize | FileCheck %s --check-prefix=NORMALIZE
// RUN: axiom-opt %s --axiom-phase-normalize --axiom-phase-quantize="quant=q4 overrides=k_proj=f16" \
// RUN:   | FileCheck %s --check-prefix=QUANTIZE
// RUN: axiom-opt %s --axiom-phase-normalize --axiom-phase-quantize="quant=q4 overrides=k_proj=f16" --axiom-phase-fuse \
// RUN:   | FileCheck %s --check-prefix=FUSE
// RUN: axiom-opt %s --axiom-phase-normalize --axiom-phase-quantize="quant=q4 overrides=k_proj=f16" --axiom-phase-fuse \
// RUN:   --axiom-phase-outline | FileCheck %s --check-prefix=OUTLINE
// RUN: axiom-opt %s --axiom-phase-normalize --axiom-phase-quantize="quant=q4 overrides=k_proj=f16" --axiom-phase-fuse \
// RUN:   --axiom-phase-outline --axiom-phase-plan | FileCheck %s --check-prefix=PLAN
// RUN: not axiom-opt %s --axiom-phase-plan 2>&1 | FileCheck %s --check-prefix=EARLY

// EARLY: has no place in a plan, which is embedding, layers in a chain, head; fuse and outline phases come first

// NORMALIZE-COUNT-1: = axiom.weight "model.embed"
// NORMALIZE-NOT: = axiom.weight "model.embed"
// NORMALIZE: axiom.vector "model.norm" plus 1.000000e+00

// QUANTIZE-COUNT-5: = axiom.quantize
// QUANTIZE-NOT: = axiom.quantize

// FUSE: axiom.embedding
// FUSE: axiom.norm_quantize
// FUSE: axiom.qkv rows({{.*}}) qrows({{.*}}) {{.*}} layer 0
// FUSE: axiom.attention
// FUSE: axiom.quantize
// FUSE: axiom.linear_residual {{.*}} role o
// FUSE: axiom.norm_quantize
// FUSE: axiom.swiglu_linear {{.*}} -> !axiom.qrows<96>
// FUSE: axiom.linear_residual {{.*}} role down
// FUSE: axiom.layer_end
// FUSE: axiom.head %

// OUTLINE: axiom.layer @l0
// OUTLINE: axiom.call_layer @l0({{.*}}) layer 0

// PLAN-NOT: axiom.
// PLAN: plan.model
// PLAN-COUNT-9: plan.kernel
// PLAN-NOT: plan.kernel
// PLAN-COUNT-7: plan.phase
// PLAN-NOT: plan.phase

func.func @step(%t: tensor<?xi32>) -> (tensor<?x100xf32>, !axiom.tiles<1>) {
  %f = axiom.vector "rope.inv_freq" values [1.0, 0.1, 0.01, 0.001, 1.0, 0.1, 0.01, 0.001] : !axiom.vector<8>
  %e = axiom.weight "model.embed" : !axiom.weight<100 x 64, src:BF16>
  %x = axiom.embedding %t, %e : (tensor<?xi32>, !axiom.weight<100 x 64, src:BF16>) -> tensor<?x64xf32>
  %g = axiom.vector "model.norm_in" : !axiom.vector<64>
  %n = axiom.rms_norm %x, %g eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  %wq = axiom.weight "model.q_proj" : !axiom.weight<32 x 64, src:BF16>
  %q = axiom.linear %n, %wq role q cuts [] : (tensor<?x64xf32>, !axiom.weight<32 x 64, src:BF16>) -> tensor<?x32xf32>
  %wk = axiom.weight "model.k_proj" : !axiom.weight<16 x 64, src:BF16>
  %k = axiom.linear %n, %wk role k cuts [] : (tensor<?x64xf32>, !axiom.weight<16 x 64, src:BF16>) -> tensor<?x16xf32>
  %wv = axiom.weight "model.v_proj" : !axiom.weight<16 x 64, src:BF16>
  %v = axiom.linear %n, %wv role v cuts [] : (tensor<?x64xf32>, !axiom.weight<16 x 64, src:BF16>) -> tensor<?x16xf32>
  %qr = axiom.rope %q, %f : (tensor<?x32xf32>, !axiom.vector<8>) -> tensor<?x32xf32>
  %kr = axiom.rope %k, %f : (tensor<?x16xf32>, !axiom.vector<8>) -> tensor<?x16xf32>
  %qs = axiom.scale %qr by 2.5e-1 : (tensor<?x32xf32>) -> tensor<?x32xf32>
  %kv = axiom.kv_write %kr, %v layer 0 : (tensor<?x16xf32>, tensor<?x16xf32>) -> !axiom.kv<1 x 16, f16>
  %a = axiom.attention %qs, %kv : (tensor<?x32xf32>, !axiom.kv<1 x 16, f16>) -> tensor<?x32xf32>
  %wo = axiom.weight "model.o_proj" : !axiom.weight<64 x 32, src:BF16>
  %o = axiom.linear %a, %wo role o cuts [] : (tensor<?x32xf32>, !axiom.weight<64 x 32, src:BF16>) -> tensor<?x64xf32>
  %y = axiom.add %x, %o : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %g2 = axiom.vector "model.norm_post" : !axiom.vector<64>
  %n2 = axiom.rms_norm %y, %g2 eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  %wg = axiom.weight "model.gate_proj" : !axiom.weight<96 x 64, src:BF16>
  %gate = axiom.linear %n2, %wg role gate cuts [] : (tensor<?x64xf32>, !axiom.weight<96 x 64, src:BF16>) -> tensor<?x96xf32>
  %wu = axiom.weight "model.up_proj" : !axiom.weight<96 x 64, src:BF16>
  %up = axiom.linear %n2, %wu role up cuts [] : (tensor<?x64xf32>, !axiom.weight<96 x 64, src:BF16>) -> tensor<?x96xf32>
  %h = axiom.swiglu %gate, %up : (tensor<?x96xf32>, tensor<?x96xf32>) -> tensor<?x96xf32>
  %wd = axiom.weight "model.down_proj" : !axiom.weight<64 x 96, src:BF16>
  %d = axiom.linear %h, %wd role down cuts [] : (tensor<?x96xf32>, !axiom.weight<64 x 96, src:BF16>) -> tensor<?x64xf32>
  %z = axiom.add %y, %d : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %end = axiom.layer_end %z layer 0 : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %s = axiom.select_rows %end : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %gf = axiom.vector "model.norm" : !axiom.vector<64>
  %nf = axiom.rms_norm %s, %gf eps 1.0e-3 unit_offset : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  %e2 = axiom.weight "model.embed" : !axiom.weight<100 x 64, src:BF16>
  %l = axiom.linear %nf, %e2 role head cuts [] : (tensor<?x64xf32>, !axiom.weight<100 x 64, src:BF16>) -> tensor<?x100xf32>
  %tiles = axiom.head_tiles %l : (tensor<?x100xf32>) -> !axiom.tiles<1>
  return %l, %tiles : tensor<?x100xf32>, !axiom.tiles<1>
}
