#include "compiler/driver/Report.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace axiom {

using plan::PlanWeight;

const char *kvCacheTypeName(AxmKvType type) {
  static const char *const names[] = {"f32", "f16", "int8"};
  return names[type];
}

std::string byteText(uint64_t bytes) {
  auto value = static_cast<double>(bytes);
  if (bytes < 1000)
    return format("%d bytes", static_cast<int>(bytes));
  if (bytes < 1000000)
    return format("%.1f kB", value / 1e3);
  if (bytes < 1000000000)
    return format("%.1f MB", value / 1e6);
  return format("%.2f GB", value / 1e9);
}

BitsPerWeight bitsPerWeight(const std::vector<PlanWeight> &weights, const WeightLayout &layout,
                            const ModelSource &source) {
  uint64_t sourceBytes = 0, storedBytes = 0;
  BitsPerWeight bits;
  for (size_t i = 0; i < weights.size(); ++i) {
    const SourceTensor *tensor = source.find(weights[i].source);
    if (weights[i].vector || !tensor)
      continue;
    bits.weights += tensor->rows * tensor->cols;
    sourceBytes += tensor->bytes.size();
    storedBytes += layout.places[i].size;
  }
  if (bits.weights > 0) {
    bits.source = 8.0 * static_cast<double>(sourceBytes) / static_cast<double>(bits.weights);
    bits.stored = 8.0 * static_cast<double>(storedBytes) / static_cast<double>(bits.weights);
  }
  return bits;
}

std::string summaryLine(const std::string &output, uint64_t fileBytes,
                        const CompilerOptions &options, const std::vector<PlanWeight> &weights,
                        const BitsPerWeight &bits, const std::vector<PackedTensor> &tensors) {
  size_t worst = 0;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].maxError > tensors[worst].maxError)
      worst = i;
  std::string loss = "exact";
  if (!tensors.empty() && tensors[worst].maxError > 0)
    loss = format("largest error %.3g (%s)", static_cast<double>(tensors[worst].maxError),
                  weights[worst].name.c_str());
  std::string line =
      format("%s: %s, %.1f M weights, %.2f bits each in the source, %.2f stored, %s",
             output.c_str(), byteText(fileBytes).c_str(), static_cast<double>(bits.weights) / 1e6,
             bits.source, bits.stored, loss.c_str());
  // q4 takes 4.6 to 5.5 bits; how much depends on the head, which the quantize phase decides.
  if (options.quant.empty() && options.overrides.empty() && options.bits == 0 && bits.stored > 5.5)
    line += "; --quant q4 makes it smaller";
  return line + "\n";
}

std::string lossLines(const std::vector<PlanWeight> &weights,
                      const std::vector<PackedTensor> &tensors) {
  struct Kind {
    size_t count = 0, worst = 0;
    double errorPower = 0, power = 0;
  };
  std::map<std::string, Kind> kinds;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].maxError == 0)
      continue;
    Kind &kind = kinds[tensors[i].sourceType + " -> " + plan::formatName(weights[i].format)];
    if (kind.count++ == 0 || tensors[i].maxError > tensors[kind.worst].maxError)
      kind.worst = i;
    kind.errorPower += tensors[i].errorPower;
    kind.power += tensors[i].power;
  }
  std::string text;
  for (const auto &[name, kind] : kinds)
    text +=
        format("%s: %zu tensors, relative error %.3g, largest %.3g in %s\n", name.c_str(),
               kind.count, std::sqrt(kind.errorPower / std::max(kind.power, 1e-300)),
               static_cast<double>(tensors[kind.worst].maxError), weights[kind.worst].name.c_str());
  return text;
}

std::string unquantizedNote(const plan::ExecutionPlan &plan) {
  // An embedding table of its own is looked up and never multiplied.
  std::set<uint32_t> all, floats;
  auto visit = [&](const plan::PlanTask &task) {
    const plan::KernelSpec &spec = plan.kernels[task.kernels[0]];
    std::vector<plan::KernelArg> args = plan::kernelArgs(spec);
    for (size_t i = 0; i < args.size() && spec.kind == plan::KernelKind::Linear; ++i)
      if (args[i].space == AXM_SPACE_WEIGHTS)
        for (uint32_t index : task.bindings[i].indices) {
          const PlanWeight &weight = plan.weights[index];
          if (weight.vector)
            continue;
          all.insert(index);
          if (!plan::isQuantized(weight.format))
            floats.insert(index);
        }
  };
  for (const plan::PlanRepeat &repeat : plan.repeats)
    for (const plan::PlanPhase &phase : repeat.phases)
      for (const plan::PlanTask &task : phase.tasks)
        visit(task);
  if (floats.empty())
    return "";
  return format("note: %zu of %zu matrices are not quantized: on CUDA they run without tensor "
                "cores, at about a thirtieth of the peak rate (docs/cuda.md); --quant q8 or less "
                "changes that\n",
                floats.size(), all.size());
}

