/* The form of a CUDA code image, and what its kernels are given. Shared by the compiler
 * (codegen/cuda, compiler/package) and the runtime (device/cuda); plain C.
 *
 * A planned kernel becomes up to two launches, one behind the other: a prologue that leaves rows in
 * the scratch, and a body in one of several forms, by the number of tokens. Launches of a step
 * follow each other in one stream. */
#ifndef AXIOM_RUNTIME_ABI_CUDA_ABI_H
#define AXIOM_RUNTIME_ABI_CUDA_ABI_H

#include "runtime/abi/kernel_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define AXM_CUDA_ABI_VERSION 2u
#define AXM_CUDA_IMAGE_MAGIC 0x474d5841u /* "AXMG" */

/* The one parameter of every kernel. 216 bytes; codegen/cuda/kernels/Launch.h is its device form.
 */
typedef struct AxmCudaLaunch {
  void *args[AXM_MAX_ARGS]; /* device addresses, in the order of the plan's kernel */
  /* The kernel's scratchFixed + scratchPerToken * tokens bytes, at a multiple of 256. */
  void *scratch;
  /* In device memory: how many tokens (for head kernels: rows) there are. The grid may be larger
   * than they need; blocks without a token do nothing. */
  const uint32_t *tokens;
  /* AXM_CUDA_COUNTERS words of device memory that are 0 between launches: zeros at first, and each
   * launch that counts there leaves zeros. Launches that may run at the same time have their own.
   */
  uint32_t *counters;
} AxmCudaLaunch;

#define AXM_CUDA_COUNTERS 4096u

/* Bytes of a symbol's name, zeros behind it included. */
#define AXM_CUDA_SYMBOL 64u
/* Bodies of a kernel, at most. */
#define AXM_CUDA_BODIES 5u
/* Dynamic shared memory of a block, at most: what the smallest of the architectures lends. Above
 * 48 KiB the driver wants to be asked for it, once for each function
 * (CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES). */
#define AXM_CUDA_SHARED 101376u

/* One launch. Blocks of a grid: ceil(units * ceil(tokens / tokensPerTile) / unitsPerBlock). */
typedef struct AxmCudaStage {
  char symbol[AXM_CUDA_SYMBOL]; /* of the module; empty: there is no such stage, all is 0 */
  uint32_t threads;             /* of a block: a multiple of 32, at most 1024 */
  uint32_t sharedBytes;         /* dynamic shared memory of a block: at most AXM_CUDA_SHARED */
  uint32_t units, unitsPerBlock, tokensPerTile;
  uint32_t mostTokens; /* that the stage is for; UINT32_MAX: any number */
} AxmCudaStage;

typedef struct AxmCudaKernel {
  AxmCudaStage prologue; /* for any number of tokens */
  /* In rising order of mostTokens, that of the last one UINT32_MAX; the rest are empty. A step with
   * T tokens, or a graph for up to T, takes the first one with T <= mostTokens. */
  AxmCudaStage bodies[AXM_CUDA_BODIES];
  /* Scratch: what the prologue leaves for the body, and what a body's blocks leave for each other.
   */
  uint64_t scratchFixed, scratchPerToken;
} AxmCudaKernel;

/* A code image for a CUDA target starts with this header. Behind it, with nothing between them:
 * AxmKernelRow[numKernels], the rows that a CPU image has too, with entries of 0: the plan is
 * proved against them; AxmCudaKernel[numKernels]; zeros up to moduleOffset, the lowest multiple of
 * 64; and the module up to the image's end: a cubin, PTX text with its zero at the end, or
 * (cuda:host) a shared library for the host twin. */
typedef struct AxmCudaImageHeader {
  uint32_t magic;      /* AXM_CUDA_IMAGE_MAGIC */
  uint32_t abiVersion; /* AXM_CUDA_ABI_VERSION */
  uint32_t numKernels;
  uint32_t rowBytes;    /* sizeof(AxmKernelRow) */
  uint32_t kernelBytes; /* sizeof(AxmCudaKernel) */
  uint32_t reserved;
  uint64_t moduleOffset, moduleSize;
} AxmCudaImageHeader;

#ifdef __cplusplus
}
#endif
#endif
