#include "test/unit/codegen/CudaMutantCases.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace axiom::test {

namespace {

constexpr AxmFormat quantized[] = {AXM_FORMAT_Q4, AXM_FORMAT_Q6, AXM_FORMAT_Q8, AXM_FORMAT_Q4F16};
constexpr AxmFormat floats[] = {AXM_FORMAT_F16, AXM_FORMAT_BF16, AXM_FORMAT_F32};
/// As if the smallest shapes had rows enough for every GPU.
constexpr codegen::FullGrid large = {1, 1};

/// The launches of `least` to `most` tokens.
KernelCase ofTokens(KernelCase c, uint32_t least, uint32_t most) {
  std::erase_if(c.launches,
                [&](const KernelLaunch &l) { return l.tokens < least || l.tokens > most; });
  return c;
}

/// The kernels for which `keep` holds, and their launches.
template <typename Keep> KernelCase only(const KernelCase &c, Keep keep) {
  KernelCase result{c.name, {}, {}};
  for (size_t kernel = 0; kernel < c.specs.size(); ++kernel) {
    if (!keep(c.specs[kernel]))
      continue;
    for (KernelLaunch launch : c.launches)
      if (launch.kernel == kernel) {
        launch.kernel = result.specs.size();
        result.launches.push_back(std::move(launch));
      }
    result.specs.push_back(c.specs[kernel]);
  }
  return result;
}

bool isQkv(const plan::KernelSpec &spec) { return spec.epilogue == plan::Epilogue::Qkv; }
bool isAngles(const plan::KernelSpec &spec) { return spec.kind == plan::KernelKind::RopeAngles; }

/// Of two kernels that are one on GPUs.
bool inParts(const plan::KernelSpec &spec) { return !spec.spanUnits; }

class Cases {
public:
  std::vector<MutantCase> all;

  void add(std::function<KernelCase()> make, const codegen::FullGrid &full = {}) {
    all.emplace_back(std::move(make), full);
  }

  /// Segments that end within a run, a row that ends within a group, more segments than warps.
  void plain(AxmFormat format, uint32_t least, uint32_t most, const codegen::FullGrid &full = {}) {
    const std::vector<Shape> few = {{640, 72, {288, 416}}, {40, 40}},
                             many = {{771, 16, {64, 192, 288, 416, 704}}};
    for (const std::vector<Shape> &shapes : {few, many})
      add([=] { return ofTokens(plainCase(format, shapes), least, most); }, full);
  }
  void plain(std::span<const AxmFormat> formats, uint32_t least, uint32_t most,
             const codegen::FullGrid &full = {}) {
    // Most faults show in any kernel: first one that is soon compiled.
    add(
        [=, format = formats.front()] {
          auto stores = [](const plan::KernelSpec &spec) {
            return spec.epilogue == plan::Epilogue::Store;
          };
          return ofTokens(only(plainCase(format, {{640, 72, {288, 416}}}), stores), least, most);
        },
        full);
    for (AxmFormat format : formats)
      plain(format, least, most, full);
  }
  void swiGlu(AxmFormat format) {
    for (bool quantizeOut : {true, false})
      add([=] {
        return ofTokens(swiGluCase(format, quantizeOut, {{160, 100}, {576, 64}}), 1, 77);
      });
  }
  void head(AxmFormat format) {
    for (const codegen::FullGrid &full : {codegen::FullGrid{}, large})
      add([=] { return ofTokens(headCase(format, {{160, 131}, {64, 2100, {32}}}), 1, 77); }, full);
  }
  void qkv(const Heads &heads, const codegen::FullGrid &full = {}) {
    add([=] { return ofTokens(only(headsCase(heads), isQkv), 1, 131); }, full);
  }
  /// The forms of attention go by the number of tokens.
  void contexts(const std::vector<Heads> &shapes, uint32_t least, uint32_t most) {
    for (const Heads &heads : shapes)
      add([=] { return ofTokens(only(contextsCase(heads), inParts), least, most); });
  }
};

} // namespace

std::vector<MutantCase> mutantCasesFor(const std::string &header) {
  Cases cases;
  if (header == "Dots.h") {
    cases.plain(quantized, 1, 4);
  } else if (header == "Quads.h") {
    cases.plain(quantized, 1, 4, large);
  } else if (header == "Tiles.h") {
    cases.plain(quantized, 5, 8);
  } else if (header == "Panel.h") {
    cases.plain(quantized, 9, 77);
  } else if (header == "Fragments.h") {
    cases.plain(quantized, 5, 77);
  } else if (header == "Floats.h") {
    cases.plain(floats, 1, 77);
  } else if (header == "Tables.h") {
    for (AxmFormat format : allFormats)
      cases.add([=] { return embedCase(format); });
    cases.add([] { return only(headsCase(headsShapes[0]), isAngles); });
  } else if (header == "Qkv.h") {
    for (const Heads &heads : headsShapes)
      cases.qkv(heads);
    for (const Heads &heads : {headsShapes[0], headsShapes[3]})
      cases.qkv(heads, large);
  } else if (header == "Kv.h") {
    cases.contexts({contextShapes[2]}, 1, 8);
    cases.qkv(headsShapes[0]);
  } else if (header.rfind("Attention", 0) == 0) {
    // Each KV type; with and without a window; heads of one chunk, of a part of one and of three;
    // `split`: a KV head's heads in units.
    const std::vector<Heads> shapes = {contextShapes[2], contextShapes[1], headsShapes[2],
                                       largeHeads};
    const Heads split = contextShapes[4];
    if (header != "AttentionTiles.h") {
      cases.contexts(shapes, 1, 8);
      cases.contexts({split}, 1, 8);
      cases.contexts(shapes, 9, 64);
    }
    if (header != "AttentionSpans.h") {
      cases.contexts(shapes, 65, 77);
      cases.contexts({split}, 67, 77);
    }
  } else {
    // What the linears share.
    for (AxmFormat format : {AXM_FORMAT_Q4, AXM_FORMAT_F16}) {
      if (header != "Head.h") {
        cases.plain({&format, 1}, 1, 77);
        cases.swiGlu(format);
      }
      cases.head(format);
    }
    if (header == "Products.h") {
      // More segments than warps, and up in floats behind a gate in floats or not.
      cases.add([] {
        return ofTokens(
            plainCase(AXM_FORMAT_F16, {{320, 16, {32, 64, 96, 128, 160, 192, 224, 256, 288}}}), 1,
            77);
      });
      for (AxmFormat gate : {AXM_FORMAT_F16, AXM_FORMAT_Q4})
        cases.add(
            [=] { return ofTokens(swiGluCase(gate, false, {{160, 100}}, AXM_FORMAT_F16), 1, 77); });
    }
    cases.add([] { return quantizedRowsCase(AXM_FORMAT_Q4, {160, 40, {96}}); });
    if (header == "Stage.h")
      cases.plain(allFormats, 1, 77);
  }
  return std::move(cases.all);
}

} // namespace axiom::test
