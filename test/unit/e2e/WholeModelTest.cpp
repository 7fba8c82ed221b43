// Whole models: what axiomc's artifact computes on the executor equals, byte for byte, what the
// interpreter computes from the same graph and the same stored weights. The two share no code below
// the outlined module: no emitter, no kernel, no plan, no KV layout.
#include "codegen/TemporaryFolder.h"
#include "compiler/driver/Compile.h"
#include "compiler/import/ModelSource.h"
#include "compiler/import/StrictJson.h"
#include "compiler/import/graph/GraphBuilder.h"
#include "dialects/axiom/interpreter/Interpreter.h"
#include "dialects/axiom/interpreter/Numerics.h"
#include "dialects/axiom/interpreter/PackedWeights.h"
#include "passes/Pipeline.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/base/Memory.h"
#include "runtime/device/cpu/Executor.h"
#include "runtime/engine/Embedder.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

namespace axiom {
namespace {

const char *const kModels[] = {"llama-odd",      "llama-h80",  "llama-rope3", "llama-shards",
                               "mistral-window", "qwen2-bias", "qwen3-norm"};
const char *const kFormats[] = {"f32", "f16", "q8", "q6", "q4", "q4f16"};

Result<nlohmann::json> readJson(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  return parseStrictJson(text, path);
}

/// One step: the next `count` tokens of each of some sequences; every token's row is wanted.
using Mix = std::vector<std::pair<uint32_t, uint32_t>>; // (sequence, count)

/// A step as both sides need it.
struct Step {
  std::vector<int32_t> tokens, positions;
  std::vector<uint32_t> sequences, rows;
};

std::vector<Step> makeSteps(const std::vector<std::vector<int32_t>> &sequences,
                            const std::vector<Mix> &mixes) {
  std::vector<Step> steps;
  std::vector<uint32_t> length(sequences.size());
  for (const Mix &mix : mixes) {
    Step step;
    for (auto [sequence, count] : mix)
      for (uint32_t i = 0; i < count && length[sequence] < sequences[sequence].size(); ++i) {
        step.rows.push_back(static_cast<uint32_t>(step.tokens.size()));
        step.tokens.push_back(sequences[sequence][length[sequence]]);
        step.positions.push_back(static_cast<int32_t>(length[sequence]++));
        step.sequences.push_back(sequence);
      }
    if (!step.tokens.empty())
      steps.push_back(std::move(step));
  }
  return steps;
}

/// Compiles `input` as axiomc does, apart from golden answers.
Status compileTo(const std::string &input, const std::string &output, const std::string &quant) {
  CompilerOptions options;
  options.input = input;
  options.output = output;
  options.quant = quant;
  options.golden = false;
  options.jobs = 2;
  options.progress = ProgressMode::None;
  return compile(options);
}

/// The artifact's own tensors, for the interpreter.
std::vector<SegmentTensor> tensorTable(const Artifact &artifact) {
  std::vector<SegmentTensor> table;
  for (const TensorInfo &t : artifact.metadata().tensors)
    table.push_back({t.name, t.vector, t.format, t.vector ? 1u : static_cast<uint32_t>(t.rows),
                     static_cast<uint32_t>(t.cols), t.heads, t.rowAlign, t.cuts, t.offset, t.size});
  return table;
}

/// What the interpreter gives for each step, from the model's graph and the artifact's weights;
/// `hidden`: also each step's hidden state after the last layer.
Result<std::vector<InterpreterOutput>>
interpret(const std::string &input, const std::string &quant, const Artifact &artifact,
          const std::vector<Step> &steps, std::vector<std::vector<float>> *hidden = nullptr) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<ModelSource> source, openModel(input));
  GraphOptions graphOptions;
  graphOptions.quant = quant;
  AXIOM_ASSIGN_OR_RETURN(mlir::OwningOpRef<mlir::ModuleOp> module,
                         buildGraph(context, *source, graphOptions));
  PipelineOptions pipeline;
  pipeline.quant = quant;
  AXIOM_RETURN_IF_ERROR(runPipeline(*module, pipeline, Phase::Outline));
  PackedWeights weights(artifact.segment(SegmentKind::Weights), tensorTable(artifact));
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<Interpreter> interpreter,
                         Interpreter::load(*module, weights));
  std::vector<InterpreterOutput> outputs;
  for (const Step &step : steps) {
    std::vector<float> last;
    AXIOM_ASSIGN_OR_RETURN(
        InterpreterOutput output,
        interpreter->run({step.tokens, step.positions, step.sequences, step.rows},
                         [&](uint32_t, std::span<const float> rows, uint32_t) {
                           last.assign(rows.begin(), rows.end());
                         }));
    outputs.push_back(std::move(output));
    if (hidden)
      hidden->push_back(std::move(last));
  }
  return outputs;
}

