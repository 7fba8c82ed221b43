// The machine code of the inner products, counted for every level: what multiplies in a step of an
// inner loop is exactly what the format needs, and the step keeps its values in registers.
#include "codegen/cpu/CodeImage.h"
#include "codegen/cpu/Level.h"
#include "dialects/plan/KernelSpec.h"
#include "test/unit/codegen/LevelTestName.h"

#include "gtest/gtest.h"

#include <map>
#include <set>
#include <sstream>

namespace axiom::test {
namespace {

using codegen::CpuLevel;
using codegen::DotKind;
using Counts = std::map<std::string, int64_t>;

struct Line {
  std::string label, op, operands; ///< a label or an instruction
};

/// A loop without another one in it.
struct InnerLoop {
  Counts counts;     ///< what multiplies
  int64_t stack = 0; ///< instructions with an operand on the stack
  int64_t array = 0; ///< of these with an index: never a spill
  int64_t split = 0; ///< multiplies of what an index addresses: two operations on Intel's cores
};

bool startsWith(const std::string &text, const char *prefix) { return text.rfind(prefix, 0) == 0; }

/// The name under which an instruction counts: none unless it multiplies or moves signs for that.
std::string countedAs(const std::string &op) {
  if (startsWith(op, "vfmadd") || op == "fmla")
    return "fma";
  if (op == "vpmaddwd" || op == "vpdpwssd") // the second also adds
    return "words";
  if (op == "mul" || op == "mla" || op == "vpmulld")
    return "mul";
  for (const char *known : {"vpmaddubsw", "vpdpbusd", "vpsignb", "sdot", "tdpbssd"})
    if (op == known)
      return op;
  return startsWith(op, "vpm") && op.find("mul") != std::string::npos ? op : "";
}

/// The functions of an assembly file by name.
std::map<std::string, std::vector<Line>> functionsOf(const std::string &assembly,
                                                     const char *comment) {
  std::map<std::string, std::vector<Line>> functions;
  std::vector<Line> *current = nullptr;
  std::istringstream in(assembly);
  for (std::string text; std::getline(in, text);) {
    if (size_t at = text.find(comment); at != std::string::npos)
      text.resize(at);
    std::istringstream words(text);
    std::string first, rest;
    if (!(words >> first) || (first == "{vex}" && !(words >> first)))
      continue;
    std::getline(words, rest);
    bool label = first.back() == ':';
    if (label)
      first.pop_back();
    if (label && !startsWith(first, ".L"))
      current = &functions[first];
    else if (current && label)
      current->push_back({first, "", ""});
    else if (current && first.front() != '.')
      current->push_back({"", first, rest});
  }
  return functions;
}

std::vector<InnerLoop> innerLoops(const std::vector<Line> &lines) {
  std::map<std::string, size_t> labels;
  std::vector<std::pair<size_t, size_t>> loops; // first line, branch back
  bool frame = false;                           // whether rbp is one, not just a register
  for (size_t i = 0; i < lines.size(); ++i) {
    const Line &line = lines[i];
    if (!line.label.empty())
      labels[line.label] = i;
    frame |= line.operands.find("%rsp, %rbp") != std::string::npos;
    size_t target = line.operands.rfind(".L");
    bool branch = startsWith(line.op, "j") || startsWith(line.op, "b") ||
                  startsWith(line.op, "cb") || startsWith(line.op, "tb");
    if (!branch || target == std::string::npos)
      continue;
    auto label = labels.find(line.operands.substr(target));
    if (label != labels.end())
      loops.push_back({label->second, i});
  }
  std::vector<InnerLoop> inner;
  for (auto [begin, end] : loops) {
    bool innermost = true;
    for (auto [b, e] : loops)
      innermost &= (b == begin && e == end) || b < begin || e > end;
    InnerLoop loop;
    for (size_t i = begin; innermost && i <= end; ++i) {
      if (std::string name = countedAs(lines[i].op); !name.empty()) {
        ++loop.counts[name];
        loop.split += lines[i].operands.find(",%r") < lines[i].operands.find(")");
      }
      for (const char *place : {"(%rsp", "[sp", frame ? "(%rbp" : "(%rsp"})
        if (size_t at = lines[i].operands.find(place); at != std::string::npos) {
          ++loop.stack;
          loop.array += lines[i].operands.compare(at + 5, 1, ",") == 0;
          break;
        }
    }
    if (!loop.counts.empty())
      inner.push_back(loop);
  }
  return inner;
}

std::string text(const Counts &counts) {
  std::string all;
  for (const auto &[op, n] : counts)
    all += (all.empty() ? "" : ", ") + std::to_string(n) + " " + op;
  return all;
}

/// One step (32 along K) for one token and one register of rows.
Counts quantizedStep(DotKind dot, AxmFormat format) {
  bool q8 = format == AXM_FORMAT_Q8, q6 = format == AXM_FORMAT_Q6, min = !q8 && !q6;
  Counts counts = {{"fma", min ? 2 : 1}};
  switch (dot) {
  case DotKind::Maddubs:
    counts["vpmaddubsw"] = 8;
    counts["words"] = q8 ? 8 : q6 ? 5 : 1; // q6: 4 pairs, and the offset of the codes
    if (q8)
      counts["vpsignb"] = 8;
    break;
  case DotKind::Vnni:
    counts["vpdpbusd"] = 8;
    if (!min)
      counts["words"] = 1; // the offset that makes weights unsigned
    if (q6)
      counts["mul"] = 2;
    break;
  case DotKind::Sdot:
    counts["sdot"] = 8;
    if (q6)
      counts["mul"] = 2;
    break;
  }
  return counts;
}

class Assembly : public testing::TestWithParam<std::string> {
protected:
  const CpuLevel &level() { return *codegen::findLevel(GetParam()); }
  bool arm() { return level().dot == DotKind::Sdot; }

