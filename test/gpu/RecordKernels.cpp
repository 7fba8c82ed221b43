// The cases of the kernel tests as launches of generated kernels.
#include "test/gpu/Record.h"

#include "codegen/cuda/EmitCuda.h"
#include "test/unit/codegen/KernelCases.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <functional>
#include <map>
#include <set>

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

std::vector<test::Shape> some(const std::vector<test::Shape> &shapes,
                              const std::vector<size_t> &which) {
  std::vector<test::Shape> out;
  for (size_t i : which)
    out.push_back(shapes[i]);
  return out;
}

/// The groups of CudaKernelTest, most shapes for q4, and for the other formats those with the most
/// cuts and odd ends: the whole has to stay small.
std::vector<Group> groups() {
  std::vector<Group> all;
  for (AxmFormat format : test::allFormats) {
    const std::string name = test::formatName(format);
    const bool every = format == AXM_FORMAT_Q4;
    const std::vector<size_t> few = {1, 2, 7, 8}, more = {0, 1, 2, 3, 7, 8};
    const std::vector<test::Shape> plain = some(test::plainShapes, every ? more : few);
    const std::vector<test::Shape> head =
        every ? some(test::headShapes, {0, 2}) : some(test::headShapes, {0});
    const std::vector<test::Shape> gated =
        every ? test::swiGluShapes : some(test::swiGluShapes, {0});
    all.push_back({"linear_" + name, [=] {
                     return std::vector<KernelCase>{test::plainCase(format, plain),
                                                    test::headCase(format, head),
                                                    test::swiGluCase(format, false, gated),
                                                    test::swiGluCase(format, true, gated)};
                   }});
    if (plan::isQuantized(format))
      all.push_back({"large_" + name,
                     [format] {
                       return std::vector<KernelCase>{
                           test::plainCase(format, some(test::plainShapes, {2})),
                           test::headCase(format, some(test::headShapes, {1})),
                           test::swiGluCase(format, true, some(test::swiGluShapes, {0}))};
                     },
                     4,
                     {1, 1}});
  }
  all.push_back({"edges", [] {
                   return std::vector<KernelCase>{test::chosenLogitsCase(),
                                                  test::infiniteLogitsCase(),
                                                  test::specialActivationsCase()};
                 }});
  all.push_back({"tables", [] {
                   std::vector<KernelCase> cases;
                   for (AxmFormat format : test::allFormats) {
                     cases.push_back(test::embedCase(format));
                     std::erase_if(cases.back().launches, [&](const KernelLaunch &launch) {
                       uint32_t inner = cases.back().specs[launch.kernel].inner;
                       return inner == 576 || inner == 1000;
                     });
                   }
                   return cases;
                 }});
  all.push_back({"heads", [] {
                   std::vector<KernelCase> cases;
                   for (size_t i : {0, 1, 2, 3, 6})
                     cases.push_back(test::headsCase(test::headsShapes[i]));
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
                   for (const test::Heads &heads : test::contextShapes)
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

test::Bytes beginOf(const test::Bytes &bytes, size_t size) {
  auto end = bytes->begin() + static_cast<ptrdiff_t>(size);
  return test::bytesOf(std::vector<uint8_t>(bytes->begin(), end));
}

/// The first `tokens` of a launch of a head or of attention: no row depends on the next.
KernelLaunch cut(KernelLaunch launch, uint32_t tokens) {
  static const std::set<std::string> perToken = {"rows", "logits",    "tiles",       "q",
                                                 "out",  "positions", "tableOffsets"};
  for (test::Operand &operand : launch.operands)
    if (perToken.count(operand.name)) {
      bool same = operand.before == operand.after;
      operand.before = beginOf(operand.before, operand.before->size() / launch.tokens * tokens);
      operand.after = same ? operand.before
                           : beginOf(operand.after, operand.after->size() / launch.tokens * tokens);
    }
  launch.what = "the first " + std::to_string(tokens) + " of " + launch.what;
  launch.tokens = tokens;
  return launch;
}
/// More tokens are no other form of the kernel.
KernelLaunch cut(const KernelLaunch &launch, const plan::KernelSpec &spec) {
  if (spec.kind == plan::KernelKind::Attention && launch.tokens > 66)
    return cut(launch, 66);
  if (spec.epilogue != plan::Epilogue::Head || launch.tokens <= 33)
    return launch;
  KernelLaunch shorter = cut(launch, 33);
  uint32_t most = 0;
  for (const test::Operand &operand : shorter.operands)
    for (size_t i = 0; operand.name == "rows" && i < shorter.tokens; ++i) {
      uint32_t row;
      std::memcpy(&row, operand.before->data() + 4 * i, 4);
      most = std::max(most, row);
    }
  for (test::Operand &operand : shorter.operands)
    if (operand.name == "input")
      operand.before = operand.after =
          beginOf(operand.before, (most + size_t(1)) * plan::rowStride(spec.inner) * 4);
  return shorter;
}

/// What a launch adds beside the weights and KV that launches of a kernel share.
size_t costOf(const PackWriter &pack, const KernelLaunch &launch) {
  static const std::set<std::string> shared = {"weights", "gate", "up", "table", "kv"};
  size_t bytes = 0;
  for (const test::Operand &operand : launch.operands) {
    bool same = operand.before == operand.after;
    bytes += same && shared.count(operand.name) ? 0 : pack.cost(*operand.before);
    bytes += same ? 0 : pack.cost(*operand.after);
  }
  return bytes;
}

/// Chooses launches so that each kernel of a module has some and the whole stays small: of a body
/// the first one always, then those that fit into what it may have.
class Choice {
public:
  bool takes(const PackWriter &pack, const KernelLaunch &launch, const codegen::CudaStage &body) {
    // No GPU but the largest lends so much; packCudaImage refuses it.
    if (body.sharedBytes > AXM_CUDA_SHARED)
      return false;
    auto [spent, first] = bodies.emplace(body.symbol, 0);
    size_t cost = costOf(pack, launch);
    if (!first && spent->second + cost > kMostBytes)
      return false;
    spent->second += cost;
    return true;
  }

private:
  static constexpr size_t kMostBytes = 24 << 10;
  std::map<std::string, size_t> bodies;
};

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
    Choice choice;
    size_t first = 0, before = recording.pack.cases();
    for (const KernelCase &kernelCase : cases) {
      for (const KernelLaunch &whole : kernelCase.launches) {
        const KernelLaunch launch = cut(whole, kernelCase.specs[whole.kernel]);
        const codegen::CudaKernel &kernel = source.kernels[first + launch.kernel];
        if (launch.tokens > group.mostTokens ||
            !choice.takes(recording.pack, launch, kernel.body(launch.tokens)))
          continue;
        Case c = caseOf(recording.pack, kernelCase, launch, kernel);
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
