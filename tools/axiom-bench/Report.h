// The benchmark's results as Markdown or JSON.
#ifndef AXIOM_TOOLS_AXIOM_BENCH_REPORT_H
#define AXIOM_TOOLS_AXIOM_BENCH_REPORT_H

#include "tools/axiom-bench/Rows.h"

#include <string>
#include <vector>

namespace axiom::bench {

/// What the report says beside the rows.
struct ReportContext {
  std::string model;     ///< a name for people
  axiom_model_info info; ///< borrowed texts of the model
  std::string load;      ///< "map", "copy", "huge"
  bool profile = false, limits = false;
  uint64_t limitBytes = 0;
  uint64_t evictBytes = 0; ///< read before each step of a generation; 0: none
  std::vector<std::string> limitNotes;
};

/// llama-bench's columns; then, where asked, the limits, the shares and the time of each phase.
std::string markdownReport(const std::vector<RowResult> &rows, const ReportContext &context);
/// An array with an object for each row, with llama-bench's names where it has one.
std::string jsonReport(const std::vector<RowResult> &rows, const ReportContext &context);

} // namespace axiom::bench

#endif
