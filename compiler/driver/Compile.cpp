#include "compiler/driver/Compile.h"

#include "codegen/cpu/CodeImage.h"
#include "compiler/driver/Frontend.h"
#include "compiler/driver/OutputCheck.h"
#include "compiler/driver/Progress.h"
#include "compiler/driver/Report.h"
#include "compiler/driver/Targets.h"
#include "compiler/driver/TextOutput.h"
#include "compiler/driver/TextSegments.h"
#include "compiler/package/ArtifactWriter.h"
#include "compiler/package/GoldenWriter.h"
#include "compiler/package/Metadata.h"
#include "runtime/base/Threads.h"

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

class Compilation {
public:
  explicit Compilation(const CompilerOptions &options)
      : options_(options), progress_(options.progress) {}

  Status run();

private:
  Status generateCode();
  Status emitKernels();
  Status writeArtifact();
  Status packInto(ArtifactWriter &writer);
  Status addGolden(ArtifactWriter &writer);
  Result<std::vector<uint8_t>> metadata(const ArtifactWriter &writer) const;
  std::vector<std::string> recordedOptions() const;
  void say(const std::string &text) {
    progress_.finish();
    std::fputs(text.c_str(), stderr);
  }

  const CompilerOptions &options_;
  Progress progress_;
  std::string output_;
  std::vector<std::string> targets_;
  std::unique_ptr<ModelSource> source_;
  std::vector<InputDigest> digests_;
  plan::ExecutionPlan plan_;
  std::vector<codegen::CodeImage> images_;
  codegen::CodeText text_; ///< of the first target
  TextSegments segments_;
  WeightLayout layout_;
  BitsPerWeight bits_;
  std::vector<PackedTensor> tensors_;
};

Status Compilation::run() {
  AXIOM_ASSIGN_OR_RETURN(targets_, resolveTargets(options_.targets));
  AXIOM_ASSIGN_OR_RETURN(output_, chooseOutput(options_));
  if (!options_.dumpIrDir.empty())
    AXIOM_RETURN_IF_ERROR(makeFolder(options_.dumpIrDir));

  progress_.stage("import", options_.input);
  AXIOM_ASSIGN_OR_RETURN(source_, openModel(options_.input));
  for (const std::string &note : source_->notes())
    if (options_.verbose)
      say("note: " + note + "\n");
  progress_.stage("passes");
  AXIOM_ASSIGN_OR_RETURN(FrontendResult front,
                         runFrontend(*source_, options_, [&](const char *phase) {
                           if (options_.verbose)
                             progress_.stage("passes", std::string("after ") + phase);
                         }));
  if (options_.emit == Emit::Mlir)
    return writeText(output_, front.module);
  if (!front.plan)
    return Status(); // --stop-after with --dump-ir-dir: the dumps are the result
  plan_ = std::move(*front.plan);

  AXIOM_ASSIGN_OR_RETURN(layout_, layoutWeights(plan_.weights, *source_));
  bits_ = bitsPerWeight(plan_.weights, layout_, *source_);
  if (options_.dryRun) {
    progress_.finish();
    return writeText("", dryRunReport(plan_, layout_, bits_, source_->config()));
  }
  AXIOM_RETURN_IF_ERROR(generateCode());
  if (options_.emit != Emit::Artifact)
    return emitKernels();
  return writeArtifact();
}

Status Compilation::generateCode() {
  bool keepText = options_.emit != Emit::Artifact || !options_.dumpIrDir.empty();
  for (const std::string &target : targets_) {
    progress_.stage("codegen", target);
    codegen::CodeText *text = keepText && images_.empty() ? &text_ : nullptr;
    auto image = codegen::compileCpuImage(plan_.kernels, cpuLevelOf(target), text);
    if (!image.ok())
      return image.status().withContext("generating code for " + target);
    if (image->rows.size() != plan_.kernels.size())
      return Status(Code::Internal,
                    format("the code image for %s has %zu kernels instead of %zu", target.c_str(),
                           image->rows.size(), plan_.kernels.size()));
    images_.push_back(std::move(*image));
  }
  if (options_.dumpIrDir.empty())
    return Status();
  const std::string &folder = options_.dumpIrDir;
  AXIOM_RETURN_IF_ERROR(writeText(folder + "/kernels.mlir", text_.mlir));
  AXIOM_RETURN_IF_ERROR(writeText(folder + "/kernels.ll", text_.llvm));
  return writeText(folder + "/kernels.s", text_.assembly);
}