uint32_t argmaxOf(const float *logits, uint32_t vocab) {
  uint32_t best = 0;
  for (uint32_t id = 1; id < vocab; ++id)
    if (logits[id] > logits[best])
      best = id;
  return best;
}

/// The lowest id with the greatest logit, found through the tiles.
uint32_t greedyToken(const AxmTile *tiles, uint32_t count) {
  uint32_t best = 0;
  for (uint32_t i = 1; i < count; ++i)
    if (tiles[i].max > tiles[best].max)
      best = i;
  return static_cast<uint32_t>(tiles[best].argmax);
}

/// How far an executor's rows equal the interpreter's.
struct Comparison {
  size_t rows = 0;              ///< equal ones before the first difference
  std::string difference;       ///< empty: none
  std::vector<uint32_t> greedy; ///< per equal row
};

/// What embeddings are made of: empty if the executor's rows after the last layer, and what the
/// engine's norm makes of them, are the interpreter's.
std::string compareHidden(const Artifact &artifact, const Executor &executor,
                          const std::vector<float> &expected, uint32_t count) {
  const Plan &plan = artifact.program().plan;
  if (plan.finalNorm < 0)
    return "the artifact does not tell its final norm";
  uint32_t width = artifact.config().hidden, stride = artifact.config().hiddenStride();
  const TensorInfo &tensor = artifact.metadata().tensors[static_cast<size_t>(plan.finalNorm)];
  engine::FinalNorm norm{std::vector<float>(width), plan.finalNormEps, stride};
  std::memcpy(norm.gain.data(), artifact.program().weights + tensor.offset, 4ull * width);
  auto rows = executor.hidden(0, count);
  if (!rows.ok())
    return rows.status().message();
  if (expected.size() != size_t(count) * width)
    return format("%zu elements, the interpreter has %zu", size_t(count) * width, expected.size());
  std::vector<float> own(width), wanted(width);
  for (uint32_t t = 0; t < count; ++t) {
    const float *row = *rows + size_t(t) * stride, *want = expected.data() + size_t(t) * width;
    if (std::memcmp(row, want, 4ull * width) != 0)
      return format("the hidden state of token %u differs", t);
    engine::normalizeRow(norm, row, own);
    numerics::rmsNorm(want, norm.gain.data(), width, norm.eps, wanted.data());
    if (own != wanted)
      return format("the normalized row of token %u differs", t);
  }
  return "";
}

