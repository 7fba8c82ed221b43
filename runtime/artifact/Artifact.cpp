#include "runtime/artifact/Artifact.h"

#include "runtime/artifact/Decode.h"
#include "runtime/artifact/IsaLevel.h"
#include "runtime/artifact/Validate.h"
#include "runtime/base/Checked.h"
#include "runtime/base/MappedFile.h"
#include "runtime/base/Memory.h"
#include "runtime/base/Threads.h"
#include "runtime/schema/Header.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <exception>
#include <optional>

static_assert(std::endian::native == std::endian::little, "artifacts are little endian");

namespace axiom {

namespace {

using ull = unsigned long long;
constexpr const char *kTargetPrefix = "cpu:";
constexpr uint32_t kMostCopyThreads = 16; ///< more do not copy faster

Status bad(const std::string &message) { return Status(Code::BadInput, message); }

bool allZero(std::span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; });
}

Status otherVersion(const char *what, uint32_t file, uint32_t runtime) {
  return Status(
      Code::Unsupported,
      format("it has %s version %u and this runtime has %u; rebuild it with a compiler of "
             "this version: axiomc MODEL -o MODEL.axm",
             what, file, runtime));
}

} // namespace

struct Artifact::Impl {
  MappedFile file;
  Sha256Digest digest{};
  Metadata metadata;
  LoadedProgram program;
  std::string target;
  Pages image; ///< read-execute; of CUDA code read-write
  std::optional<CudaImage> cuda;
  Pages weights; ///< LoadMode::Copy, Huge
  mutable std::atomic<bool> broken{false};

  Status load(const OpenOptions &options);

  std::span<const uint8_t> segmentBytes(const SegmentInfo &s) const {
    return file.bytes().subspan(s.offset, s.size);
  }
  Status readMetadata();
  Status checkPadding(uint64_t metadataOffset) const;
  Status checkDigest(const SegmentInfo &s, std::span<const uint8_t> bytes) const;
  Status verify() const;
  Result<const SegmentInfo *> chooseImage(const std::string &isa) const;
  Status loadImage(const SegmentInfo &segment);
  Status loadCudaImage(const ChooseCuda &choose);
  Status loadWeights(const SegmentInfo &segment, const OpenOptions &options);
};

Status Artifact::Impl::readMetadata() {
  std::span<const uint8_t> bytes = file.bytes();
  ArtifactHeader header;
  if (bytes.size() < sizeof header)
    return bad(
        format("it has %zu bytes, an artifact has at least %zu", bytes.size(), sizeof header));
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kArtifactMagic)
    return bad("it is not an Axiom artifact (it does not start with AXM1)");
  if (header.formatVersion != kArtifactFormatVersion)
    return otherVersion("format", header.formatVersion, kArtifactFormatVersion);
  if (header.numericsVersion != AXM_NUMERICS_VERSION)
    return otherVersion("numerics", header.numericsVersion, AXM_NUMERICS_VERSION);
  if (header.kernelAbiVersion != AXM_KERNEL_ABI_VERSION)
    return otherVersion("kernel ABI", header.kernelAbiVersion, AXM_KERNEL_ABI_VERSION);
  if (header.metadataOffset % kMetadataAlign != 0 || header.metadataOffset < sizeof header ||
      !rangeFits(header.metadataOffset, header.metadataSize, bytes.size()))
    return bad(
        format("the metadata (%llu bytes at %llu) is outside the file of %zu bytes; it was cut "
               "short or damaged",
               static_cast<ull>(header.metadataSize), static_cast<ull>(header.metadataOffset),
               bytes.size()));
  if (header.metadataOffset + header.metadataSize != bytes.size())
    return bad(
        format("%llu bytes follow the metadata; an artifact ends with it",
               static_cast<ull>(bytes.size() - header.metadataOffset - header.metadataSize)));
  if (header.metadataSize > kMaxMetadataBytes)
    return bad(format("the metadata has %llu bytes; at most %llu are possible",
                      static_cast<ull>(header.metadataSize), static_cast<ull>(kMaxMetadataBytes)));
  // A private copy: another process may change the file between the check and the use.
  std::vector<uint64_t> copy(ceilDiv(header.metadataSize, 8));
  if (header.metadataSize > 0)
    std::memcpy(copy.data(), bytes.data() + header.metadataOffset, header.metadataSize);
  std::span<const uint8_t> own(reinterpret_cast<const uint8_t *>(copy.data()), header.metadataSize);
  digest = Sha256::of(own);
  if (std::memcmp(digest.data(), header.metadataSha256, digest.size()) != 0)
    return bad("the metadata is damaged: its digest differs from the header's");
  AXIOM_ASSIGN_OR_RETURN(metadata, decodeMetadata(own));
  AXIOM_RETURN_IF_ERROR(validateMetadata(metadata, header.metadataOffset));
  return checkPadding(header.metadataOffset);
}

