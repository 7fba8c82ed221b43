#include "compiler/import/graph/SourceWeights.h"

#include "runtime/base/Half.h"

namespace axiom {

Result<const SourceTensor *> SourceWeights::find(const std::string &name, uint64_t rows,
                                                 uint64_t cols) const {
  const SourceTensor *tensor = source_.find(name);
  if (!tensor)
    return Status(Code::BadInput, "the model has no tensor '" + name + "'");
  if (tensor->rows * tensor->cols != rows * cols || (rows != 1 && tensor->rows != rows))
    return Status(Code::BadInput,
                  format("tensor '%s' is %llu x %llu, the module needs %llu x %llu", name.c_str(),
                         (unsigned long long)tensor->rows, (unsigned long long)tensor->cols,
                         (unsigned long long)rows, (unsigned long long)cols));
  return tensor;
}

Result<LogicalWeight> SourceWeights::sourceMatrix(const std::string &name, uint32_t rows,
                                                  uint32_t cols) {
  AXIOM_ASSIGN_OR_RETURN(const SourceTensor *tensor, find(name, rows, cols));
  LogicalWeight w;
  w.rows = rows;
  w.cols = cols;
  size_t padded = (size_t(cols) + AXM_GROUP - 1) / AXM_GROUP * AXM_GROUP;
  w.values.resize(rows * padded);
  for (uint32_t r = 0; r < rows; ++r)
    readRowF32(*tensor, r, w.values.data() + r * padded);
  return w;
}

Result<LogicalWeight> SourceWeights::matrix(const std::string &name, AxmFormat format,
                                            uint32_t rows, uint32_t cols) {
  if (format != AXM_FORMAT_F32 && format != AXM_FORMAT_F16 && format != AXM_FORMAT_BF16)
    return Status(Code::Unsupported, "tensor '" + name +
                                         "' is stored in an integer format; its values come from "
                                         "packed weights, not from the source");
  AXIOM_ASSIGN_OR_RETURN(LogicalWeight w, sourceMatrix(name, rows, cols));
  w.format = format;
  for (float &value : w.values)
    value = format == AXM_FORMAT_F16    ? f16ToF32(f32ToF16(value))
            : format == AXM_FORMAT_BF16 ? bf16ToF32(f32ToBf16(value))
                                        : value;
  return w;
}

Result<std::vector<float>> SourceWeights::vector(const std::string &name, uint32_t size,
                                                 float addend) {
  AXIOM_ASSIGN_OR_RETURN(const SourceTensor *tensor, find(name, 1, size));
  std::vector<float> values(size);
  for (uint64_t r = 0; r < tensor->rows; ++r)
    readRowF32(*tensor, r, values.data() + r * tensor->cols);
  if (addend != 0.0f)
    for (float &value : values)
      value = value + addend;
  return values;
}

} // namespace axiom
