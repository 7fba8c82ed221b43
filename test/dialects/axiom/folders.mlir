// RUN: axiom-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: @scale_by_one
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>)
// CHECK-NOT: axiom.scale
// CHECK: return %[[X]]
func.func @scale_by_one(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = axiom.scale %x by 1.0 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// A KV write is state: it stays though nothing reads its result here.
// CHECK-LABEL: @kv_write_stays
// CHECK: axiom.kv_write
func.func @kv_write_stays(%k: tensor<?x8xf32>) {
  %kv = axiom.kv_write %k, %k layer 0 : (tensor<?x8xf32>, tensor<?x8xf32>) -> !axiom.kv<2 x 4, f16>
  return
}
