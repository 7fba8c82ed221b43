// RUN: axiom-opt %s --axiom-fuse-norm-quantize | FileCheck %s

// CHECK-LABEL: @step
// CHECK-SAME: (%[[X:.*]]: tensor<?x64xf32>, %[[G:.*]]: !axiom.vector<64>)
func.func @step(%x: tensor<?x64xf32>, %g: !axiom.vector<64>) -> (!axiom.qrows<64>, tensor<?x64xf32>, !axiom.qrows<64>) {
  // CHECK: %[[Q:.*]], %[[N:.*]] = axiom.norm_quantize %[[X]], %[[G]] eps 1.000000e-03 :
  // CHECK-NOT: axiom.rms_norm
  // CHECK: %[[P:.*]] = axiom.quantize %[[X]]
  // CHECK: return %[[Q]], %[[N]], %[[P]]
  %n = axiom.rms_norm %x, %g eps 1.0e-3 : (tensor<?x64xf32>, !axiom.vector<64>) -> tensor<?x64xf32>
  %q = axiom.quantize %n : (tensor<?x64xf32>) -> !axiom.qrows<64>
  %p = axiom.quantize %x : (tensor<?x64xf32>) -> !axiom.qrows<64>
  return %q, %n, %p : !axiom.qrows<64>, tensor<?x64xf32>, !axiom.qrows<64>
}
