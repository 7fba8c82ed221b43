#include "codegen/cuda/EmitCuda.h"

#include "codegen/cuda/AttentionForm.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdio>
#include <map>

namespace axiom::codegen {

using plan::Epilogue;
using plan::KernelKind;
using plan::KernelSpec;
using plan::Prologue;

namespace {

constexpr uint32_t kThreads = 128, kWarps = kThreads / 32;

/// The constants of a spec, line by line.
class Constants {
public:
  std::string text;

  void number(const char *name, uint64_t value) {
    text += std::string("  static constexpr u32 ") + name + " = " + std::to_string(value) + ";\n";
  }
  void wide(const char *name, uint64_t value) {
    text += std::string("  static constexpr u64 ") + name + " = " + std::to_string(value) + ";\n";
  }
  void flag(const char *name, bool value) {
    text +=
        std::string("  static constexpr bool ") + name + " = " + (value ? "true" : "false") + ";\n";
  }
  void real(const char *name, float value) {
    char digits[64];
    std::snprintf(digits, sizeof(digits), "%af", static_cast<double>(value));
    text += std::string("  static constexpr float ") + name + " = " + digits + ";\n";
  }
  void list(const char *name, const std::vector<uint64_t> &values) {
    text += std::string("  static constexpr u32 ") + name + "[] = {";
    for (size_t i = 0; i < values.size(); ++i)
      text += (i ? ", " : "") + std::to_string(values[i]);
    text += "};\n";
  }
};

/// "weights0" -> kWeights0: the place of an argument in Launch::args.
std::string constantName(const std::string &argument) {
  return std::string("k") + static_cast<char>(std::toupper(argument[0])) + argument.substr(1);
}

const char *formatText(AxmFormat format) {
  switch (format) {
  case AXM_FORMAT_F32:
    return "Format::F32";
  case AXM_FORMAT_F16:
    return "Format::F16";
  case AXM_FORMAT_BF16:
    return "Format::Bf16";
  case AXM_FORMAT_Q8:
    return "Format::Q8";
  case AXM_FORMAT_Q4F16:
    return "Format::Q4F16";
  case AXM_FORMAT_Q4:
    return "Format::Q4";
  case AXM_FORMAT_Q6:
    return "Format::Q6";
  }
  return "";
}

const char *kvText(AxmKvType type) {
  return type == AXM_KV_F32 ? "F32" : type == AXM_KV_F16 ? "F16" : "Int8";
}

void emitRange(const KernelSpec &spec, size_t index, Constants &out) {
  const plan::LinearRange &range = spec.ranges[index];
  std::string number = std::to_string(index);
  Constants inner;
  inner.text =
      "  static constexpr Format format = " + std::string(formatText(range.format)) + ";\n";
  inner.number("logicalRows", range.rows);
  inner.number("packedRows", plan::packedRows(range));
  inner.wide("stripeBytes", plan::stripeBytes(range.format, spec.inner, spec.cuts));
  inner.number("groupBytes", plan::groupBytes(range.format));
  inner.number("runBytes", plan::runBytes(range.format));
  std::vector<uint64_t> begins;
  for (size_t i = 0; i <= spec.cuts.size(); ++i)
    begins.push_back(plan::segmentBegin(range.format, spec.cuts, i));
  inner.list("segmentBegin", begins);
  inner.flag("hasBias", range.bias);
  std::vector<plan::KernelArg> args = plan::kernelArgs(spec);
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i].name == "weights" + number || args[i].name == "table")
      inner.number("kWeights", i);
    if (args[i].name == "bias" + number)
      inner.number("kBias", i);
  }
  out.text += "  struct Range" + number + " {\n";
  for (size_t at = 0; at < inner.text.size();) {
    size_t end = inner.text.find('\n', at) + 1;
    out.text += "  " + inner.text.substr(at, end - at);
    at = end;
  }
  out.text += "  };\n";
}

/// The output of a linear by another name: kOut.
bool isOutput(const KernelSpec &spec, const std::string &name) {
  if (spec.kind == KernelKind::Attention)
    return name == "out";
  return spec.kind == KernelKind::Linear &&
         (name == "y" || name == "x" || name == "h" || name == "logits");
}

