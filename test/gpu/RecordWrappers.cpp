// Inputs of the kernels of wrappers.cuh, and what the twin makes of them.
#include "test/gpu/Record.h"

#include "codegen/cuda/HostCompiler.h"
#include "codegen/cuda/twin/Launch.h"
#include "codegen/cuda/twin/Library.h"
#include "runtime/base/MappedFile.h"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

namespace axiom::replay {

namespace {

using Bytes = std::vector<uint8_t>;

template <typename T> Bytes bytesOf(const std::vector<T> &values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

struct Output {
  Bytes before;
  Compare compare = Compare::Bytes;
};
Output output(size_t bytes, Compare compare = Compare::Bytes) {
  return {Bytes(bytes, 0xff), compare};
}

/// The arguments of a kernel are the inputs, then the outputs.
struct Wrapper {
  std::string kernel, what;
  uint32_t grid, threads, sharedBytes;
  std::vector<Bytes> inputs;
  std::vector<Output> outputs;
};

class Inputs {
public:
  std::vector<uint32_t> words(size_t n) {
    std::vector<uint32_t> out(n);
    for (uint32_t &word : out)
      word = rng();
    return out;
  }
  /// Of any exponent, and often of those where something happens: zeros, subnormals, infinities,
  /// NaN, neighbours of powers of two.
  std::vector<uint32_t> floats(size_t n) {
    static constexpr uint32_t special[] = {0,          1,          0x007fffff, 0x00800000,
                                           0x00800001, 0x33000000, 0x38800000, 0x3f7fffff,
                                           0x3f800000, 0x3f800001, 0x477fe000, 0x4b000000,
                                           0x7f7fffff, 0x7f800000, 0x7fc00000};
    std::vector<uint32_t> out = words(n);
    for (uint32_t &word : out)
      switch (rng() % 4) {
      case 0:
        word = special[rng() % std::size(special)] | (word & 0x80000000u);
        break;
      case 1: // of a size with which sums lose some bits
        word = (word & 0x807fffffu) | (0x78u + rng() % 16) << 23;
        break;
      default:
        break;
      }
    return out;
  }
  std::vector<float> uniform(size_t n, float low, float high) {
    std::vector<float> out(n);
    for (float &value : out)
      value = std::uniform_real_distribution<float>(low, high)(rng);
    return out;
  }
  /// Bytes at the ends of their ranges.
  std::vector<uint32_t> extremes(size_t n) {
    static constexpr uint8_t ends[] = {0x80, 0x7f, 0xff, 0x00};
    std::vector<uint32_t> out(n);
    for (uint32_t &word : out)
      for (int i = 0; i < 32; i += 8)
        word |= uint32_t(ends[rng() % 4]) << i;
    return out;
  }

private:
  std::mt19937 rng{20};
};

template <typename T> std::vector<T> joined(std::vector<T> a, const std::vector<T> &b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Every half; and every float halfway between two of them, with its neighbours.
std::vector<uint16_t> halves() {
  std::vector<uint16_t> out(65536);
  for (uint32_t i = 0; i < 65536; ++i)
    out[i] = static_cast<uint16_t>(i);
  return out;
}
std::vector<uint32_t> aroundHalves(Inputs &inputs) {
  std::vector<uint32_t> out;
  for (uint32_t exponent = 101; exponent < 145; ++exponent)
    for (uint32_t mantissa = 0; mantissa < 1024; mantissa += 1 + exponent % 3 * 4) {
      uint32_t low =
          exponent < 113 ? 13 + (113 - exponent) : 13; // subnormal halves have fewer bits
      uint32_t middle = exponent << 23 | mantissa << 13;
      if (low < 24)
        middle = (middle & ~((1u << low) - 1)) | 1u << (low - 1);
      for (uint32_t moved : {middle - 1, middle, middle + 1})
        out.push_back(moved | (mantissa & 1) << 31);
    }
  std::vector<uint32_t> more = inputs.floats(256 + 256 - out.size() % 256);
  return joined(out, more);
}

std::vector<Wrapper> wrappers() {
  Inputs in;
  std::vector<Wrapper> all;
  all.push_back({"place", "3 blocks", 3, 96, 0, {}, {output(24 * 288)}});
  all.push_back({"global", "all sizes", 1, 64, 0, {bytesOf(in.words(2048))}, {output(8192)}});
  all.push_back(
      {"shared", "all sizes", 1, 64, AXM_CUDA_SHARED, {bytesOf(in.words(1024))}, {output(3072)}});
  all.push_back({"barriers", "8 rounds", 4, 256, 1024, {bytesOf(in.words(1024))}, {output(4096)}});
  all.push_back({"warpBarriers", "8 rounds", 1, 128, 512, {bytesOf(in.words(128))}, {output(512)}});
  for (uint32_t valid : {64u, 0u, 37u})
    all.push_back({"copies",
                   std::to_string(valid) + " valid",
                   1,
                   64,
                   6144,
                   {bytesOf(in.words(1024)), bytesOf(std::vector<uint32_t>{valid})},
                   {output(9216)}});
  all.push_back({"lanes", "16 warps", 8, 64, 0, {bytesOf(in.words(512))}, {output(192 * 512)}});
  all.push_back({"matrices",
                 "rows anywhere",
                 1,
                 128,
                 8192,
                 {bytesOf(in.words(2048)), bytesOf(in.words(512))},
                 {output(8192), output(4096)}});
  // Three times as many random ones as extreme ones; 12 words a lane.
  all.push_back(
      {"products", "random", 24, 128, 0, {bytesOf(in.words(12 * 3072))}, {output(48 * 3072)}});
  all.push_back(
      {"products", "extreme", 8, 128, 0, {bytesOf(in.extremes(12 * 1024))}, {output(48 * 1024)}});
  all.push_back({"dots", "random", 24, 128, 0, {bytesOf(in.words(3 * 3072))}, {output(12 * 3072)}});
  all.push_back(
      {"dots", "extreme", 8, 128, 0, {bytesOf(in.extremes(3 * 1024))}, {output(12 * 1024)}});
  all.push_back({"tickets",
                 "4 blocks",
                 4,
                 64,
                 16,
                 {},
                 {output(4 * 320), output(508), {Bytes(8, 0), Compare::Bytes}}});
  all.push_back({"chain",
                 "4 blocks",
                 4,
                 64,
                 0,
                 {},
                 {output(1024), {bytesOf(std::vector<uint32_t>{0xfffffffeu}), Compare::Bytes}}});
  all.push_back({"arithmetic",
                 "floats",
                 64,
                 128,
                 0,
                 {bytesOf(in.floats(3 * 8192))},
                 {output(8 * 32768, Compare::F32)}});
  all.push_back(
      {"fromHalf", "every half", 256, 256, 0, {bytesOf(halves())}, {output(262144, Compare::F32)}});
  std::vector<uint32_t> around = aroundHalves(in);
  all.push_back({"toHalf",
                 "around halves",
                 static_cast<uint32_t>(around.size() / 256),
                 256,
                 0,
                 {bytesOf(around)},
                 {output(2 * around.size(), Compare::F16)}});
  std::vector<float> x = joined(in.uniform(6144, -90, 90), in.uniform(2048, -1, 1));
  x[0] = HUGE_VALF;
  x[1] = -HUGE_VALF;
  x[2] = -0.0f;
  x[3] = std::bit_cast<float>(0x7fffffffu); // a GPU's NaN
  x[4] = std::bit_cast<float>(0xffc00000u); // a CPU's
  std::vector<float> turn = joined(in.uniform(6144, -2000, 2000), in.uniform(2048, -1e-3f, 1e-3f));
  all.push_back({"recipes",
                 "exp, silu, cos, sin, quantize",
                 64,
                 128,
                 0,
                 {bytesOf(x), bytesOf(turn), bytesOf(in.uniform(8192, -1, 1))},
                 {output(6 * 32768, Compare::F32)}});
  all.push_back({"norms",
                 "4 rows",
                 4,
                 32,
                 0,
                 {bytesOf(in.uniform(4000, -3, 3))},
                 {output(512, Compare::F32)}});
  return all;
}

/// exp of the two NaNs among the inputs of `recipes`, and silu of them.
bool nansStay(const Bytes &out) {
  for (size_t word : {3u, 4u, 8192u + 3, 8192u + 4}) {
    float value;
    std::memcpy(&value, out.data() + 4 * word, 4);
    if (!std::isnan(value))
      return false;
  }
  return true;
}

/// Memory of exactly so many bytes.
std::unique_ptr<uint8_t, void (*)(void *)> block(const Bytes &bytes) {
  std::unique_ptr<uint8_t, void (*)(void *)> memory(
      static_cast<uint8_t *>(std::aligned_alloc(64, (bytes.size() + 64) / 64 * 64)), std::free);
  std::copy(bytes.begin(), bytes.end(), memory.get());
  return memory;
}

/// What the outputs hold afterwards.
Result<std::vector<Bytes>> runOnTwin(const twin::Library &library, const Wrapper &wrapper,
                                     twin::LaunchOptions options) {
  const AxmTwinKernel *kernel = library.find(wrapper.kernel);
  if (!kernel || kernel->parameterBytes != sizeof(AxmCudaLaunch) ||
      kernel->threads != wrapper.threads)
    return Status(Code::Internal, "wrappers.cuh has no kernel " + wrapper.kernel + " of this form");
  twin::GlobalMemory memory;
  std::vector<std::unique_ptr<uint8_t, void (*)(void *)>> blocks;
  AxmCudaLaunch launch = {};
  auto add = [&](const Bytes &bytes, bool writable) {
    blocks.push_back(block(bytes));
    launch.args[blocks.size() - 1] = blocks.back().get();
    memory.add(blocks.back().get(), bytes.size(), writable);
  };
  for (const Bytes &input : wrapper.inputs)
    add(input, false);
  for (const Output &output : wrapper.outputs)
    add(output.before, true);
  options.blocks = wrapper.grid;
  options.threads = wrapper.threads;
  options.sharedBytes = wrapper.sharedBytes;
  options.place = library.place();
  twin::LaunchResult result = twin::launch(options, memory, [&] { kernel->run(&launch); });
  if (!result.fault.empty())
    return Status(Code::Internal, wrapper.kernel + ": " + result.fault);
  std::vector<Bytes> outputs;
  for (size_t i = 0; i < wrapper.outputs.size(); ++i) {
    const uint8_t *data = blocks[wrapper.inputs.size() + i].get();
    outputs.emplace_back(data, data + wrapper.outputs[i].before.size());
  }
  return outputs;
}

} // namespace

Launch launchOf(const std::string &symbol, uint32_t grid, uint32_t threads, uint32_t sharedBytes) {
  Launch launch;
  launch.symbol = symbol;
  launch.grid = grid;
  launch.threads = threads;
  launch.sharedBytes = sharedBytes;
  launch.parameter.resize(sizeof(AxmCudaLaunch));
  return launch;
}

void relocate(Launch &launch, size_t place, size_t segment) {
  launch.relocations.push_back({static_cast<uint32_t>(place), static_cast<uint32_t>(segment), 0});
}

Status recordWrappers(Recording &recording, const std::string &file) {
  AXIOM_ASSIGN_OR_RETURN(std::string text, readSmallFile(file, 1 << 20));
  recording.modules.push_back({"wrappers", text});
  AXIOM_ASSIGN_OR_RETURN(std::string bytes, codegen::compileForTwin("wrappers.cuh", text));
  AXIOM_ASSIGN_OR_RETURN(auto library, twin::Library::load(bytes.data(), bytes.size()));
  for (const Wrapper &wrapper : wrappers()) {
    std::optional<std::vector<Bytes>> expected;
    for (twin::Order order : {twin::Order::Forward, twin::Order::Reverse, twin::Order::Random}) {
      twin::LaunchOptions options;
      options.order = order;
      options.copyAtIssue = order == twin::Order::Reverse;
      AXIOM_ASSIGN_OR_RETURN(std::vector<Bytes> found, runOnTwin(*library, wrapper, options));
      if (expected && *expected != found)
        return Status(Code::Internal,
                      "what " + wrapper.kernel + " leaves depends on the order of threads");
      expected = std::move(found);
    }
    if (wrapper.kernel == "recipes" && !nansStay((*expected)[0]))
      return Status(Code::Internal, "exp or silu makes a number of a NaN");
    Case c;
    c.name = wrapper.kernel + ", " + wrapper.what;
    c.module = recording.pack.module("wrappers");
    for (const Bytes &input : wrapper.inputs)
      c.segments.push_back({format("input %zu", c.segments.size()), true, Compare::Bytes,
                            recording.pack.blob(input), kNone});
    for (size_t i = 0; i < wrapper.outputs.size(); ++i)
      c.segments.push_back({format("output %zu", i), false, wrapper.outputs[i].compare,
                            recording.pack.blob(wrapper.outputs[i].before),
                            recording.pack.blob((*expected)[i])});
    c.launches.push_back(
        launchOf(wrapper.kernel, wrapper.grid, wrapper.threads, wrapper.sharedBytes));
    for (size_t i = 0; i < c.segments.size(); ++i)
      relocate(c.launches[0], offsetof(AxmCudaLaunch, args) + i * sizeof(void *), i);
    if (!recording.pack.add(c))
      return Status(Code::Internal, "two cases of " + wrapper.kernel + " are the same");
  }
  return Status::okStatus();
}

} // namespace axiom::replay
