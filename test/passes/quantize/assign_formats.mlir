// RUN: axiom-opt %s --axiom-assign-formats | FileCheck %s --check-prefixes=CHECK,KEEP
// RUN: axiom-opt %s --axiom-assign-formats=quant=q4 | FileCheck %s --check-prefixes=CHECK,Q4
// RUN: axiom-opt %s --axiom-assign-formats="quant=q4f16 overrides=k_proj=f16,embed=q4,.*_proj=q8" | FileCheck %s --check-prefixes=CHECK,OVER
// RUN: not axiom-opt %s --axiom-assign-formats=quant=q5 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: not axiom-opt %s --axiom-assign-formats="overrides=a(=q8" 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: axiom-opt %s --axiom-assign-formats=overrides=nothing=q8 2>&1 | FileCheck %s --check-prefix=UNUSED

// BAD: unknown weight format 'q5'; known are f32, f16, bf16, q8, q6, q4f16, q4
// REGEX: override 'a(=q8' needs REGEX=FORMAT
// UNUSED: override 'nothing=q8' decides no weight

// CHECK-LABEL: @step
func.func @step(%t: tensor<?xi32>, %n: tensor<?x8xf32>) -> tensor<?x9xf32> {
  // A tied table has 8 bits unless an override says else.
  // KEEP: axiom.weight "embed" : <9 x 8, f16>
  // Q4: axiom.weight "embed" : <9 x 8, q8>
  // OVER: axiom.weight "embed" : <9 x 8, q4>
  %e = axiom.weight "embed" : !axiom.weight<9 x 8, src:F16>
  %x = axiom.embedding %t, %e : (tensor<?xi32>, !axiom.weight<9 x 8, src:F16>) -> tensor<?x8xf32>
  // KEEP: "q_proj" : <8 x 8, q4f16>
  // Q4: "q_proj" : <8 x 8, q4>
  // OVER: "q_proj" : <8 x 8, q8>
  %q = axiom.weight "q_proj" : !axiom.weight<8 x 8, src:Q4_0>
  // KEEP: "k_proj" : <8 x 8, q6>
  // OVER: "k_proj" : <8 x 8, f16>
  %k = axiom.weight "k_proj" : !axiom.weight<8 x 8, src:Q6_K>
  // KEEP: "a" : <8 x 8, q4f16>
  %a = axiom.weight "a" : !axiom.weight<8 x 8, src:Q4_1>
  // KEEP: "b" : <8 x 8, q4>
  %b = axiom.weight "b" : !axiom.weight<8 x 8, src:Q4_K>
  // KEEP: "c" : <8 x 8, q8>
  %c = axiom.weight "c" : !axiom.weight<8 x 8, src:Q8_0>
  // KEEP: "d" : <8 x 8, q8>
  %d = axiom.weight "d" : !axiom.weight<8 x 8, src:Q5_K>
  // KEEP: "f" : <8 x 8, bf16>
  %f = axiom.weight "f" : !axiom.weight<8 x 8, src:BF16>
  // KEEP: "g" : <8 x 8, f32>
  // Q4: "g" : <8 x 8, q4>
  // OVER: "g" : <8 x 8, q4f16>
  %g = axiom.weight "g" : !axiom.weight<8 x 8, src:F32>
  %l = axiom.linear %n, %e role head cuts [] : (tensor<?x8xf32>, !axiom.weight<9 x 8, src:F16>) -> tensor<?x9xf32>
  return %l : tensor<?x9xf32>
}
