// RUN: axiom-opt %s --axiom-form-kernels | FileCheck %s

// head_dim 40, mixed formats in qkv, a float down: f32 rows between gate_up and down.
// KV head: 64 * 40 * 2 (K) + 64 * 40 * 2 (V) = 10240 bytes; two layers.
// CHECK: plan.model residual @hidden kv "f16" head_bytes 10240 layer_bytes 10240 block_bytes 20480 {

// The tied table is packed with the head's cuts.
// CHECK-DAG: plan.kernel @embed {cuts = array<i64: 32>, inner = 64 : i64, kind = "embed", ranges = [{format = "q8", rows = 1100 : i64}]}
// CHECK-DAG: plan.kernel @rope_angles {head_dim = 40 : i64, kind = "rope_angles"}
// CHECK-DAG: plan.kernel @qkv {epilogue = "qkv", {{.*}}heads = 2 : i64, inner = 64 : i64, kind = "linear", kv_block_bytes = 20480 : i64, kv_head_bytes = 10240 : i64, kv_heads = 1 : i64, kv_type = "f16", norm_eps = 1.000000e-03 : f32, prologue = "norm", q_scale = 5.000000e-01 : f32, ranges = [{bias, format = "q8", heads = 2 : i64, rows = 80 : i64}, {format = "f16", rows = 40 : i64}, {format = "f16", rows = 40 : i64}]}
// CHECK-DAG: plan.kernel @attention {head_dim = 40 : i64, heads = 2 : i64, {{.*}}window = 32 : i64}
// CHECK-DAG: plan.kernel @o {cuts = array<i64: 32>, epilogue = "residual", inner = 80 : i64, kind = "linear", prologue = "quantize", ranges = [{format = "q4", rows = 64 : i64}]}
// CHECK-DAG: plan.kernel @gate_up {epilogue = "swiglu", inner = 64 : i64, kind = "linear", norm_eps = 1.000000e-03 : f32, prologue = "norm", ranges = [{format = "q8", row_align = 32 : i64, rows = 96 : i64}, {format = "q8", row_align = 32 : i64, rows = 96 : i64}]}
// CHECK-DAG: plan.kernel @down {epilogue = "residual", inner = 96 : i64, kind = "linear", prologue = "none", ranges = [{format = "f16", rows = 64 : i64}]}
// CHECK-DAG: plan.kernel @head {cuts = array<i64: 32>, epilogue = "head", inner = 64 : i64, kind = "linear", {{.*}}prologue = "norm", ranges = [{format = "q8", rows = 1100 : i64}]}

// CHECK-DAG: plan.weight @model.embed {cols = 64 : i64, cuts = array<i64: 32>, format = "q8", rows = 1100 : i64, source = "model.embed"}
// CHECK-DAG: plan.weight @q0 {cols = 64 : i64, format = "q8", heads = 2 : i64, rows = 80 : i64, source = "q0"}
// CHECK-DAG: plan.weight @b1 {cols = 80 : i64, heads = 2 : i64, source = "b1", vector}
// CHECK-DAG: plan.weight @gate1 {cols = 64 : i64, format = "q8", row_align = 32 : i64, rows = 96 : i64, source = "gate1"}

// Rows of 80 features are read with zero padding to 96.
// CHECK-DAG: plan.slot @hidden fixed 0 per_token 256 keeps_padding
// CHECK-DAG: plan.slot @angles fixed 0 per_token 160{{$}}
// CHECK-DAG: plan.slot @query fixed 0 per_token 320{{$}}
// CHECK-DAG: plan.slot @context fixed 0 per_token 384 keeps_padding
// CHECK-DAG: plan.slot @gated fixed 0 per_token 384{{$}}