Status Artifact::Impl::checkPadding(uint64_t metadataOffset) const {
  uint64_t end = sizeof(ArtifactHeader);
  auto gap = [&](uint64_t next) {
    return allZero(file.bytes().subspan(end, next - end))
               ? Status::okStatus()
               : bad(format("the padding at %llu to %llu is not zero", static_cast<ull>(end),
                            static_cast<ull>(next)));
  };
  for (const SegmentInfo &segment : metadata.segments) {
    AXIOM_RETURN_IF_ERROR(gap(segment.offset));
    end = segment.offset + segment.size;
  }
  return gap(metadataOffset);
}

Status Artifact::Impl::checkDigest(const SegmentInfo &s, std::span<const uint8_t> bytes) const {
  if (Sha256::of(bytes) != s.sha256)
    return bad(format("the %s segment %s is damaged: its digest differs", segmentKindName(s.kind),
                      s.target.c_str()));
  return Status::okStatus();
}

Result<const SegmentInfo *> Artifact::Impl::chooseImage(const std::string &isa) const {
  if (!isa.empty() && !findIsaLevel(isa)) {
    std::string known;
    for (const IsaLevel &level : isaLevels())
      known += std::string(known.empty() ? "" : ", ") + level.name;
    return Status(Code::InvalidArgument, format("unknown ISA level %s; this build knows: %s",
                                                quoted(isa).c_str(), known.c_str()));
  }
  std::string has;
  const SegmentInfo *best = nullptr;
  const IsaLevel *bestLevel = nullptr, *unproven = nullptr;
  bool onlyCuda = true;
  for (const SegmentInfo &segment : metadata.segments) {
    if (segment.kind != SegmentKind::Code)
      continue;
    has += (has.empty() ? "" : ", ") + quoted(segment.target);
    onlyCuda &= isCudaTarget(segment.target);
    if (segment.target.rfind(kTargetPrefix, 0) != 0)
      continue;
    const IsaLevel *level = findIsaLevel(segment.target.substr(std::strlen(kTargetPrefix)));
    if (!level || (!isa.empty() && isa != level->name) || level->missing() != 0)
      continue;
    if (isa.empty() && !level->proven) {
      unproven = level;
      continue;
    }
    // Later levels of the list are better.
    if (!bestLevel || level > bestLevel) {
      best = &segment;
      bestLevel = level;
    }
  }
  if (best)
    return best;
  if (const IsaLevel *asked = isa.empty() ? nullptr : findIsaLevel(isa))
    if (uint64_t missing = asked->missing())
      return Status(Code::Unsupported, format("this CPU does not have what %s needs: %s",
                                              asked->name, featureNames(missing).c_str()));
  if (onlyCuda)
    return Status(
        Code::Unsupported,
        format("it has code for CUDA only (%s): give --device=cuda to run it on a GPU, or "
               "rebuild it for the CPU too (axiomc --print-targets)",
               has.c_str()));
  if (unproven)
    return Status(Code::Unsupported,
                  format("its code for %s would run here, but no full check has passed on such a "
                         "CPU yet: tools/cpu-check makes one; until then give --isa=%s",
                         unproven->name, unproven->name));
  return Status(
      Code::Unsupported,
      format("it has no code for this CPU%s%s: the file has %s, the CPU has %s; rebuild it "
             "with axiomc --target",
             isa.empty() ? "" : " at level ", isa.c_str(), has.c_str(),
             featureNames(cpuFeatures()).c_str()));
}

