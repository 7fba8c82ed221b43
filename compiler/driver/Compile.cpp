#include "compiler/driver/Compile.h"

#include "codegen/cuda/CudaImage.h"
#include "codegen/cuda/Nvrtc.h"
#include "compiler/driver/CalibrateModel.h"
#include "compiler/driver/CodeImages.h"
#include "compiler/driver/Frontend.h"
#include "compiler/driver/MixFormats.h"
#include "compiler/driver/OutputCheck.h"
#include "compiler/driver/Progress.h"
#include "compiler/driver/Report.h"
#include "compiler/driver/Schemas.h"
#include "compiler/driver/Targets.h"
#include "compiler/driver/TextOutput.h"
#include "compiler/driver/TextSegments.h"
#include "compiler/package/ArtifactWriter.h"
#include "compiler/package/GoldenWriter.h"
#include "compiler/package/Metadata.h"
#include "runtime/base/Threads.h"

#include <algorithm>
#include <cstdio>

namespace axiom {

const char *compilerVersion() { return "axiomc " AXIOM_VERSION; }

int exitCode(const Status &status) {
  switch (status.code()) {
  case Code::Ok:
    return 0;
  case Code::InvalidArgument:
    return 2;
  case Code::BadInput:
  case Code::Unsupported:
  case Code::NotFound:
    return 3;
  case Code::Resource:
    return 4;
  default:
    return 1;
  }
}

namespace {

Status noGolden(const Status &why) {
  return Status(Code::Unsupported,
                format("this machine can't run what it compiles, so there are no golden answers "
                       "(%s); compile on a machine that can, or give --no-golden",
                       why.message().c_str()));
}

class Compilation {
public:
  explicit Compilation(const CompilerOptions &options)
      : options_(options), progress_(options.progress) {}

  Status run();

private:
  Status checkFlags() const;
  Status planModel(const CompilerOptions &options);
  Status planWithBudget();
  Status readText();
  Status calibrateWeights();
  FeedbackSource feedbackSource();
  Status chooseTargets();
  Status generateCode();
  Status dumpKernels() const;
  Status emitKernels();
  Status writeArtifact();
  Status packInto(ArtifactWriter &writer);
  Result<std::vector<uint8_t>> goldenAnswers(ArtifactWriter &writer);
  Status addGolden(ArtifactWriter &writer);
  Result<std::vector<uint8_t>> metadata(const ArtifactWriter &writer) const;
  std::vector<std::string> recordedOptions() const;
  uint32_t jobs() const { return options_.jobs > 0 ? options_.jobs : usableCores(); }
  void say(const std::string &text) {
    progress_.finish();
    std::fputs(text.c_str(), stderr);
  }

