// The library's side of twin/Door.h: what stands in front of generated kernels that are compiled
// for the twin (codegen/cuda/HostCompiler.cpp). The functions of twin/Calls.h go to the table that
// the loading program has bound.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_MODULE_H
#define AXIOM_CODEGEN_CUDA_TWIN_MODULE_H

#include "codegen/cuda/twin/Calls.h"
#include "codegen/cuda/twin/Door.h"

namespace axiom::twin {

inline const AxmTwinCalls *calls = nullptr;

uint32_t threadIndex() { return calls->threadIndex(); }
uint32_t blockThreads() { return calls->blockThreads(); }
uint32_t blockIndex() { return calls->blockIndex(); }
uint32_t gridBlocks() { return calls->gridBlocks(); }
void readGlobal(const void *from, void *to, size_t bytes, Read kind, int site) {
  calls->readGlobal(from, to, bytes, static_cast<int>(kind), site);
}
void writeGlobal(void *to, const void *from, size_t bytes, int site) {
  calls->writeGlobal(to, from, bytes, site);
}
void readShared(uint32_t from, void *to, size_t bytes, int site) {
  calls->readShared(from, to, bytes, site);
}
void writeShared(uint32_t to, const void *from, size_t bytes, int site) {
  calls->writeShared(to, from, bytes, site);
}
void copyAsync(uint32_t to, const void *from, int site) { calls->copyAsync(to, from, site); }
void copyCommit(int site) { calls->copyCommit(site); }
void copyWait(int pending, int site) { calls->copyWait(pending, site); }
void meet(Meeting kind, uint32_t mask, Operands &operands, int site) {
  calls->meet(static_cast<int>(kind), mask, operands.in, site);
}
void blockSync(int site) { calls->blockSync(site); }
uint32_t takeTicket(uint32_t *counter, uint32_t add, int site) {
  return calls->takeTicket(counter, add, site);
}
void waitFor(const uint32_t *counter, uint32_t least, int site) {
  calls->waitFor(counter, least, site);
}
void countDot() { calls->countDot(); }

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
      [](const AxmTwinCalls *table) { axiom::twin::calls = table; }};

#endif