Status Artifact::Impl::loadImage(const SegmentInfo &segment) {
  AXIOM_ASSIGN_OR_RETURN(image, Pages::allocate(segment.size, "the code image"));
  std::memcpy(image.data(), segmentBytes(segment).data(), segment.size);
  AXIOM_RETURN_IF_ERROR(checkDigest(segment, image.bytes().first(segment.size)));
  AXIOM_ASSIGN_OR_RETURN(std::vector<AxmKernelRow> rows,
                         readKernelTable(image.bytes().first(segment.size)));
  AXIOM_RETURN_IF_ERROR(provePlan(metadata, rows));
  Status executable = image.makeExecutable();
  if (!executable.ok()) {
    // A policy may allow code from files only. The digest makes sure it is the code that was
    // checked.
    auto mapped = mapFileExecutable(file.path(), segment.offset, segment.size);
    if (!mapped.ok())
      return Status(
          Code::Unsupported,
          format("this system allows no executable code here: %s; %s. Allow one of the two: "
                 "no MemoryDenyWriteExecute= (systemd) or execmem denial (SELinux), or a "
                 "file system that is not mounted noexec",
                 executable.message().c_str(), mapped.status().message().c_str()));
    image = std::move(mapped).value();
    AXIOM_RETURN_IF_ERROR(checkDigest(segment, image.bytes().first(segment.size)));
  }
  target = segment.target;
  program.kernels.reserve(rows.size());
  auto entry = [&](uint32_t offset) {
    return reinterpret_cast<AxmKernelEntry>(reinterpret_cast<uintptr_t>(image.data() + offset));
  };
  for (const AxmKernelRow &row : rows)
    program.kernels.push_back({row.prologue ? entry(row.prologue) : nullptr, entry(row.body), row});
  return Status::okStatus();
}

Status Artifact::Impl::loadCudaImage(const ChooseCuda &choose) {
  std::vector<const SegmentInfo *> segments;
  std::vector<std::string> targets;
  std::string has;
  for (const SegmentInfo &segment : metadata.segments) {
    if (segment.kind != SegmentKind::Code)
      continue;
    has += (has.empty() ? "" : ", ") + quoted(segment.target);
    if (isCudaTarget(segment.target)) {
      segments.push_back(&segment);
      targets.push_back(segment.target);
    }
  }
  if (targets.empty())
    return Status(Code::Unsupported,
                  format("it has no code for CUDA: the file has %s; rebuild it with axiomc "
                         "--target=cuda:... as well, or run it with --device=cpu",
                         has.c_str()));
  AXIOM_ASSIGN_OR_RETURN(size_t index, choose(targets));
  const SegmentInfo &segment = *segments[index];
  AXIOM_ASSIGN_OR_RETURN(image, Pages::allocate(segment.size, "the code image"));
  std::memcpy(image.data(), segmentBytes(segment).data(), segment.size);
  auto bytes = image.bytes().first(segment.size);
  AXIOM_RETURN_IF_ERROR(checkDigest(segment, bytes));
  AXIOM_ASSIGN_OR_RETURN(cuda, readCudaImage(segment.target, bytes));
  AXIOM_RETURN_IF_ERROR(proveCudaPlan(metadata, *cuda));
  target = segment.target;
  for (const AxmKernelRow &row : cuda->rows)
    program.kernels.push_back({nullptr, nullptr, row});
  return Status::okStatus();
}

namespace {

/// Threads take pieces in turn. What is copied leaves the process's memory again, so that the peak
/// is one copy of the weights.
struct CopyJob {
  static constexpr uint64_t kPiece = 2 * 1024 * 1024; ///< one huge page
  const MappedFile &file;
  uint8_t *to;
  std::span<const uint8_t> from;
  std::atomic<uint64_t> next{0}; ///< pieces that are taken
};

void copyPieces(void *context, uint32_t) {
  CopyJob &job = *static_cast<CopyJob *>(context);
  for (;;) {
    uint64_t begin = job.next.fetch_add(1, std::memory_order_relaxed) * CopyJob::kPiece;
    if (begin >= job.from.size())
      return;
    auto piece =
        job.from.subspan(begin, std::min<uint64_t>(CopyJob::kPiece, job.from.size() - begin));
    prefault(piece);
    std::memcpy(job.to + begin, piece.data(), piece.size());
    job.file.release(piece);
  }
}

} // namespace

