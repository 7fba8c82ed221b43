// A quantized stripe (eight rows) before its bytes are laid out: plain arrays by group, the common
// form between the quantizers, the exact importers and the stripe layout.
#ifndef AXIOM_COMPILER_PACKAGE_QUANTSTRIPE_H
#define AXIOM_COMPILER_PACKAGE_QUANTSTRIPE_H

#include "runtime/abi/kernel_abi.h"

#include <array>
#include <cstdint>
#include <vector>

namespace axiom {

inline constexpr uint32_t kGroup = AXM_GROUP;
inline constexpr uint32_t kStripe = AXM_STRIPE;
/// Groups of a q4 run: 256 columns counted from k = 0 share one f16 pair.
inline constexpr uint32_t kRunGroups = 8;

/// 32 columns of eight rows.
struct QuantGroup {
  uint8_t q[kGroup][kStripe] = {}; ///< q8: the bits of an int8; q4f16, q4: 0..15
  uint16_t scale[kStripe] = {};    ///< q8, q4f16: f16
  uint16_t min[kStripe] = {};      ///< q4f16: f16
  uint8_t sc[kStripe] = {};        ///< q4
  uint8_t mn[kStripe] = {};        ///< q4
};

/// The f16 pair of each row for 256 columns (q4).
struct QuantRun {
  uint16_t d[kStripe] = {};
  uint16_t dm[kStripe] = {};
};

struct QuantStripe {
  std::vector<QuantGroup> groups;
  std::vector<QuantRun> runs; ///< q4 only; run of group g: g / 8

  void resize(AxmFormat format, uint32_t numGroups) {
    groups.assign(numGroups, {});
    runs.assign(format == AXM_FORMAT_Q4 ? (numGroups + kRunGroups - 1) / kRunGroups : 0, {});
  }
};

} // namespace axiom

#endif
