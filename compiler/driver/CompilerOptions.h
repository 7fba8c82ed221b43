// What axiomc is asked to do.
#ifndef AXIOM_COMPILER_DRIVER_COMPILEROPTIONS_H
#define AXIOM_COMPILER_DRIVER_COMPILEROPTIONS_H

#include "runtime/abi/kernel_abi.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace axiom {

enum class Emit {
  Artifact, ///< model.axm
  Mlir,     ///< the module after the last phase that runs
  Llvm,     ///< LLVM IR of the kernels for the first CPU target
  Assembly,
  Object,
  Cuda, ///< CUDA C++ of the kernels
  Ptx,  ///< for the first CUDA target
  Cubin,
};

enum class ProgressMode {
  Auto,  ///< a status line on a terminal, else nothing
  Plain, ///< a line per stage
  Json,  ///< a JSON object per line
  None,
};

struct CompilerOptions {
  std::string input;
  std::string output; ///< empty: derived from the input for artifacts, stdout for text
  std::string quant;  ///< empty: formats of the source
  double bits = 0;    ///< of all matrices together, a weight; 0: no budget
  std::vector<std::pair<std::string, std::string>> overrides; ///< tensor name pattern -> format
  std::string calibrate;        ///< a text file; empty: weights are rounded without a text
  uint32_t calibrateTokens = 0; ///< at most; 0: calibrate::kDefaultTokens
  std::vector<std::pair<std::string, std::string>> schemas; ///< name, file
  std::optional<AxmKvType> kvType;
  std::vector<std::string> targets; ///< "cuda:sm_90a,sm_80"; empty: every CPU level
  Emit emit = Emit::Artifact;
  std::string stopAfter; ///< a phase name; empty: run all
  std::string dumpIrDir; ///< empty: no dumps
  std::string report;    ///< a file for a line per tensor as JSON; empty: none
  bool golden = true;    ///< store golden answers, which needs a machine that can run a target
  bool dryRun = false;
  bool verbose = false;
  uint32_t jobs = 0; ///< 0: usable cores
  ProgressMode progress = ProgressMode::Auto;
};

} // namespace axiom

#endif
