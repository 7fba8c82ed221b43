#include "test/corrupt/artifact/CorruptFile.h"

#include "runtime/device/cpu/Executor.h"
#include "runtime/schema/Header.h"
#include "test/unit/device/StepData.h"

#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

namespace axiom::test {

bool longTests() { return std::getenv("AXIOM_TEST_LONG") != nullptr; }

CorruptFile::CorruptFile(const TestArtifact &artifact)
    : path_(writeTemporary(artifact.bytes(), "corrupt.axm")), good_(artifact.bytes()),
      metadataPlace_(artifact.metadataPlace), fd_(::open(path_.c_str(), O_RDWR)) {
  if (fd_ < 0)
    std::abort();
}

CorruptFile::~CorruptFile() { ::close(fd_); }

void CorruptFile::write(uint64_t offset, const void *bytes, size_t size) {
  if (::pwrite(fd_, bytes, size, static_cast<off_t>(offset)) != static_cast<ssize_t>(size))
    std::abort();
}

void CorruptFile::resize(uint64_t size) {
  if (::ftruncate(fd_, static_cast<off_t>(size)) != 0)
    std::abort();
}

void CorruptFile::writeMetadata(const std::vector<uint8_t> &metadata) {
  ArtifactHeader header;
  std::memcpy(&header, good_.data(), sizeof header);
  header.metadataSize = metadata.size();
  Sha256Digest digest = Sha256::of(metadata);
  std::memcpy(header.metadataSha256, digest.data(), digest.size());
  resize(metadataPlace_ + metadata.size());
  write(0, &header, sizeof header);
  write(metadataPlace_, metadata.data(), metadata.size());
}

void CorruptFile::restore() {
  resize(good_.size());
  write(0, good_.data(), good_.size());
}

namespace {

/// The program whose kernels the touching functions stand for.
const LoadedProgram *touched;
volatile uint8_t sink;

/// Reads and writes the first and the last byte of every range that the kernel's row allows.
template <int K> void touch(const AxmLaunch *launch) {
  const AxmKernelRow &row = touched->kernels[K].row;
  auto ends = [](void *base, uint64_t bytes, bool write) {
    if (bytes == 0)
      return;
    auto *p = static_cast<volatile uint8_t *>(base);
    for (uint64_t at : {uint64_t(0), bytes - 1}) {
      sink = p[at];
      if (write)
        p[at] = sink;
    }
  };
  for (uint32_t i = 0; i < row.numArgs; ++i) {
    const AxmArgRow &arg = row.args[i];
    ends(launch->args[i], arg.readFixed + arg.readPerToken * launch->numTokens, false);
    ends(launch->args[i], arg.writeFixed + arg.writePerToken * launch->numTokens, true);
  }
  ends(launch->scratch, row.scratchFixed + row.scratchPerToken * launch->numTokens, true);
}

template <size_t... K> void setTouching(LoadedProgram &program, std::index_sequence<K...>) {
  AxmKernelEntry entries[] = {&touch<int(K)>...};
  for (size_t k = 0; k < program.kernels.size() && k < sizeof...(K); ++k) {
    program.kernels[k].body = entries[k];
    program.kernels[k].prologue = nullptr;
  }
}

std::string runTouching(const Artifact &artifact) {
  LoadedProgram program = artifact.program();
  // Exactly as large as the segment, so that the sanitizer sees one byte too many.
  std::unique_ptr<uint8_t, void (*)(void *)> weights(
      static_cast<uint8_t *>(std::aligned_alloc(64, (program.weightsSize + 63) / 64 * 64)),
      std::free);
  std::memcpy(weights.get(), program.weights, program.weightsSize);
  program.weights = weights.get();
  setTouching(program, std::make_index_sequence<3 * NumTestKernels>());
  touched = &program;
  ExecutorOptions options;
  options.threads = 1;
  options.maxTokens = 10;
  options.numBlocks = 1;
  options.memoryLimit = 64u << 20;
  auto executor = Executor::create(program, options);
  if (!executor.ok())
    return executor.status().code() == Code::Resource ? "" : executor.status().message();
  for (uint32_t tokens : {1u, 2u, 10u}) {
    StepData data(program, std::min(tokens, program.config.maxContext), 1);
    Status status = (*executor)->step(data.input);
    if (!status.ok())
      return "the step failed: " + status.message();
  }
  return "";
}

/// What the unchanged kernels rely on without their rows saying so.
std::string checkAgainst(const Metadata &m, const Metadata &original) {
  if (m.config.vocab > (original.config.vocab + 7) / 8 * 8)
    return format("token ids up to %u reach beyond the embedding", m.config.vocab);
  if (m.kv.blockBytes < original.kv.blockBytes || m.kv.layerBytes != original.kv.layerBytes)
    return format("KV blocks of %llu bytes", static_cast<unsigned long long>(m.kv.blockBytes));
  return "";
}

} // namespace

std::string judge(const CorruptFile &file, const TestArtifact &original, size_t &accepted) {
  auto opened = Artifact::open(file.path());
  if (!opened.ok()) {
    const std::string &message = opened.status().message();
    if (opened.status().code() != Code::BadInput && opened.status().code() != Code::Unsupported)
      return std::string("rejected as ") + codeName(opened.status().code()) + ": " + message;
    if (message.size() < file.path().size() + 10 || message.size() > 2000 ||
        message.find('\n') != std::string::npos)
      return "unclear error: " + message;
    return "";
  }
  ++accepted;
  std::string wrong = checkAgainst((*opened)->metadata(), original.metadata);
  return wrong.empty() ? runTouching(**opened) : wrong;
}

} // namespace axiom::test
