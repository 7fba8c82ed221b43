// Seeded faults in the emitted kernels (a wrong lane, swapped operands of a difference, a lost fma)
// must change output bits. The sound image's bits equal the interpreter's (the other tests of this
// folder), so a faulty image is compared with the sound one on the same operands. What this does
// not show: places where one fault is hard to see on these few rows are left out (see
// harmlessStep), and so are scalar integers. Another order of a sum is not among the faults yet.

#include "test/unit/codegen/KernelHarness.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#include "llvm/Support/raw_ostream.h"

#include "gtest/gtest.h"

namespace axiom::test {
namespace {

using plan::Epilogue;
using plan::KernelKind;
using plan::KernelSpec;
using plan::Prologue;

// 15 tokens use the tiles of 8, 4, 2 and 1; 544 features make several chains per lane.
constexpr uint32_t hidden = 544, tokens = 15, heads = 6, kvHeads = 2, dim = 32, vocab = 1100;

KernelSpec linear(const char *name, Prologue prologue, Epilogue epilogue,
                  std::vector<plan::LinearRange> ranges, std::vector<uint32_t> cuts = {}) {
  KernelSpec spec;
  spec.name = name;
  spec.inner = hidden;
  spec.cuts = std::move(cuts);
  spec.prologue = prologue;
  spec.epilogue = epilogue;
  spec.normEps = 1e-5f;
  spec.ranges = std::move(ranges);
  spec.heads = heads;
  spec.kvHeads = kvHeads;
  spec.headDim = dim;
  spec.qScale = 2e-5f; // scores of about 1, so that no block drowns the others
  spec.quantizeOut = true;
  spec.kvHeadBytes = plan::kvHeadBytes(AXM_KV_F16, dim);
  spec.kvBlockBytes = spec.kvHeadBytes * kvHeads;
  return spec;
}

std::vector<KernelSpec> allKernels() {
  std::vector<KernelSpec> specs;
  specs.push_back(
      linear("residual", Prologue::Quantize, Epilogue::Residual, {{AXM_FORMAT_Q4F16, 72}}, {32}));
  specs.push_back(linear("q4", Prologue::Quantize, Epilogue::Store, {{AXM_FORMAT_Q4, 40}}));
  specs.push_back(linear("q8", Prologue::Quantize, Epilogue::Store, {{AXM_FORMAT_Q8, 40}}));
  specs.push_back(linear("f16", Prologue::Quantize, Epilogue::Store, {{AXM_FORMAT_F16, 40}}));
  specs.push_back(linear("swiglu", Prologue::Norm, Epilogue::SwiGlu,
                         {{AXM_FORMAT_Q4F16, 64, 1, 32}, {AXM_FORMAT_Q4F16, 64, 1, 32}}));
  specs.push_back(linear("head", Prologue::Norm, Epilogue::Head, {{AXM_FORMAT_Q8, vocab}}));
  specs.push_back(linear("qkv", Prologue::Norm, Epilogue::Qkv,
                         {{AXM_FORMAT_Q4F16, heads * dim, heads},
                          {AXM_FORMAT_Q4F16, kvHeads * dim, kvHeads},
                          {AXM_FORMAT_Q8, kvHeads * dim, kvHeads}}));
  specs.push_back(linear("attention", Prologue::None, Epilogue::Store, {}));
  specs.back().kind = KernelKind::Attention;
  specs.push_back(linear("angles", Prologue::None, Epilogue::Store, {}));
  specs.back().kind = KernelKind::RopeAngles;
  specs.push_back(linear("embed", Prologue::None, Epilogue::Store, {{AXM_FORMAT_Q4F16, 64}}));
  specs.back().kind = KernelKind::Embed;
  return specs;
}

/// Runs every kernel on fixed operands; the bytes of all written memory.
std::vector<uint8_t> outputs(const codegen::ModuleEdit &edit) {
  std::vector<KernelSpec> specs = allKernels();
  KernelImage image(specs, edit);
  std::mt19937 rng(3);
  std::vector<uint8_t> all;
  auto keep = [&](const Guarded &memory) {
    all.insert(all.end(), memory.as(), memory.as() + memory.size());
  };
  auto random = [&](size_t floats, float low, float high) {
    return guardedCopy(
        randomVector(static_cast<uint32_t>(floats), static_cast<uint32_t>(floats), low, high, rng));
  };
  auto weights = [&](const plan::LinearRange &range, const std::vector<uint32_t> &cuts) {
    return guardedCopy(randomMatrix(range, hidden, cuts, Fill::Random, rng).packed);
  };
  Guarded x = random(tokens * hidden, -3, 3), norm = random(hidden, 0.5f, 1.5f);
  for (size_t i = 0; i < 4; ++i) {
    Guarded w = weights(specs[i].ranges[0], specs[i].cuts), y = random(tokens * 96, -1, 1);
    image.run(i, {x.as(), w.as(), y.as()}, tokens);
    keep(y);
  }
  Guarded gate = weights(specs[4].ranges[0], {}), up = weights(specs[4].ranges[1], {});
  Guarded h(tokens * AXM_QROW_BYTES(64));
  image.run(4, {x.as(), norm.as(), gate.as(), up.as(), h.as()}, tokens);
  keep(h);
  Guarded w = weights(specs[5].ranges[0], {}), rows(tokens * 4),
          logits(tokens * 4ull * plan::logitsStride(vocab)), tiles(tokens * 2 * sizeof(AxmTile));
  for (uint32_t i = 0; i < tokens; ++i)
    rows.as<uint32_t>()[i] = i;
  image.run(5, {x.as(), norm.as(), w.as(), rows.as(), logits.as(), tiles.as()}, tokens);
  keep(logits);
  keep(tiles);

  Guarded positions(tokens * 4), offsets(tokens * 4), tables(8),
      frequency = random(32, 0.01f, 1.0f);
  for (uint32_t t = 0; t < tokens; ++t)
    positions.as<int32_t>()[t] = static_cast<int32_t>(105 + t);
  tables.as<uint32_t>()[1] = 1;
  Guarded angles(tokens * dim * 4);
  image.run(8, {positions.as(), frequency.as(), angles.as()}, tokens);
  keep(angles);
  Guarded kv(specs[6].kvBlockBytes * 2);
  for (size_t i = 0; i < kv.size() / 2; ++i)
    kv.as<uint16_t>()[i] = static_cast<uint16_t>(0x5000 + rng() % 0x800 + rng() % 2 * 0x8000);
  Guarded q(tokens * heads * dim * 4), out(tokens * 4ull * heads * dim);
  Guarded wq = weights(specs[6].ranges[0], {}), wk = weights(specs[6].ranges[1], {}),
          wv = weights(specs[6].ranges[2], {});
  image.run(6,
            {x.as(), norm.as(), wq.as(), wk.as(), wv.as(), angles.as(), q.as(), kv.as(),
             positions.as(), offsets.as(), tables.as()},
            tokens);
  image.run(7, {q.as(), out.as(), kv.as(), positions.as(), offsets.as(), tables.as()}, tokens);
  keep(q);
  keep(kv);
  keep(out);
  Guarded ids(tokens * 4), table = weights(specs[9].ranges[0], {}), embedded(tokens * hidden * 4);
  for (uint32_t t = 0; t < tokens; ++t)
    ids.as<int32_t>()[t] = static_cast<int32_t>(t * 5 % 64);
  image.run(9, {ids.as(), table.as(), embedded.as()}, tokens);
  keep(embedded);
  return all;
}

enum class Fault { Lane, Order, Fma };

/// The steps of the written recipes (exp and the like) take a constant as factor or addend: what a
/// lost fma changes there lies far below the result's last bit for nearly every argument, so it may
/// be harmless.
bool harmlessStep(mlir::LLVM::FMAOp fma) {
  // A 4-bit weight times its f16 scale is exact, so the embedding's fma may be a product and a sum.
  // A prologue's sum of squares is no harmless place: one ulp there is a fault that these few rows
  // miss.
  llvm::StringRef name = fma->getParentOfType<mlir::func::FuncOp>().getName();
  return name.starts_with("embed") || name.ends_with(".prologue") ||
         fma.getB().getDefiningOp<mlir::arith::ConstantOp>() ||
         fma.getC().getDefiningOp<mlir::arith::ConstantOp>();
}

/// Collects the places where `fault` can be planted.
std::vector<mlir::Operation *> places(mlir::ModuleOp module, Fault fault) {
  std::vector<mlir::Operation *> found;
  module.walk([&](mlir::Operation *op) {
    if (auto fma = mlir::dyn_cast<mlir::LLVM::FMAOp>(op);
        fma && fault == Fault::Fma && !harmlessStep(fma))
      found.push_back(op);
    if (fault == Fault::Lane && mlir::isa<mlir::vector::ShuffleOp>(op))
      found.push_back(op);
    // Operands in the wrong order: a difference changes its sign.
    // Scalar integers are addresses and counts: a fault there is a crash, not a wrong bit.
    bool value = mlir::isa<mlir::arith::SubFOp>(op) ||
                 (mlir::isa<mlir::arith::SubIOp>(op) &&
                  mlir::isa<mlir::VectorType>(op->getResult(0).getType()));
    if (fault == Fault::Order && value)
      found.push_back(op);
  });
  return found;
}

void plant(mlir::Operation *op, Fault fault) {
  mlir::OpBuilder b(op);
  mlir::Location loc = op->getLoc();
  if (auto fma = mlir::dyn_cast<mlir::LLVM::FMAOp>(op)) {
    auto product = mlir::arith::MulFOp::create(b, loc, fma.getA(), fma.getB());
    auto sum = mlir::arith::AddFOp::create(b, loc, product, fma.getC());
    op->getResult(0).replaceAllUsesWith(sum);
    op->erase();
  } else if (auto shuffle = mlir::dyn_cast<mlir::vector::ShuffleOp>(op)) {
    llvm::SmallVector<int64_t> mask(shuffle.getMask());
    mask.back() = mask.front();
    shuffle.setMask(mask);
  } else if (fault == Fault::Order) {
    mlir::Value first = op->getOperand(0);
    op->setOperand(0, op->getOperand(1));
    op->setOperand(1, first);
  }
}

TEST(KernelFaults, TwentySeededFaultsAreCaught) {
  std::vector<uint8_t> sound = outputs({});
  ASSERT_TRUE(sound == outputs({})) << "the kernels are not deterministic";
  int caught = 0;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    Fault fault = static_cast<Fault>(seed % 3);
    std::string where;
    std::vector<uint8_t> faulty = outputs([&](mlir::ModuleOp module) {
      std::vector<mlir::Operation *> candidates = places(module, fault);
      std::mt19937 rng(seed);
      mlir::Operation *op = candidates[rng() % candidates.size()];
      llvm::raw_string_ostream stream(where);
      stream << op->getParentOfType<mlir::func::FuncOp>().getName() << ": " << *op;
      plant(op, fault);
    });
    EXPECT_TRUE(faulty != sound) << "seed " << seed << ", fault in " << where << " changed no bit";
    caught += faulty != sound;
  }
  EXPECT_EQ(caught, 20);
}

} // namespace
} // namespace axiom::test
