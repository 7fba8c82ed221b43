// RUN: axiom-opt %s --axiom-fuse-residual | FileCheck %s

// CHECK-LABEL: @step
// CHECK-SAME: (%[[X:[^:]*]]: tensor<?x64xf32>, %[[Q:[^:]*]]: !axiom.qrows<8>, %[[W:[^:]*]]: !axiom.weight<64 x 8, q8>, %[[B:[^:]*]]: !axiom.vector<64>)
func.func @step(%x: tensor<?x64xf32>, %q: !axiom.qrows<8>, %w: !axiom.weight<64 x 8, q8>, %b: !axiom.vector<64>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // CHECK-NEXT: %[[Y:.*]] = axiom.linear_residual %[[X]], %[[Q]], %[[W]] bias %[[B]] role down cuts [] :
  // CHECK-NEXT: %[[L:.*]] = axiom.linear
  // CHECK-NEXT: axiom.add %[[Y]], %[[L]]
  %l = axiom.linear %q, %w bias %b role down cuts [] : (!axiom.qrows<8>, !axiom.weight<64 x 8, q8>, !axiom.vector<64>) -> tensor<?x64xf32>
  %y = axiom.add %x, %l : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  // The linear has another reader: it stays.
  %m = axiom.linear %q, %w role o cuts [] : (!axiom.qrows<8>, !axiom.weight<64 x 8, q8>) -> tensor<?x64xf32>
  %z = axiom.add %y, %m : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  return %z, %m : tensor<?x64xf32>, tensor<?x64xf32>
}
