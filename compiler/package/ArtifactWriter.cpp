#include "compiler/package/ArtifactWriter.h"

#include "runtime/abi/kernel_abi.h"
#include "runtime/base/ByteStream.h"
#include "runtime/base/Checked.h"
#include "runtime/schema/Header.h"

namespace axiom {

Result<ArtifactWriter> ArtifactWriter::create(const std::string &path) {
  AXIOM_ASSIGN_OR_RETURN(OutputFile file, OutputFile::create(path));
  ArtifactWriter writer(std::move(file));
  // The place of the header; an unfinished file has no magic.
  AXIOM_RETURN_IF_ERROR(writer.file_.padTo(sizeof(ArtifactHeader)));
  writer.segmentsEnd_ = sizeof(ArtifactHeader);
  return writer;
}

Status ArtifactWriter::addSegment(SegmentType kind, std::span<const uint8_t> bytes,
                                  const std::string &target) {
  AXIOM_RETURN_IF_ERROR(beginSegment(kind, bytes.size()));
  segments_.back().target = target;
  AXIOM_RETURN_IF_ERROR(write(bytes));
  return endSegment();
}

Status ArtifactWriter::beginSegment(SegmentType kind, uint64_t size) {
  if (open_)
    return Status(Code::Internal, "a segment is begun while another is open");
  if (sealed_) {
    AXIOM_RETURN_IF_ERROR(file_.truncate(segmentsEnd_));
    sealed_ = false;
  }
  uint64_t align = segmentAlign(static_cast<uint32_t>(kind), size);
  AXIOM_RETURN_IF_ERROR(file_.padTo(alignUp(file_.position(), align)));
  segments_.push_back({kind, file_.position(), size, {}, ""});
  digest_ = Sha256();
  open_ = true;
  return Status();
}

Status ArtifactWriter::write(std::span<const uint8_t> bytes) {
  digest_.update(bytes);
  return file_.write(bytes);
}

Status ArtifactWriter::endSegment() {
  SegmentRecord &segment = segments_.back();
  uint64_t written = file_.position() - segment.offset;
  if (!open_ || written != segment.size)
    return Status(Code::Internal, format("a segment has %llu bytes instead of %llu",
                                         static_cast<unsigned long long>(written),
                                         static_cast<unsigned long long>(segment.size)));
  segment.sha256 = digest_.finish();
  segmentsEnd_ = file_.position();
  open_ = false;
  return Status();
}

Status ArtifactWriter::dropSegment() {
  if (open_ || segments_.empty())
    return Status(Code::Internal, "there is no whole segment to take out");
  segments_.pop_back();
  segmentsEnd_ =
      segments_.empty() ? sizeof(ArtifactHeader) : segments_.back().offset + segments_.back().size;
  sealed_ = false;
  return file_.truncate(segmentsEnd_);
}

Status ArtifactWriter::seal(std::span<const uint8_t> metadata) {
  if (open_)
    return Status(Code::Internal, "the artifact is sealed while a segment is open");
  AXIOM_RETURN_IF_ERROR(file_.truncate(segmentsEnd_));
  AXIOM_RETURN_IF_ERROR(file_.padTo(alignUp(segmentsEnd_, kMetadataAlign)));
  uint64_t offset = file_.position();
  AXIOM_RETURN_IF_ERROR(file_.write(metadata));
  ByteWriter header;
  header.u32(kArtifactMagic);
  header.u32(kArtifactFormatVersion);
  header.u32(AXM_NUMERICS_VERSION);
  header.u32(AXM_KERNEL_ABI_VERSION);
  header.u64(offset);
  header.u64(metadata.size());
  Sha256Digest digest = Sha256::of(metadata);
  header.raw(digest.data(), digest.size());
  AXIOM_RETURN_IF_ERROR(file_.patch(0, header.bytes()));
  sealed_ = true;
  return Status();
}

Status ArtifactWriter::commit() {
  if (!sealed_)
    return Status(Code::Internal, "an artifact without metadata can't be committed");
  return file_.commit();
}

} // namespace axiom