Status Artifact::Impl::loadWeights(const SegmentInfo &segment, const OpenOptions &options) {
  std::span<const uint8_t> bytes = segmentBytes(segment);
  program.weightsSize = bytes.size();
  program.weights = bytes.data();
  if (options.load == LoadMode::Map) {
    if (options.prefault)
      prefault(bytes);
    return Status::okStatus();
  }
  MemoryLimit limit = memoryLimit(options.memoryLimit);
  if (bytes.size() > limit.bytes)
    return Status(Code::Resource,
                  format("copying the weights takes %s; %s leaves %s; use --load=map",
                         formatBytes(bytes.size()).c_str(), limit.source.c_str(),
                         formatBytes(limit.bytes).c_str()));
  PageSize pages = options.load == LoadMode::Huge ? PageSize::Huge : PageSize::Small;
  AXIOM_ASSIGN_OR_RETURN(weights, Pages::allocate(bytes.size(), "the weights", pages));
  AXIOM_ASSIGN_OR_RETURN(auto team,
                         ThreadTeam::create(std::clamp(usableCores(), 2u, kMostCopyThreads)));
  CopyJob job{file, weights.data(), bytes};
  team->run(copyPieces, &job);
  program.weights = weights.data();
  return Status::okStatus();
}

Status Artifact::Impl::load(const OpenOptions &options) {
  AXIOM_RETURN_IF_ERROR(readMetadata());
  const SegmentInfo *weightsSegment = nullptr;
  for (const SegmentInfo &segment : metadata.segments) {
    // These are parsed soon; the weights, golden data and other images only when asked.
    if (segment.kind == SegmentKind::Tokenizer || segment.kind == SegmentKind::Template)
      AXIOM_RETURN_IF_ERROR(checkDigest(segment, segmentBytes(segment)));
    if (segment.kind == SegmentKind::Weights)
      weightsSegment = &segment;
  }
  if (options.verifyAll)
    AXIOM_RETURN_IF_ERROR(verify());
  program.config = metadata.config;
  program.kv = metadata.kv;
  program.plan = metadata.plan;
  if (!options.code) {
    program.weights = segmentBytes(*weightsSegment).data();
    program.weightsSize = weightsSegment->size;
    return Status::okStatus();
  }
  if (options.chooseCuda) {
    if (!options.isa.empty())
      return Status(Code::InvalidArgument,
                    format("the ISA level %s is code for a CPU; leave it out to run on a GPU",
                           quoted(options.isa).c_str()));
    program.weights = segmentBytes(*weightsSegment).data();
    program.weightsSize = weightsSegment->size;
    return loadCudaImage(options.chooseCuda);
  }
  AXIOM_ASSIGN_OR_RETURN(const SegmentInfo *segment, chooseImage(options.isa));
  AXIOM_RETURN_IF_ERROR(loadImage(*segment));
  return loadWeights(*weightsSegment, options);
}

Status Artifact::Impl::verify() const {
  for (const SegmentInfo &segment : metadata.segments) {
    std::span<const uint8_t> bytes = segmentBytes(segment);
    if (segment.kind == SegmentKind::Weights) {
      // The tensors first, so that damage is named; then what is between them.
      uint64_t end = 0;
      std::vector<const TensorInfo *> order;
      for (const TensorInfo &tensor : metadata.tensors)
        order.push_back(&tensor);
      std::sort(order.begin(), order.end(),
                [](const TensorInfo *a, const TensorInfo *b) { return a->offset < b->offset; });
      for (const TensorInfo *tensor : order) {
        if (Sha256::of(bytes.subspan(tensor->offset, tensor->size)) != tensor->sha256)
          return bad(
              format("tensor %s is damaged: its digest differs", quoted(tensor->name).c_str()));
        if (!allZero(bytes.subspan(end, tensor->offset - end)))
          return bad(
              format("the padding before tensor %s is not zero", quoted(tensor->name).c_str()));
        end = tensor->offset + tensor->size;
      }
      if (!allZero(bytes.subspan(end)))
        return bad("the padding after the last tensor is not zero");
    }
    AXIOM_RETURN_IF_ERROR(checkDigest(segment, bytes));
    if (segment.kind == SegmentKind::Code && segment.target.rfind(kTargetPrefix, 0) == 0) {
      AXIOM_ASSIGN_OR_RETURN(std::vector<AxmKernelRow> rows, readKernelTable(bytes));
      Status proof = provePlan(metadata, rows);
      if (!proof.ok())
        return proof.withContext("code image " + quoted(segment.target));
    }
    if (segment.kind == SegmentKind::Code && isCudaTarget(segment.target)) {
      auto read = readCudaImage(segment.target, bytes);
      Status proof = read.ok() ? proveCudaPlan(metadata, *read) : read.status();
      if (!proof.ok())
        return proof.withContext("code image " + quoted(segment.target));
    }
  }
  return Status::okStatus();
}

