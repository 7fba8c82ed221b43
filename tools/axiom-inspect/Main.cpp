// axiom-inspect MODEL: what is inside an artifact. Runs no code of the artifact.
#include "runtime/base/Memory.h"
#include "runtime/schema/Header.h"
#include "tools/axiom-inspect/Report.h"
#include "tools/common/CommandLine.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>

namespace axiom::inspect {

namespace {

constexpr int kOk = 0, kFailure = 1, kUsage = 2, kBadArtifact = 3, kResources = 4;

int exitCode(const Status &status) {
  switch (status.code()) {
  case Code::Ok:
    return kOk;
  case Code::InvalidArgument:
    return kUsage;
  case Code::BadInput:
  case Code::Unsupported:
  case Code::NotFound:
    return kBadArtifact;
  case Code::Resource:
  case Code::Overloaded:
    return kResources;
  case Code::Cancelled:
  case Code::Internal:
  case Code::TimedOut:
    return kFailure;
  }
  return kFailure;
}

int fail(const Status &status) {
  std::fprintf(stderr, "axiom-inspect: error: %s\n", status.message().c_str());
  return exitCode(status);
}

struct Arguments {
  std::string path;
  Sections sections;
  MemoryQuestion memory;
  GpuQuestion gpu;
  bool json = false, verify = false;
};

std::string versionText() {
  return format("axiom-inspect %s\nartifact format %u, numerics %u, kernel ABI %u", AXIOM_VERSION,
                kArtifactFormatVersion, AXM_NUMERICS_VERSION, AXM_KERNEL_ABI_VERSION);
}

void describe(CLI::App &app, Arguments &args) {
  app.set_version_flag("--version", versionText, "Print the versions and exit");
  app.add_option("model", args.path, "The artifact (model.axm)")->required()->type_name("MODEL");
  app.add_flag("--summary", args.sections.summary,
               "Sizes and segments (shown when nothing else is asked)");
  app.add_flag("--tensors", args.sections.tensors, "Packed tensors");
  app.add_flag("--kernels", args.sections.kernels, "Kernels of each code image with their sizes");
  app.add_flag("--phases", args.sections.phases, "The plan, and the barriers of a layer");
  app.add_flag("--memory", args.sections.memory, "Memory for a batch and context");
  app.add_flag("--roofline", args.sections.roofline,
               "Bytes and multiply-adds of each phase, for 1, 8, 32 and 512 tokens");
  app.add_flag("--provenance", args.sections.provenance, "Compiler, options and inputs");
  app.add_option("--batch", args.memory.batch, "Memory: sequences at the same time")
      ->check(CLI::Range(1u, 65536u))
      ->type_name("N");
  app.add_option("--context", args.memory.context,
                 "Memory, roofline: positions of each (default: the model's limit, 512)")
      ->check(CLI::Range(1u, 1u << 20))
      ->type_name("N");
  app.add_option("--step-tokens", args.memory.tokens, "Memory: tokens a step (default: 512)")
      ->check(CLI::Range(1u, 65536u))
      ->type_name("N");
  app.add_option("--threads", args.memory.threads, "Memory: threads (default: usable cores)")
      ->check(CLI::Range(1u, 4096u))
      ->type_name("N");
  std::string devices;
  for (const GpuDevice &device : gpuDevices())
    devices += std::string(devices.empty() ? "" : ", ") + device.name;
  app.add_option("--device", args.gpu.device,
                 "Roofline: predict the time of a step on this GPU instead (" + devices +
                     "); nothing is measured")
      ->type_name("GPU");
  app.add_option("--sequences", args.gpu.sequences, "Prediction: sequences at the same time")
      ->check(CLI::Range(1u, 65536u))
      ->type_name("N");
  app.add_option("--tokens", args.gpu.tokens,
                 "Prediction: tokens of each sequence in the step; more than one: prefill")
      ->check(CLI::Range(1u, 65536u))
      ->type_name("N");
  app.add_flag("--json", args.json, "Everything as one JSON object");
  app.add_flag("--verify", args.verify, "Check every digest, all padding and all code images");
}

int run(const Arguments &args) {
  OpenOptions options;
  options.code = false;
  auto artifact = Artifact::open(args.path, options);
  if (!artifact.ok())
    return fail(artifact.status());
  if (args.verify) {
    Status status = (*artifact)->verify();
    if (!status.ok())
      return fail(status);
  }
  GpuQuestion gpu = args.gpu;
  gpu.context = args.memory.context;
  auto facts = gather(*artifact, args.memory, gpu);
  if (!facts.ok())
    return fail(facts.status());
  Sections sections = args.sections;
  bool none = !(sections.summary || sections.tensors || sections.kernels || sections.phases ||
                sections.memory || sections.provenance || sections.roofline);
  if (!gpu.device.empty())
    sections.roofline = true;
  else
    sections.summary |= none;
  std::string text = args.json ? jsonReport(*facts) : textReport(*facts, sections);
  if (args.verify && !args.json)
    text += format("verified: %zu segments, %zu tensors, every digest is right\n",
                   (*artifact)->metadata().segments.size(), (*artifact)->metadata().tensors.size());
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    std::fprintf(stderr, "axiom-inspect: error: cannot write to the standard output\n");
    return kFailure;
  }
  return kOk;
}

} // namespace

static int inspectMain(int argc, char **argv) {
  try {
    CLI::App app("Shows what is inside an artifact and checks it; runs no code of it.",
                 "axiom-inspect");
    app.option_defaults()->always_capture_default(false);
    Arguments args;
    describe(app, args);
    // In the other tools these mean something else, and so do AXIOM_MEMORY and its like.
    return tool::parseAndRun(app, argc, argv, [&args] { return run(args); },
                             {"--memory", "--device", "--tokens", "--sequences"});
  } catch (const std::exception &error) {
    std::fprintf(stderr, "axiom-inspect: error: %s\n", error.what());
    return dynamic_cast<const std::bad_alloc *>(&error) ? kResources : kFailure;
  }
}

} // namespace axiom::inspect

int main(int argc, char **argv) { return axiom::inspect::inspectMain(argc, argv); }
