// axiom-opt: reads a module of the axiom or plan dialect, runs passes on it, prints it.
#include "passes/Pipeline.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  axiom::registerDialects(registry);
  axiom::registerPasses();
  // canonicalize runs the folders.
  mlir::registerCanonicalizerPass();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Axiom: passes of the compiler, one at a time\n", registry));
}
