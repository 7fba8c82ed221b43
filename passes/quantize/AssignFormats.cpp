#include "passes/Passes.h"

#include "llvm/Support/Regex.h"

namespace axiom {

#define GEN_PASS_DEF_ASSIGNFORMATS
#include "passes/Passes.h.inc"

namespace {

using namespace mlir;
using ir::WeightFormat;

/// The stored format that keeps a source type, exactly where one does.
WeightFormat kept(WeightFormat source) {
  switch (source) {
  case WeightFormat::SrcF32:
    return WeightFormat::F32;
  case WeightFormat::SrcF16:
    return WeightFormat::F16;
  case WeightFormat::SrcBF16:
    return WeightFormat::BF16;
  case WeightFormat::SrcQ4_0:
  case WeightFormat::SrcQ4_1:
    return WeightFormat::Q4F16;
  case WeightFormat::SrcQ4_K:
    return WeightFormat::Q4;
  case WeightFormat::SrcQ6_K:
    return WeightFormat::Q6;
  case WeightFormat::SrcQ8_0:
  case WeightFormat::SrcQ5_0:
  case WeightFormat::SrcQ5_1:
  case WeightFormat::SrcQ5_K:
    return WeightFormat::Q8;
  default:
    return source;
  }
}

/// A table that is embedding and head at once: its error counts twice, and in small models a 4-bit
/// head costs more than all other weights together.
bool tiedHead(ir::WeightOp weight) {
  bool head = false, embedding = false;
  for (Operation *user : weight->getUsers()) {
    auto linear = dyn_cast<ir::LinearOp>(user);
    head |= linear && linear.getRole() == ir::Role::Head;
    embedding |= isa<ir::EmbeddingOp>(user);
  }
  return head && embedding;
}

struct AssignFormats : impl::AssignFormatsBase<AssignFormats> {
  using AssignFormatsBase::AssignFormatsBase;

  struct Override {
    std::shared_ptr<llvm::Regex> pattern;
    WeightFormat format;
  };

  FailureOr<WeightFormat> parseFormat(StringRef name) {
    if (auto format = ir::storedFormatByName(name))
      return *format;
    return getOperation().emitError()
           << "unknown weight format '" << name << "'; known are f32, f16, bf16, q8, q6, q4f16, q4";
  }

  FailureOr<std::vector<Override>> parseOverrides() {
    std::vector<Override> parsed;
    for (const std::string &text : overrides) {
      // The last '=' splits: a format has none, a pattern may.
      auto [pattern, name] = StringRef(text).rsplit('=');
      auto format = parseFormat(name);
      if (failed(format))
        return failure();
      auto regex = std::make_shared<llvm::Regex>(pattern);
      std::string error;
      if (pattern.empty() || !regex->isValid(error))
        return getOperation().emitError() << "override '" << text << "' needs REGEX=FORMAT"
                                          << (error.empty() ? "" : ": ") << error;
      parsed.push_back({regex, *format});
    }
    return parsed;
  }

  void runOnOperation() override {
    auto patterns = parseOverrides();
    if (failed(patterns))
      return signalPassFailure();
    std::optional<WeightFormat> wanted;
    if (!quant.empty()) {
      auto format = parseFormat(quant);
      if (failed(format))
        return signalPassFailure();
      wanted = *format;
    }
    std::vector<bool> used(patterns->size());
    getOperation().walk([&](ir::WeightOp weight) {
      ir::WeightType type = weight.getType();
      if (!ir::isSource(type.getFormat()))
        return;
      WeightFormat format = wanted ? *wanted : kept(type.getFormat());
      bool four = wanted == WeightFormat::Q4 || wanted == WeightFormat::Q4F16;
      if (four && tiedHead(weight))
        format = WeightFormat::Q8;
      for (auto [i, entry] : llvm::enumerate(*patterns))
        if (entry.pattern->match(weight.getTensor())) {
          format = entry.format;
          used[i] = true;
          break;
        }
      weight.getResult().setType(
          ir::WeightType::get(&getContext(), type.getRows(), type.getCols(), format));
    });
    for (auto [i, text] : llvm::enumerate(overrides))
      if (!used[i])
        getOperation().emitWarning() << "override '" << text << "' decides no weight";
  }
};

} // namespace
} // namespace axiom
