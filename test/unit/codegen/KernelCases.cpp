#include "test/unit/codegen/KernelCases.h"

#include "runtime/base/Status.h"

#include <bit>

namespace axiom::test {

Bytes unwritten(size_t bytes) { return bytesOf(std::vector<uint8_t>(bytes, 0xff)); }

std::string KernelCase::check(const codegen::ModuleEdit &edit, size_t kernel,
                              const std::string &level) const {
  bool all = kernel == kAll;
  KernelImage image(all ? specs : std::vector<plan::KernelSpec>{specs[kernel]}, edit, level);
  for (size_t i = 0; i < launches.size(); ++i) {
    const KernelLaunch &launch = launches[i];
    if (!all && launch.kernel != kernel)
      continue;
    std::vector<Guarded> memory;
    std::vector<void *> args;
    for (const Operand &operand : launch.operands) {
      memory.push_back(guardedCopy(*operand.before));
      args.push_back(memory.back().as());
    }
    image.run(all ? launch.kernel : 0, args, launch.tokens, launch.calls,
              static_cast<uint32_t>(i + 1));
    for (size_t j = 0; j < memory.size(); ++j) {
      const Operand &operand = launch.operands[j];
      std::string found =
          difference(*operand.after, memory[j].as(), operand.rowBytes, operand.floats);
      if (!found.empty())
        return name + ", " + specs[launch.kernel].name + ", " + launch.what + ": " + operand.name +
               " " + found;
    }
  }
  return "";
}

SweepCase KernelCase::record(const std::string &level) const {
  KernelImage image(specs, {}, level);
  SweepCase result{name, bytesOf(image.bytes()), {}};
  for (size_t i = 0; i < launches.size(); ++i) {
    const KernelLaunch &launch = launches[i];
    SweepLaunch recorded{specs[launch.kernel].name + ", " + launch.what, {}, {}};
    std::vector<void *> args; // only read: nothing runs
    for (const Operand &operand : launch.operands) {
      recorded.operands.push_back(
          {operand.name, operand.before, operand.after, operand.rowBytes, operand.floats});
      args.push_back(const_cast<uint8_t *>(operand.before->data()));
    }
    image.run(launch.kernel, args, launch.tokens, launch.calls, static_cast<uint32_t>(i + 1),
              &recorded.parts);
    result.launches.push_back(std::move(recorded));
  }
  return result;
}

float solve(const std::function<float(float)> &f, float target, float low, float high) {
  uint32_t below = std::bit_cast<uint32_t>(low), above = std::bit_cast<uint32_t>(high);
  while (above - below > 1) {
    uint32_t middle = below + (above - below) / 2;
    (f(std::bit_cast<float>(middle)) < target ? below : above) = middle;
  }
  for (uint32_t near = below - 16; near < below + 16; ++near)
    if (f(std::bit_cast<float>(near)) == target)
      return std::bit_cast<float>(near);
  return 0.0f;
}

} // namespace axiom::test