std::string emitConstants(const KernelSpec &spec) {
  Constants c;
  c.text = "struct " + spec.name + "Constants {\n";
  uint32_t inner = plan::rowStride(spec.inner);
  std::vector<plan::KernelArg> args = plan::kernelArgs(spec);
  for (size_t i = 0; i < args.size(); ++i)
    c.number(isOutput(spec, args[i].name) ? "kOut" : constantName(args[i].name).c_str(), i);
  bool linear = spec.kind == KernelKind::Linear;
  if (linear || spec.kind == KernelKind::Embed) {
    c.number("logicalInner", spec.inner);
    c.number("inner", inner);
    std::vector<uint64_t> bounds = {0};
    bounds.insert(bounds.end(), spec.cuts.begin(), spec.cuts.end());
    bounds.push_back(inner);
    c.number("segments", bounds.size() - 1);
    c.list("bounds", bounds);
    for (size_t i = 0; i < spec.ranges.size(); ++i)
      emitRange(spec, i, c);
  }
  if (linear) {
    c.number("qrowBytes", AXM_QROW_BYTES(inner));
    RowsForm prologue = rowsForm(spec);
    c.number("rowThreads", prologue.threads);
    c.number("rowParts", prologue.parts);
    c.flag("stagedRow", prologue.staged);
    c.flag("norm", spec.prologue == Prologue::Norm);
    c.flag("quantizeIn", spec.prologue != Prologue::None && plan::anyRange(spec, true));
    c.flag("keepFloats", plan::anyRange(spec, false));
    c.flag("head", spec.epilogue == Epilogue::Head);
    c.flag("residual", spec.epilogue == Epilogue::Residual);
    c.flag("quantizeOut", spec.quantizeOut);
    uint32_t rows = spec.ranges[0].rows;
    c.number("outStride",
             spec.epilogue == Epilogue::Head ? plan::logitsStride(rows) : plan::rowStride(rows));
    c.number("outInner", plan::rowStride(rows));
    c.number("outBytes",
             spec.quantizeOut ? AXM_QROW_BYTES(plan::rowStride(rows)) : 4 * plan::rowStride(rows));
  }
  if (spec.kind == KernelKind::Attention)
    c.number("outStride", plan::rowStride(spec.heads * spec.headDim));
  c.real("normEps", spec.normEps);
  c.number("heads", spec.heads);
  c.number("kvHeads", spec.kvHeads);
  c.number("headDim", spec.headDim);
  c.number("paddedDim", plan::headDimPadded(spec.headDim));
  c.real("qScale", spec.qScale);
  c.flag("qkNorm", spec.qkNorm);
  c.number("window", spec.window);
  c.text +=
      std::string("  static constexpr KvType kvType = KvType::") + kvText(spec.kvType) + ";\n";
  c.wide("kvHeadBytes", spec.kvHeadBytes);
  c.wide("kvBlockBytes", spec.kvBlockBytes);
  return c.text + "};\n";
}

/// The function of codegen/cuda/kernels that is a kernel's body.
const char *bodyName(const KernelSpec &spec) {
  switch (spec.kind) {
  case KernelKind::Embed:
    return "embed";
  case KernelKind::RopeAngles:
    return "ropeAngles";
  case KernelKind::Attention:
  case KernelKind::Linear:
    break;
  }
  switch (spec.epilogue) {
  case Epilogue::Store:
  case Epilogue::Residual:
    return "storeLinear";
  case Epilogue::Qkv:
    return "qkv";
  case Epilogue::SwiGlu:
    return "swiGlu";
  case Epilogue::Head:
    return "headTiles";
  }
  return "";
}

CudaStage linearStage(const KernelSpec &spec, const LinearForm &form) {
  CudaStage stage;
  stage.symbol = spec.name + "_" + std::to_string(form.tokens);
  stage.threads = form.threads();
  stage.sharedBytes = form.sharedBytes;
  stage.tokensPerTile = form.tokens;
  stage.mostTokens = form.mostTokens;
  uint32_t rangeRows = 8 * form.stripes, rows = plan::packedRows(spec.ranges[0]);
  switch (spec.epilogue) {
  case Epilogue::Store:
  case Epilogue::Residual:
  case Epilogue::SwiGlu:
    stage.units = (rows + rangeRows - 1) / rangeRows;
    break;
  case Epilogue::Qkv:
    stage.units = (spec.heads + 2 * spec.kvHeads) * form.headParts;
    break;
  case Epilogue::Head: {
    uint32_t unit = form.many ? AXM_TILE_IDS : rangeRows;
    stage.units = ((form.many ? spec.ranges[0].rows : rows) + unit - 1) / unit;
    break;
  }
  }
  return stage;
}

CudaStage otherStage(const KernelSpec &spec) {
  CudaStage stage;
  stage.symbol = spec.name;
  stage.threads = kThreads;
  switch (spec.kind) {
  case KernelKind::Embed:
    stage.units = 1;
    stage.unitsPerBlock = kWarps;
    break;
  case KernelKind::RopeAngles:
    stage.units = spec.headDim / 2;
    stage.unitsPerBlock = kThreads;
    break;
  case KernelKind::Attention:
  case KernelKind::Linear:
    break;
  }
  return stage;
}

CudaStage attentionStage(const KernelSpec &spec, const AttentionForm &form) {
  CudaStage stage;
  stage.symbol = spec.name + "_" + (form.tiles ? "many" : std::to_string(form.mostTokens));
  stage.threads = form.threads;
  stage.sharedBytes = form.sharedBytes;
  stage.units = form.units * form.splits;
  stage.tokensPerTile = form.tokens;
  stage.mostTokens = form.mostTokens;
  return stage;
}

