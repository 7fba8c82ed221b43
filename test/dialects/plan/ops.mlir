// Every op of the plan, round trip.
// RUN: axiom-opt %s | axiom-opt | FileCheck %s

// CHECK: plan.model residual @x kv "int8" head_bytes 64 layer_bytes 128 block_bytes 256 {
plan.model residual @x kv "int8" head_bytes 64 layer_bytes 128 block_bytes 256 {
  // CHECK: plan.kernel @angles {head_dim = 8 : i64, kind = "rope_angles"}
  plan.kernel @angles {kind = "rope_angles", head_dim = 8 : i64}
  // CHECK: plan.weight @f {cols = 4 : i64, values = array<f32: 1.000000e+00, 5.000000e-01, 2.500000e-01, 1.250000e-01>, vector}
  plan.weight @f {vector, cols = 4 : i64, values = array<f32: 1.0, 0.5, 0.25, 0.125>}
  // CHECK: plan.weight @model.w {cols = 64 : i64, cuts = array<i64: 32>, format = "q4", heads = 3 : i64, rows = 30 : i64, source = "model.w"}
  plan.weight @"model.w" {format = "q4", rows = 30 : i64, cols = 64 : i64, heads = 3 : i64, cuts = array<i64: 32>, source = "model.w"}
  // CHECK: plan.slot @x fixed 64 per_token 32
  plan.slot @x fixed 64 per_token 32
  // CHECK: plan.slot @y fixed 0 per_token 32 keeps_padding
  plan.slot @y fixed 0 per_token 32 keeps_padding
  // CHECK: plan.repeat 2 first_layer 0 {
  plan.repeat 2 first_layer 0 {
    // CHECK: plan.phase {
    plan.phase {
      // CHECK: plan.task "one" kernels [@angles, @angles, @angles] bindings [#plan.bind<positions>, #plan.bind<weights [@f, @f]>, #plan.bind<slot @x>] balance
      plan.task "one" kernels [@angles, @angles, @angles] bindings [#plan.bind<positions>, #plan.bind<weights [@f, @f]>, #plan.bind<slot @x>] balance
    }
  }
}
