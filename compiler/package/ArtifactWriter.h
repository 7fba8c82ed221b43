// Writes model.axm: header, segments, metadata, in the layout of runtime/schema/Header.h.
#ifndef AXIOM_COMPILER_PACKAGE_ARTIFACTWRITER_H
#define AXIOM_COMPILER_PACKAGE_ARTIFACTWRITER_H

#include "compiler/package/OutputFile.h"
#include "runtime/base/Sha256.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace axiom {

/// The values of fb::SegmentKind, for the writing side.
enum class SegmentType : uint32_t {
  Weights = 0,
  Code = 1,
  Tokenizer = 2,
  Template = 3,
  Golden = 4,
  Schemas = 6
};

struct SegmentRecord {
  SegmentType kind;
  uint64_t offset, size;
  Sha256Digest sha256;
  std::string target; ///< code: "cpu:x86-64-v3"
};

class ArtifactWriter {
public:
  static Result<ArtifactWriter> create(const std::string &path);

  /// A segment that is in memory.
  Status addSegment(SegmentType kind, std::span<const uint8_t> bytes,
                    const std::string &target = "");
  /// A segment that is streamed: begin with its final size, write exactly that much, end.
  Status beginSegment(SegmentType kind, uint64_t size);
  Status write(std::span<const uint8_t> bytes);
  Status endSegment();
  /// Takes the last segment out again.
  Status dropSegment();
  const std::vector<SegmentRecord> &segments() const { return segments_; }

  /// Writes metadata and header, so that the file at temporaryPath() is a whole artifact. More
  /// segments may follow; then it must be sealed again with new metadata.
  Status seal(std::span<const uint8_t> metadata);
  /// After seal(): gives the artifact its name.
  Status commit();

  const std::string &temporaryPath() const { return file_.temporaryPath(); }
  uint64_t size() const { return file_.position(); }

private:
  explicit ArtifactWriter(OutputFile file) : file_(std::move(file)) {}

  OutputFile file_;
  std::vector<SegmentRecord> segments_;
  Sha256 digest_;
  uint64_t segmentsEnd_ = 0;
  bool open_ = false, sealed_ = false;
};

} // namespace axiom

#endif
