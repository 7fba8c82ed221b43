// Verifiers of the plan.
// RUN: axiom-opt %s -split-input-file -verify-diagnostics

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{needs the field 'kind'}}
  plan.kernel @k {inner = 3 : i64}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{field 'kind' must be one of embed, rope_angles, linear, attention}}
  plan.kernel @k {kind = "conv"}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{head_dim must be even and above 0, got 7}}
  plan.kernel @k {kind = "rope_angles", head_dim = 7 : i64}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{unknown field 'colour'}}
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64, colour = 1 : i64}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{field 'head_dim' must be a 64-bit integer from 0 to 2^31}}
  plan.kernel @k {kind = "rope_angles", head_dim = -8 : i64}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{needs 2 ranges, has 1}}
  plan.kernel @k {kind = "linear", inner = 64 : i64, epilogue = "swiglu", ranges = [{format = "q8", rows = 8 : i64}]}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{cut 48 must be a multiple of 32}}
  plan.kernel @k {kind = "linear", inner = 64 : i64, epilogue = "store", cuts = array<i64: 48>, ranges = [{format = "q8", rows = 8 : i64}]}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{a norm needs norm_eps above 0}}
  plan.kernel @k {kind = "linear", inner = 64 : i64, prologue = "norm", epilogue = "store", ranges = [{format = "q8", rows = 8 : i64}]}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{a range of 8 rows does not split into 3 heads}}
  plan.kernel @k {kind = "linear", inner = 64 : i64, epilogue = "store", ranges = [{format = "q8", rows = 8 : i64, heads = 3 : i64}]}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{row_align must be 8 or 32, got 16}}
  plan.kernel @k {kind = "linear", inner = 64 : i64, epilogue = "store", ranges = [{format = "q8", rows = 8 : i64, row_align = 16 : i64}]}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{gate and up must have the same rows, row_align 32 and one head}}
  plan.kernel @k {kind = "linear", inner = 64 : i64, epilogue = "swiglu", ranges = [{format = "q8", rows = 8 : i64}, {format = "q8", rows = 8 : i64}]}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{3 heads do not share 2 kv_heads}}
  plan.kernel @k {kind = "attention", heads = 3 : i64, kv_heads = 2 : i64, head_dim = 8 : i64}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{kv_head_bytes must be 2048}}
  plan.kernel @k {kind = "attention", heads = 2 : i64, kv_heads = 2 : i64, head_dim = 8 : i64, kv_type = "f16", kv_head_bytes = 64 : i64}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{does not split into 1 heads}}
  plan.weight @w {format = "q8", rows = 8 : i64, source = "a"}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{needs a source or values, not both}}
  plan.weight @w {format = "q8", rows = 8 : i64, cols = 8 : i64}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{values belong to a vector and number its cols}}
  plan.weight @w {vector, cols = 8 : i64, values = array<f32: 1.0>}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 32
  // expected-error @below {{field 'format' must be one of f32, f16, bf16, q8, q4f16, q4, q6}}
  plan.weight @w {format = "q5", rows = 8 : i64, cols = 8 : i64, source = "a"}
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  // expected-error @below {{needs a size above 0}}
  plan.slot @x fixed 0 per_token 0
}

// -----

// expected-error @below {{residual @y is no slot of the plan}}
plan.model residual @y kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 8
}

// -----

// expected-error @below {{KV type must be f32, f16 or int8, got 'q4'}}
plan.model residual @x kv "q4" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 8
}

// -----

