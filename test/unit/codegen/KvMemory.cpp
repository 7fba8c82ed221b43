#include "test/unit/codegen/KvMemory.h"

#include "dialects/plan/AttentionLayout.h"
#include "runtime/base/Half.h"

#include <algorithm>

namespace axiom::test {

using plan::KernelSpec;

namespace {

void putElement(AxmKvType type, uint8_t *to, float value) {
  uint16_t half = f32ToF16(value);
  int8_t byte = static_cast<int8_t>(value);
  if (type == AXM_KV_F32)
    std::memcpy(to, &value, 4);
  else if (type == AXM_KV_F16)
    std::memcpy(to, &half, 2);
  else
    std::memcpy(to, &byte, 1);
}

} // namespace

std::vector<uint8_t> kvMemory(const KernelSpec &spec,
                              const std::vector<const numerics::KvStore *> &stores,
                              const std::vector<std::vector<uint32_t>> &tables) {
  uint32_t dim = spec.headDim, padded = plan::headDimPadded(dim), last = 0;
  for (const std::vector<uint32_t> &table : tables)
    for (uint32_t block : table)
      last = std::max(last, block);
  // Another layer lies behind each block's bytes, but not behind the last block's.
  std::vector<uint8_t> memory(spec.kvBlockBytes * last + spec.kvHeadBytes * spec.kvHeads, 0xff);
  size_t element = spec.kvType == AXM_KV_F32 ? 4 : spec.kvType == AXM_KV_F16 ? 2 : 1;
  uint32_t width = spec.kvHeads * dim;
  for (size_t s = 0; s < stores.size(); ++s)
    for (uint32_t position = 0; position < stores[s]->length(); ++position)
      for (uint32_t head = 0; head < spec.kvHeads; ++head) {
        const numerics::KvStore &store = *stores[s];
        uint32_t slot = position % AXM_KV_BLOCK;
        uint8_t *base = memory.data() + spec.kvBlockBytes * tables[s][position / AXM_KV_BLOCK] +
                        spec.kvHeadBytes * head;
        uint8_t *values = base + plan::kvKeyBytes(spec.kvType, dim);
        for (uint32_t d = 0; d < padded; ++d) {
          size_t from = size_t(position) * width + head * dim + d;
          if (d < dim)
            putElement(spec.kvType, base + (d * AXM_KV_BLOCK + slot) * element, store.k[from]);
          putElement(spec.kvType, values + (slot * padded + d) * element,
                     d < dim ? store.v[from] : 0.0f);
        }
        if (spec.kvType == AXM_KV_INT8) {
          uint8_t *scales = values + AXM_KV_BLOCK * padded + 4 * slot;
          std::memcpy(scales, &store.kscale[size_t(position) * spec.kvHeads + head], 4);
          std::memcpy(scales + 256, &store.vscale[size_t(position) * spec.kvHeads + head], 4);
        }
      }
  return memory;
}

Operand spansOperand(const KernelSpec &spec) {
  plan::AttentionSlot slot = plan::attentionSlot(spec);
  std::vector<uint8_t> before(slot.bytes, 0xff);
  std::fill_n(before.begin(), slot.states, 0);
  return {"spans", bytesOf(before), bytesOf(std::vector<uint8_t>(slot.states)), 4, false};
}

} // namespace axiom::test
