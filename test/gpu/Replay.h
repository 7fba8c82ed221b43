// Launches of kernels as a file: what memory holds before, what is launched, and which bytes are
// there afterwards. gpu-record writes it where the compiler is, gpu-replay runs it on a GPU where
// nothing of the compiler is.
//
// A folder has cases.pack and the modules beside it, `<module>.<arch>.cubin` (.ptx, .so) of each
// module and architecture. The pack, little-endian:
//   "AXMRPLAY", u32 version, the SHA-256 of all that follows;
//   u32 count of architectures, of modules: their names;
//   u32 count of blobs: u8 kind, u64 size, then (0) the bytes, (1) one byte that fills it, or (2) a
//   u32 length and so many bytes of pieces: u16 length and the bytes, u16 length of a run, its
//   byte; u32 count of cases: name, u32 module; u32 count of segments, of launches.
// A segment: name, u8 access, u8 compare, u32 blob before, u32 blob after (or 0xffffffff).
// A launch: symbol, u32 grid, threads, shared bytes, parameter bytes; u32 count of relocations,
// each u32 place in the parameter, u32 segment, u64 offset. Text is a u32 length and its bytes.
#ifndef AXIOM_TEST_GPU_REPLAY_H
#define AXIOM_TEST_GPU_REPLAY_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace axiom::replay {

inline constexpr const char *kPackName = "cases.pack";
inline constexpr uint32_t kNone = UINT32_MAX;

/// Bytes that segments share; `size` times `value` where it is a fill.
struct Blob {
  bool fill = false;
  uint8_t value = 0;
  uint64_t size = 0;
  std::span<const uint8_t> bytes; ///< where it is no fill
};

/// How found bytes are held to those that are expected. A number that is NaN is as good as another
/// NaN; else every bit counts.
enum class Compare : uint8_t { Bytes, F32, F16 };

struct Segment {
  std::string name;
  /// A kernel that writes to it has failed.
  bool readOnly = true;
  Compare compare = Compare::Bytes;
  uint32_t before = 0;    ///< blob
  uint32_t after = kNone; ///< blob, of the segment's first bytes; none: anything may be there
};

/// At byte `place` of the parameter: the address of the segment's byte `offset`.
struct Relocation {
  uint32_t place = 0, segment = 0;
  uint64_t offset = 0;
};

struct Launch {
  std::string symbol;
  uint32_t grid = 1, threads = 32, sharedBytes = 0;
  std::vector<uint8_t> parameter;
  std::vector<Relocation> relocations;
};

struct Case {
  std::string name;
  uint32_t module = 0;
  std::vector<Segment> segments;
  std::vector<Launch> launches;
};

/// What a pack says; blobs are views into the bytes that were parsed, or into `expanded`.
struct Pack {
  Pack() = default;
  Pack(Pack &&) = default;
  Pack &operator=(Pack &&) = default;

  std::vector<std::string> archs, modules;
  std::vector<Blob> blobs;
  std::vector<Case> cases;
  std::deque<std::vector<uint8_t>> expanded;
};

/// BadInput: what is wrong and where. Nothing is read outside of `file`, and what the pack says
/// fits together: indices, sizes, relocations.
Result<Pack> parsePack(std::span<const uint8_t> file);
/// The same of what stands behind the digest; for tests and fuzzing, which cannot make digests.
Result<Pack> parseBody(std::span<const uint8_t> body);
/// Bytes in front of the body.
inline constexpr size_t kBodyAt = 8 + 4 + 32;

/// "linear.sm_90a.cubin"
std::string moduleFile(const std::string &module, const std::string &arch);

/// Where found bytes differ from those expected.
struct Difference {
  uint64_t first = 0, count = 0; ///< byte; how many bytes or numbers
  std::string expected, found;   ///< there, in hexadecimal
};
/// `found` has at least as many bytes as `want`. Nothing: they are equal.
std::optional<Difference> compare(const Blob &want, std::span<const uint8_t> found, Compare how);

/// Makes a pack, one case after the other. Equal bytes are written once, equal cases too.
class PackWriter {
public:
  /// The blob of these bytes; long runs of one byte become fills.
  uint32_t blob(std::span<const uint8_t> bytes);
  uint32_t fill(uint64_t size, uint8_t value);
  /// Bytes by which blob() would make the pack longer.
  size_t cost(std::span<const uint8_t> bytes) const;
  uint32_t module(const std::string &name);
  /// False: there is one like it but for its name already. A name that is taken gets a number.
  bool add(const Case &c);
  size_t cases() const { return numCases_; }
  std::vector<uint8_t> finish(const std::vector<std::string> &archs) const;

private:
  std::vector<std::string> modules_;
  std::vector<uint8_t> blobs_, cases_;
  std::map<std::string, uint32_t> known_; ///< by digest
  std::set<std::string> bodies_;          ///< digests of cases
  std::map<std::string, uint32_t> names_; ///< how often

  uint32_t numBlobs_ = 0, numCases_ = 0;
};

} // namespace axiom::replay

#endif