/// Runs the steps on the executor and compares every row with `expected`, up to the first that
/// differs.
Comparison compareRows(std::shared_ptr<const Artifact> artifact, const std::vector<Step> &steps,
                       const std::vector<InterpreterOutput> &expected, uint32_t numSequences,
                       const std::vector<std::vector<float>> *hidden = nullptr) {
  const ArtifactConfig &config = artifact->config();
  Comparison result;
  auto differs = [&](const std::string &what) {
    result.difference = what;
    return result;
  };
  uint32_t maxTokens = 0, maxLength = 0;
  for (const Step &step : steps) {
    maxTokens = std::max(maxTokens, static_cast<uint32_t>(step.tokens.size()));
    for (int32_t position : step.positions)
      maxLength = std::max(maxLength, static_cast<uint32_t>(position) + 1);
  }
  uint32_t blocksEach = (maxLength + AXM_KV_BLOCK - 1) / AXM_KV_BLOCK;
  ExecutorOptions options;
  options.threads = 2;
  options.oversubscribe = true;
  options.maxTokens = maxTokens;
  options.numBlocks = blocksEach * numSequences;
  auto executor = Executor::create(artifact, options);
  if (!executor.ok())
    return differs(executor.status().message());
  EXPECT_EQ((*executor)->threads(), 2u);
  // The blocks of a sequence lie neither together nor in order.
  std::vector<uint32_t> blockTables;
  for (uint32_t sequence = 0; sequence < numSequences; ++sequence)
    for (uint32_t i = 0; i < blocksEach; ++i)
      blockTables.push_back((blocksEach - 1 - i) * numSequences + sequence);
  for (uint32_t block : blockTables)
    (*executor)->clearBlock(block);

  uint32_t stride = config.logitsStride(), numTiles = config.numTiles();
  auto logits = Pages::allocate(uint64_t(4) * stride * maxTokens, "logits");
  auto tiles = Pages::allocate(sizeof(AxmTile) * numTiles * maxTokens, "tiles");
  if (!logits.ok() || !tiles.ok())
    return differs("no memory for the logits");
  for (size_t s = 0; s < steps.size(); ++s) {
    const Step &step = steps[s];
    std::vector<uint32_t> offsets;
    for (uint32_t sequence : step.sequences)
      offsets.push_back(sequence * blocksEach);
    // Whatever a step leaves unwritten shows as a NaN.
    std::memset(logits->data(), 0xff, uint64_t(4) * stride * maxTokens);
    std::memset(tiles->data(), 0xff, sizeof(AxmTile) * numTiles * maxTokens);
    auto *rowLogits = reinterpret_cast<const float *>(logits->data());
    auto *rowTiles = reinterpret_cast<const AxmTile *>(tiles->data());
    StepInput input{step.tokens,
                    step.positions,
                    offsets,
                    blockTables,
                    step.rows,
                    reinterpret_cast<float *>(logits->data()),
                    reinterpret_cast<AxmTile *>(tiles->data())};
    if (Status status = (*executor)->step(input); !status.ok())
      return differs(format("step %zu: ", s) + status.message());
    if (hidden) {
      std::string problem = compareHidden(*artifact, **executor, (*hidden)[s],
                                          static_cast<uint32_t>(step.tokens.size()));
      if (!problem.empty())
        return differs(format("step %zu: ", s) + problem);
    }
    const InterpreterOutput &want = expected[s];
    if (want.vocab != config.vocab || want.tileCount != numTiles ||
        want.logits.size() != step.rows.size() * want.vocab ||
        want.tiles.size() != step.rows.size() * want.tileCount)
      return differs(format("step %zu: the interpreter's output has another shape", s));
    for (size_t row = 0; row < step.rows.size(); ++row, rowLogits += stride, rowTiles += numTiles) {
      std::string where = format("step %zu (%zu tokens), sequence %u position %d", s,
                                 step.tokens.size(), step.sequences[row], step.positions[row]);
      const float *wantLogits = want.logits.data() + row * want.vocab;
      if (std::memcmp(rowLogits, wantLogits, 4ull * want.vocab) != 0) {
        uint32_t id = 0;
        while (std::memcmp(rowLogits + id, wantLogits + id, 4) == 0)
          ++id;
        return differs(where + format(": logit %u is %a, the interpreter's %a", id, rowLogits[id],
                                      wantLogits[id]));
      }
      for (uint32_t id = config.vocab; id < stride; ++id)
        if (rowLogits[id] != -HUGE_VALF)
          return differs(where + format(": padding id %u is %a", id, rowLogits[id]));
      if (std::memcmp(rowTiles, want.tiles.data() + row * numTiles, sizeof(AxmTile) * numTiles))
        return differs(where + ": the tiles differ");
      result.greedy.push_back(greedyToken(rowTiles, numTiles));
      ++result.rows;
    }
  }
  return result;
}

/// The ISA levels of the artifact that this machine can run.
std::vector<std::string> usableLevels(const Artifact &artifact) {
  std::vector<std::string> levels;
  auto images = artifact.images();
  EXPECT_TRUE(images.ok()) << images.status().message();
  if (images.ok())
    for (const ImageInfo &image : *images)
      if (image.note.empty())
        levels.push_back(image.target.substr(image.target.find(':') + 1));
  return levels;
}

size_t totalRows(const std::vector<Step> &steps) {
  size_t rows = 0;
  for (const Step &step : steps)
    rows += step.rows.size();
  return rows;
}

