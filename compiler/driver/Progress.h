// Progress on stderr: never on stdout, never part of a result.
#ifndef AXIOM_COMPILER_DRIVER_PROGRESS_H
#define AXIOM_COMPILER_DRIVER_PROGRESS_H

#include "compiler/driver/CompilerOptions.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace axiom {

class Progress {
public:
  explicit Progress(ProgressMode mode);
  ~Progress(); ///< clears the status line

  /// Begins a stage ("import", "passes", "codegen", "weights", ...: the key "phase" of JSON lines);
  /// the one before it ends.
  void stage(const std::string &name, const std::string &detail = "");
  /// Bytes done in the current stage.
  void advance(uint64_t done, uint64_t total);
  /// One of `total` parts of the current stage is done, `done` of them now.
  void part(const std::string &name, double seconds, uint64_t done, uint64_t total);
  /// Ends the last stage.
  void finish();

private:
  using Clock = std::chrono::steady_clock;
  void endStage();
  void drawLine(const std::string &text);

  ProgressMode mode_;
  bool line_ = false; ///< a terminal status line is drawn
  std::string name_, detail_;
  Clock::time_point started_, drawn_;
  int tenth_ = 0; ///< tenths of the stage reported so far (plain, json)
};

} // namespace axiom

#endif
