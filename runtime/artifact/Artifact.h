// A model artifact (model.axm), opened, checked and ready to run. Layout: runtime/schema/Header.h.
//
// open() trusts nothing of the file but the machine code in its images: digests show damage, the
// flatbuffer verifier and the validator show metadata that does not hold together, and every
// binding of the plan is proved against the kernel table of the chosen image before that image
// becomes executable. An Artifact does not change after open(); all members may be called from any
// thread.
#ifndef AXIOM_RUNTIME_ARTIFACT_ARTIFACT_H
#define AXIOM_RUNTIME_ARTIFACT_ARTIFACT_H

#include "runtime/artifact/CudaImage.h"
#include "runtime/artifact/Plan.h"
#include "runtime/artifact/Program.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace axiom {

enum class LoadMode {
  Map,  ///< weights are file pages, shared with other processes; the file must not shrink meanwhile
  Copy, ///< weights are copied to private memory
  Huge  ///< the same, to 2 MiB pages where the system has them: slower to start, faster to read
};

/// Of the CUDA targets of a file the index of the one to run, or why there is none.
using ChooseCuda = std::function<Result<size_t>(const std::vector<std::string> &targets)>;

struct OpenOptions {
  std::string isa; ///< ISA level, for example "x86-64-v3"; empty: the best that is proven
  LoadMode load = LoadMode::Map;
  /// Copy, Huge: weights that take more bytes are refused; 0: no bound but what the system has.
  uint64_t memoryLimit = 0;
  bool verifyAll = false; ///< also digest weights, golden and the images that are not used
  bool prefault = true;   ///< Map: bring the weights' pages in now instead of in the first step
  bool code = true;       ///< false: inspect only; no image is chosen, program() has no kernels
  /// Set: the model is to run on a GPU. No CPU image is chosen, `isa` is refused, and the weights
  /// stay in the file for the caller to copy: `load` and `prefault` mean nothing.
  ChooseCuda chooseCuda = {};
};

/// One code image as the file describes it.
struct ImageInfo {
  std::string target; ///< "cpu:x86-64-v3"
  size_t segment = 0; ///< index into metadata().segments
  std::vector<AxmKernelRow> rows;
  std::vector<AxmCudaKernel> launches; ///< CUDA: of each kernel
  std::string note;                    ///< why it can't be used here, or what for; empty: it can
};

class Artifact {
public:
  static Result<std::shared_ptr<const Artifact>> open(const std::string &path,
                                                      const OpenOptions &options = {});
  ~Artifact();
  Artifact(const Artifact &) = delete;
  Artifact &operator=(const Artifact &) = delete;

  const std::string &path() const;
  uint64_t fileSize() const;
  const Metadata &metadata() const;
  const ArtifactConfig &config() const { return metadata().config; }
  /// SHA-256 of the metadata, which holds the digests of all segments: the identity of the
  /// artifact.
  const Sha256Digest &digest() const;

  /// Valid as long as the artifact; its kernels point into the executable image. With chooseCuda
  /// they have rows only, and cuda() tells how they are launched.
  const LoadedProgram &program() const;
  /// The chosen CUDA image, in private memory; null without OpenOptions::chooseCuda.
  const CudaImage *cuda() const;
  /// Target of the chosen image; empty with OpenOptions::code = false.
  const std::string &target() const;
  /// All images of the file with their kernel tables (checked for form).
  Result<std::vector<ImageInfo>> images() const;

  /// Bytes of the first segment of this kind, in the mapped file; empty if there is none. Tokenizer
  /// and template were digested by open().
  std::span<const uint8_t> segment(SegmentKind kind) const;
  std::span<const uint8_t> segmentBytes(size_t index) const;

  /// Digests every segment and tensor and checks all images; the first that differs is named.
  Status verify() const;

  /// Lets go of the memory of these bytes of the mapping; reading them again reads the file.
  void release(std::span<const uint8_t> bytes) const;
  /// SHA-256 of bytes of the mapping, each let go when it was read.
  Sha256Digest digestAndRelease(std::span<const uint8_t> bytes) const;

  /// The mapped bytes of the file: a fault in this range means that the file became shorter.
  std::span<const uint8_t> mapping() const;
  /// True after markBroken(): the weights can no longer be read, every later step fails.
  bool broken() const;
  /// Async-signal-safe, may be called from a SIGBUS handler.
  void markBroken() const;

private:
  struct Impl;
  explicit Artifact(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

} // namespace axiom

#endif
