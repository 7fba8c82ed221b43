// cuda-kernels FOLDER FORMAT ARCH...: compiles the kernels that SmolLM2-135M's plan has with this
// weight format to FOLDER/FORMAT-ARCH.cubin (.ptx for compute_*), and writes their source to
// FOLDER/FORMAT.cu and their launches to FOLDER/FORMAT.json. For the gates on machine code, which
// need no model: the plan's shapes are written down here.
#include "codegen/cuda/EmitCuda.h"
#include "codegen/cuda/Nvrtc.h"

#include <cstdio>
#include <fstream>
#include <map>

using namespace axiom;

namespace {

constexpr uint32_t kHidden = 576, kHeads = 9, kKvHeads = 3, kHeadDim = 64, kInner = 1536,
                   kVocab = 49152, kLayers = 30;

int fail(const std::string &message) {
  fprintf(stderr, "cuda-kernels: %s\n", message.c_str());
  return 1;
}

plan::KernelSpec linear(const char *name, plan::Prologue prologue, plan::Epilogue epilogue,
                        uint32_t inner, std::vector<uint32_t> cuts,
                        std::vector<plan::LinearRange> ranges) {
  plan::KernelSpec spec;
  spec.name = name;
  spec.inner = inner;
  spec.cuts = std::move(cuts);
  spec.prologue = prologue;
  spec.normEps = 1e-5f;
  spec.ranges = std::move(ranges);
  spec.epilogue = epilogue;
  return spec;
}

/// As `axiomc --stop-after plan` prints them.
std::vector<plan::KernelSpec> specsOf(AxmFormat format) {
  using plan::Epilogue;
  using plan::Prologue;
  bool quantized = plan::isQuantized(format);
  auto range = [&](uint32_t rows, uint32_t heads = 1, uint32_t align = AXM_STRIPE) {
    return plan::LinearRange{format, rows, heads, align, false};
  };
  auto withKv = [](plan::KernelSpec spec) {
    spec.heads = kHeads;
    spec.kvHeads = kKvHeads;
    spec.headDim = kHeadDim;
    spec.qScale = 0.125f;
    spec.kvHeadBytes = plan::kvHeadBytes(spec.kvType, kHeadDim);
    spec.kvBlockBytes = spec.kvHeadBytes * kKvHeads * kLayers;
    return spec;
  };
  uint32_t kvWidth = kKvHeads * kHeadDim;
  std::vector<plan::KernelSpec> specs;
  specs.push_back(linear("embed", Prologue::None, Epilogue::Store, kHidden, {}, {range(kVocab)}));
  specs.back().kind = plan::KernelKind::Embed;
  specs.push_back(plan::KernelSpec());
  specs.back().name = "rope_angles";
  specs.back().kind = plan::KernelKind::RopeAngles;
  specs.back().headDim = kHeadDim;
  specs.push_back(withKv(linear(
      "qkv", Prologue::Norm, Epilogue::Qkv, kHidden, {},
      {range(kHeads * kHeadDim, kHeads), range(kvWidth, kKvHeads), range(kvWidth, kKvHeads)})));
  plan::KernelSpec attention;
  attention.name = "attention";
  attention.kind = plan::KernelKind::Attention;
  specs.push_back(withKv(attention));
  specs.push_back(linear("o", quantized ? Prologue::Quantize : Prologue::None, Epilogue::Residual,
                         kHidden, {192}, {range(kHidden)}));
  specs.push_back(linear("gate_up", Prologue::Norm, Epilogue::SwiGlu, kHidden, {},
                         {range(kInner, 1, AXM_GROUP), range(kInner, 1, AXM_GROUP)}));
  specs.back().quantizeOut = quantized;
  specs.push_back(
      linear("down", Prologue::None, Epilogue::Residual, kInner, {768}, {range(kHidden)}));
  specs.push_back(linear("head", Prologue::Norm, Epilogue::Head, kHidden, {}, {range(kVocab)}));
  return specs;
}

struct Weights {
  uint64_t count = 0, bytes = 0; ///< padding rows included
};

std::string stageText(const char *kernel, const char *stage, const Weights &weights,
                      const codegen::CudaStage &s) {
  char text[512];
  snprintf(text, sizeof(text),
           "  {\"kernel\": \"%s\", \"stage\": \"%s\", \"symbol\": \"%s\", \"threads\": %u, "
           "\"shared\": %u, \"units\": %u, \"unitsPerBlock\": %u, \"tokensPerTile\": %u, "
           "\"mostTokens\": %u, \"weights\": %llu, \"weightBytes\": %llu}",
           kernel, stage, s.symbol.c_str(), s.threads, s.sharedBytes, s.units, s.unitsPerBlock,
           s.tokensPerTile, s.mostTokens, static_cast<unsigned long long>(weights.count),
           static_cast<unsigned long long>(weights.bytes));
  return text;
}

/// A list of every launch, as JSON.
std::string launchesText(const std::vector<plan::KernelSpec> &specs,
                         const codegen::CudaSource &source) {
  std::string text;
  for (size_t i = 0; i < specs.size(); ++i) {
    const codegen::CudaKernel &k = source.kernels[i];
    Weights weights;
    if (specs[i].kind == plan::KernelKind::Linear)
      for (const plan::LinearRange &range : specs[i].ranges) {
        weights.count += static_cast<uint64_t>(plan::packedRows(range)) * specs[i].inner;
        weights.bytes += plan::packedBytes(range, specs[i].inner, specs[i].cuts);
      }
    auto add = [&](const char *stage, const codegen::CudaStage &s) {
      if (!s.symbol.empty())
        text +=
            (text.empty() ? "[\n" : ",\n") + stageText(specs[i].name.c_str(), stage, weights, s);
    };
    add("prologue", k.prologue);
    for (const codegen::CudaStage &body : k.bodies)
      add("body", body);
  }
  return text + "\n]\n";
}

bool write(const std::string &path, const std::string &text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  return static_cast<bool>(file.flush());
}

} // namespace

int main(int argc, char **argv) {
  const std::map<std::string, AxmFormat> formats = {
      {"q4", AXM_FORMAT_Q4},   {"q4f16", AXM_FORMAT_Q4F16}, {"q6", AXM_FORMAT_Q6},
      {"q8", AXM_FORMAT_Q8},   {"f16", AXM_FORMAT_F16},     {"bf16", AXM_FORMAT_BF16},
      {"f32", AXM_FORMAT_F32},
  };
  if (argc < 4 || !formats.count(argv[2]))
    return fail("usage: cuda-kernels FOLDER FORMAT ARCH..., for example cuda-kernels . q4 sm_90a");
  std::string stem = std::string(argv[1]) + "/" + argv[2];
  std::vector<plan::KernelSpec> specs = specsOf(formats.at(argv[2]));
  codegen::CudaSource source = codegen::emitCuda(specs);
  if (!write(stem + ".cu", source.text) || !write(stem + ".json", launchesText(specs, source)))
    return fail("cannot write " + stem + ".cu and .json");
  for (int i = 3; i < argc; ++i) {
    std::string arch = argv[i];
    Result<std::string> image = codegen::compileCuda(argv[2], source.text, arch);
    if (!image.ok())
      return fail(image.status().message());
    std::string path = stem + "-" + arch + (arch.rfind("compute_", 0) == 0 ? ".ptx" : ".cubin");
    if (!write(path, *image))
      return fail("cannot write " + path);
  }
  return 0;
}
