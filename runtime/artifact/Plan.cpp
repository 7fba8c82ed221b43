#include "runtime/artifact/Plan.h"

namespace axiom {

const char *segmentKindName(SegmentKind kind) {
  switch (kind) {
  case SegmentKind::Weights:
    return "weights";
  case SegmentKind::Code:
    return "code";
  case SegmentKind::Tokenizer:
    return "tokenizer";
  case SegmentKind::Template:
    return "template";
  case SegmentKind::Golden:
    return "golden";
  case SegmentKind::Debug:
    return "debug";
  case SegmentKind::Schemas:
    return "schemas";
  }
  return "unknown";
}

const char *formatName(AxmFormat format) {
  switch (format) {
  case AXM_FORMAT_F32:
    return "f32";
  case AXM_FORMAT_F16:
    return "f16";
  case AXM_FORMAT_BF16:
    return "bf16";
  case AXM_FORMAT_Q8:
    return "q8";
  case AXM_FORMAT_Q4F16:
    return "q4f16";
  case AXM_FORMAT_Q4:
    return "q4";
  case AXM_FORMAT_Q6:
    return "q6";
  }
  return "unknown";
}

const char *kvTypeName(AxmKvType type) {
  switch (type) {
  case AXM_KV_F32:
    return "f32";
  case AXM_KV_F16:
    return "f16";
  case AXM_KV_INT8:
    return "int8";
  }
  return "unknown";
}

} // namespace axiom
