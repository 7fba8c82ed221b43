#include "tools/axiom-inspect/Report.h"

#include "runtime/artifact/Decode.h"
#include "runtime/base/Memory.h"

#include <algorithm>

namespace axiom::inspect {

namespace {

using ull = unsigned long long;

std::string bytesText(uint64_t bytes) {
  return format("%llu bytes (%s)", static_cast<ull>(bytes), formatBytes(bytes).c_str());
}

void summary(const Facts &facts, std::string &out) {
  const Artifact &a = *facts.artifact;
  const Metadata &m = a.metadata();
  const ArtifactConfig &c = m.config;
  out += format("%s\n", quoted(a.path()).c_str());
  out += format("  model       %s, family %s\n", quoted(c.name).c_str(), quoted(c.family).c_str());
  out +=
      format("  size        %u layers, hidden %u, intermediate %u, %u heads of %u (%u KV heads)\n",
             c.layers, c.hidden, c.intermediate, c.heads, c.headDim, c.kvHeads);
  out += format("  vocabulary  %u, context %u\n", c.vocab, c.maxContext);
  out += format("  weights     %zu tensors, %s, %.2f bits a weight (source %.2f)\n",
                m.tensors.size(), formatBytes(a.program().weightsSize).c_str(),
                m.provenance.storedBits, m.provenance.sourceBits);
  out += format("  KV cache    %s, %s for 64 positions\n", kvTypeName(m.kv.type),
                formatBytes(m.kv.blockBytes).c_str());
  for (const ImageInfo &image : facts.images)
    out += format("  code        %s, %zu kernels, %s%s%s\n", quoted(image.target).c_str(),
                  image.rows.size(), formatBytes(m.segments[image.segment].size).c_str(),
                  image.note.empty() ? "" : "; ", image.note.c_str());
  out += format("  barriers    %u a layer\n", facts.barriersPerLayer);
  out += format("  digest      %s\n", sha256Hex(a.digest()).c_str());
  out += format("  file        %s\n", bytesText(a.fileSize()).c_str());
  for (const SegmentInfo &s : m.segments)
    out +=
        format("    %-9s %12llu bytes at %12llu  %s\n", segmentKindName(s.kind),
               static_cast<ull>(s.size), static_cast<ull>(s.offset), sha256Hex(s.sha256).c_str());
}

void tensors(const Facts &facts, std::string &out) {
  out += "tensors: format, rows x columns, bytes, source, largest error, name\n";
  for (const TensorInfo &t : facts.artifact->metadata().tensors)
    out += format("  %-6s %8llu x %-8llu %12llu  %-6s %-10.3g %s\n",
                  t.vector ? "vector" : formatName(t.format), static_cast<ull>(t.rows),
                  static_cast<ull>(t.cols), static_cast<ull>(t.size),
                  t.sourceType.empty() ? "-" : t.sourceType.substr(0, 16).c_str(),
                  static_cast<double>(t.maxError), quoted(t.name).c_str());
}

void cudaKernels(const std::vector<KernelFact> &kernels, const std::string &target,
                 std::string &out) {
  out += format("launches of %s: threads, shared bytes, units (a block) x tile of tokens, symbol, "
                "tasks (tokens)\n",
                quoted(target).c_str());
  for (const KernelFact &k : kernels)
    for (const AxmCudaStage *stage : cudaStages(k.launches))
      out += format("  %3zu %5u %7u  %7u (%u) x %-3u %s  %s\n", k.index, stage->threads,
                    stage->sharedBytes, stage->units, stage->unitsPerBlock, stage->tokensPerTile,
                    stage->symbol, k.uses.empty() ? "-" : k.uses.c_str());
}

void kernels(const Facts &facts, std::string &out) {
  for (size_t i = 0; i < facts.images.size(); ++i) {
    if (!facts.images[i].launches.empty()) {
      cudaKernels(facts.kernels[i], facts.images[i].target, out);
      continue;
    }
    out += format("kernels of %s: bytes, units, arguments, scratch (+ a token), tasks (tokens)\n",
                  quoted(facts.images[i].target).c_str());
    for (const KernelFact &k : facts.kernels[i])
      out += format("  %3zu %8llu  %6u%-8s %2u  %8llu + %-8llu %s\n", k.index,
                    static_cast<ull>(k.bytes), k.row.unitCount,
                    k.row.unitKind == AXM_UNITS_PER_TOKEN  ? " a token"
                    : k.row.unitKind == AXM_UNITS_PER_SPAN ? " a span"
                                                           : "",
                    k.row.numArgs, static_cast<ull>(k.row.scratchFixed),
                    static_cast<ull>(k.row.scratchPerToken), k.uses.empty() ? "-" : k.uses.c_str());
  }
}

void phases(const Facts &facts, std::string &out) {
  const Plan &plan = facts.artifact->metadata().plan;
  for (const RepeatInfo &repeat : plan.repeats) {
    if (repeat.firstLayer >= 0)
      out += format(
          "layers %lld to %lld: %zu barriers each\n", static_cast<long long>(repeat.firstLayer),
          static_cast<long long>(repeat.firstLayer + repeat.count - 1), repeat.phases.size());
    else
      out += format("%u times: %zu barriers\n", repeat.count, repeat.phases.size());
    for (size_t p = 0; p < repeat.phases.size(); ++p) {
      out += format("  phase %zu:", p);
      for (const TaskInfo &task : repeat.phases[p].tasks) {
        out += " " + quoted(task.name) + (task.balance ? " balanced (" : " (");
        for (size_t b = 0; b < task.bindings.size(); ++b) {
          const BindingInfo &binding = task.bindings[b];
          out += b > 0 ? ", " : "";
          out += binding.space == AXM_SPACE_WORKSPACE ? quoted(plan.slots[binding.slot].name)
                                                      : std::string(spaceName(binding.space));
        }
        out += ")";
      }
      out += "\n";
    }
  }
}

void memory(const Facts &facts, std::string &out) {
  const MemoryAnswer &m = facts.memory;
  out += format("memory for %u sequences of %u positions, %u tokens a step, %u threads\n",
                m.question.batch, m.question.context, m.question.tokens, m.question.threads);
  out += format("  weights    %s\n", bytesText(m.weights).c_str());
  out += format("  KV cache   %s in %u blocks\n", bytesText(m.executor.kv).c_str(), m.blocks);
  out += format("  workspace  %s\n", bytesText(m.executor.workspace).c_str());
  out += format("  scratch    %s\n", bytesText(m.executor.scratch).c_str());
  out += format("  tables     %s\n", bytesText(m.executor.tables).c_str());
  out += format("  outputs    %s\n", bytesText(m.outputs).c_str());
  out += format("  total      %s; %s allows %s\n", bytesText(m.total()).c_str(),
                m.limitSource.c_str(), formatBytes(m.limit).c_str());
}

void provenance(const Facts &facts, std::string &out) {
  const ProvenanceInfo &p = facts.artifact->metadata().provenance;
  out += format("provenance\n  compiler  %s\n  llvm      %s\n  source    %s\n  options  ",
                quoted(p.compiler).c_str(), quoted(p.llvm).c_str(), quoted(p.sourceFormat).c_str());
  for (const std::string &option : p.options)
    out += " " + quoted(option);
  out += "\n";
  for (const InputInfo &input : p.inputs)
    out += format("  input     %s %llu bytes %s\n", quoted(input.name).c_str(),
                  static_cast<ull>(input.size), sha256Hex(input.sha256).c_str());
}

} // namespace

std::string textReport(const Facts &facts, const Sections &sections) {
  std::string out;
  const std::pair<bool, void (*)(const Facts &, std::string &)> parts[] = {
      {sections.summary, summary}, {sections.tensors, tensors}, {sections.kernels, kernels},
      {sections.phases, phases},   {sections.memory, memory},   {sections.provenance, provenance}};
  for (const auto &[wanted, write] : parts)
    if (wanted)
      write(facts, out);
  if (sections.roofline)
    out += rooflineText(facts);
  return out;
}

} // namespace axiom::inspect
