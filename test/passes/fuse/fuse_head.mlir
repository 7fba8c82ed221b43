// RUN: axiom-opt %s --axiom-fuse-head | FileCheck %s

// CHECK-LABEL: @quantized
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x64xf32>, %[[G:[^:]*]]: !axiom.vector<64>, %[[W:[^:]*]]: !axiom.weight<100 x 64, q8>)
func.func @quantized(%x: tensor<?x64xf32>, %g: !axiom.vector<64>, %w: !axiom.weight<100 x 64, q8>) -> (tensor<?x100xf32>, !axiom.tiles<1>) {
  // CHECK-NEXT: %[[L:.*]], %[[T:.*]] = axiom.head %[[X]], %[[G]], %[[W]] eps 1.000000e-03 cuts [32] :
  // CHECK-NEXT: return %[[L]], %[[T]]
  %s = axiom.select_rows %x : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %q, %n = axiom.norm_quantize %s, %g eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> (!axiom.qrows<64>, tensor<?x64xf32>)
  %l = axiom.linear %q, %w role head cuts [32] : (!axiom.qrows<64>, !axiom.weight<100 x 64, q8>) -> tensor<?x100xf32>
  %t = axiom.head_tiles %l : (tensor<?x100xf32>) -> !axiom.tiles<1>
  return %l, %t : tensor<?x100xf32>, !axiom.tiles<1>
}

// CHECK-LABEL: @float
func.func @float(%x: tensor<?x64xf32>, %g: !axiom.vector<64>, %w: !axiom.weight<100 x 64, f16>) -> (tensor<?x100xf32>, !axiom.tiles<1>) {
  // CHECK-NEXT: axiom.head %{{.*}} eps 1.000000e-03 cuts [] :
  // CHECK-NEXT: return
  %s = axiom.select_rows %x : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %n = axiom.rms_norm %s, %g eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  %l = axiom.linear %n, %w role head cuts [] : (tensor<?x64xf32>, !axiom.weight<100 x 64, f16>) -> tensor<?x100xf32>
  %t = axiom.head_tiles %l : (tensor<?x100xf32>) -> !axiom.tiles<1>
  return %l, %t : tensor<?x100xf32>, !axiom.tiles<1>
}

// Rows that are not selected are no head.
// CHECK-LABEL: @all_rows
// CHECK-NOT: axiom.head %
func.func @all_rows(%x: tensor<?x64xf32>, %g: !axiom.vector<64>, %w: !axiom.weight<100 x 64, f16>) -> !axiom.tiles<1> {
  %n = axiom.rms_norm %x, %g eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  %l = axiom.linear %n, %w role head cuts [] : (tensor<?x64xf32>, !axiom.weight<100 x 64, f16>) -> tensor<?x100xf32>
  %t = axiom.head_tiles %l : (tensor<?x100xf32>) -> !axiom.tiles<1>
  return %t : !axiom.tiles<1>
}
