#include "dialects/plan/PlanAttrs.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

#include "llvm/ADT/StringExtras.h"

#include <map>

namespace axiom::plan {

using namespace mlir;
using EmitError = llvm::function_ref<InFlightDiagnostic()>;

// Names in enum order.
static constexpr llvm::StringLiteral kKinds[] = {"embed", "rope_angles", "linear", "attention"};
static constexpr llvm::StringLiteral kPrologues[] = {"none", "quantize", "norm"};
static constexpr llvm::StringLiteral kEpilogues[] = {"store", "residual", "qkv", "swiglu", "head"};
static constexpr llvm::StringLiteral kFormats[] = {"f32", "f16", "bf16", "q8", "q4f16", "q4", "q6"};
static constexpr llvm::StringLiteral kKvTypes[] = {"f32", "f16", "int8"};
static constexpr llvm::StringLiteral kSpaces[] = {
    "weights",       "slot",         "kv",   "tokens", "positions",
    "table_offsets", "block_tables", "rows", "logits", "tiles"};

const char *spaceName(AxmSpace space) { return kSpaces[space].data(); }

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
/// Collects named attributes, leaving out those with the default value.
class Writer {
public:
  explicit Writer(MLIRContext *context) : builder_(context) {}

  void integer(StringRef name, uint64_t value, uint64_t byDefault) {
    if (value != byDefault)
      attrs_.append(name, builder_.getI64IntegerAttr(static_cast<int64_t>(value)));
  }
  void real(StringRef name, float value, float byDefault) {
    if (value != byDefault)
      attrs_.append(name, builder_.getF32FloatAttr(value));
  }
  void flag(StringRef name, bool value) {
    if (value)
      attrs_.append(name, builder_.getUnitAttr());
  }
  void word(StringRef name, StringRef value) { attrs_.append(name, builder_.getStringAttr(value)); }
  void integers(StringRef name, ArrayRef<uint32_t> values) {
    if (!values.empty())
      attrs_.append(
          name, builder_.getDenseI64ArrayAttr(SmallVector<int64_t>(values.begin(), values.end())));
  }
  void attribute(StringRef name, Attribute value) { attrs_.append(name, value); }
  DictionaryAttr take() { return attrs_.getDictionary(builder_.getContext()); }
  Builder &builder() { return builder_; }

private:
  Builder builder_;
  NamedAttrList attrs_;
};
} // namespace

static const KernelSpec kDefaultSpec;
static const LinearRange kDefaultRange;
static const PlanWeight kDefaultWeight;

static DictionaryAttr attrsFromRange(MLIRContext *context, const LinearRange &range) {
  Writer w(context);
  w.word("format", kFormats[range.format]);
  w.integer("rows", range.rows, 0);
  w.integer("heads", range.heads, kDefaultRange.heads);
  w.integer("row_align", range.rowAlign, kDefaultRange.rowAlign);
  w.flag("bias", range.bias);
  return w.take();
}

DictionaryAttr attrsFromSpec(MLIRContext *context, const KernelSpec &spec) {
  Writer w(context);
  w.word("kind", kKinds[static_cast<int>(spec.kind)]);
  w.integer("inner", spec.inner, 0);
  w.integers("cuts", spec.cuts);
  if (spec.kind == KernelKind::Linear) {
    w.word("prologue", kPrologues[static_cast<int>(spec.prologue)]);
    w.word("epilogue", kEpilogues[static_cast<int>(spec.epilogue)]);
  }
  w.real("norm_eps", spec.normEps, 0.0f);
  if (!spec.ranges.empty()) {
    SmallVector<Attribute> ranges;
    for (const LinearRange &range : spec.ranges)
      ranges.push_back(attrsFromRange(context, range));
    w.attribute("ranges", w.builder().getArrayAttr(ranges));
  }
  w.flag("quantize_out", spec.quantizeOut);
  w.integer("heads", spec.heads, 0);
  w.integer("kv_heads", spec.kvHeads, 0);
  w.integer("head_dim", spec.headDim, 0);
  w.real("q_scale", spec.qScale, kDefaultSpec.qScale);
  w.flag("qk_norm", spec.qkNorm);
  w.integer("window", spec.window, 0);
  w.flag("span_units", spec.spanUnits);
  if (spec.kvHeads != 0)
    w.word("kv_type", kKvTypes[spec.kvType]);
  w.integer("kv_head_bytes", spec.kvHeadBytes, 0);
  w.integer("kv_block_bytes", spec.kvBlockBytes, 0);
  return w.take();
}

