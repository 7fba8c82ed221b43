// The semantic checks of an artifact, after the flatbuffer verifier and before anything is trusted.
// Work is linear in the decoded metadata (n log n for overlaps).
#ifndef AXIOM_RUNTIME_ARTIFACT_VALIDATE_H
#define AXIOM_RUNTIME_ARTIFACT_VALIDATE_H

#include "runtime/artifact/Plan.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace axiom {

/// Bytes of a packed tensor by its format, sizes and cuts; nothing if the sizes do not make sense.
std::optional<uint64_t> packedTensorBytes(const TensorInfo &tensor);

/// Bytes of one head of one KV block.
uint64_t kvHeadBytes(AxmKvType type, uint32_t headDim);

/// Everything that can be judged without a code image: configuration, KV layout, tensor table,
/// segment table against the file's layout, form of the plan.
Status validateMetadata(const Metadata &metadata, uint64_t metadataOffset);

/// FNV-1a 64 over the unit fields and the argument rows of a kernel.
uint64_t kernelSignature(const AxmKernelRow &row);

/// Everything of a kernel's row but its entries.
Status checkKernelRow(const AxmKernelRow &row);

/// Checks the header and the kernel table of a CPU's code image and copies the rows.
Result<std::vector<AxmKernelRow>> readKernelTable(std::span<const uint8_t> image);

/// Proves every binding of the plan against the kernel table: after this, no kernel that keeps to
/// its row can reach memory outside what it is bound to.
Status provePlan(const Metadata &metadata, const std::vector<AxmKernelRow> &kernels);

} // namespace axiom

#endif
