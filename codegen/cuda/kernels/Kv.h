// Where keys and values lie (runtime/abi/kernel_abi.h, KV memory) and how their elements are read.
#ifndef AXIOM_CODEGEN_CUDA_KERNELS_KV_H
#define AXIOM_CODEGEN_CUDA_KERNELS_KV_H

#include "codegen/cuda/kernels/Launch.h"

namespace axiom::device {

enum class KvType : u32 { F32, F16, Int8 };

AXIOM_DEVICE constexpr u32 elementBytes(KvType type) {
  return type == KvType::F32 ? 4 : type == KvType::F16 ? 2 : 1;
}

/// A KV head's bytes in a block: K [dim][64], V [64][padded], for int8 the scales of both.
template <class S> struct KvHead {
  static constexpr u32 element = elementBytes(S::kvType);
  static constexpr u32 values = element * S::headDim * 64;
  static constexpr u32 keyScales = values + element * S::paddedDim * 64;
  static constexpr u32 valueScales = keyScales + 256;

  u8 *base;

  AXIOM_DEVICE u8 *key(u32 d, u32 slot) const { return base + element * (64 * d + slot); }
  AXIOM_DEVICE u8 *value(u32 slot, u32 d) const {
    return base + values + element * (S::paddedDim * slot + d);
  }
};

/// Where the block table of a token's sequence begins.
template <class S> AXIOM_DEVICE u32 tableOf(const Launch &l, u32 t) {
  return loadConstant<u32>(l.args[S::kTableOffsets] + 4 * t);
}
/// The memory of block `index` of a sequence, for KV head `head`.
template <class S> AXIOM_DEVICE KvHead<S> kvHead(const Launch &l, u32 table, u32 index, u32 head) {
  u32 block = loadConstant<u32>(l.args[S::kBlockTables] + 4 * static_cast<u64>(table + index));
  return {l.args[S::kKv] + block * S::kvBlockBytes + head * S::kvHeadBytes};
}

} // namespace axiom::device

#endif
