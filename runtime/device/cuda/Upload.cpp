#include "runtime/base/Memory.h"
#include "runtime/device/cuda/GpuModel.h"

#include <algorithm>
#include <cstring>

namespace axiom::cuda {

namespace {

constexpr uint64_t kChunk = 16ull << 20;

Status changed() {
  return Status(Code::BadInput,
                "the artifact's file was changed while its weights were read; load it again");
}

} // namespace

Result<DeviceMemory> uploadWeights(const std::shared_ptr<const Context> &context,
                                   const Artifact &artifact, const UploadProgress &progress) {
  const LoadedProgram &program = artifact.program();
  std::span<const uint8_t> from(program.weights, program.weightsSize);
  AXIOM_ASSIGN_OR_RETURN(DeviceMemory memory, allocateDevice(context, from.size(), "the weights"));
  // Freed in the reverse order: the stream is done before its buffers go.
  PinnedMemory buffers[2];
  Event copied[2];
  uint64_t bufferBytes = std::min<uint64_t>(kChunk, from.size());
  for (int i = 0; i < 2; ++i) {
    AXIOM_ASSIGN_OR_RETURN(buffers[i], allocatePinned(context, bufferBytes, "the weights' way"));
    AXIOM_ASSIGN_OR_RETURN(copied[i], createEvent(context));
  }
  AXIOM_ASSIGN_OR_RETURN(Stream stream, createStream(context));
  auto copy = [&]() -> Status {
    for (uint64_t begin = 0, turn = 0; begin < from.size(); begin += kChunk, ++turn) {
      auto chunk = from.subspan(begin, std::min<uint64_t>(kChunk, from.size() - begin));
      const Event &event = copied[turn % 2];
      void *buffer = buffers[turn % 2].get();
      if (turn >= 2)
        AXIOM_CUDA(*context, cuEventSynchronize, event.get());
      prefault(chunk);
      std::memcpy(buffer, chunk.data(), chunk.size());
      artifact.release(chunk); // it is not read again: the process keeps one copy, on the device
      if (artifact.broken())
        return changed();
      AXIOM_CUDA(*context, cuMemcpyHtoDAsync, memory.get() + begin, buffer, chunk.size(),
                 stream.get());
      AXIOM_CUDA(*context, cuEventRecord, event.get(), stream.get());
      if (progress)
        progress(begin + chunk.size(), from.size());
    }
    return Status::okStatus();
  };
  Status status = copy();
  Status done =
      context->check("cuStreamSynchronize", context->driver().cuStreamSynchronize(stream.get()));
  AXIOM_RETURN_IF_ERROR(status);
  AXIOM_RETURN_IF_ERROR(done);
  return memory;
}

} // namespace axiom::cuda