/// Root of error power over power.
static double relativeError(const PackedTensor &tensor) {
  return std::sqrt(tensor.errorPower / std::max(tensor.power, 1e-300));
}

static const char *storedFormat(const PlanWeight &weight) {
  return weight.vector ? "vector" : plan::formatName(weight.format);
}

std::string tensorTable(const std::vector<PlanWeight> &weights, const WeightLayout &layout,
                        const std::vector<PackedTensor> &tensors) {
  std::string text;
  for (size_t i = 0; i < weights.size(); ++i) {
    const PlanWeight &weight = weights[i];
    const PackedTensor &tensor = tensors[i];
    std::string loss = "exact";
    if (tensor.maxError > 0)
      loss = format("largest error %.3g, relative %.3g", static_cast<double>(tensor.maxError),
                    relativeError(tensor));
    if (tensor.outputError >= 0)
      loss += format(", of the outputs %.3g", std::sqrt(tensor.outputError));
    text += format("  %-48s %6u x %-6u %-8s -> %-6s %10llu bytes %7.2f s  %s\n",
                   weight.name.c_str(), weight.rows, weight.cols, tensor.sourceType.c_str(),
                   storedFormat(weight), static_cast<unsigned long long>(layout.places[i].size),
                   tensor.seconds, loss.c_str());
  }
  return text;
}

std::string tensorReport(const std::vector<PlanWeight> &weights, const WeightLayout &layout,
                         const std::vector<PackedTensor> &tensors) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < weights.size(); ++i) {
    const PackedTensor &tensor = tensors[i];
    nlohmann::ordered_json output; // null: unknown
    if (tensor.outputError >= 0)
      output = std::sqrt(tensor.outputError);
    list.push_back({{"name", weights[i].name},
                    {"source_type", tensor.sourceType},
                    {"format", storedFormat(weights[i])},
                    {"rows", weights[i].rows},
                    {"cols", weights[i].cols},
                    {"bytes", layout.places[i].size},
                    {"max_error", tensor.maxError},
                    {"relative_error", relativeError(tensor)},
                    {"output_error", std::move(output)},
                    {"seconds", tensor.seconds}});
  }
  return nlohmann::ordered_json({{"tensors", std::move(list)}}).dump(1) + "\n";
}

std::string dryRunReport(const plan::ExecutionPlan &plan, const WeightLayout &layout,
                         const BitsPerWeight &bits, const ModelConfig &config) {
  uint64_t slotFixed = 0, slotPerToken = 0, scratchFixed = 0, scratchPerToken = 0;
  for (const plan::PlanSlot &slot : plan.slots) {
    slotFixed += slot.fixed;
    slotPerToken += slot.perToken;
  }
  for (const plan::KernelSpec &kernel : plan.kernels) {
    plan::KernelScratch scratch = plan::kernelScratch(kernel);
    scratchFixed = std::max(scratchFixed, scratch.fixed);
    scratchPerToken = std::max(scratchPerToken, scratch.perToken);
  }
  uint64_t blocks = (config.maxContext + AXM_KV_BLOCK - 1) / AXM_KV_BLOCK;
  std::string text;
  text +=
      format("weights            %12s  (%.1f M weights, %.2f bits in the source, %.2f stored)\n",
             byteText(layout.size).c_str(), static_cast<double>(bits.weights) / 1e6, bits.source,
             bits.stored);
  text += format("KV cache           %12s  per 64 positions (%s); %s for the whole context of %u\n",
                 byteText(plan.kvBlockBytes).c_str(), kvCacheTypeName(plan.kvType),
                 byteText(plan.kvBlockBytes * blocks).c_str(), config.maxContext);
  for (uint64_t tokens : {uint64_t(1), uint64_t(512)})
    text += format("workspace          %12s  for %llu token%s a step, and %s per thread\n",
                   byteText(slotFixed + slotPerToken * tokens).c_str(),
                   static_cast<unsigned long long>(tokens), tokens == 1 ? "" : "s",
                   byteText(scratchFixed + scratchPerToken * tokens).c_str());
  text += "Machine code, tokenizer and template add a few megabytes. Nothing was written.\n";
  return text;
}

} // namespace axiom
