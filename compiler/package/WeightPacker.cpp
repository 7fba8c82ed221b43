#include "compiler/package/WeightPacker.h"

#include "compiler/package/RowQuantizer.h"
#include "compiler/package/StripePacker.h"
#include "runtime/base/Checked.h"
#include "runtime/schema/Header.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

namespace axiom {

using plan::PlanWeight;

namespace {

/// A piece of work of a few hundred kilobytes: some units of one weight.
struct Chunk {
  uint32_t weight;
  uint32_t first, count;
};
constexpr uint64_t kChunkBytes = 256 * 1024;
/// Packed bytes after which the source's pages are let go.
constexpr uint64_t kReleaseBytes = 32 << 20;

struct ChunkResult {
  std::vector<uint8_t> bytes;
  PackStats stats;
  double seconds = 0;
  Status status;
  bool ready = false;
};

Result<std::vector<StripePacker>> createPackers(const std::vector<PlanWeight> &weights,
                                                const ModelSource &source) {
  std::vector<StripePacker> packers;
  packers.reserve(weights.size());
  for (const PlanWeight &weight : weights) {
    AXIOM_ASSIGN_OR_RETURN(StripePacker packer, StripePacker::create(weight, source));
    packers.push_back(packer);
  }
  return packers;
}

std::vector<Chunk> cutChunks(const std::vector<StripePacker> &packers) {
  std::vector<Chunk> chunks;
  for (uint32_t i = 0; i < packers.size(); ++i) {
    uint64_t per = kChunkBytes / packers[i].unitBytes();
    auto step = static_cast<uint32_t>(per < 1 ? 1 : per);
    for (uint32_t first = 0; first < packers[i].units(); first += step) {
      uint32_t left = packers[i].units() - first;
      chunks.push_back({i, first, left < step ? left : step});
    }
  }
  return chunks;
}

/// Workers pack chunks in any order; take(i) hands them out in order. At most `window` chunks are
/// packed ahead of the taker.
class ChunkQueue {
public:
  ChunkQueue(const std::vector<StripePacker> &packers, const std::vector<Chunk> &chunks,
             const PackOptions &options)
      : packers_(packers), chunks_(chunks), options_(options),
        ring_(options.threads > 1 ? 2 * options.threads + 2 : 1) {
    uint32_t threads = options.threads;
    if (threads < 2)
      return;
    try {
      for (uint32_t i = 0; i < threads; ++i)
        workers_.emplace_back([this] { work(); });
    } catch (const std::system_error &) {
      // Fewer threads than asked for do the same work; with none, take() packs by itself.
    }
  }
  ~ChunkQueue() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    for (std::thread &worker : workers_)
      worker.join();
  }

  ChunkResult take(size_t index) {
    ChunkResult result;
    if (workers_.empty()) {
      pack(index, result);
      return result;
    }
    ChunkResult &slot = ring_[index % ring_.size()];
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return slot.ready; });
      result = std::move(slot);
      slot = ChunkResult();
      taken_ = index + 1;
    }
    changed_.notify_all();
    return result;
  }

private:
  void pack(size_t index, ChunkResult &result) const {
    const Chunk &chunk = chunks_[index];
    const StripePacker &packer = packers_[chunk.weight];
    auto start = std::chrono::steady_clock::now();
    try {
      result.bytes.resize(chunk.count * packer.unitBytes());
      std::shared_ptr<const Feedback> feedback;
      if (options_.feedback && packer.searches()) {
        auto known = options_.feedback(packer.tensor()->name);
        if (!known.ok()) {
          result.status = known.status();
          return;
        }
        feedback = std::move(known).value();
      }
      QuantGuide guide{nullptr, feedback.get()};
      result.status =
          packer.pack(chunk.first, chunk.count, guide, result.bytes.data(), result.stats);
    } catch (const std::bad_alloc &) {
      result.status = Status(Code::Resource, "out of memory while packing weights");
    }
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  void work() {
    for (;;) {
      size_t index;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        if (next_ == chunks_.size())
          return;
        index = next_++;
        changed_.wait(lock, [&] { return stop_ || index < taken_ + ring_.size(); });
        if (stop_)
          return;
      }
      ChunkResult result;
      pack(index, result);
      result.ready = true;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        ring_[index % ring_.size()] = std::move(result);
      }
      changed_.notify_all();
    }
  }

  const std::vector<StripePacker> &packers_;
  const std::vector<Chunk> &chunks_;
  const PackOptions &options_;
  std::vector<ChunkResult> ring_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = 0, taken_ = 0;
  bool stop_ = false;
};

