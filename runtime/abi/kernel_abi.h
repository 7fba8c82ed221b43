/* What a generated kernel is given, and how weights and activations lie in memory. Shared by the
 * emitters (codegen) and the runtime (device); plain C.
 *
 * A kernel has a body and, optionally, a prologue. For each phase every worker thread calls the
 * prologue once (it prepares thread-private scratch, for example normalized and quantized rows) and
 * then the body for one or more ranges of units. Units are independent and write disjoint memory.
 */
#ifndef AXIOM_RUNTIME_ABI_KERNEL_ABI_H
#define AXIOM_RUNTIME_ABI_KERNEL_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AXM_KERNEL_ABI_VERSION 2u
#define AXM_NUMERICS_VERSION 3u

/* The argument of every entry point. 32 bytes; offsets are known to the emitters. */
typedef struct AxmLaunch {
  void *const *args;  /*  0: one pointer per kernel argument, in the kernel's order */
  uint32_t numTokens; /*  8: tokens of the step; for head kernels the rows that reach the head */
  uint32_t begin;     /* 12: first unit */
  uint32_t end;       /* 16: past the last unit */
  uint32_t spans;     /* 20: AXM_UNITS_PER_SPAN: spans of a token that count; else 0 */
  void *scratch;      /* 24: thread-private, 64-byte aligned, scratchFixed + scratchPerToken * T */
} AxmLaunch;

typedef void (*AxmKernelEntry)(const AxmLaunch *launch);

/* How the number of units follows from the step. */
enum AxmUnits {
  AXM_UNITS_FIXED = 0,     /* unitCount */
  AXM_UNITS_PER_TOKEN = 1, /* unitCount * T */
  /* unitCount * T * spans; spans: the largest position / AXM_ATTENTION_SPAN + 1, but at most
   * spansPerToken. Such a kernel runs only where T * spans is at most maxSpans. */
  AXM_UNITS_PER_SPAN = 2,
};

#define AXM_MAX_ARGS 24u

/* A code image starts with one AxmImageHeader, then numKernels AxmKernelRow. All fields little
 * endian; offsets are relative to the image start. The image is position independent and has no
 * relocations, writable data or undefined symbols. */
typedef struct AxmImageHeader {
  uint32_t magic;      /* AXM_IMAGE_MAGIC */
  uint32_t abiVersion; /* AXM_KERNEL_ABI_VERSION */
  uint32_t numKernels;
  uint32_t rowBytes; /* sizeof(AxmKernelRow) */
} AxmImageHeader;

#define AXM_IMAGE_MAGIC 0x494d5841u /* "AXMI" */

/* One argument: which memory it may be bound to, and the bytes it reads and writes at most, each as
 * fixed + perToken * T. For AXM_SPACE_KV the bytes are per KV block and layer. */
typedef struct AxmArgRow {
  uint32_t space; /* enum AxmSpace */
  uint32_t reserved;
  uint64_t readFixed, readPerToken;
  uint64_t writeFixed, writePerToken;
} AxmArgRow;

typedef struct AxmKernelRow {
  uint32_t prologue; /* entry offset, 0 = none */
  uint32_t body;     /* entry offset */
  uint32_t bodyEnd;  /* past the kernel's code, for reports */
  uint32_t unitKind; /* enum AxmUnits */
  uint32_t unitCount;
  uint32_t numArgs;
  uint64_t scratchFixed, scratchPerToken;
  uint64_t kvBlockBytes;            /* from KV block to block; 0 = no argument in KV memory */
  uint32_t spansPerToken, maxSpans; /* AXM_UNITS_PER_SPAN; else 0 */
  uint64_t signature; /* FNV-1a 64 of the argument rows and the fields above but for entries */
  AxmArgRow args[AXM_MAX_ARGS];
} AxmKernelRow;