  /// The inner loops of a linear's inner product for each tile size of the level.
  template <typename Body> void forLoops(AxmFormat format, Body body) {
    plan::KernelSpec spec;
    spec.name = "linear";
    spec.inner = 512;
    spec.prologue = plan::Prologue::Quantize;
    spec.ranges.push_back({format, 64, 1, 8, false});
    codegen::CodeText code;
    auto image = codegen::compileCpuImage({spec}, GetParam(), &code);
    ASSERT_TRUE(image.ok()) << image.status().message();
    int64_t seen = 0;
    for (const auto &[name, lines] : functionsOf(code.assembly, arm() ? "//" : "#")) {
      std::string prefix = std::string("dot.") + plan::formatName(format) + ".";
      if (!startsWith(name, prefix.c_str()))
        continue;
      int64_t tokens = std::stoll(name.substr(prefix.size()));
      std::vector<InnerLoop> loops = innerLoops(lines);
      EXPECT_FALSE(loops.empty()) << name;
      for (const InnerLoop &loop : loops) {
        SCOPED_TRACE(name);
        body(tokens, loop);
      }
      seen += tokens;
    }
    // More than 16 tokens only where matrix tiles take them.
    bool most = !level().tiles || (plan::isQuantized(format) && format != AXM_FORMAT_Q6);
    EXPECT_EQ(seen, 2 * (most ? level().maxTile : 16) - 1) << "not every tile size is there";
  }
};

TEST_P(Assembly, QuantizedStepsMultiplyAsOftenAsTheFormatNeeds) {
  for (AxmFormat format : {AXM_FORMAT_Q4, AXM_FORMAT_Q4F16, AXM_FORMAT_Q6, AXM_FORMAT_Q8}) {
    std::set<int64_t> byTwo; // tokens with loops of two groups a step
    forLoops(format, [&](int64_t tokens, const InnerLoop &loop) {
      Counts want = quantizedStep(level().dot, format);
      // A single token takes the eight rows at once, which are two registers of NEON. 32 tokens are
      // 16 twice.
      for (auto &[op, n] : want)
        n *= arm() && tokens == 1 ? 2 : std::min<int64_t>(tokens, 16);
      // Pairs of stripes go through matrix tiles, by way of arrays on the stack; a last single one
      // as on other levels.
      bool tile = level().tiles && tokens >= 16 && loop.counts.count("tdpbssd");
      if (tile)
        want = {{"fma", want["fma"]}, {"tdpbssd", 1}};
      // With 512 bits a few tokens' registers hold 8 k of a stripe: half the products. The two
      // parts of a q6 group have an offset each, and their factors in one register.
      if (level().dot == DotKind::Vnni && level().stripes == 2 && tokens <= 2) {
        want["vpdpbusd"] /= 2;
        if (format == AXM_FORMAT_Q6) {
          want["words"] *= 2;
          want["mul"] /= 2;
        }
      }
      // Two groups a step for few tokens, and a last one.
      Counts twice = want;
      for (auto &[op, n] : twice)
        n *= 2;
      if (loop.counts == twice)
        byTwo.insert(tokens);
      else
        EXPECT_EQ(text(loop.counts), text(want));
      // No spills. Where 16 registers do not hold the sums of the tokens, these lie in an array by
      // design, whose address is a register like that of any other memory.
      EXPECT_EQ(tile ? loop.stack - loop.array : loop.stack, 0);
      EXPECT_TRUE(tile || loop.split == 0) << loop.split;
    });
    // 16 registers hold two groups of a single token only.
    EXPECT_EQ(byTwo, level().registers < 32 ? std::set<int64_t>({1}) : std::set<int64_t>({1, 2}));
  }
}

TEST_P(Assembly, FloatStepsAreOneFmaARegister) {
  for (AxmFormat format : {AXM_FORMAT_F32, AXM_FORMAT_F16, AXM_FORMAT_BF16})
    forLoops(format, [&](int64_t tokens, const InnerLoop &loop) {
      int64_t one = tokens * (arm() ? 2 : 1), stripes = tokens >= 8 ? 1 : tokens == 4 ? 2 : 4;
      bool single = loop.counts.at("fma") == one;
      EXPECT_EQ(text(loop.counts), text({{"fma", single ? one : one * stripes}}));
      EXPECT_EQ(loop.stack, 0);
    });
}

INSTANTIATE_TEST_SUITE_P(, Assembly, testing::ValuesIn(codegen::cpuLevels()), levelTestName);

} // namespace
} // namespace axiom::test
