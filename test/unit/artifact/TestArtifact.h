// A tiny but complete artifact, built in memory without the compiler: two layers, every kind of
// memory bound somewhere, a code image whose kernels only return. Tests change its parts and write
// it out.
#ifndef AXIOM_TEST_UNIT_ARTIFACT_TESTARTIFACT_H
#define AXIOM_TEST_UNIT_ARTIFACT_TESTARTIFACT_H

#include "runtime/abi/cuda_abi.h"
#include "runtime/artifact/Plan.h"
#include "runtime/artifact/Program.h"

#include <cstdint>
#include <string>
#include <vector>

namespace axiom::test {

struct TestArtifact {
  Metadata metadata;
  std::vector<std::vector<uint8_t>> blobs; ///< bytes of each segment
  std::vector<uint64_t> places;            ///< where bytes() puts each segment
  uint64_t metadataPlace = 0;

  /// Lays the segments out anew and sets their offsets, sizes and digests.
  void seal();
  /// The file, from the metadata as it is; its digest in the header is right.
  std::vector<uint8_t> bytes() const;
  /// The file with these metadata bytes instead.
  std::vector<uint8_t> bytesWith(const std::vector<uint8_t> &metadataBytes) const;
};

/// Kernels of the test model, in the order of its kernel table; each three times, for the variants.
enum TestKernel { Embed, Angles, Qkv, Attention, Output, Head, NumTestKernels };

/// Of the attention variants for few tokens.
inline constexpr uint32_t kTestMaxSpans = 10;

std::vector<AxmKernelRow> testKernelRows(const Metadata &metadata);
/// Header, table and code of an image; entries of `rows` are set.
std::vector<uint8_t> makeImage(std::vector<AxmKernelRow> &rows);
TestArtifact makeTestArtifact();

/// How the kernels of the test model are launched on a GPU; Qkv and Head have a prologue.
std::vector<AxmCudaKernel> testCudaKernels();
/// A CUDA image: header, tables and a module of these bytes. Entries of the rows become 0.
std::vector<uint8_t> makeCudaImage(std::vector<AxmKernelRow> rows,
                                   const std::vector<AxmCudaKernel> &kernels,
                                   const std::string &module);
/// Adds a CUDA image of the test model as a segment; seal() is left to the caller.
void addCudaImage(TestArtifact &artifact, const std::string &target,
                  const std::string &module = "module");

/// The same model for an executor; bodies and prologues are null and `weights` is the caller's.
LoadedProgram makeTestProgram();

std::vector<uint8_t> serialize(const Metadata &metadata);

/// Writes to a new file in the test's temporary folder; returns its path.
std::string writeTemporary(const std::vector<uint8_t> &bytes, const std::string &name = "test.axm");

} // namespace axiom::test

#endif
