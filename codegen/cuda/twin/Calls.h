// What the bodies of the device functions call on the host. Each works for the kernel thread that
// is running; a fault ends the launch and does not return. `site` is the kernel's line.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_CALLS_H
#define AXIOM_CODEGEN_CUDA_TWIN_CALLS_H

#include <cstddef>
#include <cstdint>

namespace axiom::twin {

uint32_t threadIndex();
uint32_t blockThreads();
uint32_t blockIndex();
uint32_t gridBlocks();

/// How global memory is read.
enum class Read {
  Plain,    ///< others may write it
  Constant, ///< nothing writes it during the launch; that is checked
};

void readGlobal(const void *from, void *to, size_t bytes, Read kind, int site);
void writeGlobal(void *to, const void *from, size_t bytes, int site);
void readShared(uint32_t from, void *to, size_t bytes, int site);
void writeShared(uint32_t to, const void *from, size_t bytes, int site);

/// `from` null: zeros.
void copyAsync(uint32_t to, const void *from, int site);
void copyCommit(int site);
void copyWait(int pending, int site);

/// What the lanes of a warp do together.
enum class Meeting : uint8_t {
  Sync,
  Shuffle,    ///< in: value, lane; out: value
  ShuffleXor, ///< in: value, lanes; out: value
  Ballot,     ///< in: 0 or 1
  Max,        ///< in: value
  Add,        ///< in: value
  Matrix4,    ///< in: offset of a row; out: 4 words
  Matrix2,    ///< in: offset of a row; out: 2 words
  MmaS8S8,    ///< in: A (4), B (2), C (4); out: C
  MmaU8S8,
  MmaS8U8,
};

inline constexpr unsigned kMostIn = 10, kMostOut = 4;

/// What a lane brings and takes away.
struct Operands {
  uint32_t in[kMostIn] = {};
  uint32_t out[kMostOut] = {};
};

void meet(Meeting kind, uint32_t mask, Operands &operands, int site);

void blockSync(int site);
uint32_t takeTicket(uint32_t *counter, uint32_t add, int site);
void waitFor(const uint32_t *counter, uint32_t least, int site);
void countDot();

} // namespace axiom::twin

#endif