DictionaryAttr attrsFromWeight(MLIRContext *context, const PlanWeight &weight) {
  Writer w(context);
  if (!weight.source.empty())
    w.word("source", weight.source);
  w.flag("vector", weight.vector);
  if (!weight.vector) {
    w.word("format", kFormats[weight.format]);
    w.integer("rows", weight.rows, 0);
  }
  w.integer("cols", weight.cols, 0);
  w.integer("heads", weight.heads, kDefaultWeight.heads);
  w.integer("row_align", weight.rowAlign, kDefaultWeight.rowAlign);
  w.integers("cuts", weight.cuts);
  w.real("addend", weight.addend, 0.0f);
  if (!weight.values.empty())
    w.attribute("values", w.builder().getDenseF32ArrayAttr(weight.values));
  return w.take();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// Takes fields out of a dictionary; finish() complains about what is left.
class Reader {
public:
  Reader(DictionaryAttr attrs, EmitError emitError) : emitError_(emitError) {
    for (NamedAttribute attr : attrs)
      left_[attr.getName().getValue()] = attr.getValue();
  }

  template <typename Int> void integer(StringRef name, Int &value) {
    Attribute attr = take(name);
    if (!attr)
      return;
    auto typed = dyn_cast<IntegerAttr>(attr);
    if (!typed || !typed.getType().isSignlessInteger(64) || typed.getInt() < 0 ||
        (sizeof(Int) < 8 && typed.getInt() > int64_t(1) << 31))
      return complain(name, "a 64-bit integer from 0 to 2^31");
    value = static_cast<Int>(typed.getInt());
  }
  void real(StringRef name, float &value) {
    Attribute attr = take(name);
    if (!attr)
      return;
    auto typed = dyn_cast<FloatAttr>(attr);
    if (!typed || !typed.getType().isF32())
      return complain(name, "an f32");
    value = typed.getValue().convertToFloat();
  }
  void flag(StringRef name, bool &value) {
    Attribute attr = take(name);
    if (!attr)
      return;
    if (!isa<UnitAttr>(attr))
      return complain(name, "a unit attribute");
    value = true;
  }
  void text(StringRef name, std::string &value) {
    Attribute attr = take(name);
    if (!attr)
      return;
    if (auto typed = dyn_cast<StringAttr>(attr))
      value = typed.str();
    else
      complain(name, "a string");
  }
  template <typename Enum>
  void word(StringRef name, ArrayRef<llvm::StringLiteral> words, Enum &value) {
    Attribute attr = take(name);
    if (!attr)
      return;
    auto typed = dyn_cast<StringAttr>(attr);
    for (auto [i, known] : llvm::enumerate(words))
      if (typed && typed.getValue() == known) {
        value = static_cast<Enum>(i);
        return;
      }
    complain(name, "one of " + llvm::join(words, ", "));
  }
  void integers(StringRef name, std::vector<uint32_t> &values) {
    Attribute attr = take(name);
    if (!attr)
      return;
    auto typed = dyn_cast<DenseI64ArrayAttr>(attr);
    if (!typed)
      return complain(name, "an array of i64");
    for (int64_t value : typed.asArrayRef()) {
      if (value < 0 || value > int64_t(1) << 31)
        return complain(name, "an array of i64 from 0 to 2^31");
      values.push_back(static_cast<uint32_t>(value));
    }
  }
  template <typename T> T typed(StringRef name, const char *what) {
    Attribute attr = take(name);
    auto result = dyn_cast_or_null<T>(attr);
    if (attr && !result)
      complain(name, what);
    return result;
  }
  void complain(StringRef name, const Twine &expected) {
    failed_ = true;
    emitError_() << "field '" << name << "' must be " << expected;
  }
  LogicalResult finish() {
    for (auto &entry : left_) {
      failed_ = true;
      emitError_() << "unknown field '" << entry.first << "'";
    }
    return success(!failed_);
  }

private:
  Attribute take(StringRef name) {
    auto it = left_.find(name);
    if (it == left_.end())
      return {};
    Attribute attr = it->second;
    left_.erase(it);
    return attr;
  }
  EmitError emitError_;
  std::map<StringRef, Attribute> left_;
  bool failed_ = false;
};
} // namespace

