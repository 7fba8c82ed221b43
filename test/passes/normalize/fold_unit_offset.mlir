// RUN: axiom-opt %s --axiom-fold-unit-offset -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: @step
func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-DAG: %[[G:.*]] = axiom.vector "gain" plus 1.000000e+00 : <8>
  %g = axiom.vector "gain" : !axiom.vector<8>
  // CHECK: axiom.rms_norm %{{.*}}, %[[G]] eps 1.000000e-03 :
  %y = axiom.rms_norm %x, %g eps 1.0e-3 unit_offset : (tensor<?x8xf32>, !axiom.vector<8>) -> tensor<?x8xf32>
  %h = axiom.vector "head_gain" : !axiom.vector<4>
  // CHECK: %[[H:.*]] = axiom.vector "head_gain" plus 1.000000e+00 : <4>
  // CHECK: axiom.qk_norm %{{.*}}, %[[H]] eps 1.000000e-03 :
  %z = axiom.qk_norm %y, %h eps 1.0e-3 unit_offset : (tensor<?x8xf32>, !axiom.vector<4>) -> tensor<?x8xf32>
  // A plain gain stays.
  // CHECK: %[[P:.*]] = axiom.vector "gain" : <8>
  // CHECK: axiom.rms_norm %{{.*}}, %[[P]]
  %p = axiom.vector "gain" : !axiom.vector<8>
  %w = axiom.rms_norm %z, %p eps 1.0e-3 : (tensor<?x8xf32>, !axiom.vector<8>) -> tensor<?x8xf32>
  return %w : tensor<?x8xf32>
}

// -----

func.func @twice(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %g = axiom.vector "gain" plus 1.0 : !axiom.vector<2>
  // expected-error @below {{has unit_offset, but its gain is no plain tensor of the model}}
  %y = axiom.rms_norm %x, %g eps 1.0e-3 unit_offset : (tensor<?x2xf32>, !axiom.vector<2>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
