// The cases of the kernel tests as launches of generated kernels.
#include "test/gpu/Record.h"

#include "codegen/cuda/EmitCuda.h"
#include "test/unit/codegen/KernelCases.h"

#include <bit>
#include <cstddef>
#include <functional>

namespace axiom::replay {

namespace {

using test::KernelCase;
using test::KernelLaunch;

/// Cases whose kernels make a module.
struct Group {
  std::string module;
  std::function<std::vector<KernelCase>()> cases;
  uint32_t mostTokens = UINT32_MAX;
  codegen::FullGrid full = {};
};

std::vector<Group> quickGroups() {
  return {{"some",
           [] {
             return std::vector<KernelCase>{
                 test::plainCase(AXM_FORMAT_Q4, {test::plainShapes[1]}),
                 test::headCase(AXM_FORMAT_Q8, {test::headShapes[0]}),
                 test::swiGluCase(AXM_FORMAT_Q6, true, {test::swiGluShapes[0]}),
                 test::embedCase(AXM_FORMAT_Q6)};
           },
           13}};
}

/// As in CudaKernelTest, its long form.
std::vector<Group> groups() {
  std::vector<Group> all;
  for (AxmFormat format : test::allFormats) {
    std::string name = test::formatName(format);
    all.push_back({"linear_" + name, [format] {
                     return std::vector<KernelCase>{
                         test::plainCase(format, test::plainShapes),
                         test::headCase(format, test::headShapes),
                         test::swiGluCase(format, false, test::swiGluShapes),
                         test::swiGluCase(format, true, test::swiGluShapes)};
                   }});
    if (plan::isQuantized(format))
      all.push_back({"large_" + name,
                     [format] {
                       return std::vector<KernelCase>{
                           test::plainCase(format, test::plainShapes),
                           test::headCase(format, test::headShapes),
                           test::swiGluCase(format, true, test::swiGluShapes)};
                     },
                     4,
                     {1, 1}});
  }
  all.push_back({"edges", [] {
                   return std::vector<KernelCase>{test::chosenLogitsCase(),
                                                  test::specialActivationsCase()};
                 }});
  all.push_back({"tables", [] {
                   std::vector<KernelCase> cases;
                   for (AxmFormat format : test::allFormats)
                     cases.push_back(test::embedCase(format));
                   return cases;
                 }});
  all.push_back({"heads", [] {
                   std::vector<KernelCase> cases;
                   for (const test::Heads &heads : test::headsShapes)
                     cases.push_back(test::headsCase(heads));
                   return cases;
                 }});
  all.push_back({"heads_large",
                 [] {
                   return std::vector<KernelCase>{test::headsCase(test::headsShapes[0]),
                                                  test::headsCase(test::headsShapes[3])};
                 },
                 4,
                 {1, 1}});
  all.push_back({"contexts", [] {
                   std::vector<KernelCase> cases;
                   for (const auto *shapes : {&test::headsShapes, &test::contextShapes})
                     for (const test::Heads &heads : *shapes)
                       cases.push_back(test::contextsCase(heads));
                   return cases;
                 }});
  all.push_back({"contexts_no_room",
                 [] { return std::vector<KernelCase>{test::contextsCase(test::contextShapes[2])}; },
                 8,
                 {144, 512, 7}});
  all.push_back({"contexts_one_split",
                 [] { return std::vector<KernelCase>{test::contextsCase(test::contextShapes[1])}; },
                 8,
                 {1, 512, 1024}});
  return all;
}

Launch launchOf(const codegen::CudaStage &stage, uint32_t tokens, size_t args) {
  // The grid of a graph that is for all up to the next power of two.
  Launch launch =
      replay::launchOf(stage.symbol, static_cast<uint32_t>(stage.blocks(std::bit_ceil(tokens))),
                       stage.threads, stage.sharedBytes);
  for (size_t i = 0; i < args; ++i)
    relocate(launch, offsetof(AxmCudaLaunch, args) + i * sizeof(void *), i);
  relocate(launch, offsetof(AxmCudaLaunch, scratch), args);
  relocate(launch, offsetof(AxmCudaLaunch, tokens), args + 1);
  relocate(launch, offsetof(AxmCudaLaunch, counters), args + 2);
  return launch;
}

Case caseOf(PackWriter &pack, const KernelCase &kernelCase, const KernelLaunch &launch,
            const codegen::CudaKernel &kernel) {
  const plan::KernelSpec &spec = kernelCase.specs[launch.kernel];
  std::vector<plan::KernelArg> kernelArgs = plan::kernelArgs(spec);
  Case c;
  c.name = kernelCase.name + ", " + spec.name + ", " + launch.what;
  for (size_t i = 0; i < launch.operands.size(); ++i) {
    const test::Operand &operand = launch.operands[i];
    bool same = operand.before == operand.after;
    // The slot in which the CPU's spans meet has no part here.
    bool compared = !same && kernelArgs[i].name != "spans";
    c.segments.push_back({operand.name, same, operand.floats ? Compare::F32 : Compare::Bytes,
                          pack.blob(*operand.before),
                          compared ? pack.blob(*operand.after) : kNone});
  }
  size_t args = c.segments.size();
  uint64_t scratch = kernel.scratchFixed + kernel.scratchPerToken * launch.tokens;
  const uint8_t *tokens = reinterpret_cast<const uint8_t *>(&launch.tokens);
  c.segments.push_back(
      {"scratch", false, Compare::Bytes, pack.fill(std::max<uint64_t>(scratch, 1), 0xff), kNone});
  c.segments.push_back(
      {"tokens", true, Compare::Bytes, pack.blob({tokens, sizeof launch.tokens}), kNone});
  uint32_t zeros = pack.fill(4 * AXM_CUDA_COUNTERS, 0);
  c.segments.push_back({"counters", false, Compare::Bytes, zeros, zeros});
  if (!kernel.prologue.symbol.empty())
    c.launches.push_back(launchOf(kernel.prologue, launch.tokens, args));
  c.launches.push_back(launchOf(kernel.body(launch.tokens), launch.tokens, args));
  return c;
}

} // namespace

Status recordKernels(Recording &recording, bool quick) {
  for (const Group &group : quick ? quickGroups() : groups()) {
    const std::vector<KernelCase> cases = group.cases();
    std::vector<plan::KernelSpec> specs;
    for (const KernelCase &kernelCase : cases)
      for (const plan::KernelSpec &spec : kernelCase.specs) {
        specs.push_back(spec);
        specs.back().name = "k" + std::to_string(specs.size());
      }
    codegen::CudaSource source = codegen::emitCuda(specs, group.full);
    recording.modules.push_back({group.module, source.text});
    size_t first = 0, before = recording.pack.cases();
    for (const KernelCase &kernelCase : cases) {
      for (const KernelLaunch &launch : kernelCase.launches) {
        if (launch.tokens > group.mostTokens)
          continue;
        Case c = caseOf(recording.pack, kernelCase, launch, source.kernels[first + launch.kernel]);
        c.module = recording.pack.module(group.module);
        // Launches that differ in the calls of the CPU's threads are the same.
        (void)recording.pack.add(c);
      }
      first += kernelCase.specs.size();
    }
    if (recording.pack.cases() == before)
      return Status(Code::Internal, "no case of " + group.module);
  }
  return Status::okStatus();
}

} // namespace axiom::replay
