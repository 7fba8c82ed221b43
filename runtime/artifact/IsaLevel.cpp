#include "runtime/artifact/IsaLevel.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace axiom {

namespace {

#if defined(__x86_64__)

enum Leaf { Leaf1, Leaf7, Leaf7Second, LeafExtended };
enum Register { Eax, Ebx, Ecx, Edx };
/// Register state that the system must save: none, the 256-bit halves, the 512-bit parts, or the
/// matrix tiles and their shapes.
constexpr uint64_t kState256 = 0x6, kState512 = 0xe6, kStateTiles = 0x60000;

struct Feature {
  const char *name;
  Leaf leaf;
  Register reg;
  int bit;
  uint64_t state;
};

constexpr Feature kFeatures[] = {
    {"popcnt", Leaf1, Ecx, 23, 0},
    {"movbe", Leaf1, Ecx, 22, 0},
    {"avx", Leaf1, Ecx, 28, kState256},
    {"f16c", Leaf1, Ecx, 29, kState256},
    {"fma", Leaf1, Ecx, 12, kState256},
    {"bmi1", Leaf7, Ebx, 3, 0},
    {"avx2", Leaf7, Ebx, 5, kState256},
    {"bmi2", Leaf7, Ebx, 8, 0},
    {"lzcnt", LeafExtended, Ecx, 5, 0},
    {"avx512f", Leaf7, Ebx, 16, kState512},
    {"avx512dq", Leaf7, Ebx, 17, kState512},
    {"avx512cd", Leaf7, Ebx, 28, kState512},
    {"avx512bw", Leaf7, Ebx, 30, kState512},
    {"avx512vl", Leaf7, Ebx, 31, kState512},
    {"avx512vnni", Leaf7, Ecx, 11, kState512},
    {"avxvnni", Leaf7Second, Eax, 4, kState256},
    {"amx-tile", Leaf7, Edx, 24, kStateTiles},
    {"amx-int8", Leaf7, Edx, 25, kStateTiles},
};
constexpr size_t kNumFeatures = sizeof kFeatures / sizeof kFeatures[0];
// By place in the table above.
constexpr uint64_t kV3 = (1u << 9) - 1, kV4 = (1u << 14) - 1, k512Vnni = 1u << 14,
                   k256Vnni = 1u << 15, kAmx = 3u << 16;

constexpr IsaLevel kLevels[] = {{"x86-64-v3", kV3, true},
                                {"x86-64-v3-vnni", kV3 | k256Vnni, true},
                                {"x86-64-v4-vnni", kV4 | k512Vnni, true},
                                {"x86-64-v4-amx", kV4 | k512Vnni | kAmx, true}};

/// Linux gives a process the registers of the tiles only when it asks for them.
bool tilesAllowed() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

uint64_t readFeatures() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  unsigned regs[4][4] = {};
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
    return 0;
  regs[Leaf1][Ecx] = ecx;
  uint64_t state = 0;
  if (ecx & bit_OSXSAVE) {
    unsigned low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    state = uint64_t(high) << 32 | low;
  }
  bool more = false;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
    regs[Leaf7][Ebx] = ebx;
    regs[Leaf7][Ecx] = ecx;
    regs[Leaf7][Edx] = edx;
    more = eax >= 1;
  }
  if (more && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx))
    regs[Leaf7Second][Eax] = eax;
  if (__get_cpuid(0x80000001u, &eax, &ebx, &ecx, &edx))
    regs[LeafExtended][Ecx] = ecx;
  uint64_t features = 0;
  for (size_t i = 0; i < kNumFeatures; ++i) {
    const Feature &f = kFeatures[i];
    if ((regs[f.leaf][f.reg] >> f.bit & 1) && (state & f.state) == f.state)
      features |= uint64_t(1) << i;
  }
  return features & kAmx && !tilesAllowed() ? features & ~kAmx : features;
}

const char *featureName(size_t i) { return i < kNumFeatures ? kFeatures[i].name : nullptr; }
std::span<const IsaLevel> levels() { return kLevels; }

#elif defined(__aarch64__)

struct Feature {
  const char *name;
  unsigned long capability; ///< in AT_HWCAP
};

constexpr Feature kFeatures[] = {{"asimd", HWCAP_ASIMD}, {"asimddp", HWCAP_ASIMDDP}};
constexpr size_t kNumFeatures = sizeof kFeatures / sizeof kFeatures[0];

constexpr IsaLevel kLevels[] = {{"aarch64-dotprod", 3, false}};

uint64_t readFeatures() {
  uint64_t features = 0;
  for (size_t i = 0; i < kNumFeatures; ++i)
    if (::getauxval(AT_HWCAP) & kFeatures[i].capability)
      features |= uint64_t(1) << i;
  return features;
}

const char *featureName(size_t i) { return i < kNumFeatures ? kFeatures[i].name : nullptr; }
std::span<const IsaLevel> levels() { return kLevels; }

#else

uint64_t readFeatures() { return 0; }
const char *featureName(size_t) { return nullptr; }
std::span<const IsaLevel> levels() { return {}; }

#endif

} // namespace

std::span<const IsaLevel> isaLevels() { return levels(); }

const IsaLevel *findIsaLevel(const std::string &name) {
  for (const IsaLevel &level : isaLevels())
    if (name == level.name)
      return &level;
  return nullptr;
}

uint64_t cpuFeatures() {
  static const uint64_t features = readFeatures();
  return features;
}

uint64_t IsaLevel::missing() const { return features & ~cpuFeatures(); }

std::string featureNames(uint64_t features) {
  std::string text;
  for (size_t i = 0; i < 64; ++i)
    if (features >> i & 1)
      if (const char *name = featureName(i))
        text += (text.empty() ? "" : " ") + std::string(name);
  return text.empty() ? "none" : text;
}

} // namespace axiom
