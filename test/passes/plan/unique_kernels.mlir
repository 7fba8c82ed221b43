// RUN: axiom-opt %s --axiom-unique-kernels | FileCheck %s

// CHECK: plan.kernel @a {head_dim = 8 : i64
// CHECK-NEXT: plan.kernel @c {head_dim = 16 : i64
// CHECK-NOT: plan.kernel
// CHECK: plan.task "one" kernels [@a, @a, @a]
// CHECK: plan.task "two" kernels [@a, @a, @a]
// CHECK: plan.task "three" kernels [@c, @c, @c]
plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @a {kind = "rope_angles", head_dim = 8 : i64}
  plan.kernel @b {kind = "rope_angles", head_dim = 8 : i64}
  plan.kernel @c {kind = "rope_angles", head_dim = 16 : i64}
  plan.weight @f {vector, cols = 4 : i64, source = "f"}
  plan.weight @f2 {vector, cols = 8 : i64, source = "f2"}
  plan.slot @x fixed 0 per_token 64
  plan.repeat 1 {
    plan.phase {
      plan.task "one" kernels [@a, @a, @a] bindings [#plan.bind<positions>, #plan.bind<weights @f>, #plan.bind<slot @x>]
      plan.task "two" kernels [@b, @a, @b] bindings [#plan.bind<positions>, #plan.bind<weights @f>, #plan.bind<slot @x>]
      plan.task "three" kernels [@c, @c, @c] bindings [#plan.bind<positions>, #plan.bind<weights @f2>, #plan.bind<slot @x>]
    }
  }
}