Status Compilation::emitKernels() {
  progress_.finish();
  switch (options_.emit) {
  case Emit::Llvm:
    return writeText(output_, text_.llvm);
  case Emit::Assembly:
    return writeText(output_, text_.assembly);
  default:
    return writeText(output_,
                     {reinterpret_cast<const char *>(text_.object.data()), text_.object.size()});
  }
}

/// What decides the artifact's bytes; never a path.
std::vector<std::string> Compilation::recordedOptions() const {
  std::vector<std::string> recorded;
  recorded.push_back("quant=" + (options_.quant.empty() ? "keep" : options_.quant));
  for (const auto &[pattern, format] : options_.overrides)
    recorded.push_back("quant-override=" + pattern + "=" + format);
  recorded.push_back(std::string("kv=") + kvCacheTypeName(plan_.kvType));
  for (const std::string &target : targets_)
    recorded.push_back("target=" + target);
  if (!options_.golden)
    recorded.push_back("golden=none");
  return recorded;
}

Result<std::vector<uint8_t>> Compilation::metadata(const ArtifactWriter &writer) const {
  MetadataInput input{source_->config(),
                      source_->text(),
                      plan_,
                      images_[0].rows,
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
  pack.threads = options_.jobs > 0 ? options_.jobs : usableCores();
  pack.progress = [&](uint64_t done, uint64_t total) { progress_.advance(done, total); };
  AXIOM_RETURN_IF_ERROR(writer.beginSegment(SegmentType::Weights, layout_.size));
  AXIOM_ASSIGN_OR_RETURN(
      tensors_, packWeights(plan_.weights, *source_, layout_, pack,
                            [&](std::span<const uint8_t> part) { return writer.write(part); }));
  return writer.endSegment();
}

/// The writer holds a sealed artifact, which answers the golden prompts through the runtime.
Status Compilation::addGolden(ArtifactWriter &writer) {
  progress_.stage("golden");
  auto golden = makeGolden(writer.temporaryPath());
  if (!golden.ok() && golden.status().code() == Code::Unsupported)
    return Status(Code::Unsupported,
                  format("this machine can't run what it compiled, so there are no golden answers "
                         "(%s); compile on a machine that can, or give --no-golden",
                         golden.status().message().c_str()));
  if (!golden.ok())
    return golden.status().withContext("making golden answers");
  AXIOM_RETURN_IF_ERROR(writer.addSegment(SegmentType::Golden, *golden));
  AXIOM_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, metadata(writer));
  return writer.seal(bytes);
}

Status Compilation::writeArtifact() {
  progress_.stage("text");
  AXIOM_ASSIGN_OR_RETURN(segments_, compileText(source_->text()));
  progress_.stage("digests");
  AXIOM_ASSIGN_OR_RETURN(digests_, source_->digests());

  AXIOM_ASSIGN_OR_RETURN(ArtifactWriter writer, ArtifactWriter::create(output_));
  if (!segments_.tokenizer.empty())
    AXIOM_RETURN_IF_ERROR(writer.addSegment(SegmentType::Tokenizer, segments_.tokenizer));
  if (!segments_.chatTemplate.empty())
    AXIOM_RETURN_IF_ERROR(writer.addSegment(SegmentType::Template, segments_.chatTemplate));
  for (const codegen::CodeImage &image : images_)
    AXIOM_RETURN_IF_ERROR(writer.addSegment(SegmentType::Code, image.bytes, image.target));
  AXIOM_RETURN_IF_ERROR(packInto(writer));
  progress_.stage("finish");
  AXIOM_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, metadata(writer));
  AXIOM_RETURN_IF_ERROR(writer.seal(bytes));
  if (options_.golden)
    AXIOM_RETURN_IF_ERROR(addGolden(writer));
  progress_.stage("sync");
  uint64_t size = writer.size();
  AXIOM_RETURN_IF_ERROR(writer.commit());

  progress_.finish();
  if (segments_.tokenizer.empty())
    say("note: the model has no tokenizer; only token ids can be given to it\n");
  if (options_.quant.empty() || options_.verbose)
    say(lossLines(plan_.weights, tensors_));
  if (options_.verbose)
    say(tensorTable(plan_.weights, layout_, tensors_));
  return writeText("", summaryLine(output_, size, options_, plan_.weights, bits_, tensors_));
}

} // namespace

Status compile(const CompilerOptions &options) { return Compilation(options).run(); }

} // namespace axiom
