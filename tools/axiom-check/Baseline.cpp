#include "runtime/engine/Setup.h"
#include "runtime/text/ValueJson.h"
#include "tools/axiom-check/Check.h"

#include <utility>

namespace axiom::check {
namespace {

/// Names and byte counts, in the order in which they are written.
Result<std::vector<std::pair<std::string, uint64_t>>> measure(const engine::LoadedModel &model) {
  const Artifact &artifact = *model.artifact;
  uint64_t code = 0;
  for (const SegmentInfo &segment : artifact.metadata().segments)
    if (segment.kind == SegmentKind::Code)
      code += segment.size;
  engine::EngineSettings settings;
  settings.threads = 1; // so that machines with more cores have the same numbers
  settings.maxSequences = 1;
  settings.kvPositions = AXM_KV_BLOCK;
  AXIOM_ASSIGN_OR_RETURN(engine::MemoryPlan plan, engine::planMemory(model, settings));
  return std::vector<std::pair<std::string, uint64_t>>{
      {"file_bytes", artifact.fileSize()},
      {"weight_bytes", artifact.program().weightsSize},
      {"code_bytes", code},
      {"kv_bytes_per_64", artifact.program().kv.blockBytes},
      {"workspace_bytes", plan.workspace}};
}

} // namespace

Result<std::string> baselineText(const engine::LoadedModel &model) {
  AXIOM_ASSIGN_OR_RETURN(auto numbers, measure(model));
  std::string out = "{\n";
  for (size_t i = 0; i < numbers.size(); ++i)
    out += format("  \"%s\": %llu%s\n", numbers[i].first.c_str(),
                  static_cast<unsigned long long>(numbers[i].second),
                  i + 1 < numbers.size() ? "," : "");
  return out + "}\n";
}

Result<std::vector<Finding>> compareBaseline(const engine::LoadedModel &model,
                                             const std::string &text, double tolerance) {
  AXIOM_ASSIGN_OR_RETURN(Value baseline, parseJson(text));
  if (!baseline.isDict())
    return Status(Code::InvalidArgument,
                  "the baseline is no JSON object: write one with --write-baseline");
  AXIOM_ASSIGN_OR_RETURN(auto numbers, measure(model));
  std::vector<Finding> findings;
  for (auto &[name, now] : numbers) {
    const Value *entry = baseline.dictionary().find(name);
    if (!entry)
      continue; // a baseline of an older version, or one that leaves something open
    if (!entry->isNumber())
      return Status(Code::InvalidArgument, format("the baseline's %s is no number", name.c_str()));
    double bound = entry->asDouble() * (1.0 + tolerance / 100.0);
    Finding finding{"baseline " + name, static_cast<double>(now) <= bound, ""};
    if (!finding.same)
      finding.detail =
          format("is %llu, the baseline allows %.0f", static_cast<unsigned long long>(now), bound);
    findings.push_back(std::move(finding));
  }
  if (findings.empty())
    return Status(Code::InvalidArgument,
                  "the baseline holds none of the numbers that are compared: write "
                  "one with --write-baseline");
  return findings;
}

} // namespace axiom::check