Artifact::Artifact(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Artifact::~Artifact() = default;

Result<std::shared_ptr<const Artifact>> Artifact::open(const std::string &path,
                                                       const OpenOptions &options) {
  try {
    auto impl = std::make_unique<Impl>();
    AXIOM_ASSIGN_OR_RETURN(impl->file, MappedFile::open(path));
    impl->file.advise(MappedFile::Access::HugePages);
    Status status = impl->load(options);
    if (!status.ok())
      return status.withContext("'" + path + "'");
    return std::shared_ptr<const Artifact>(new Artifact(std::move(impl)));
  } catch (const std::exception &error) {
    return Status(Code::Resource,
                  format("'%s': not enough memory to open it (%s)", path.c_str(), error.what()));
  }
}

const std::string &Artifact::path() const { return impl_->file.path(); }
uint64_t Artifact::fileSize() const { return impl_->file.size(); }
const Metadata &Artifact::metadata() const { return impl_->metadata; }
const Sha256Digest &Artifact::digest() const { return impl_->digest; }
const LoadedProgram &Artifact::program() const { return impl_->program; }
const std::string &Artifact::target() const { return impl_->target; }
const CudaImage *Artifact::cuda() const { return impl_->cuda ? &*impl_->cuda : nullptr; }
std::span<const uint8_t> Artifact::mapping() const { return impl_->file.bytes(); }
bool Artifact::broken() const { return impl_->broken.load(std::memory_order_relaxed); }
void Artifact::markBroken() const { impl_->broken.store(true, std::memory_order_relaxed); }
void Artifact::release(std::span<const uint8_t> bytes) const { impl_->file.release(bytes); }

Sha256Digest Artifact::digestAndRelease(std::span<const uint8_t> bytes) const {
  return sha256OfPart(impl_->file, bytes);
}

Status Artifact::verify() const {
  Status status = impl_->verify();
  return status.ok() ? status : status.withContext("'" + path() + "'");
}

Result<std::vector<ImageInfo>> Artifact::images() const {
  std::vector<ImageInfo> images;
  for (size_t i = 0; i < metadata().segments.size(); ++i) {
    const SegmentInfo &segment = metadata().segments[i];
    if (segment.kind != SegmentKind::Code)
      continue;
    ImageInfo image;
    image.target = segment.target;
    image.segment = i;
    if (isCudaTarget(segment.target)) {
      AXIOM_ASSIGN_OR_RETURN(CudaImage cuda,
                             readCudaImage(segment.target, impl_->segmentBytes(segment)));
      image.rows = std::move(cuda.rows);
      image.launches = std::move(cuda.kernels);
      image.note = "chosen by --device=cuda";
    } else if (segment.target.rfind(kTargetPrefix, 0) != 0) {
      image.note = "of a kind that this build does not know";
    } else {
      AXIOM_ASSIGN_OR_RETURN(image.rows, readKernelTable(impl_->segmentBytes(segment)));
      const IsaLevel *level = findIsaLevel(segment.target.substr(std::strlen(kTargetPrefix)));
      if (!level)
        image.note = "for another architecture, or newer than this build";
      else if (uint64_t missing = level->missing())
        image.note = "this CPU lacks " + featureNames(missing);
      else if (!level->proven)
        image.note = "chosen only by --isa";
    }
    images.push_back(std::move(image));
  }
  return images;
}

std::span<const uint8_t> Artifact::segmentBytes(size_t index) const {
  return impl_->segmentBytes(metadata().segments[index]);
}

std::span<const uint8_t> Artifact::segment(SegmentKind kind) const {
  for (const SegmentInfo &segment : metadata().segments)
    if (segment.kind == kind)
      return impl_->segmentBytes(segment);
  return {};
}

} // namespace axiom