/// The model computes something: finite logits that change from row to row.
void expectLively(const std::vector<InterpreterOutput> &outputs) {
  std::set<float> first;
  size_t rows = 0;
  for (const InterpreterOutput &output : outputs) {
    for (float logit : output.logits)
      ASSERT_TRUE(std::isfinite(logit));
    for (size_t at = 0; at < output.logits.size(); at += output.vocab, ++rows)
      first.insert(output.logits[at]);
  }
  EXPECT_GT(first.size(), rows / 2);
}

class TinyModels : public testing::TestWithParam<std::tuple<const char *, const char *>> {};

TEST_P(TinyModels, EveryRowEqualsInterpreter) {
  auto [model, quant] = GetParam();
  std::string folder = std::string(AXIOM_GOLDEN_DIR "/tiny/") + model;
  auto json = readJson(folder + "/golden_ids.json");
  ASSERT_TRUE(json.ok()) << json.status().message();
  auto ids = json->get<std::vector<int32_t>>();
  ASSERT_GE(ids.size(), 24u);
  std::vector<std::vector<int32_t>> sequences = {ids, {ids.rbegin(), ids.rbegin() + 17}};
  // All three kernel variants (1, 2..8, more tokens), alone and in company, prompts and answers.
  std::vector<Step> steps = makeSteps(sequences, {{{0, 10}},
                                                  {{0, 5}},
                                                  {{1, 6}, {0, 4}},
                                                  {{0, 1}},
                                                  {{0, 1}, {1, 1}},
                                                  {{1, 9}},
                                                  {{0, 29}},
                                                  {{0, 8}, {1, 1}},
                                                  {{0, 1}},
                                                  {{0, 1}},
                                                  {{0, 3}},
                                                  {{0, 1000}}});
  size_t rows = totalRows(steps);
  ASSERT_EQ(rows, ids.size() + 17);

  codegen::TemporaryFolder temporary("axiom-whole");
  ASSERT_TRUE(temporary.status().ok());
  std::string path = (temporary.path() / "model.axm").string();
  Status compiled = compileTo(folder, path, quant);
  ASSERT_TRUE(compiled.ok()) << compiled.message();
  auto artifact = Artifact::open(path);
  ASSERT_TRUE(artifact.ok()) << artifact.status().message();
  std::vector<std::vector<float>> hidden;
  auto expected = interpret(folder, quant, **artifact, steps, &hidden);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  ASSERT_EQ(expected->size(), steps.size());

  expectLively(*expected);

  std::vector<std::string> levels = usableLevels(**artifact);
  ASSERT_FALSE(levels.empty()) << "this machine can run no image of the artifact";
  for (const std::string &level : levels) {
    SCOPED_TRACE(level);
    OpenOptions open;
    open.isa = level;
    auto atLevel = Artifact::open(path, open);
    ASSERT_TRUE(atLevel.ok()) << atLevel.status().message();
    EXPECT_EQ((*atLevel)->target(), "cpu:" + level);
    Comparison comparison = compareRows(*atLevel, steps, *expected, 2, &hidden);
    EXPECT_EQ(comparison.difference, "");
    EXPECT_EQ(comparison.rows, rows);
    std::printf("%s: %zu of %zu rows equal\n", level.c_str(), comparison.rows, rows);
  }
}

