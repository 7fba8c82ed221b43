// gpu-bench: what tools/gpu-check measures with the driver's events, each as a JSON object on
// standard output. Exit codes: 0 ok (what is skipped has its reason in "skipped"), 1 failed, 2
// usage, 3 no driver or no device.
#include "runtime/device/Step.h"
#include "runtime/device/cuda/ChooseImage.h"
#include "test/gpu/bench/Bench.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>

using namespace axiom;
using namespace axiom::bench;

namespace {

struct Flags {
  uint32_t device = 0, sequences = 1, tokens = 1, context = 128;
  uint64_t bytes = 2ull << 30;
  bool quick = false;
  std::string model;
  std::vector<std::string> images, libraries, shapes;
};

Result<Json> facts(const Bench &bench) {
  Json result = {
      {"name", bench.gpu().name()},
      {"capability", format("%d.%d", bench.gpu().facts().major, bench.gpu().facts().minor)},
      {"driver", cuda::versionText(bench.gpu().facts().driver)}};
  cuda::Current current(*bench.context());
  AXIOM_RETURN_IF_ERROR(bench.check("cuCtxPushCurrent", current.error()));
  size_t free = 0, total = 0;
  AXIOM_CUDA(bench.gpu(), cuMemGetInfo, &free, &total);
  result["memory_bytes"] = total;
  result["free_bytes"] = free;
  for (auto [name, attribute] :
       {std::pair("multiprocessors", kMultiprocessors), std::pair("clock_khz", kClockKilohertz),
        std::pair("l2_bytes", kCacheBytes)}) {
    auto value = bench.attribute(attribute);
    result[name] = value.ok() ? Json(*value) : Json(nullptr);
  }
  return result;
}

/// The one that the runtime would take: they are named read.ARCHITECTURE.
Result<std::string> imageFor(const Bench &bench, const std::vector<std::string> &images) {
  std::vector<std::string> targets;
  for (const std::string &image : images) {
    std::string name = std::filesystem::path(image).filename().string();
    targets.push_back("cuda:" + name.substr(name.find('.') + 1));
  }
  AXIOM_ASSIGN_OR_RETURN(size_t chosen, cuda::chooseImage(targets, bench.gpu().facts()));
  return images[chosen];
}

Result<std::vector<Shape>> shapesOf(const std::vector<std::string> &texts) {
  std::vector<Shape> shapes;
  for (const std::string &text : texts) {
    Shape shape;
    char end = 0;
    if (sscanf(text.c_str(), "%ux%ux%u%c", &shape.rows, &shape.cols, &shape.tokens, &end) != 3 ||
        !shape.rows || !shape.cols || !shape.tokens)
      return Status(Code::InvalidArgument, "'" + text + "' is no shape: ROWSxCOLSxTOKENS");
    shapes.push_back(shape);
  }
  return shapes;
}

Result<Json> run(const std::string &command, const Flags &flags) {
  Effort effort;
  if (flags.quick)
    effort = {1, 2};
  AXIOM_ASSIGN_OR_RETURN(std::vector<Shape> shapes, shapesOf(flags.shapes));
  if (uint64_t(flags.sequences) * flags.tokens > kMaxStepTokens || flags.context < flags.tokens)
    return Status(Code::InvalidArgument,
                  format("%u sequences of %u tokens up to position %u: at most %u tokens in all, "
                         "and a context that holds them",
                         flags.sequences, flags.tokens, flags.context, kMaxStepTokens));
  AXIOM_ASSIGN_OR_RETURN(const cuda::Driver *driver, cuda::Driver::load());
  if (command == "tasks")
    return measureTasks(*driver, flags.device, flags.model, flags.sequences, flags.tokens,
                        flags.context, effort);
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<Bench> bench, Bench::open(*driver, flags.device));
  Result<Json> result = Json();
  if (command == "facts") {
    result = facts(*bench);
  } else if (command == "stream") {
    auto image = imageFor(*bench, flags.images);
    if (!image.ok()) // there is a device: not for it
      return Status(Code::NotFound, image.status().message());
    result = measureStream(*bench, *image, flags.bytes, effort);
  } else {
    result = measureBlas(*bench, flags.libraries, shapes, effort);
  }
  if (result.ok())
    (*result)["silicon"] = bench->silicon();
  return result;
}

} // namespace

int main(int argc, char **argv) {
  Flags flags;
  CLI::App app("Times on a GPU, by the driver's events, as JSON", "gpu-bench");
  app.require_subcommand(1);
  auto command = [&](const char *name, const char *what) {
    CLI::App *sub = app.add_subcommand(name, what);
    sub->add_option("--device", flags.device, "Number of the GPU");
    sub->add_flag("--quick", flags.quick, "A few runs only");
    return sub;
  };
  command("facts", "What the device says of itself");
  CLI::App *stream = command("stream", "Memory read by a kernel, and copied");
  stream->add_option("--image", flags.images, "read.ARCH: test/gpu/bench/read.cu, compiled")
      ->required();
  stream->add_option("--bytes", flags.bytes, "To read")
      ->check(CLI::Range(uint64_t(4096), uint64_t(1) << 36));
  CLI::App *blas = command("blas", "Products of cuBLAS");
  blas->add_option("--library", flags.libraries, "Where it may be")->required();
  blas->add_option("--shape", flags.shapes, "ROWSxCOLSxTOKENS");
  CLI::App *tasks = command("tasks", "The kernels of a step");
  tasks->add_option("--model", flags.model, "Artifact")->required();
  tasks->add_option("--sequences", flags.sequences)->check(CLI::Range(1u, kMaxStepTokens));
  tasks->add_option("--tokens", flags.tokens, "Of each")->check(CLI::Range(1u, kMaxStepTokens));
  tasks->add_option("--context", flags.context, "Positions")->check(CLI::Range(1u, 1u << 20));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  auto result = run(app.get_subcommands().front()->get_name(), flags);
  if (!result.ok()) {
    fprintf(stderr, "gpu-bench: %s\n", result.status().message().c_str());
    Code code = result.status().code();
    return code == Code::Unsupported ? 3 : code == Code::InvalidArgument ? 2 : 1;
  }
  printf("%s\n", result->dump(2).c_str());
  return 0;
}