// expected-error @below {{KV sizes must be multiples}}
plan.model residual @x kv "f16" head_bytes 64 layer_bytes 96 block_bytes 128 {
  plan.slot @x fixed 0 per_token 8
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.slot @x fixed 0 per_token 8
  // expected-error @below {{count must be at least 1}}
  plan.repeat 0 {
  }
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64}
  plan.weight @f {vector, cols = 4 : i64, source = "f"}
  plan.weight @long {vector, cols = 40 : i64, source = "long"}
  plan.slot @x fixed 0 per_token 32
  plan.slot @small fixed 0 per_token 16
  plan.repeat 2 {
    plan.phase {
      // expected-error @below {{kernel @k has 3 arguments, got 2 bindings}}
      plan.task "t" kernels [@k, @k, @k] bindings [#plan.bind<positions>, #plan.bind<weights @f>]
    }
  }
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64}
  plan.weight @f {vector, cols = 4 : i64, source = "f"}
  plan.weight @long {vector, cols = 40 : i64, source = "long"}
  plan.slot @x fixed 0 per_token 32
  plan.slot @small fixed 0 per_token 16
  plan.repeat 2 {
    plan.phase {
      // expected-error @below {{argument 'positions' is in positions, bound to tokens}}
      plan.task "t" kernels [@k, @k, @k] bindings [#plan.bind<tokens>, #plan.bind<weights @f>, #plan.bind<slot @x>]
    }
  }
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64}
  plan.weight @f {vector, cols = 4 : i64, source = "f"}
  plan.weight @long {vector, cols = 40 : i64, source = "long"}
  plan.slot @x fixed 0 per_token 32
  plan.slot @small fixed 0 per_token 16
  plan.repeat 2 {
    plan.phase {
      // expected-error @below {{argument 'invFreq' reads 128 bytes, weight @long has 256}}
      plan.task "t" kernels [@k, @k, @k] bindings [#plan.bind<positions>, #plan.bind<weights @long>, #plan.bind<slot @x>]
    }
  }
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64}
  plan.weight @f {vector, cols = 4 : i64, source = "f"}
  plan.weight @long {vector, cols = 40 : i64, source = "long"}
  plan.slot @x fixed 0 per_token 32
  plan.slot @small fixed 0 per_token 16
  plan.repeat 2 {
    plan.phase {
      // expected-error @below {{argument 'angles' needs 0 + 32 bytes a token, slot @small has 0 + 16}}
      plan.task "t" kernels [@k, @k, @k] bindings [#plan.bind<positions>, #plan.bind<weights @f>, #plan.bind<slot @small>]
    }
  }
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64}
  plan.weight @f {vector, cols = 4 : i64, source = "f"}
  plan.weight @long {vector, cols = 40 : i64, source = "long"}
  plan.slot @x fixed 0 per_token 32
  plan.slot @small fixed 0 per_token 16
  plan.repeat 2 {
    plan.phase {
      // expected-error @below {{is bound to @x, which is no plan.weight}}
      plan.task "t" kernels [@k, @k, @k] bindings [#plan.bind<positions>, #plan.bind<weights @x>, #plan.bind<slot @x>]
    }
  }
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64}
  plan.weight @f {vector, cols = 4 : i64, source = "f"}
  plan.weight @long {vector, cols = 40 : i64, source = "long"}
  plan.slot @x fixed 0 per_token 32
  plan.slot @small fixed 0 per_token 16
  plan.repeat 2 {
    plan.phase {
      // expected-error @below {{is bound to @f, which is no plan.slot}}
      plan.task "t" kernels [@k, @k, @k] bindings [#plan.bind<positions>, #plan.bind<weights @f>, #plan.bind<slot @f>]
    }
  }
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64}
  plan.weight @f {vector, cols = 4 : i64, source = "f"}
  plan.weight @long {vector, cols = 40 : i64, source = "long"}
  plan.slot @x fixed 0 per_token 32
  plan.slot @small fixed 0 per_token 16
  plan.repeat 3 {
    plan.phase {
      // expected-error @below {{has 2 bindings for 3 repetitions}}
      plan.task "t" kernels [@k, @k, @k] bindings [#plan.bind<positions>, #plan.bind<weights [@f, @f]>, #plan.bind<slot @x>]
    }
  }
}

// -----

plan.model residual @x kv "f16" head_bytes 64 layer_bytes 64 block_bytes 128 {
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64}
  plan.weight @f {vector, cols = 4 : i64, source = "f"}
  plan.weight @long {vector, cols = 40 : i64, source = "long"}
  plan.slot @x fixed 0 per_token 32
  plan.slot @small fixed 0 per_token 16
  plan.repeat 2 {
    plan.phase {
      // expected-error @below {{@x is no plan.kernel of the plan}}
      plan.task "t" kernels [@k, @x, @k] bindings [#plan.bind<positions>, #plan.bind<weights @f>, #plan.bind<slot @x>]
    }
  }
}

// -----

// expected-error @below {{unknown kind of binding 'magic'}}
func.func private @f() attributes {b = #plan.bind<magic>}

// -----

// expected-error @below {{a binding to slot cannot have 2 symbols}}
func.func private @f() attributes {b = #plan.bind<slot [@a, @b]>}

// -----

plan.model residual @x kv "f16" head_bytes 2048 layer_bytes 2048 block_bytes 4096 {
  plan.kernel @k {kind = "attention", heads = 2 : i64, kv_heads = 1 : i64, head_dim = 8 : i64, kv_type = "f16", kv_head_bytes = 2048 : i64, kv_block_bytes = 4096 : i64}
  plan.slot @x fixed 0 per_token 128
  plan.repeat 1 {
    plan.phase {
      // expected-error @below {{argument 'kv' is bound to layer 2 of 2}}
      plan.task "t" kernels [@k, @k, @k] bindings [#plan.bind<slot @x>, #plan.bind<slot @x>, #plan.bind<kv 2>, #plan.bind<positions>, #plan.bind<table_offsets>, #plan.bind<block_tables>, #plan.bind<slot @x>]
    }
  }
}

// -----

plan.model residual @x kv "f16" head_bytes 2048 layer_bytes 2048 block_bytes 4096 {
  // expected-error @below {{only attention has span_units}}
  plan.kernel @k {kind = "rope_angles", head_dim = 8 : i64, span_units}
}

// -----

plan.model residual @x kv "f16" head_bytes 2048 layer_bytes 2048 block_bytes 8192 {
  plan.kernel @k {kind = "attention", heads = 2 : i64, kv_heads = 1 : i64, head_dim = 8 : i64, kv_type = "f16", kv_head_bytes = 2048 : i64, kv_block_bytes = 4096 : i64}
  plan.slot @x fixed 0 per_token 128
  plan.repeat 1 {
    plan.phase {
      // expected-error @below {{kernel @k knows KV blocks of 4096 bytes, the plan has 8192}}
      plan.task "t" kernels [@k, @k, @k] bindings [#plan.bind<slot @x>, #plan.bind<slot @x>, #plan.bind<kv 0>, #plan.bind<positions>, #plan.bind<table_offsets>, #plan.bind<block_tables>, #plan.bind<slot @x>]
    }
  }
}
