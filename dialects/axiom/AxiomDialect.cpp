#include "dialects/axiom/AxiomDialect.h"

#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionImplementation.h"

#include "llvm/ADT/TypeSwitch.h"

#include "dialects/axiom/AxiomDialect.cpp.inc"
#include "dialects/axiom/AxiomEnums.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/axiom/AxiomTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/axiom/AxiomOps.cpp.inc"

namespace axiom::ir {

using namespace mlir;

void AxiomDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/axiom/AxiomTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/axiom/AxiomOps.cpp.inc"
      >();
}

bool isRows(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.isDynamicDim(0) && !tensor.isDynamicDim(1) &&
         tensor.getElementType().isF32();
}

bool isTokens(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 1 && tensor.isDynamicDim(0) &&
         tensor.getElementType().isSignlessInteger(32);
}

RankedTensorType rowsType(MLIRContext *context, uint32_t width) {
  return RankedTensorType::get({ShapedType::kDynamic, int64_t(width)}, Float32Type::get(context));
}

uint32_t widthOf(Type type) {
  if (auto rows = dyn_cast<QRowsType>(type))
    return rows.getCols();
  return static_cast<uint32_t>(cast<RankedTensorType>(type).getDimSize(1));
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

// Sizes stay far below 2^31, so that products in 64 bits are exact everywhere.
static constexpr uint32_t kMaxSize = 1u << 28;

static LogicalResult checkSize(function_ref<InFlightDiagnostic()> emitError, uint32_t size,
                               const char *what) {
  if (size == 0 || size > kMaxSize)
    return emitError() << what << " must be in 1.." << kMaxSize << ", got " << size;
  return success();
}

LogicalResult WeightType::verify(function_ref<InFlightDiagnostic()> emitError, uint32_t rows,
                                 uint32_t cols, WeightFormat) {
  return success(succeeded(checkSize(emitError, rows, "rows of a weight")) &&
                 succeeded(checkSize(emitError, cols, "columns of a weight")));
}

LogicalResult F32VectorType::verify(function_ref<InFlightDiagnostic()> emitError, uint32_t size) {
  return checkSize(emitError, size, "size of a vector");
}

LogicalResult QRowsType::verify(function_ref<InFlightDiagnostic()> emitError, uint32_t cols) {
  return checkSize(emitError, cols, "features of quantized rows");
}

LogicalResult TilesType::verify(function_ref<InFlightDiagnostic()> emitError, uint32_t count) {
  return checkSize(emitError, count, "tile count");
}

LogicalResult KvCacheType::verify(function_ref<InFlightDiagnostic()> emitError, uint32_t heads,
                                  uint32_t dim, AxmKvType) {
  if (failed(checkSize(emitError, heads, "KV heads")) ||
      failed(checkSize(emitError, dim, "head dimension")))
    return failure();
  if (dim % 2 != 0)
    return emitError() << "head dimension must be even, got " << dim;
  return success();
}

/// `A x B ,` after the opening bracket.
static LogicalResult parsePair(AsmParser &parser, uint32_t &a, uint32_t &b) {
  return success(succeeded(parser.parseLess()) && succeeded(parser.parseInteger(a)) &&
                 succeeded(parser.parseKeyword("x")) && succeeded(parser.parseInteger(b)) &&
                 succeeded(parser.parseComma()));
}

Type WeightType::parse(AsmParser &parser) {
  uint32_t rows = 0, cols = 0;
  StringRef word;
  if (failed(parsePair(parser, rows, cols)))
    return {};
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return {};
  bool source = word == "src";
  if (source && (parser.parseColon() || parser.parseKeyword(&word)))
    return {};
  auto format = source ? sourceFormatByName(word) : storedFormatByName(word);
  if (!format) {
    parser.emitError(loc) << "unknown weight format '" << (source ? "src:" : "") << word
                          << "'; known are f32, f16, bf16, q8, q6, q4f16, q4 and src:TYPE";
    return {};
  }
  if (parser.parseGreater())
    return {};
  return WeightType::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), rows,
                                cols, *format);
}

void WeightType::print(AsmPrinter &printer) const {
  printer << '<' << getRows() << " x " << getCols() << ", " << (isSource(getFormat()) ? "src:" : "")
          << StringRef(formatName(getFormat())) << '>';
}

Type KvCacheType::parse(AsmParser &parser) {
  uint32_t heads = 0, dim = 0;
  StringRef word;
  if (failed(parsePair(parser, heads, dim)))
    return {};
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return {};
  auto kind = kvTypeByName(word);
  if (!kind) {
    parser.emitError(loc) << "unknown KV type '" << word << "'; known are f32, f16, int8";
    return {};
  }
  if (parser.parseGreater())
    return {};
  return KvCacheType::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), heads,
                                 dim, *kind);
}

void KvCacheType::print(AsmPrinter &printer) const {
  printer << '<' << getHeads() << " x " << getDim() << ", " << StringRef(kvTypeName(getKind()))
          << '>';
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

ParseResult LayerOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildType = [](Builder &builder, ArrayRef<Type> inputs, ArrayRef<Type> results,
                      function_interface_impl::VariadicFlag,
                      std::string &) { return builder.getFunctionType(inputs, results); };
  return function_interface_impl::parseFunctionOp(
      parser, result, /*allowVariadic=*/false, getFunctionTypeAttrName(result.name), buildType,
      getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}

void LayerOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(printer, *this, /*isVariadic=*/false,
                                           getFunctionTypeAttrName(), getArgAttrsAttrName(),
                                           getResAttrsAttrName());
}

LogicalResult LayerOp::verify() {
  FunctionType type = getFunctionType();
  if (type.getNumInputs() < 1 || !isRows(type.getInput(0)))
    return emitOpError("needs the hidden state, tensor<?xNxf32>, as its first argument");
  for (Type input : type.getInputs().drop_front())
    if (!isa<WeightType, F32VectorType>(input))
      return emitOpError("arguments after the first are weights and vectors, got ") << input;
  if (type.getNumResults() != 1 || type.getResult(0) != type.getInput(0))
    return emitOpError("must return one value of the hidden state's type ") << type.getInput(0);
  if (getBody().getBlocks().size() != 1)
    return emitOpError("must have a body of one block");
  if (getBody().front().empty() || !isa<ReturnOp>(getBody().front().back()))
    return emitOpError("must end with axiom.return");
  return success();
}

LogicalResult ReturnOp::verify() {
  Type expected = cast<LayerOp>((*this)->getParentOp()).getFunctionType().getResult(0);
  if (getValue().getType() != expected)
    return emitOpError("returns ")
           << getValue().getType() << "; the layer's result is " << expected;
  return success();
}

LogicalResult CallLayerOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto layer = symbols.lookupNearestSymbolFrom<LayerOp>(*this, getCalleeAttr());
  if (!layer)
    return emitOpError("calls ") << getCalleeAttr() << ", which is no axiom.layer of this module";
  FunctionType type = layer.getFunctionType();
  if (TypeRange(getArgs()) != TypeRange(type.getInputs()))
    return emitOpError("arguments do not have the types of ") << getCalleeAttr() << ": " << type;
  if (getResult().getType() != type.getResult(0))
    return emitOpError("result does not have the type of ") << getCalleeAttr() << ": " << type;
  if (static_cast<int32_t>(getLayer()) < 0)
    return emitOpError("layer index must not be negative");
  return success();
}

} // namespace axiom::ir
