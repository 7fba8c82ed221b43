// Times each launch of a step by events around it. The runtime itself launches: it is given a table
// of the driver's functions in which cuLaunchKernel takes the time.
#include "runtime/artifact/Artifact.h"
#include "runtime/artifact/CudaImage.h"
#include "runtime/device/cuda/CudaExecutor.h"
#include "test/gpu/bench/Bench.h"

namespace axiom::bench {

namespace {

/// Of the launches of a step, in their order. The driver's functions take no argument of ours.
struct Record {
  const cuda::Driver *driver = nullptr;
  bool on = false;
  std::vector<cuda::EventHandle> events; ///< two a launch
  size_t used = 0;
} record;

cuda::Error event(cuda::StreamHandle stream) {
  if (record.used == record.events.size()) {
    cuda::EventHandle made = nullptr;
    if (cuda::Error error = record.driver->cuEventCreate(&made, 0))
      return error;
    record.events.push_back(made);
  }
  return record.driver->cuEventRecord(record.events[record.used++], stream);
}

cuda::Error timedLaunch(cuda::FunctionHandle function, unsigned gridX, unsigned gridY,
                        unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,
                        unsigned sharedBytes, cuda::StreamHandle stream, void **parameters,
                        void **extra) {
  if (record.on)
    if (cuda::Error error = event(stream))
      return error;
  if (cuda::Error error =
          record.driver->cuLaunchKernel(function, gridX, gridY, gridZ, blockX, blockY, blockZ,
                                        sharedBytes, stream, parameters, extra))
    return error;
  return record.on ? event(stream) : cuda::kSuccess;
}

/// Tokens of `sequences` that lie in KV blocks of their own; all positions before them are zeros.
struct Data {
  std::vector<int32_t> tokens, positions;
  std::vector<uint32_t> offsets, blocks, rows;

