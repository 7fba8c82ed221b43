// RUN: axiom-opt %s --axiom-insert-quantize | FileCheck %s

// One quantization of an input for all integer linears that read it; float linears keep f32 rows.
// CHECK-LABEL: @step
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>
func.func @step(%x: tensor<?x64xf32>, %a: !axiom.weight<8 x 64, q4f16>, %b: !axiom.weight<8 x 64, bf16>,
                %c: !axiom.weight<8 x 64, q8>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK: %[[Q:.*]] = axiom.quantize %[[X]] : (tensor<?x64xf32>) -> !axiom.qrows<64>
  // CHECK-NOT: axiom.quantize
  // CHECK: axiom.linear %[[Q]], %{{.*}} role q cuts [] :
  // CHECK: axiom.linear %[[X]], %{{.*}} role k cuts [] :
  // CHECK: axiom.linear %[[Q]], %{{.*}} role v cuts [] :
  %0 = axiom.linear %x, %a role q cuts [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, q4f16>) -> tensor<?x8xf32>
  %1 = axiom.linear %x, %b role k cuts [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, bf16>) -> tensor<?x8xf32>
  %2 = axiom.linear %x, %c role v cuts [] : (tensor<?x64xf32>, !axiom.weight<8 x 64, q8>) -> tensor<?x8xf32>
  return %0, %1, %2 : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}