  const CompilerOptions &options_;
  Progress progress_;
  std::string output_;
  std::vector<std::string> targets_;
  /// A CPU target that answers the golden prompts where targets_ has none, and that the artifact
  /// loses again.
  std::string borrowed_;
  std::unique_ptr<ModelSource> source_;
  std::vector<InputDigest> digests_;
  plan::ExecutionPlan plan_;
  bool planned_ = false, haveText_ = false;
  std::vector<TargetImage> images_;
  KernelTexts texts_;
  TextSegments segments_;
  SchemaSegment schemas_;
  std::optional<calibrate::CalibrationText> calibrationText_;
  std::unique_ptr<calibrate::Calibration> calibration_; ///< null: without --calibrate
  WeightLayout layout_;
  BitsPerWeight bits_;
  std::vector<PackedTensor> tensors_;
};

/// Flags that contradict each other.
Status Compilation::checkFlags() const {
  auto usage = [](const char *text) { return Status(Code::InvalidArgument, text); };
  if (options_.emit != Emit::Artifact && !options_.calibrate.empty())
    return usage("--calibrate decides weights, and --emit and --stop-after write none; leave one "
                 "of them out");
  if ((options_.emit != Emit::Artifact || options_.dryRun) && !options_.report.empty())
    return usage("--report tells of packed tensors, and --emit, --stop-after and --dry-run pack "
                 "none; leave one of them out");
  if ((options_.emit != Emit::Artifact || options_.dryRun) && !options_.schemas.empty())
    return usage("--schema adds to an artifact, and --emit, --stop-after and --dry-run write none; "
                 "leave one of them out");
  if (options_.calibrate.empty() && options_.calibrateTokens != 0)
    return usage("--calibrate-tokens needs --calibrate FILE");
  if (options_.bits > 0 && !options_.quant.empty())
    return usage("--bits chooses the formats that --quant would give; leave one of them out");
  return Status();
}

Status Compilation::run() {
  AXIOM_RETURN_IF_ERROR(checkFlags());
  AXIOM_RETURN_IF_ERROR(chooseTargets());
  AXIOM_ASSIGN_OR_RETURN(output_, chooseOutput(options_));
  if (!options_.dumpIrDir.empty())
    AXIOM_RETURN_IF_ERROR(makeFolder(options_.dumpIrDir));

  progress_.stage("import", options_.input);
  AXIOM_ASSIGN_OR_RETURN(source_, openModel(options_.input));
  for (const std::string &note : source_->notes())
    if (options_.verbose)
      say("note: " + note + "\n");
  AXIOM_RETURN_IF_ERROR(options_.bits > 0 ? planWithBudget() : planModel(options_));
  if (!planned_)
    return Status();
  if (options_.dryRun) {
    progress_.finish();
    return writeText("", dryRunReport(plan_, layout_, bits_, source_->config()));
  }
  AXIOM_RETURN_IF_ERROR(readText());
  AXIOM_RETURN_IF_ERROR(generateCode());
  if (options_.emit != Emit::Artifact)
    return emitKernels();
  AXIOM_RETURN_IF_ERROR(calibrateWeights());
  return writeArtifact();
}

/// The passes; planned_ unless their module is the result.
Status Compilation::planModel(const CompilerOptions &options) {
  progress_.stage("passes");
  AXIOM_ASSIGN_OR_RETURN(FrontendResult front,
                         runFrontend(*source_, options, [&](const char *phase) {
                           if (options_.verbose)
                             progress_.stage("passes", std::string("after ") + phase);
                         }));
  if (options_.emit == Emit::Mlir)
    return writeText(output_, front.module);
  if (!front.plan)
    return Status(); // --stop-after with --dump-ir-dir: the dumps are the result
  plan_ = std::move(*front.plan);
  planned_ = true;
  AXIOM_ASSIGN_OR_RETURN(layout_, layoutWeights(plan_.weights, *source_));
  bits_ = bitsPerWeight(plan_.weights, layout_, *source_);
  return options_.calibrate.empty() ? Status() : checkCalibrates(plan_.weights, *source_);
}

/// --bits: the formats come first. Where nothing is packed, a text is not worth its minutes; the
/// sizes are the same to within a tensor.
Status Compilation::planWithBudget() {
  progress_.stage("passes");
  AXIOM_ASSIGN_OR_RETURN(OpenMatrices matrices, openMatrices(*source_, options_));
  if (!options_.dryRun) {
    AXIOM_RETURN_IF_ERROR(readText());
    AXIOM_RETURN_IF_ERROR(calibrateWeights());
  }
  AXIOM_ASSIGN_OR_RETURN(CompilerOptions mixed,
                         mixFormats(matrices, *source_, options_, calibration_.get(), progress_));
  return planModel(mixed);
}

/// The model's own text, and the one to calibrate with: what is wrong with them shows early. Once.
Status Compilation::readText() {
  if (options_.emit != Emit::Artifact || haveText_)
    return Status();
  haveText_ = true;
  progress_.stage("text");
  AXIOM_ASSIGN_OR_RETURN(segments_, compileText(source_->text()));
  if (!options_.schemas.empty())
    progress_.stage("schemas");
  AXIOM_ASSIGN_OR_RETURN(schemas_,
                         compileSchemas(options_.schemas, segments_.tokenizer, source_->config()));
  if (options_.calibrate.empty())
    return Status();
  const ModelConfig &config = source_->config();
  uint32_t tokens = options_.calibrateTokens ? options_.calibrateTokens : calibrate::kDefaultTokens;
  AXIOM_ASSIGN_OR_RETURN(calibrationText_, calibrate::readCalibrationText(
                                               options_.calibrate, segments_.tokenizer,
                                               config.vocabSize, config.maxContext, tokens));
  return Status();
}

/// With --calibrate, once.
Status Compilation::calibrateWeights() {
  if (!calibrationText_ || calibration_)
    return Status();
  AXIOM_ASSIGN_OR_RETURN(calibration_,
                         calibrateModel(*source_, options_, *calibrationText_, output_, progress_));
  if (options_.verbose)
    say(format("note: calibrated with %u tokens of %s; %s in temporary files\n",
               calibrationText_->tokens, calibrationText_->name.c_str(),
               byteText(calibration_->fileBytes()).c_str()));
  return Status();
}

FeedbackSource Compilation::feedbackSource() {
  if (!calibration_)
    return {};
  return [this](const std::string &tensor) { return calibration_->feedback(tensor); };
}

Status Compilation::chooseTargets() {
  AXIOM_ASSIGN_OR_RETURN(targets_, resolveTargets(options_.targets));
  if (options_.emit == Emit::Mlir)
    return Status();
  if (options_.emit != Emit::Artifact) {
    AXIOM_ASSIGN_OR_RETURN(std::string target,
                           targetToEmit(options_.emit, targets_, !options_.targets.empty()));
    targets_ = {target};
    return Status();
  }
  bool cpu = std::any_of(targets_.begin(), targets_.end(), isCpuTarget);
  if (cpu || !options_.golden || options_.dryRun)
    return Status();
  auto target = plainestNativeTarget();
  if (!target.ok())
    return noGolden(target.status());
  borrowed_ = *target;
  return Status();
}

Status Compilation::generateCode() {
  if (options_.emit == Emit::Cuda) {
    texts_.cuda = codegen::emitCuda(plan_.kernels).text;
    targets_.clear();
    return dumpKernels();
  }
  std::vector<std::string> targets = targets_;
  if (!borrowed_.empty())
    targets.push_back(borrowed_);
  bool keepText = options_.emit != Emit::Artifact || !options_.dumpIrDir.empty();
  AXIOM_ASSIGN_OR_RETURN(images_, generateImages(plan_.kernels, targets, jobs(), progress_,
                                                 keepText ? &texts_ : nullptr));
  return dumpKernels();
}

/// What --dump-ir-dir shows of the targets that were asked for.
Status Compilation::dumpKernels() const {
  if (options_.dumpIrDir.empty())
    return Status();
  const std::string kernels = options_.dumpIrDir + "/kernels";
  if (std::any_of(targets_.begin(), targets_.end(), isCpuTarget)) {
    AXIOM_RETURN_IF_ERROR(writeText(kernels + ".mlir", texts_.cpu.mlir));
    AXIOM_RETURN_IF_ERROR(writeText(kernels + ".ll", texts_.cpu.llvm));
    AXIOM_RETURN_IF_ERROR(writeText(kernels + ".s", texts_.cpu.assembly));
  }
  if (!texts_.cuda.empty())
    AXIOM_RETURN_IF_ERROR(writeText(kernels + ".cu", texts_.cuda));
  for (const TargetImage &image : images_)
    if (isCudaTarget(image.target)) {
      std::string arch = machineOf(image.target);
      AXIOM_RETURN_IF_ERROR(
          writeText(kernels + "." + arch + codegen::cudaModuleSuffix(arch), image.module));
    }
  return Status();
}

Status Compilation::emitKernels() {
  progress_.finish();
  switch (options_.emit) {
  case Emit::Llvm:
    return writeText(output_, texts_.cpu.llvm);
  case Emit::Assembly:
    return writeText(output_, texts_.cpu.assembly);
  case Emit::Object:
    return writeText(output_, {reinterpret_cast<const char *>(texts_.cpu.object.data()),
                               texts_.cpu.object.size()});
  case Emit::Cuda:
    return writeText(output_, texts_.cuda);
  default:
    return writeText(output_, images_[0].module);
  }
}

/// What decides the artifact's bytes; never a path.
std::vector<std::string> Compilation::recordedOptions() const {
  std::vector<std::string> recorded;
  if (options_.bits > 0)
    recorded.push_back(format("bits=%g", options_.bits));
  else
    recorded.push_back("quant=" + (options_.quant.empty() ? "keep" : options_.quant));
  for (const auto &[pattern, format] : options_.overrides)
    recorded.push_back("quant-override=" + pattern + "=" + format);
  if (calibrationText_) {
    recorded.push_back("calibrate=" + calibrationText_->name);
    recorded.push_back(format("calibrate-tokens=%u", calibrationText_->tokens));
  }
  for (const auto &[name, file] : options_.schemas)
    recorded.push_back("schema=" + name);
  recorded.push_back(std::string("kv=") + kvCacheTypeName(plan_.kvType));
  for (const std::string &target : targets_)
    recorded.push_back("target=" + target);
  if (std::any_of(targets_.begin(), targets_.end(), needsNvrtc))
    if (auto version = codegen::nvrtcVersion(); version.ok())
      recorded.push_back("nvrtc=" + *version);
  if (!options_.golden)
    recorded.push_back("golden=none");
  return recorded;
}

Result<std::vector<uint8_t>> Compilation::metadata(const ArtifactWriter &writer) const {
  MetadataInput input{source_->config(),
                      source_->text(),
                      plan_,
                      layout_,
                      tensors_,
                      writer.segments(),
                      compilerVersion(),
                      llvmVersion(),
                      recordedOptions(),
                      digests_,
                      source_->format(),
                      static_cast<float>(bits_.source),
                      static_cast<float>(bits_.stored)};
  return buildMetadata(input);
}

Status Compilation::packInto(ArtifactWriter &writer) {
  progress_.stage("weights", byteText(layout_.size));
  PackOptions pack;
  pack.threads = jobs();
  pack.feedback = feedbackSource();
  pack.progress = [&](uint64_t done, uint64_t total) { progress_.advance(done, total); };
  AXIOM_RETURN_IF_ERROR(writer.beginSegment(SegmentType::Weights, layout_.size));
  AXIOM_ASSIGN_OR_RETURN(
      tensors_, packWeights(plan_.weights, *source_, layout_, pack,
                            [&](std::span<const uint8_t> part) { return writer.write(part); }));
  return writer.endSegment();
}

/// The answers are the same on every target.
Result<std::vector<uint8_t>> Compilation::goldenAnswers(ArtifactWriter &writer) {
  if (!borrowed_.empty())
    AXIOM_RETURN_IF_ERROR(
        writer.addSegment(SegmentType::Code, images_.back().bytes, images_.back().target));
  AXIOM_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, metadata(writer));
  AXIOM_RETURN_IF_ERROR(writer.seal(bytes));
  AXIOM_ASSIGN_OR_RETURN(std::vector<uint8_t> golden,
                         makeGolden(writer.temporaryPath(), borrowed_));
  if (!borrowed_.empty())
    AXIOM_RETURN_IF_ERROR(writer.dropSegment());
  return golden;
}

Status Compilation::addGolden(ArtifactWriter &writer) {
  progress_.stage("golden");
  auto golden = goldenAnswers(writer);
  if (!golden.ok() && golden.status().code() == Code::Unsupported)
    return noGolden(golden.status());
  if (!golden.ok())
    return golden.status().withContext("making golden answers");
  return writer.addSegment(SegmentType::Golden, *golden);
}

Status Compilation::writeArtifact() {
  progress_.stage("digests");
  AXIOM_ASSIGN_OR_RETURN(digests_, source_->digests());
  if (calibrationText_)
    digests_.push_back(
        {calibrationText_->name, sha256Hex(calibrationText_->sha256), calibrationText_->bytes});
  digests_.insert(digests_.end(), schemas_.digests.begin(), schemas_.digests.end());

  AXIOM_ASSIGN_OR_RETURN(ArtifactWriter writer, ArtifactWriter::create(output_));
  if (!segments_.tokenizer.empty())
    AXIOM_RETURN_IF_ERROR(writer.addSegment(SegmentType::Tokenizer, segments_.tokenizer));
  if (!segments_.chatTemplate.empty())
    AXIOM_RETURN_IF_ERROR(writer.addSegment(SegmentType::Template, segments_.chatTemplate));
  if (!schemas_.bytes.empty())
    AXIOM_RETURN_IF_ERROR(writer.addSegment(SegmentType::Schemas, schemas_.bytes));
  for (const TargetImage &image : images_)
    if (image.target != borrowed_)
      AXIOM_RETURN_IF_ERROR(writer.addSegment(SegmentType::Code, image.bytes, image.target));
  AXIOM_RETURN_IF_ERROR(packInto(writer));
  if (options_.golden)
    AXIOM_RETURN_IF_ERROR(addGolden(writer));
  progress_.stage("finish");
  AXIOM_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, metadata(writer));
  AXIOM_RETURN_IF_ERROR(writer.seal(bytes));
  if (!options_.report.empty())
    AXIOM_RETURN_IF_ERROR(
        writeText(options_.report, tensorReport(plan_.weights, layout_, tensors_)));
  progress_.stage("sync");
  uint64_t size = writer.size();
  AXIOM_RETURN_IF_ERROR(writer.commit());

  progress_.finish();
  if (segments_.tokenizer.empty())
    say("note: the model has no tokenizer; only token ids can be given to it\n");
  if (std::any_of(targets_.begin(), targets_.end(), isCudaTarget))
    say(unquantizedNote(plan_));
  if ((options_.quant.empty() && options_.bits == 0) || options_.verbose)
    say(lossLines(plan_.weights, tensors_));
  if (options_.verbose)
    say(tensorTable(plan_.weights, layout_, tensors_));
  return writeText("", summaryLine(output_, size, options_, plan_.weights, bits_, tensors_));
}

} // namespace

Status compile(const CompilerOptions &options) { return Compilation(options).run(); }

} // namespace axiom
