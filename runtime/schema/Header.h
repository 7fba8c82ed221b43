// The first 64 bytes of an artifact (model.axm) and the rules of the file around it. The writer
// (compiler/package/ArtifactWriter) and the loader (runtime/artifact) agree through this file.
//
// The file, from its first byte to its last, with nothing else in it:
//   1. ArtifactHeader at offset 0, 64 bytes;
//   2. the segments, in the order in which the metadata lists them, each at the lowest multiple of
//      its alignment that is not below the end of what came before;
//   3. the metadata (flatbuffer, root table Metadata, identifier "AXM1") at the lowest multiple of
//      kMetadataAlign after the last segment; the file ends with its last byte.
// Bytes between these parts are zero. All numbers are little endian.
#ifndef AXIOM_RUNTIME_SCHEMA_HEADER_H
#define AXIOM_RUNTIME_SCHEMA_HEADER_H

#include <cstddef>
#include <cstdint>

namespace axiom {

/// "AXM1" as the file's first four bytes.
inline constexpr uint32_t kArtifactMagic = 0x314d5841u;
/// Version of the file layout and of the metadata schema.
inline constexpr uint32_t kArtifactFormatVersion = 1;

/// Alignment of segments in the file. Code and weights are mapped, so they start on a page of every
/// supported system; weights over kLargeWeights start on a huge page.
inline constexpr uint64_t kCodeAlign = 64 * 1024;
inline constexpr uint64_t kWeightsAlign = 64 * 1024;
inline constexpr uint64_t kLargeWeightsAlign = 2 * 1024 * 1024;
inline constexpr uint64_t kLargeWeights = 16 * 1024 * 1024; ///< more bytes than this are large
inline constexpr uint64_t kSegmentAlign = 64;               ///< all other segments
inline constexpr uint64_t kMetadataAlign = 64;
/// Alignment of each tensor inside the weights segment.
inline constexpr uint64_t kTensorAlign = 64;

struct ArtifactHeader {
  uint32_t magic;             ///<  0: kArtifactMagic
  uint32_t formatVersion;     ///<  4: kArtifactFormatVersion
  uint32_t numericsVersion;   ///<  8: AXM_NUMERICS_VERSION of the compiler
  uint32_t kernelAbiVersion;  ///< 12: AXM_KERNEL_ABI_VERSION of the code images
  uint64_t metadataOffset;    ///< 16: from the start of the file
  uint64_t metadataSize;      ///< 24: bytes, up to the end of the file
  uint8_t metadataSha256[32]; ///< 32: of the metadata's bytes
};

static_assert(sizeof(ArtifactHeader) == 64);
static_assert(offsetof(ArtifactHeader, metadataOffset) == 16);
static_assert(offsetof(ArtifactHeader, metadataSha256) == 32);

/// The alignment of a segment; `kind` is a value of fb::SegmentKind (0 weights, 1 code).
constexpr uint64_t segmentAlign(uint32_t kind, uint64_t size) {
  if (kind == 0)
    return size > kLargeWeights ? kLargeWeightsAlign : kWeightsAlign;
  return kind == 1 ? kCodeAlign : kSegmentAlign;
}

} // namespace axiom

#endif