INSTANTIATE_TEST_SUITE_P(WholeModel, TinyModels,
                         testing::Combine(testing::ValuesIn(kModels), testing::ValuesIn(kFormats)),
                         [](const auto &info) {
                           std::string name =
                               std::get<0>(info.param) + std::string("_") + std::get<1>(info.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

/// The comparison can fail: the executor is given another token, or another sequence's KV blocks.
TEST(WholeModel, ComparisonSeesTokenAndBlocks) {
  std::string folder = AXIOM_GOLDEN_DIR "/tiny/llama-rope3";
  auto json = readJson(folder + "/golden_ids.json");
  ASSERT_TRUE(json.ok()) << json.status().message();
  auto ids = json->get<std::vector<int32_t>>();
  std::vector<Step> steps =
      makeSteps({ids, {ids.rbegin(), ids.rend()}}, {{{0, 9}, {1, 5}}, {{0, 1}}, {{1, 3}, {0, 4}}});
  ASSERT_EQ(totalRows(steps), 22u);
  codegen::TemporaryFolder temporary("axiom-whole");
  std::string path = (temporary.path() / "model.axm").string();
  Status compiled = compileTo(folder, path, "q4");
  ASSERT_TRUE(compiled.ok()) << compiled.message();
  auto artifact = Artifact::open(path);
  ASSERT_TRUE(artifact.ok()) << artifact.status().message();
  auto expected = interpret(folder, "q4", **artifact, steps);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  EXPECT_EQ(compareRows(*artifact, steps, *expected, 2).rows, 22u);

  std::vector<Step> otherToken = steps;
  otherToken[0].tokens[3] = (otherToken[0].tokens[3] + 1) % 100;
  Comparison comparison = compareRows(*artifact, otherToken, *expected, 2);
  EXPECT_EQ(comparison.rows, 3u);
  EXPECT_NE(comparison.difference.find("sequence 0 position 3: logit"), std::string::npos)
      << comparison.difference;

  std::vector<Step> otherBlocks = steps;
  otherBlocks[1].sequences[0] = 1;
  comparison = compareRows(*artifact, otherBlocks, *expected, 2);
  EXPECT_EQ(comparison.rows, 14u);
  EXPECT_NE(comparison.difference, "");

  std::vector<InterpreterOutput> otherTile = *expected;
  std::vector<AxmTile> &tiles = otherTile[2].tiles;
  tiles.back().sumExp = std::nextafterf(tiles.back().sumExp, 0.0f);
  comparison = compareRows(*artifact, steps, otherTile, 2);
  EXPECT_EQ(comparison.rows, 21u);
  EXPECT_NE(comparison.difference.find("tiles"), std::string::npos) << comparison.difference;
}

/// The quickstart's question and answer, all ids given: logits of every position.
TEST(WholeModel, SmolLM2AnswerEqualsInterpreter) {
  const char *gguf = std::getenv("AXIOM_TEST_GGUF");
  if (!gguf || !*gguf)
    GTEST_SKIP() << "AXIOM_TEST_GGUF does not name the GGUF file of SmolLM2-135M-Instruct";
  auto json = readJson(AXIOM_GOLDEN_DIR "/smollm2/f32.json");
  ASSERT_TRUE(json.ok()) << json.status().message();
  auto prompt = json->at("quickstart").at("prompt_ids").get<std::vector<int32_t>>();
  auto answer = json->at("quickstart").at("answer_ids").get<std::vector<int32_t>>();
  ASSERT_FALSE(prompt.empty());
  ASSERT_GT(answer.size(), 1u);
  std::vector<int32_t> ids = prompt;
  ids.insert(ids.end(), answer.begin(), answer.end() - 1);
  std::vector<Mix> mixes = {{{0, static_cast<uint32_t>(prompt.size())}}};
  mixes.resize(answer.size(),
               {{0, 1}}); // as in generation: the prompt at once, then token by token
  std::vector<Step> steps = makeSteps({ids}, mixes);
  ASSERT_EQ(steps.size(), answer.size());
  ASSERT_EQ(totalRows(steps), ids.size());

  codegen::TemporaryFolder temporary("axiom-whole");
  ASSERT_TRUE(temporary.status().ok());
  std::string path = (temporary.path() / "model.axm").string();
  Status compiled = compileTo(gguf, path, "");
  ASSERT_TRUE(compiled.ok()) << compiled.message();
  auto artifact = Artifact::open(path);
  ASSERT_TRUE(artifact.ok()) << artifact.status().message();
  auto expected = interpret(gguf, "", **artifact, steps);
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  expectLively(*expected);
  Comparison comparison = compareRows(*artifact, steps, *expected, 1);
  EXPECT_EQ(comparison.difference, "");
  EXPECT_EQ(comparison.rows, ids.size());

  std::vector<uint32_t> wanted;
  for (const InterpreterOutput &output : *expected)
    for (size_t row = 0; row * output.vocab < output.logits.size(); ++row)
      wanted.push_back(argmaxOf(output.logits.data() + row * output.vocab, output.vocab));
  EXPECT_EQ(wanted.size(), ids.size());
  EXPECT_EQ(comparison.greedy, wanted);
  std::printf("%zu of %zu rows equal\n", comparison.rows, ids.size());
}

} // namespace
} // namespace axiom
