#include "test/unit/codegen/TwinKernels.h"

#include "codegen/cuda/HostCompiler.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>

namespace axiom::test {

using codegen::CudaStage;

namespace {

[[noreturn]] void giveUp(const std::string &what) {
  fprintf(stderr, "%s\n", what.c_str());
  abort();
}

/// Memory of exactly `bytes` bytes, at a multiple of 64.
struct Block {
  explicit Block(size_t bytes)
      : data(static_cast<uint8_t *>(std::aligned_alloc(64, (bytes + 64) / 64 * 64))) {}
  ~Block() { std::free(data); }
  Block(Block &&other) noexcept : data(std::exchange(other.data, nullptr)) {}
  uint8_t *data;
};

/// Whether they differ only in how many calls the CPU's threads make of them.
bool sameLaunch(const KernelLaunch &a, const KernelLaunch *b) {
  if (!b || a.kernel != b->kernel || a.tokens != b->tokens || a.what != b->what ||
      a.operands.size() != b->operands.size())
    return false;
  for (size_t i = 0; i < a.operands.size(); ++i)
    if (a.operands[i].before != b->operands[i].before)
      return false;
  return true;
}

} // namespace

Result<TwinKernels> TwinKernels::compile(const std::vector<plan::KernelSpec> &specs,
                                         const std::string &header, const codegen::FullGrid &full) {
  TwinKernels kernels;
  kernels.source = codegen::emitCuda(specs, full);
  // What a thread reads of its own without having set it is a pattern, as a float a NaN.
  setenv("CXX", AXIOM_HOST_COMPILER " -ftrivial-auto-var-init=pattern", 0);
  // The header's guard keeps the one that is included from standing beside it.
  AXIOM_ASSIGN_OR_RETURN(std::string bytes,
                         codegen::compileForTwin("kernels.cu", header + kernels.source.text));
  AXIOM_ASSIGN_OR_RETURN(kernels.library, twin::Library::load(bytes.data(), bytes.size()));
  return kernels;
}

std::string TwinKernels::run(const CudaStage &stage, const std::vector<uint8_t *> &args,
                             const Shared &shared, const twin::GlobalMemory &memory,
                             const twin::LaunchOptions &how, twin::Counts *counts) const {
  const AxmTwinKernel *kernel = library->find(stage.symbol);
  if (!kernel || kernel->parameterBytes != sizeof(AxmCudaLaunch) ||
      kernel->threads != stage.threads)
    giveUp("no kernel " + stage.symbol + " of this form");
  if (stage.sharedBytes > AXM_CUDA_SHARED)
    giveUp(stage.symbol + " needs more shared memory than there is");
  twin::LaunchOptions options = how;
  // The grid of a graph that is for all up to the next power of two.
  options.blocks = static_cast<uint32_t>(stage.blocks(std::bit_ceil(*shared.tokens)));
  options.threads = stage.threads;
  options.place = library->place();
  options.sharedBytes = stage.sharedBytes;
  AxmCudaLaunch launch = {};
  std::copy(args.begin(), args.end(), launch.args);
  launch.scratch = shared.scratch;
  launch.tokens = shared.tokens;
  launch.counters = shared.counters;
  twin::LaunchResult result = twin::launch(options, memory, [&] { kernel->run(&launch); });
  if (counts)
    *counts = result.counts;
  return result.fault.empty() ? "" : stage.symbol + ": " + result.fault;
}

std::string TwinKernels::runLaunch(const KernelLaunch &launch, const plan::KernelSpec &spec,
                                   size_t number, const twin::LaunchOptions &how,
                                   twin::Counts *counts) const {
  const codegen::CudaKernel &kernel = source.kernels[number];
  std::vector<plan::KernelArg> kernelArgs = plan::kernelArgs(spec);
  twin::GlobalMemory memory;
  std::vector<Block> blocks;
  std::vector<uint8_t *> args;
  for (size_t i = 0; i < launch.operands.size(); ++i) {
    const Operand &operand = launch.operands[i];
    size_t bytes = operand.before->size();
    blocks.emplace_back(bytes);
    args.push_back(blocks.back().data);
    std::copy(operand.before->begin(), operand.before->end(), args.back());
    memory.add(args.back(), bytes, operand.before != operand.after);
  }
  size_t scratchBytes = kernel.scratchFixed + kernel.scratchPerToken * launch.tokens;
  Block scratch(scratchBytes);
  std::fill_n(scratch.data, scratchBytes, 0xff);
  memory.add(scratch.data, scratchBytes, true);
  Block counters(4 * AXM_CUDA_COUNTERS);
  std::fill_n(counters.data, 4 * AXM_CUDA_COUNTERS, 0);
  memory.add(counters.data, 4 * AXM_CUDA_COUNTERS, true);
  Block count(sizeof(uint32_t));
  auto *tokens = reinterpret_cast<uint32_t *>(count.data);
  *tokens = launch.tokens;
  memory.add(tokens, sizeof(uint32_t), false);
  const Shared shared = {scratch.data, tokens, reinterpret_cast<uint32_t *>(counters.data)};
  std::string found;
  if (!kernel.prologue.symbol.empty()) {
    found = run(kernel.prologue, args, shared, memory, how, nullptr);
    memory.add(scratch.data, scratchBytes, false);
  }
  if (found.empty())
    found = run(kernel.body(launch.tokens), args, shared, memory, how, counts);
  if (found.empty() && std::any_of(counters.data, counters.data + 4 * AXM_CUDA_COUNTERS,
                                   [](uint8_t byte) { return byte != 0; }))
    found = "a counter is not left at zero";
  for (size_t i = 0; found.empty() && i < args.size(); ++i) {
    const Operand &operand = launch.operands[i];
    // The slot in which the CPU's spans meet has no part here.
    if (kernelArgs[i].name == "spans")
      continue;
    found = difference(*operand.after, args[i], operand.rowBytes, operand.floats);
    if (!found.empty())
      found = operand.name + " " + found;
  }
  return found;
}

std::string TwinKernels::check(const KernelCase &kernelCase, size_t first, uint32_t mostTokens,
                               const twin::LaunchOptions &how, size_t &ran) const {
  const KernelLaunch *before = nullptr;
  for (const KernelLaunch &launch : kernelCase.launches) {
    if (launch.tokens > mostTokens || sameLaunch(launch, before))
      continue;
    before = &launch;
    ++ran;
    const plan::KernelSpec &spec = kernelCase.specs[launch.kernel];
    std::string found = runLaunch(launch, spec, first + launch.kernel, how);
    if (!found.empty())
      return kernelCase.name + ", " + spec.name + ", " + launch.what + ": " + found;
  }
  return "";
}

} // namespace axiom::test