PackedTensor describe(const PlanWeight &weight, const StripePacker &packer) {
  PackedTensor tensor;
  const SourceTensor *source = packer.tensor();
  tensor.sourceType = source ? sourceTypeName(source->type) : "computed";
  tensor.weights = uint64_t(weight.vector ? 1 : weight.rows) * weight.cols;
  tensor.sourceBytes = source ? source->bytes.size() : 0;
  return tensor;
}

void setStats(PackedTensor &tensor, const PackStats &stats) {
  tensor.maxError = stats.maxError;
  tensor.errorPower = stats.errorPower;
  tensor.power = stats.power;
  if (stats.outputPower > 0)
    tensor.outputError = stats.outputErrorPower / stats.outputPower;
}

} // namespace

Result<WeightLayout> layoutWeights(const std::vector<PlanWeight> &weights,
                                   const ModelSource &source) {
  AXIOM_ASSIGN_OR_RETURN(std::vector<StripePacker> packers, createPackers(weights, source));
  WeightLayout layout;
  for (const StripePacker &packer : packers) {
    uint64_t offset = alignUp(layout.size, kTensorAlign);
    layout.places.push_back({offset, packer.totalBytes()});
    layout.size = offset + packer.totalBytes();
  }
  return layout;
}

Result<std::vector<PackedTensor>> packWeights(const std::vector<PlanWeight> &weights,
                                              const ModelSource &source, const WeightLayout &layout,
                                              const PackOptions &options, const ByteSink &sink) {
  AXIOM_ASSIGN_OR_RETURN(std::vector<StripePacker> packers, createPackers(weights, source));
  std::vector<Chunk> chunks = cutChunks(packers);
  std::vector<PackedTensor> tensors;
  for (size_t i = 0; i < weights.size(); ++i)
    tensors.push_back(describe(weights[i], packers[i]));

  ChunkQueue queue(packers, chunks, options);
  Sha256 digest;
  PackStats stats;
  uint64_t position = 0, released = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    ChunkResult result = queue.take(i);
    AXIOM_RETURN_IF_ERROR(result.status);
    uint32_t index = chunks[i].weight;
    if (chunks[i].first == 0) {
      digest = Sha256();
      stats = PackStats();
      static const uint8_t zeros[kTensorAlign] = {};
      uint64_t gap = layout.places[index].offset - position;
      AXIOM_RETURN_IF_ERROR(sink({zeros, static_cast<size_t>(gap)}));
      position += gap;
    }
    digest.update(result.bytes);
    AXIOM_RETURN_IF_ERROR(sink(result.bytes));
    position += result.bytes.size();
    stats.add(result.stats);
    tensors[index].seconds += result.seconds;
    bool last = i + 1 == chunks.size() || chunks[i + 1].weight != index;
    if (last) {
      tensors[index].sha256 = digest.finish();
      setStats(tensors[index], stats);
    }
    // What workers have read ahead by then is read again.
    if (last || position - released >= kReleaseBytes) {
      released = position;
      if (const SourceTensor *packed = source.find(weights[index].source))
        source.releasePages(packed->bytes);
    }
    if (options.progress)
      options.progress(position, layout.size);
  }
  return tensors;
}

Result<std::vector<uint8_t>> packWeight(const PlanWeight &weight, const ModelSource &source,
                                        PackedTensor *report) {
  AXIOM_ASSIGN_OR_RETURN(StripePacker packer, StripePacker::create(weight, source));
  std::vector<uint8_t> bytes(packer.totalBytes());
  PackStats stats;
  AXIOM_RETURN_IF_ERROR(packer.pack(0, packer.units(), QuantGuide(), bytes.data(), stats));
  if (report) {
    *report = describe(weight, packer);
    setStats(*report, stats);
    report->sha256 = Sha256::of(bytes);
  }
  return bytes;
}

} // namespace axiom