// CHECK: plan.repeat 1 {
// CHECK-NEXT: plan.phase {
// CHECK-NEXT: plan.task "embed" kernels [@embed, @embed, @embed] bindings [#plan.bind<tokens>, #plan.bind<weights @model.embed>, #plan.bind<slot @hidden>]
// CHECK-NEXT: plan.task "rope_angles" kernels {{.*}} bindings [#plan.bind<positions>, #plan.bind<weights @rope.inv_freq>, #plan.bind<slot @angles>]
// CHECK: plan.repeat 2 first_layer 0 {
// CHECK-NEXT: plan.phase {
// CHECK-NEXT: plan.task "qkv" kernels {{.*}} bindings [#plan.bind<slot @hidden>, #plan.bind<weights [@norm0, @norm1]>, #plan.bind<weights [@q0, @q1]>, #plan.bind<weights [@b0, @b1]>, #plan.bind<weights [@k0, @k1]>, #plan.bind<weights [@k0, @k1]>, #plan.bind<slot @angles>, #plan.bind<slot @query>, #plan.bind<kv [0, 1]>, #plan.bind<positions>, #plan.bind<table_offsets>, #plan.bind<block_tables>]
// CHECK-NEXT: }
// CHECK-NEXT: plan.phase {
// CHECK-NEXT: plan.task "attention" kernels [@attention_spans, @attention_spans, @attention] bindings [#plan.bind<slot @query>, #plan.bind<slot @context>, #plan.bind<kv [0, 1]>, #plan.bind<positions>, #plan.bind<table_offsets>, #plan.bind<block_tables>, #plan.bind<slot @spans>] balance
// CHECK-NEXT: }
// CHECK-NEXT: plan.phase {
// CHECK-NEXT: plan.task "o" {{.*}} [#plan.bind<slot @context>, #plan.bind<weights [@o0, @o1]>, #plan.bind<slot @hidden>]
// CHECK-NEXT: }
// CHECK-NEXT: plan.phase {
// CHECK-NEXT: plan.task "gate_up" {{.*}} [#plan.bind<slot @hidden>, #plan.bind<weights [@norm0, @norm1]>, #plan.bind<weights [@gate0, @gate1]>, #plan.bind<weights [@gate0, @gate1]>, #plan.bind<slot @gated>]
// CHECK-NEXT: }
// CHECK-NEXT: plan.phase {
// CHECK-NEXT: plan.task "down" {{.*}} [#plan.bind<slot @gated>, #plan.bind<weights [@down0, @down1]>, #plan.bind<slot @hidden>]
// CHECK-NEXT: }
// CHECK-NEXT: }
// CHECK: plan.repeat 1 {
// CHECK-NEXT: plan.phase {
// CHECK-NEXT: plan.task "head" {{.*}} [#plan.bind<slot @hidden>, #plan.bind<weights @norm>, #plan.bind<weights @model.embed>, #plan.bind<rows>, #plan.bind<logits>, #plan.bind<tiles>]
// CHECK-NOT: axiom.

axiom.layer @l0(%x: tensor<?x64xf32>, %g: !axiom.vector<64>, %wq: !axiom.weight<80 x 64, q8>, %wk: !axiom.weight<40 x 64, f16>,
                %f: !axiom.vector<20>, %b: !axiom.vector<80>, %wo: !axiom.weight<64 x 80, q4>, %wg: !axiom.weight<96 x 64, q8>,
                %wd: !axiom.weight<64 x 96, f16>) -> tensor<?x64xf32> {
  %q, %n = axiom.norm_quantize %x, %g eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> (!axiom.qrows<64>, tensor<?x64xf32>)
  %query, %kv = axiom.qkv rows(%n) qrows(%q) weights(%wq, %wk, %wk) biases(%b) inv_freq(%f) scale 5.0e-1 cuts [] bias_of [0]
      : (tensor<?x64xf32>, !axiom.qrows<64>, !axiom.weight<80 x 64, q8>, !axiom.weight<40 x 64, f16>, !axiom.weight<40 x 64, f16>, !axiom.vector<80>, !axiom.vector<20>)
      -> (tensor<?x80xf32>, !axiom.kv<1 x 40, f16>)
  %a = axiom.attention %query, %kv window 32 : (tensor<?x80xf32>, !axiom.kv<1 x 40, f16>) -> tensor<?x80xf32>
  %aq = axiom.quantize %a : (tensor<?x80xf32>) -> !axiom.qrows<80>
  %y = axiom.linear_residual %x, %aq, %wo role o cuts [32] : (tensor<?x64xf32>, !axiom.qrows<80>, !axiom.weight<64 x 80, q4>) -> tensor<?x64xf32>
  %q1, %n1 = axiom.norm_quantize %y, %g eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> (!axiom.qrows<64>, tensor<?x64xf32>)
  %h = axiom.swiglu_linear qrows(%q1) weights(%wg, %wg) cuts [] bias_of [] : (!axiom.qrows<64>, !axiom.weight<96 x 64, q8>, !axiom.weight<96 x 64, q8>) -> tensor<?x96xf32>
  %z = axiom.linear_residual %y, %h, %wd role down cuts [] : (tensor<?x64xf32>, tensor<?x96xf32>, !axiom.weight<64 x 96, f16>) -> tensor<?x64xf32>
  axiom.return %z : tensor<?x64xf32>
}

