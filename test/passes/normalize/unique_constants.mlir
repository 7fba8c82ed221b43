// RUN: axiom-opt %s --axiom-unique-constants | FileCheck %s

// CHECK-LABEL: @step
func.func @step(%t: tensor<?xi32>) -> (tensor<?x9xf32>, tensor<?x8xf32>) {
  // CHECK-COUNT-1: axiom.weight "embed"
  // CHECK-NOT: = axiom.weight
  %a = axiom.weight "embed" : !axiom.weight<9 x 8, src:F16>
  %x = axiom.embedding %t, %a : (tensor<?xi32>, !axiom.weight<9 x 8, src:F16>) -> tensor<?x8xf32>
  // Other forms of one tensor are other constants.
  // CHECK: %[[G:.*]] = axiom.vector "g" : <8>
  // CHECK: %[[G1:.*]] = axiom.vector "g" plus 1.000000e+00 : <8>
  // CHECK-NOT: = axiom.vector
  %g = axiom.vector "g" : !axiom.vector<8>
  %g1 = axiom.vector "g" plus 1.0 : !axiom.vector<8>
  %g2 = axiom.vector "g" : !axiom.vector<8>
  // CHECK: axiom.rms_norm %{{.*}}, %[[G]]
  // CHECK: axiom.rms_norm %{{.*}}, %[[G1]]
  // CHECK: axiom.rms_norm %{{.*}}, %[[G]]
  %y = axiom.rms_norm %x, %g eps 1.0 : (tensor<?x8xf32>, !axiom.vector<8>) -> tensor<?x8xf32>
  %z = axiom.rms_norm %y, %g1 eps 1.0 : (tensor<?x8xf32>, !axiom.vector<8>) -> tensor<?x8xf32>
  %w = axiom.rms_norm %z, %g2 eps 1.0 : (tensor<?x8xf32>, !axiom.vector<8>) -> tensor<?x8xf32>
  %b = axiom.weight "embed" : !axiom.weight<9 x 8, src:F16>
  %l = axiom.linear %w, %b role head cuts [] : (tensor<?x8xf32>, !axiom.weight<9 x 8, src:F16>) -> tensor<?x9xf32>
  return %l, %w : tensor<?x9xf32>, tensor<?x8xf32>
}
