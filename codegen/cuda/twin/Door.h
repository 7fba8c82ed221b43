/* What a library of kernels for the host twin (codegen/cuda/HostCompiler.h) and a program that
 * loads it (twin/Library.h) know of each other: plain C, so that different compilers may have made
 * them. The library has the kernels, the program the twin. */
#ifndef AXIOM_CODEGEN_CUDA_TWIN_DOOR_H
#define AXIOM_CODEGEN_CUDA_TWIN_DOOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AXM_TWIN_MAGIC 0x54584d41u /* "AMXT" */
#define AXM_TWIN_VERSION 2u
/* The library's only symbol, an AxmTwinLibrary. */
#define AXM_TWIN_SYMBOL "axiomTwinLibrary"

/* The functions of twin/Calls.h. */
typedef struct AxmTwinCalls {
  uint32_t (*threadIndex)(void);
  uint32_t (*blockThreads)(void);
  uint32_t (*blockIndex)(void);
  uint32_t (*gridBlocks)(void);
  void (*readGlobal)(const void *from, void *to, size_t bytes, int kind, int site);
  void (*writeGlobal)(void *to, const void *from, size_t bytes, int site);
  void (*readShared)(uint32_t from, void *to, size_t bytes, int site);
  void (*writeShared)(uint32_t to, const void *from, size_t bytes, int site);
  void (*copyAsync)(uint32_t to, const void *from, int site);
  void (*copyCommit)(int site);
  void (*copyWait)(int pending, int site);
  void (*meet)(int kind, uint32_t mask, uint32_t *operands, int site); /* twin::Operands */
  void (*blockSync)(int site);
  uint32_t (*takeTicket)(uint32_t *counter, uint32_t add, int site);
  void (*waitFor)(const uint32_t *counter, uint32_t least, int site);
  void (*countDot)(void);
} AxmTwinCalls;

/* Of the thread that runs now, kept by the twin in the library during a launch, so that the kernel
 * need not ask. */
typedef struct AxmTwinPlace {
  uint32_t live;   /* 0: nothing here counts */
  uint32_t direct; /* 1: the kernel reads and writes memory itself, unchecked */
  uint32_t thread, threads, block, blocks;
  uint8_t *shared; /* direct: the block's */
  uintptr_t shift; /* direct: from an address of global memory to where its bytes are */
} AxmTwinPlace;

typedef struct AxmTwinKernel {
  const char *name;
  void (*run)(const void *parameters); /* what one thread does */
  uint32_t parameterBytes;
  uint32_t threads; /* of a block, at most */
} AxmTwinKernel;

typedef struct AxmTwinLibrary {
  uint32_t magic, version;
  uint32_t callsBytes; /* sizeof(AxmTwinCalls) */
  uint32_t numKernels;
  const AxmTwinKernel *kernels;
  AxmTwinPlace *place;
  void (*bind)(const AxmTwinCalls *calls); /* before any kernel runs */
} AxmTwinLibrary;

#ifdef __cplusplus
}
#endif

#endif