func.func @step(%t: tensor<?xi32>) -> (tensor<?x1100xf32>, !axiom.tiles<2>) {
  %e = axiom.weight "model.embed" : !axiom.weight<1100 x 64, q8>
  %f = axiom.vector "rope.inv_freq" values [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0] : !axiom.vector<20>
  %g0 = axiom.vector "norm0" : !axiom.vector<64>
  %wq0 = axiom.weight "q0" : !axiom.weight<80 x 64, q8>
  %wk0 = axiom.weight "k0" : !axiom.weight<40 x 64, f16>
  %b0 = axiom.vector "b0" : !axiom.vector<80>
  %wo0 = axiom.weight "o0" : !axiom.weight<64 x 80, q4>
  %wg0 = axiom.weight "gate0" : !axiom.weight<96 x 64, q8>
  %wd0 = axiom.weight "down0" : !axiom.weight<64 x 96, f16>
  %g1 = axiom.vector "norm1" : !axiom.vector<64>
  %wq1 = axiom.weight "q1" : !axiom.weight<80 x 64, q8>
  %wk1 = axiom.weight "k1" : !axiom.weight<40 x 64, f16>
  %b1 = axiom.vector "b1" : !axiom.vector<80>
  %wo1 = axiom.weight "o1" : !axiom.weight<64 x 80, q4>
  %wg1 = axiom.weight "gate1" : !axiom.weight<96 x 64, q8>
  %wd1 = axiom.weight "down1" : !axiom.weight<64 x 96, f16>
  %x = axiom.embedding %t, %e : (tensor<?xi32>, !axiom.weight<1100 x 64, q8>) -> tensor<?x64xf32>
  %x0 = axiom.call_layer @l0(%x, %g0, %wq0, %wk0, %f, %b0, %wo0, %wg0, %wd0) layer 0 : (tensor<?x64xf32>, !axiom.vector<64>, !axiom.weight<80 x 64, q8>, !axiom.weight<40 x 64, f16>, !axiom.vector<20>, !axiom.vector<80>, !axiom.weight<64 x 80, q4>, !axiom.weight<96 x 64, q8>, !axiom.weight<64 x 96, f16>) -> tensor<?x64xf32>
  %x1 = axiom.call_layer @l0(%x0, %g1, %wq1, %wk1, %f, %b1, %wo1, %wg1, %wd1) layer 1 : (tensor<?x64xf32>, !axiom.vector<64>, !axiom.weight<80 x 64, q8>, !axiom.weight<40 x 64, f16>, !axiom.vector<20>, !axiom.vector<80>, !axiom.weight<64 x 80, q4>, !axiom.weight<96 x 64, q8>, !axiom.weight<64 x 96, f16>) -> tensor<?x64xf32>
  %g = axiom.vector "norm" : !axiom.vector<64>
  %l, %s = axiom.head %x1, %g, %e eps 1.0e-3 cuts [32] : (tensor<?x64xf32>, !axiom.vector<64>, !axiom.weight<1100 x 64, q8>) -> (tensor<?x1100xf32>, !axiom.tiles<2>)
  return %l, %s : tensor<?x1100xf32>, !axiom.tiles<2>
}
