// RUN: axiom-opt %s --axiom-drop-dead-weights | FileCheck %s

// CHECK-LABEL: @step
func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NOT: dead
  %a = axiom.weight "dead.weight" : !axiom.weight<9 x 8, src:F16>
  %b = axiom.vector "dead.vector" : !axiom.vector<8>
  // CHECK: axiom.vector "used"
  %g = axiom.vector "used" : !axiom.vector<8>
  %y = axiom.rms_norm %x, %g eps 1.0 : (tensor<?x8xf32>, !axiom.vector<8>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
