#ifndef AXIOM_TOOLS_AXIOM_CHECK_CHECK_H
#define AXIOM_TOOLS_AXIOM_CHECK_CHECK_H

#include "runtime/artifact/Artifact.h"
#include "runtime/engine/Golden.h"

#include <memory>
#include <string>
#include <vector>

namespace axiom::check {

using engine::Finding;

/// A table of what differs, and a line that counts; "all" shows what is the same too.
std::string reportTable(const std::vector<Finding> &findings, bool all);
/// The findings as JUnit's XML, a test case each.
std::string junitXml(const std::vector<Finding> &findings, const std::string &suite);
bool allSame(const std::vector<Finding> &findings);

/// Size and memory of a model, as --write-baseline stores them: a JSON object of byte counts.
Result<std::string> baselineText(const engine::LoadedModel &model);
/// Every number of the baseline against what the artifact has; more than `tolerance` percent above
/// it is a difference.
Result<std::vector<Finding>> compareBaseline(const engine::LoadedModel &model,
                                             const std::string &text, double tolerance);

/// What differs between two artifacts: configuration, plan, segments, tensors, kernels.
Result<std::vector<Finding>> diffArtifacts(const Artifact &a, const Artifact &b);

} // namespace axiom::check

#endif
