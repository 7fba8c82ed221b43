#include "test/unit/codegen/KernelCases.h"

#include "runtime/base/Status.h"

#include <bit>

namespace axiom::test {

Bytes unwritten(size_t bytes) { return bytesOf(std::vector<uint8_t>(bytes, 0xff)); }

namespace {

/// The first difference between memory and what it must be, or nothing.
std::string difference(const Operand &operand, const uint8_t *got) {
  const std::vector<uint8_t> &want = *operand.after;
  if (std::memcmp(got, want.data(), want.size()) == 0)
    return "";
  for (size_t at = 0; at < want.size(); at += operand.floats ? 4 : 1) {
    std::string values;
    if (operand.floats) {
      float a, b;
      std::memcpy(&a, got + at, 4);
      std::memcpy(&b, want.data() + at, 4);
      if (!sameBits(a, b))
        values = format("%a is not %a", double(a), double(b));
    } else if (got[at] != want[at]) {
      values = format("byte 0x%02x is not 0x%02x", got[at], want[at]);
    }
    if (!values.empty())
      return format("%s row %zu byte %zu: ", operand.name.c_str(), at / operand.rowBytes,
                    at % operand.rowBytes) +
             values;
  }
  return "";
}

} // namespace

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
      std::string found = difference(launch.operands[j], memory[j].as());
      if (!found.empty())
        return name + ", " + specs[launch.kernel].name + ", " + launch.what + ": " + found;
    }
  }
  return "";
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
