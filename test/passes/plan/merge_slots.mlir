// RUN: axiom-opt %s --axiom-merge-slots | FileCheck %s

// b (written in phase 1, read in 2) and d (3 to 4) never live together; c overlaps both; the residual
// and slots that keep their padding stay alone. carried is written before the loop and read in each
// repetition, so nothing in the loop may share with it though its last read comes early.
// CHECK: plan.slot @x fixed 0 per_token 128{{$}}
// CHECK-NEXT: plan.slot @carried fixed 0 per_token 128{{$}}
// CHECK-NEXT: plan.slot @b fixed 0 per_token 256{{$}}
// CHECK-NEXT: plan.slot @c fixed 0 per_token 128{{$}}
// CHECK-NEXT: plan.slot @padded fixed 0 per_token 128 keeps_padding
// CHECK-NOT: plan.slot @d
// CHECK: plan.task "k32" {{.*}} [#plan.bind<slot @carried>, #plan.bind<weights @w_k32>, #plan.bind<slot @b>]
// CHECK: plan.task "k32" {{.*}} [#plan.bind<slot @b>, #plan.bind<weights @w_k32>, #plan.bind<slot @c>]
// CHECK: plan.task "wide" {{.*}} [#plan.bind<slot @c>, #plan.bind<weights @w_wide>, #plan.bind<slot @b>]
// CHECK: plan.task "back" {{.*}} [#plan.bind<slot @b>, #plan.bind<weights @w_back>, #plan.bind<slot @padded>]
plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @k32 {kind = "linear", inner = 32 : i64, prologue = "none", epilogue = "store", ranges = [{format = "f32", rows = 32 : i64}]}
  plan.kernel @wide {kind = "linear", inner = 32 : i64, prologue = "none", epilogue = "store", ranges = [{format = "f32", rows = 64 : i64}]}
  plan.kernel @back {kind = "linear", inner = 64 : i64, prologue = "none", epilogue = "store", ranges = [{format = "f32", rows = 32 : i64}]}
  plan.kernel @into {kind = "linear", inner = 32 : i64, prologue = "none", epilogue = "residual", ranges = [{format = "f32", rows = 32 : i64}]}
  plan.weight @w_k32 {format = "f32", rows = 32 : i64, cols = 32 : i64, source = "a"}
  plan.weight @w_wide {format = "f32", rows = 64 : i64, cols = 32 : i64, source = "b"}
  plan.weight @w_back {format = "f32", rows = 32 : i64, cols = 64 : i64, source = "c"}
  plan.weight @w_into {format = "f32", rows = 32 : i64, cols = 32 : i64, source = "d"}
  plan.slot @x fixed 0 per_token 128
  plan.slot @carried fixed 0 per_token 128
  plan.slot @b fixed 0 per_token 128
  plan.slot @c fixed 0 per_token 128
  plan.slot @d fixed 0 per_token 256
  plan.slot @padded fixed 0 per_token 128 keeps_padding
  plan.repeat 1 {
    plan.phase {
      plan.task "k32" kernels [@k32, @k32, @k32] bindings [#plan.bind<slot @x>, #plan.bind<weights @w_k32>, #plan.bind<slot @carried>]
    }
  }
  plan.repeat 3 {
    plan.phase {
      plan.task "k32" kernels [@k32, @k32, @k32] bindings [#plan.bind<slot @carried>, #plan.bind<weights @w_k32>, #plan.bind<slot @b>]
    }
    plan.phase {
      plan.task "k32" kernels [@k32, @k32, @k32] bindings [#plan.bind<slot @b>, #plan.bind<weights @w_k32>, #plan.bind<slot @c>]
    }
    plan.phase {
      plan.task "wide" kernels [@wide, @wide, @wide] bindings [#plan.bind<slot @c>, #plan.bind<weights @w_wide>, #plan.bind<slot @d>]
    }
    plan.phase {
      plan.task "back" kernels [@back, @back, @back] bindings [#plan.bind<slot @d>, #plan.bind<weights @w_back>, #plan.bind<slot @padded>]
    }
    plan.phase {
      plan.task "into" kernels [@into, @into, @into] bindings [#plan.bind<slot @padded>, #plan.bind<weights @w_into>, #plan.bind<slot @x>]
    }
  }
}