/// The constants F of kernels/Products.h.
std::string emitForm(const std::string &name, const LinearForm &form) {
  Constants c;
  c.text = "struct " + name + " {\n";
  c.number("tokens", form.tokens);
  c.number("ranges", form.ranges);
  c.number("headParts", form.headParts);
  c.number("stripes", form.stripes);
  c.number("warpsOfRange", form.warpsOfRange);
  c.number("stages", form.stages);
  c.number("floatStages", form.floatStages);
  c.number("areaBytes", form.areaBytes);
  c.number("floatAreaBytes", form.floatAreaBytes);
  c.number("floatWarps", form.floatWarps);
  c.number("areas", form.areas);
  c.number("joins", form.joins);
  c.number("results", form.results);
  c.number("sharedBytes", form.sharedBytes);
  c.flag("quads", form.quads);
  c.flag("wholeTiles", form.many);
  return c.text + "};\n";
}

/// The constants F of kernels/AttentionBlock.h.
std::string emitForm(const std::string &name, const AttentionForm &form) {
  Constants c;
  c.text = "struct " + name + " {\n";
  c.number("tokens", form.tokens);
  c.number("heads", form.heads);
  c.number("unitsOfHead", form.unitsOfHead);
  c.number("units", form.units);
  c.number("splits", form.splits);
  c.number("spans", form.spans);
  c.number("rows", form.rows);
  c.number("teamsOfBlock", form.teamsOfBlock);
  c.number("groupThreads", form.groupThreads());
  c.number("threads", form.threads);
  c.number("dims", form.dims);
  c.number("positions", form.positions);
  c.number("slabBytes", form.slabBytes);
  c.number("areaBytes", form.areaBytes);
  c.number("stages", form.stages);
  c.number("queryBytes", form.queryBytes);
  c.number("queries", form.queries);
  c.number("weights", form.weights);
  c.number("places", form.places);
  c.number("parts", form.parts);
  c.number("slabs", form.slabs);
  return c.text + "};\n";
}

void emitEntry(const CudaStage &stage, const std::string &call, std::string &text) {
  text += "AXIOM_KERNEL(" + std::to_string(stage.threads) + ", 1) " + stage.symbol +
          "(Launch launch) { " + call + "(launch); }\n";
}

CudaKernel emitKernel(const KernelSpec &spec, const FullGrid &full, std::string &text) {
  std::string constants = spec.name + "Constants";
  CudaKernel kernel;
  if (plan::hasPrologue(spec)) {
    RowsForm rows = rowsForm(spec);
    kernel.prologue.symbol = spec.name + "_rows";
    kernel.prologue.threads = rows.threads;
    kernel.prologue.units = rows.parts;
    kernel.prologue.sharedBytes = rows.sharedBytes;
    emitEntry(kernel.prologue, "linearPrologue<" + constants + ">", text);
    uint32_t inner = plan::rowStride(spec.inner);
    if (spec.prologue == Prologue::Norm && plan::anyRange(spec, false))
      kernel.scratchPerToken += 4 * inner;
    if (plan::anyRange(spec, true))
      kernel.scratchPerToken += AXM_QROW_BYTES(inner);
  }
  auto addBody = [&](const CudaStage &stage, const std::string &form, const std::string &body) {
    text += form;
    emitEntry(stage, body, text);
    kernel.bodies.push_back(stage);
  };
  switch (spec.kind) {
  case KernelKind::Linear:
    for (const LinearForm &form : linearForms(spec, full)) {
      CudaStage stage = linearStage(spec, form);
      std::string name = stage.symbol + "Form";
      addBody(stage, emitForm(name, form),
              std::string(bodyName(spec)) + "<" + (form.many ? "Many" : "Few") + "<" + constants +
                  ", " + name + ">>");
    }
    break;
  case KernelKind::Attention:
    for (const AttentionForm &form : attentionForms(spec, full)) {
      CudaStage stage = attentionStage(spec, form);
      std::string name = stage.symbol + "Form";
      addBody(stage, emitForm(name, form),
              std::string(form.tiles ? "attentionTiles" : "attentionSpans") + "<" + constants +
                  ", " + name + ">");
      kernel.scratchFixed = std::max(kernel.scratchFixed, form.scratchBytes);
    }
    break;
  case KernelKind::Embed:
  case KernelKind::RopeAngles:
    addBody(otherStage(spec), "", std::string(bodyName(spec)) + "<" + constants + ">");
    break;
  }
  return kernel;
}

} // namespace

CudaSource emitCuda(const std::vector<KernelSpec> &specs, const FullGrid &full) {
  CudaSource source;
  source.text = "#include \"codegen/cuda/kernels/Kernels.h\"\n\nnamespace axiom::device {\n";
  std::map<std::string, size_t> known; // by everything but the name
  for (const KernelSpec &spec : specs) {
    KernelSpec nameless = spec;
    nameless.name.clear();
    std::string all =
        std::to_string(static_cast<int>(spec.kind)) + bodyName(spec) + emitConstants(nameless);
    auto [same, added] = known.emplace(all, source.kernels.size());
    if (!added) {
      source.kernels.push_back(source.kernels[same->second]);
      continue;
    }
    source.text += "\n" + emitConstants(spec);
    source.kernels.push_back(emitKernel(spec, full, source.text));
  }
  source.text += "\n} // namespace axiom::device\n";
  return source;
}

} // namespace axiom::codegen
