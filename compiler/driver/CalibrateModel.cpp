#include "compiler/driver/CalibrateModel.h"

#include "codegen/cpu/CodeImage.h"
#include "compiler/driver/Frontend.h"
#include "compiler/driver/Report.h"
#include "compiler/driver/Targets.h"
#include "compiler/package/ArtifactWriter.h"
#include "compiler/package/ExactImport.h"
#include "compiler/package/Metadata.h"
#include "compiler/package/OutputFile.h"
#include "runtime/base/Threads.h"

#include <algorithm>

namespace axiom {

Status checkCalibrates(const std::vector<plan::PlanWeight> &weights, const ModelSource &source) {
  bool quantized = false;
  for (const plan::PlanWeight &weight : weights) {
    const SourceTensor *tensor = source.find(weight.source);
    if (weight.vector || !tensor || !plan::isQuantized(weight.format))
      continue;
    quantized = true;
    if (!isExactImport(tensor->type, weight.format))
      return Status();
  }
  return Status(
      Code::InvalidArgument,
      format("--calibrate has nothing to do: every matrix %s; give --quant q4 or another "
             "quantized format, or leave out --calibrate",
             quantized ? "keeps the levels of the source" : "is stored in a float format"));
}

namespace {

/// The options that give the float model: weights as the source has them where all of those are
/// floats, else f32.
CompilerOptions floatOptions(const ModelSource &source) {
  CompilerOptions options;
  for (const auto &[name, tensor] : source.tensors())
    if (tensor.type != SourceType::F32 && tensor.type != SourceType::F16 &&
        tensor.type != SourceType::BF16)
      options.quant = "f32";
  options.kvType = AXM_KV_F32;
  return options;
}

struct FloatModel {
  plan::ExecutionPlan plan;
  std::shared_ptr<const Artifact> artifact; ///< of a file that has no name any more
};

Result<FloatModel> buildFloatModel(const ModelSource &source, const std::string &output,
                                   uint32_t threads, Progress &progress) {
  AXIOM_ASSIGN_OR_RETURN(std::string target, nativeTarget());
  AXIOM_ASSIGN_OR_RETURN(FrontendResult front,
                         runFrontend(source, floatOptions(source), [](const char *) {}));
  FloatModel model;
  model.plan = std::move(*front.plan);
  AXIOM_ASSIGN_OR_RETURN(WeightLayout layout, layoutWeights(model.plan.weights, source));
  progress.stage("calibrate", byteText(layout.size) + " of float weights");
  AXIOM_ASSIGN_OR_RETURN(codegen::CodeImage image,
                         codegen::compileCpuImage(model.plan.kernels, machineOf(target)));
  AXIOM_ASSIGN_OR_RETURN(ArtifactWriter writer, ArtifactWriter::create(output));
  AXIOM_RETURN_IF_ERROR(writer.addSegment(SegmentType::Code, image.bytes, image.target));
  AXIOM_RETURN_IF_ERROR(writer.beginSegment(SegmentType::Weights, layout.size));
  PackOptions pack;
  pack.threads = threads;
  pack.progress = [&](uint64_t done, uint64_t total) { progress.advance(done, total); };
  AXIOM_ASSIGN_OR_RETURN(
      std::vector<PackedTensor> tensors,
      packWeights(model.plan.weights, source, layout, pack,
                  [&](std::span<const uint8_t> part) { return writer.write(part); }));
  AXIOM_RETURN_IF_ERROR(writer.endSegment());
  std::vector<InputDigest> noDigests; // nobody reads where this artifact comes from
  MetadataInput input{
      source.config(), source.text(),  model.plan, layout, tensors, writer.segments(), "", "", {},
      noDigests,       source.format()};
  AXIOM_ASSIGN_OR_RETURN(std::vector<uint8_t> metadata, buildMetadata(input));
  AXIOM_RETURN_IF_ERROR(writer.seal(metadata));
  OpenOptions open;
  open.prefault = false;
  AXIOM_ASSIGN_OR_RETURN(model.artifact, Artifact::open(writer.temporaryPath(), open));
  // The writer removes the name of its file; the mapping stays.
  return model;
}

} // namespace

Result<std::unique_ptr<calibrate::Calibration>>
calibrateModel(const ModelSource &source, const CompilerOptions &options,
               const calibrate::CalibrationText &text, const std::string &output,
               Progress &progress) {
  uint32_t threads = options.jobs > 0 ? options.jobs : usableCores();
  auto model = buildFloatModel(source, output, threads, progress);
  if (!model.ok())
    return model.status().withContext("compiling the float model for --calibrate");
  progress.stage("calibrate", format("%u tokens of %s", text.tokens, text.name.c_str()));
  calibrate::CalibrationJob job{
      model->plan,
      source,
      model->artifact,
      text,
      folderOf(output),
      threads,
      [&](uint64_t done, uint64_t total) { progress.advance(done, total); }};
  auto result = calibrate::Calibration::run(job);
  if (!result.ok())
    return result.status().withContext("calibrating");
  return result;
}

} // namespace axiom