static FailureOr<LinearRange> rangeFromAttrs(DictionaryAttr attrs, EmitError emitError) {
  LinearRange range;
  Reader r(attrs, emitError);
  r.word("format", kFormats, range.format);
  r.integer("rows", range.rows);
  r.integer("heads", range.heads);
  r.integer("row_align", range.rowAlign);
  r.flag("bias", range.bias);
  if (failed(r.finish()))
    return failure();
  if (range.rows == 0 || range.heads == 0 || range.rows % range.heads != 0)
    return emitError() << "a range of " << range.rows << " rows does not split into " << range.heads
                       << " heads";
  if (range.rowAlign != AXM_STRIPE && range.rowAlign != AXM_GROUP)
    return emitError() << "row_align must be 8 or 32, got " << range.rowAlign;
  return range;
}

static LogicalResult checkCuts(ArrayRef<uint32_t> cuts, uint32_t inner, EmitError emitError) {
  uint32_t last = 0;
  for (uint32_t cut : cuts) {
    if (cut % AXM_GROUP != 0 || cut <= last || cut >= padTo(inner, AXM_GROUP))
      return emitError() << "cut " << cut << " must be a multiple of 32 above " << last
                         << " and below " << padTo(inner, AXM_GROUP);
    last = cut;
  }
  return success();
}

/// Whether the fields fit together; what a sound spec has follows from its kind and epilogue.
static LogicalResult checkSpec(const KernelSpec &spec, EmitError emitError) {
  bool linear = spec.kind == KernelKind::Linear;
  bool heads = spec.kind == KernelKind::Attention || (linear && spec.epilogue == Epilogue::Qkv);
  size_t ranges = spec.kind == KernelKind::Embed ? 1 : 0;
  if (linear)
    ranges = spec.epilogue == Epilogue::Qkv ? 3 : spec.epilogue == Epilogue::SwiGlu ? 2 : 1;
  if (spec.ranges.size() != ranges)
    return emitError() << "needs " << ranges << " ranges, has " << spec.ranges.size();
  if (ranges > 0 && spec.inner == 0)
    return emitError() << "needs inner, the input features";
  if (failed(checkCuts(spec.cuts, spec.inner, emitError)))
    return failure();
  if ((spec.prologue == Prologue::Norm || spec.qkNorm) && !(spec.normEps > 0.0f))
    return emitError() << "a norm needs norm_eps above 0";
  if ((heads || spec.kind == KernelKind::RopeAngles) &&
      (spec.headDim == 0 || spec.headDim % 2 != 0))
    return emitError() << "head_dim must be even and above 0, got " << spec.headDim;
  if (heads) {
    if (spec.kvHeads == 0 || spec.heads == 0 || spec.heads % spec.kvHeads != 0)
      return emitError() << spec.heads << " heads do not share " << spec.kvHeads << " kv_heads";
    if (spec.kvHeadBytes != kvHeadBytes(spec.kvType, spec.headDim) ||
        spec.kvBlockBytes < spec.kvHeadBytes * spec.kvHeads)
      return emitError() << "kv_head_bytes must be " << kvHeadBytes(spec.kvType, spec.headDim)
                         << " and kv_block_bytes at least kv_heads times that";
  }
  if (spec.spanUnits && spec.kind != KernelKind::Attention)
    return emitError() << "only attention has span_units";
  if (linear && spec.epilogue == Epilogue::Qkv)
    for (size_t i = 0; i < 3; ++i) {
      const LinearRange &range = spec.ranges[i];
      uint32_t count = i == 0 ? spec.heads : spec.kvHeads;
      if (range.heads != count || range.rows != count * spec.headDim)
        return emitError() << "range " << i << " must have " << count << " heads of "
                           << spec.headDim << " rows";
    }
  if (linear && spec.epilogue == Epilogue::SwiGlu)
    for (const LinearRange &range : spec.ranges)
      if (range.rows != spec.ranges[0].rows || range.rowAlign != AXM_GROUP || range.heads != 1)
        return emitError() << "gate and up must have the same rows, row_align 32 and one head";
  return success();
}

