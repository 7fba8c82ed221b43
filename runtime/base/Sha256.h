// SHA-256 (FIPS 180-4). On x86 processors with the SHA extensions it uses them.
#ifndef AXIOM_RUNTIME_BASE_SHA256_H
#define AXIOM_RUNTIME_BASE_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace axiom {

using Sha256Digest = std::array<uint8_t, 32>;

class Sha256 {
public:
  Sha256();
  void update(std::span<const uint8_t> bytes);
  void update(const void *data, size_t size) { update({static_cast<const uint8_t *>(data), size}); }
  /// The digest of everything given so far; the object must not be used afterwards.
  Sha256Digest finish();

  static Sha256Digest of(std::span<const uint8_t> bytes);

  /// For tests: the portable code even where the processor has SHA instructions.
  static Sha256 portable();

private:
  using BlocksFn = void (*)(uint32_t *state, const uint8_t *blocks, size_t count);
  explicit Sha256(BlocksFn blocks);

  BlocksFn blocks_;
  uint32_t state_[8];
  uint64_t total_ = 0; ///< bytes given
  uint8_t buffer_[64]; ///< the last total_ % 64 of them
};

/// Lower-case hexadecimal, 64 characters.
std::string sha256Hex(const Sha256Digest &digest);

} // namespace axiom

#endif