  Data(uint32_t sequences, uint32_t each, uint32_t context, uint32_t vocab) {
    uint32_t perSequence = (context + AXM_KV_BLOCK - 1) / AXM_KV_BLOCK;
    for (uint32_t s = 0; s < sequences; ++s) {
      for (uint32_t t = 0; t < each; ++t) {
        tokens.push_back(static_cast<int32_t>((7 * t + 13 * s) % vocab));
        positions.push_back(static_cast<int32_t>(context - each + t));
        offsets.push_back(s * perSequence);
      }
      for (uint32_t b = 0; b < perSequence; ++b)
        blocks.push_back(s * perSequence + b);
      rows.push_back((s + 1) * each - 1);
    }
  }
  StepInput input() const { return {tokens, positions, offsets, blocks, rows}; }
};

/// The matrices of a task as one product: rows of all of them, and their columns.
void describeMatrices(const Metadata &metadata, const TaskInfo &task, Json &row) {
  uint64_t rows = 0, cols = 0, bytes = 0;
  for (const BindingInfo &binding : task.bindings)
    if (binding.space == AXM_SPACE_WEIGHTS && !binding.tensors.empty()) {
      const TensorInfo &tensor = metadata.tensors[binding.tensors[0]];
      if (tensor.vector)
        continue;
      rows += tensor.rows;
      cols = tensor.cols;
      bytes += tensor.size;
      row["format"] = formatName(tensor.format);
    }
  if (rows > 0)
    row.update({{"rows", rows}, {"cols", cols}, {"weight_bytes", bytes}});
}

struct Opened {
  std::shared_ptr<const Artifact> artifact;
  std::shared_ptr<cuda::GpuModel> model;
};

Result<Opened> openModel(const Bench &bench, const std::string &path) {
  OpenOptions options;
  options.chooseCuda = [&](const std::vector<std::string> &targets) {
    return cuda::chooseImage(targets, bench.gpu().facts());
  };
  Opened opened;
  AXIOM_ASSIGN_OR_RETURN(opened.artifact, Artifact::open(path, options));
  AXIOM_ASSIGN_OR_RETURN(opened.model, cuda::GpuModel::create(bench.sharedGpu(), opened.artifact));
  return opened;
}

} // namespace

Result<Json> measureTasks(const cuda::Driver &driver, uint32_t ordinal, const std::string &path,
                          uint32_t sequences, uint32_t tokens, uint32_t contextLength,
                          const Effort &effort) {
  record = {};
  record.driver = &driver;
  cuda::Driver timed = driver;
  timed.cuLaunchKernel = timedLaunch;
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<Bench> bench, Bench::open(timed, ordinal));
  AXIOM_ASSIGN_OR_RETURN(Opened opened, openModel(*bench, path));
  const Metadata &metadata = opened.artifact->metadata();
  Data data(sequences, tokens, contextLength, metadata.config.vocab);
  cuda::CudaOptions options;
  options.maxTokens = sequences * tokens;
  options.maxRows = sequences;
  options.numBlocks = static_cast<uint32_t>(data.blocks.size());
  options.graphs = false;
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<cuda::CudaExecutor> executor,
                         cuda::CudaExecutor::create(opened.model, options));
  for (size_t i = 0; i < effort.warm; ++i)
    AXIOM_RETURN_IF_ERROR(executor->step(data.input()));

  // The events are of the model's context.
  AXIOM_ASSIGN_OR_RETURN(std::shared_ptr<const cuda::Resident> resident,
                         opened.model->resident({}));
  cuda::Current current(*resident->context);
  AXIOM_RETURN_IF_ERROR(bench->check("cuCtxPushCurrent", current.error()));
  std::vector<std::vector<double>> perLaunch;
  for (size_t i = 0; i < effort.count; ++i) {
    record.on = true;
    record.used = 0;
    Status status = executor->step(data.input()); // waits: there are rows
    record.on = false;
    AXIOM_RETURN_IF_ERROR(std::move(status));
    perLaunch.resize(record.used / 2);
    for (size_t k = 0; k < perLaunch.size(); ++k) {
      AXIOM_ASSIGN_OR_RETURN(double us,
                             bench->between(record.events[2 * k], record.events[2 * k + 1]));
      perLaunch[k].push_back(us);
    }
  }
  for (cuda::EventHandle made : record.events)
    AXIOM_CUDA(*resident->context, cuEventDestroy, made);

  // In the order of DeviceState::launchPhase, the repetitions of a task together.
  const std::vector<AxmCudaKernel> &kernels = opened.artifact->cuda()->kernels;
  Json rows = Json::array();
  size_t next = 0;
  double total = 0;
  for (const RepeatInfo &repeat : metadata.plan.repeats) {
    size_t first = rows.size();
    for (uint32_t n = 0; n < repeat.count; ++n) {
      size_t at = first;
      for (const PhaseInfo &phase : repeat.phases)
        for (const TaskInfo &task : phase.tasks) {
          if (n == 0) {
            rows.push_back(
                {{"name", task.name}, {"repetitions", repeat.count}, {"launches", 0}, {"us", 0.0}});
            describeMatrices(metadata, task, rows.back());
          }
          Json &row = rows[at++];
          size_t launches = kernels[task.kernels[2]].prologue.symbol[0] != '\0' ? 2 : 1;
          row["launches"] = launches;
          for (size_t k = 0; k < launches; ++k, ++next) {
            if (next >= perLaunch.size())
              return Status(Code::Internal, format("a step has %zu launches, more were expected",
                                                   perLaunch.size()));
            double us = timesOf(perLaunch[next]).median;
            row["us"] = row["us"].get<double>() + us;
            total += us;
          }
        }
    }
  }
  if (next != perLaunch.size())
    return Status(Code::Internal,
                  format("a step has %zu launches, %zu were expected", perLaunch.size(), next));
  return Json{{"sequences", sequences}, {"tokens_each", tokens}, {"context", contextLength},
              {"launches", next},       {"tasks", rows},         {"us", total}};
}

} // namespace axiom::bench
