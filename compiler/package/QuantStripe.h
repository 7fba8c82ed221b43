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
/// Groups of a run of q4 or q6: 256 columns counted from k = 0 share their f16 scales.
inline constexpr uint32_t kRunGroups = 8;

/// 32 columns of eight rows.
struct QuantGroup {
  uint8_t q[kGroup][kStripe] = {}; ///< q8: the bits of an int8; q4f16, q4: 0..15; q6: 0..63
  uint16_t scale[kStripe] = {};    ///< q8, q4f16: f16
  uint16_t min[kStripe] = {};      ///< q4f16: f16
  uint8_t sc[kStripe] = {};        ///< q4; q6: the bits of an int8, for columns 0..15
  uint8_t mn[kStripe] = {};        ///< q4; q6: the bits of an int8, for columns 16..31
};

/// The f16 scales of each row for 256 columns (q4, q6).
struct QuantRun {
  uint16_t d[kStripe] = {};
  uint16_t dm[kStripe] = {}; ///< q4
};

struct QuantStripe {
  std::vector<QuantGroup> groups;
  std::vector<QuantRun> runs; ///< q4 and q6; run of group g: g / 8

  void resize(AxmFormat format, uint32_t numGroups) {
    groups.assign(numGroups, {});
    bool inRuns = format == AXM_FORMAT_Q4 || format == AXM_FORMAT_Q6;
    runs.assign(inRuns ? (numGroups + kRunGroups - 1) / kRunGroups : 0, {});
  }
};

} // namespace axiom

#endif
