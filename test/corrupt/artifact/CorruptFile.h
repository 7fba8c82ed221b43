// A test artifact in a file whose bytes are changed in place, and what must hold whenever a changed
// artifact still opens.
#ifndef AXIOM_TEST_CORRUPT_ARTIFACT_CORRUPTFILE_H
#define AXIOM_TEST_CORRUPT_ARTIFACT_CORRUPTFILE_H

#include "runtime/artifact/Artifact.h"
#include "test/unit/artifact/TestArtifact.h"

#include <cstdint>
#include <string>
#include <vector>

namespace axiom::test {

/// True for tools/test --long.
bool longTests();

class CorruptFile {
public:
  explicit CorruptFile(const TestArtifact &artifact);
  ~CorruptFile();
  CorruptFile(const CorruptFile &) = delete;

  const std::string &path() const { return path_; }
  const std::vector<uint8_t> &good() const { return good_; }

  void write(uint64_t offset, const void *bytes, size_t size);
  void resize(uint64_t size);
  /// Replaces the metadata, with its size and digest in the header.
  void writeMetadata(const std::vector<uint8_t> &metadata);
  void restore();

private:
  std::string path_;
  std::vector<uint8_t> good_;
  uint64_t metadataPlace_;
  int fd_;
};

/// Opens the file; ok if it is rejected with one clear line, or opens and is harmless: every
/// address that a kernel of the (unchanged) image may use lies in what it is bound to, and a step
/// that touches all of it runs. Otherwise says what is wrong. `accepted` counts the artifacts that
/// open.
std::string judge(const CorruptFile &file, const TestArtifact &original, size_t &accepted);

} // namespace axiom::test

#endif