FailureOr<KernelSpec> specFromAttrs(StringRef name, DictionaryAttr attrs, EmitError emitError) {
  KernelSpec spec;
  spec.name = name.str();
  Reader r(attrs, emitError);
  if (!attrs.contains("kind"))
    return emitError() << "needs the field 'kind'";
  r.word("kind", kKinds, spec.kind);
  r.integer("inner", spec.inner);
  r.integers("cuts", spec.cuts);
  r.word("prologue", kPrologues, spec.prologue);
  r.word("epilogue", kEpilogues, spec.epilogue);
  r.real("norm_eps", spec.normEps);
  if (auto ranges = r.typed<ArrayAttr>("ranges", "an array of dictionaries"))
    for (Attribute attr : ranges) {
      auto dictionary = dyn_cast<DictionaryAttr>(attr);
      if (!dictionary)
        return emitError() << "field 'ranges' must be an array of dictionaries";
      auto range = rangeFromAttrs(dictionary, emitError);
      if (failed(range))
        return failure();
      spec.ranges.push_back(*range);
    }
  r.flag("quantize_out", spec.quantizeOut);
  r.integer("heads", spec.heads);
  r.integer("kv_heads", spec.kvHeads);
  r.integer("head_dim", spec.headDim);
  r.real("q_scale", spec.qScale);
  r.flag("qk_norm", spec.qkNorm);
  r.integer("window", spec.window);
  r.flag("span_units", spec.spanUnits);
  r.word("kv_type", kKvTypes, spec.kvType);
  r.integer("kv_head_bytes", spec.kvHeadBytes);
  r.integer("kv_block_bytes", spec.kvBlockBytes);
  if (failed(r.finish()) || failed(checkSpec(spec, emitError)))
    return failure();
  return spec;
}

FailureOr<PlanWeight> weightFromAttrs(StringRef name, DictionaryAttr attrs, EmitError emitError) {
  PlanWeight weight;
  weight.name = name.str();
  Reader r(attrs, emitError);
  r.text("source", weight.source);
  r.flag("vector", weight.vector);
  r.word("format", kFormats, weight.format);
  r.integer("rows", weight.rows);
  r.integer("cols", weight.cols);
  r.integer("heads", weight.heads);
  r.integer("row_align", weight.rowAlign);
  r.integers("cuts", weight.cuts);
  r.real("addend", weight.addend);
  if (auto values = r.typed<DenseF32ArrayAttr>("values", "an array of f32"))
    weight.values.assign(values.asArrayRef().begin(), values.asArrayRef().end());
  if (failed(r.finish()))
    return failure();
  if (weight.vector)
    weight.rows = 1;
  uint32_t split = weight.vector ? weight.cols : weight.rows;
  if (weight.cols == 0 || split == 0 || weight.heads == 0 || split % weight.heads != 0)
    return emitError() << weight.rows << " x " << weight.cols << " does not split into "
                       << weight.heads << " heads";
  if (weight.rowAlign != AXM_STRIPE && weight.rowAlign != AXM_GROUP)
    return emitError() << "row_align must be 8 or 32, got " << weight.rowAlign;
  if (weight.source.empty() == weight.values.empty())
    return emitError() << "needs a source or values, not both";
  if (!weight.values.empty() && (!weight.vector || weight.values.size() != weight.cols))
    return emitError() << "values belong to a vector and number its cols";
  if (weight.vector && !weight.cuts.empty())
    return emitError() << "a vector has no cuts";
  if (!weight.vector && failed(checkCuts(weight.cuts, weight.cols, emitError)))
    return failure();
  return weight;
}

uint64_t weightBytes(const PlanWeight &weight) {
  LinearRange range{weight.format, weight.vector ? weight.cols : weight.rows, weight.heads,
                    weight.rowAlign, false};
  if (weight.vector)
    return vectorBytes(packedRows(range));
  return packedBytes(range, weight.cols, weight.cuts);
}

} // namespace axiom::plan
