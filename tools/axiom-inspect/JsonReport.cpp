#include "tools/axiom-inspect/Report.h"

#include <nlohmann/json.hpp>

namespace axiom::inspect {

using Json = nlohmann::ordered_json;

namespace {

Json configJson(const ArtifactConfig &c) {
  return {{"family", c.family},
          {"name", c.name},
          {"hidden", c.hidden},
          {"intermediate", c.intermediate},
          {"layers", c.layers},
          {"heads", c.heads},
          {"kv_heads", c.kvHeads},
          {"head_dim", c.headDim},
          {"vocab", c.vocab},
          {"max_context", c.maxContext},
          {"eos", c.eos},
          {"bos", c.bos},
          {"eos_token", c.eosToken},
          {"bos_token", c.bosToken},
          {"windows", c.windows}};
}

Json tensorsJson(const Metadata &m) {
  Json list = Json::array();
  for (const TensorInfo &t : m.tensors)
    list.push_back({{"name", t.name},
                    {"format", formatName(t.format)},
                    {"vector", t.vector},
                    {"rows", t.rows},
                    {"cols", t.cols},
                    {"heads", t.heads},
                    {"row_align", t.rowAlign},
                    {"cuts", t.cuts},
                    {"offset", t.offset},
                    {"bytes", t.size},
                    {"source_type", t.sourceType},
                    {"max_error", t.maxError},
                    {"sha256", sha256Hex(t.sha256)}});
  return list;
}

Json launchesJson(const AxmCudaKernel &kernel) {
  Json list = Json::array();
  for (const AxmCudaStage *stage : cudaStages(kernel)) {
    Json most = nullptr; // any number of tokens
    if (stage->mostTokens != UINT32_MAX)
      most = stage->mostTokens;
    list.push_back({{"stage", stage == &kernel.prologue ? "prologue" : "body"},
                    {"symbol", stage->symbol},
                    {"most_tokens", most},
                    {"threads", stage->threads},
                    {"shared_bytes", stage->sharedBytes},
                    {"units", stage->units},
                    {"units_per_block", stage->unitsPerBlock},
                    {"tokens_per_tile", stage->tokensPerTile}});
  }
  return list;
}

Json imagesJson(const Facts &facts) {
  Json list = Json::array();
  for (size_t i = 0; i < facts.images.size(); ++i) {
    Json kernels = Json::array();
    for (const KernelFact &k : facts.kernels[i]) {
      kernels.push_back({{"index", k.index},
                         {"bytes", k.bytes},
                         {"uses", k.uses},
                         {"units", k.row.unitCount},
                         {"units_per_token", k.row.unitKind != AXM_UNITS_FIXED},
                         {"units_per_span", k.row.unitKind == AXM_UNITS_PER_SPAN},
                         {"max_spans", k.row.maxSpans},
                         {"kv_block_bytes", k.row.kvBlockBytes},
                         {"arguments", k.row.numArgs},
                         {"scratch_bytes", k.row.scratchFixed},
                         {"scratch_bytes_per_token", k.row.scratchPerToken}});
      if (!facts.images[i].launches.empty()) {
        kernels.back()["launches"] = launchesJson(k.launches);
        kernels.back()["device_scratch_bytes_per_token"] = k.launches.scratchPerToken;
      }
    }
    list.push_back({{"target", facts.images[i].target},
                    {"note", facts.images[i].note},
                    {"kernels", std::move(kernels)}});
  }
  return list;
}

Json phasesJson(const Plan &plan) {
  Json repeats = Json::array();
  for (const RepeatInfo &repeat : plan.repeats) {
    Json phases = Json::array();
    for (const PhaseInfo &phase : repeat.phases) {
      Json tasks = Json::array();
      for (const TaskInfo &task : phase.tasks) {
        Json arguments = Json::array();
        for (const BindingInfo &binding : task.bindings)
          arguments.push_back(binding.space == AXM_SPACE_WORKSPACE
                                  ? plan.slots[binding.slot].name
                                  : std::string(spaceName(binding.space)));
        tasks.push_back({{"name", task.name},
                         {"kernels", task.kernels},
                         {"balance", task.balance},
                         {"arguments", std::move(arguments)}});
      }
      phases.push_back(std::move(tasks));
    }
    Json firstLayer = nullptr;
    if (repeat.firstLayer >= 0)
      firstLayer = repeat.firstLayer;
    repeats.push_back({{"count", repeat.count},
                       {"first_layer", std::move(firstLayer)},
                       {"phases", std::move(phases)}});
  }
  return repeats;
}

Json memoryJson(const MemoryAnswer &m) {
  return {{"batch", m.question.batch},
          {"context", m.question.context},
          {"tokens_per_step", m.question.tokens},
          {"threads", m.question.threads},
          {"weights_bytes", m.weights},
          {"kv_bytes", m.executor.kv},
          {"kv_blocks", m.blocks},
          {"workspace_bytes", m.executor.workspace},
          {"scratch_bytes", m.executor.scratch},
          {"tables_bytes", m.executor.tables},
          {"outputs_bytes", m.outputs},
          {"total_bytes", m.total()},
          {"limit_bytes", m.limit},
          {"limit_source", m.limitSource}};
}

Json workJson(const TaskWork &w) {
  return {{"weight_bytes", w.weightBytes},
          {"kv_read_bytes", w.kvReadBytes},
          {"kv_write_bytes", w.kvWriteBytes},
          {"linear_multiply_adds", w.linearMacs},
          {"attention_multiply_adds", w.attentionMacs}};
}

Json rooflineJson(const Facts &facts) {
  Json list = Json::array();
  for (const RooflineFact &fact : facts.roofline) {
    Json tasks = Json::array();
    for (const TaskWork &work : fact.work.tasks) {
      Json task = {{"name", work.name}, {"repetitions", work.repetitions}};
      task.update(workJson(work));
      tasks.push_back(std::move(task));
    }
    list.push_back({{"sequences", fact.sequences},
                    {"tokens_each", fact.tokensEach},
                    {"context", fact.context},
                    {"tasks", std::move(tasks)},
                    {"total", workJson(fact.work.total())}});
  }
  return list;
}

Json predictionJson(const GpuAnswer &gpu) {
  if (!gpu.device)
    return nullptr;
  Json tasks = Json::array();
  for (const TaskPrediction &task : gpu.step.tasks)
    tasks.push_back({{"name", task.name},
                     {"repetitions", task.repetitions},
                     {"launches", task.launches},
                     {"blocks", task.blocks},
                     {"megabytes", task.megabytes},
                     {"microseconds", task.microseconds},
                     {"bound", task.bound}});
  return {{"measured", false},
          {"device", gpu.device->name},
          {"sequences", gpu.question.sequences},
          {"tokens_each", gpu.question.tokens},
          {"context", gpu.question.context},
          {"tasks", std::move(tasks)},
          {"microseconds", gpu.step.microseconds}};
}

Json provenanceJson(const ProvenanceInfo &p) {
  Json inputs = Json::array();
  for (const InputInfo &input : p.inputs)
    inputs.push_back(
        {{"name", input.name}, {"bytes", input.size}, {"sha256", sha256Hex(input.sha256)}});
  return {{"compiler", p.compiler},      {"llvm", p.llvm},
          {"options", p.options},        {"source_format", p.sourceFormat},
          {"source_bits", p.sourceBits}, {"stored_bits", p.storedBits},
          {"inputs", std::move(inputs)}};
}

} // namespace

std::string jsonReport(const Facts &facts) {
  const Artifact &a = *facts.artifact;
  const Metadata &m = a.metadata();
  Json segments = Json::array();
  for (const SegmentInfo &s : m.segments)
    segments.push_back({{"kind", segmentKindName(s.kind)},
                        {"target", s.target},
                        {"offset", s.offset},
                        {"bytes", s.size},
                        {"sha256", sha256Hex(s.sha256)}});
  Json slots = Json::array();
  for (const SlotInfo &slot : m.plan.slots)
    slots.push_back(
        {{"name", slot.name}, {"bytes", slot.fixed}, {"bytes_per_token", slot.perToken}});
  Json report = {{"file_bytes", a.fileSize()},
                 {"digest", sha256Hex(a.digest())},
                 {"config", configJson(m.config)},
                 {"kv",
                  {{"type", kvTypeName(m.kv.type)},
                   {"head_bytes", m.kv.headBytes},
                   {"layer_bytes", m.kv.layerBytes},
                   {"block_bytes", m.kv.blockBytes}}},
                 {"barriers_per_layer", facts.barriersPerLayer},
                 {"code_bytes", facts.codeBytes},
                 {"segments", std::move(segments)},
                 {"tensors", tensorsJson(m)},
                 {"images", imagesJson(facts)},
                 {"repeats", phasesJson(m.plan)},
                 {"slots", std::move(slots)},
                 {"memory", memoryJson(facts.memory)},
                 {"roofline", rooflineJson(facts)},
                 {"prediction", predictionJson(facts.gpu)},
                 {"provenance", provenanceJson(m.provenance)}};
  // Names come from the file and need not be UTF-8.
  return report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace axiom::inspect
