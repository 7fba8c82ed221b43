// The library's side of twin/Door.h: what stands in front of generated kernels that are compiled
// for the twin (codegen/cuda/HostCompiler.cpp). The functions of twin/Calls.h go to the table that
// the loading program has bound, but for what a thread can do itself: say where it is, and in an
// unchecked launch use memory.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_MODULE_H
#define AXIOM_CODEGEN_CUDA_TWIN_MODULE_H

#include "codegen/cuda/twin/Calls.h"
#include "codegen/cuda/twin/Door.h"

#include <cstring>

namespace axiom::twin {

inline const AxmTwinCalls *calls = nullptr;
inline AxmTwinPlace place = {};

inline uint32_t threadIndex() { return place.live ? place.thread : calls->threadIndex(); }
inline uint32_t blockThreads() { return place.live ? place.threads : calls->blockThreads(); }
inline uint32_t blockIndex() { return place.live ? place.block : calls->blockIndex(); }
inline uint32_t gridBlocks() { return place.live ? place.blocks : calls->gridBlocks(); }

inline void *hostAddress(const void *at) {
  return reinterpret_cast<void *>(reinterpret_cast<uintptr_t>(at) + place.shift);
}

inline void readGlobal(const void *from, void *to, size_t bytes, Read kind, int site) {
  if (place.direct)
    std::memcpy(to, hostAddress(from), bytes);
  else
    calls->readGlobal(from, to, bytes, static_cast<int>(kind), site);
}
inline void writeGlobal(void *to, const void *from, size_t bytes, int site) {
  if (place.direct)
    std::memcpy(hostAddress(to), from, bytes);
  else
    calls->writeGlobal(to, from, bytes, site);
}
inline void readShared(uint32_t from, void *to, size_t bytes, int site) {
  if (place.direct)
    std::memcpy(to, place.shared + from, bytes);
  else
    calls->readShared(from, to, bytes, site);
}
inline void writeShared(uint32_t to, const void *from, size_t bytes, int site) {
  if (place.direct)
    std::memcpy(place.shared + to, from, bytes);
  else
    calls->writeShared(to, from, bytes, site);
}
inline void copyAsync(uint32_t to, const void *from, int site) {
  if (!place.direct)
    calls->copyAsync(to, from, site);
  else if (from)
    std::memcpy(place.shared + to, hostAddress(from), 16);
  else
    std::memset(place.shared + to, 0, 16);
}
inline void copyCommit(int site) {
  if (!place.direct)
    calls->copyCommit(site);
}
inline void copyWait(int pending, int site) {
  if (!place.direct)
    calls->copyWait(pending, site);
}
inline void countDot() {
  if (!place.direct)
    calls->countDot();
}

inline void meet(Meeting kind, uint32_t mask, Operands &operands, int site) {
  calls->meet(static_cast<int>(kind), mask, operands.in, site);
}
inline void blockSync(int site) { calls->blockSync(site); }
inline uint32_t takeTicket(uint32_t *counter, uint32_t add, int site) {
  return calls->takeTicket(counter, add, site);
}
inline void waitFor(const uint32_t *counter, uint32_t least, int site) {
  calls->waitFor(counter, least, site);
}

/// A kernel with its one parameter behind an address.
template <auto kernel> struct Kernel;
template <typename Parameter, void (*kernel)(Parameter)> struct Kernel<kernel> {
  static void run(const void *parameters) { kernel(*static_cast<const Parameter *>(parameters)); }
  static constexpr AxmTwinKernel row(const char *name, uint32_t threads) {
    return {name, run, sizeof(Parameter), threads};
  }
};

} // namespace axiom::twin

/// The library's symbol, for an array of AxmTwinKernel.
#define AXIOM_TWIN_LIBRARY(kernels)                                                                \
  extern "C" __attribute__((visibility("default"))) const AxmTwinLibrary axiomTwinLibrary = {      \
      AXM_TWIN_MAGIC,                                                                              \
      AXM_TWIN_VERSION,                                                                            \
      sizeof(AxmTwinCalls),                                                                        \
      sizeof(kernels) / sizeof((kernels)[0]),                                                      \
      kernels,                                                                                     \
      &axiom::twin::place,                                                                         \
      [](const AxmTwinCalls *table) { axiom::twin::calls = table; }};

#endif