/* What an argument may point to. */
enum AxmSpace {
  AXM_SPACE_WEIGHTS = 0,   /* weights segment: read only */
  AXM_SPACE_WORKSPACE = 1, /* a planned slot */
  AXM_SPACE_KV = 2,        /* KV pool + layer offset; block b at + b * blockBytes */
  AXM_SPACE_TOKENS = 3,    /* int32 [T] */
  AXM_SPACE_POSITIONS = 4, /* int32 [T] */
  AXM_SPACE_TABLE_OFFSETS =
      5, /* uint32 [T]: where the token's sequence starts in the block tables */
  AXM_SPACE_BLOCK_TABLES = 6, /* uint32 []: block ids, concatenated per sequence */
  AXM_SPACE_ROWS = 7,         /* uint32 [R]: token index of each row that reaches the head */
  AXM_SPACE_LOGITS = 8,       /* f32 [R][vocab rounded up to 64]; the pad is -inf */
  AXM_SPACE_TILES = 9,        /* AxmTile [R][number of tiles] */
};

/* Statistics of one tile of 1024 ids of one row of logits. If a logit is infinite or NaN: the NaN
 * 0x7fc00000, the tile's first id, the same NaN. */
typedef struct AxmTile {
  float max;
  int32_t argmax; /* lowest id with the max */
  float sumExp;   /* sum of exp(l - max) */
  uint32_t reserved;
} AxmTile;

#define AXM_TILE_IDS 1024u
#define AXM_KV_BLOCK 64u        /* positions in a KV block */
#define AXM_ATTENTION_SPAN 256u /* positions whose blocks attention folds on their own */
#define AXM_GROUP 32u           /* weights or activations that share a scale */
#define AXM_STRIPE 8u           /* rows interleaved */

/* Weight formats. A tensor of N rows and K columns lies as ceil(N/rowAlign)*rowAlign/8 stripes of 8
 * rows, each stripe contiguous, K padded with zeros to 32. Inside a stripe the K segments follow
 * each other, inside a segment the groups of 32:
 * - Q4: the groups of a segment that share k/256 form a run: 32 bytes {f16 d[8], f16 dm[8]}, then
 *   per group 144 bytes {u8 sc[8], u8 mn[8], nibbles[128]}
 * - Q4F16: per group 160 bytes {f16 scale[8], f16 min[8], nibbles[128]}
 * - Q6: runs as in Q4: 16 bytes {f16 d[8]}, then per group 208 bytes {i8 s0[8] (k 0..15),
 *   i8 s1[8] (k 16..31), nibbles[128], high[64]}. A code c of 0..63 stands for d * s * (c - 32).
 *   Nibbles hold the low 4 bits of the codes; high: byte 32*p + 4*r + i (p < 2), bits 2*m and
 *   2*m + 1 (m < 4), the high 2 bits of row r, k = 16*p + 4*m + i
 * - Q8: per group 272 bytes {f16 scale[8], i8 q[256]}: byte 32*j + 4*r + i is row r, k = 4*j + i
 * - F16, BF16: per k 16 bytes, one value per row; F32: per k 32 bytes
 * - nibbles: byte 32*j + 4*r + i (j < 4, r < 8, i < 4) holds row r: low nibble k = 4*j + i, high
 *   nibble k = 16 + 4*j + i
 * Vectors (norm weights, biases, inverse frequencies) are plain f32, zero padded to a multiple of
 * 32 elements. */
enum AxmFormat {
  AXM_FORMAT_F32 = 0,
  AXM_FORMAT_F16 = 1,
  AXM_FORMAT_BF16 = 2,
  AXM_FORMAT_Q8 = 3,
  AXM_FORMAT_Q4F16 = 4,
  AXM_FORMAT_Q4 = 5,
  AXM_FORMAT_Q6 = 6,
};

/* A quantized activation row of K values (K padded to 32, G = K/32 groups):
 *   int8 q[K]; then G pairs {f32 scale, f32 ssum}; then G pairs {i16 sum of the group's first 16 q,
 *   i16 sum of its last 16}; padded to a multiple of 64 bytes. */
#define AXM_QROW_BYTES(K) (((K) + (K) / 32u * 12u + 63u) / 64u * 64u)
/* Most tokens that a kernel works on at a time. */
#define AXM_TILE_TOKENS 32u

/* KV memory: block b, layer l, KV head h: base + b*blockBytes + l*layerBytes + h*headBytes. A
 * head's bytes: K as [head_dim][64 positions], then V as [64][head_dim padded to 8], each of the KV
 * type; for int8 then f32 kscale[64], f32 vscale[64]. headBytes is padded to 64. */
enum AxmKvType { AXM_KV_F32 = 0, AXM_KV_F16 = 1, AXM_KV_INT8 = 2 };

#ifdef __cplusplus
}
#endif
#endif
