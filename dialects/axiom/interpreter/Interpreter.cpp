#include "dialects/axiom/interpreter/Interpreter.h"

#include "dialects/axiom/AxiomDialect.h"
#include "dialects/axiom/interpreter/Numerics.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/TypeSwitch.h"

#include <map>

namespace axiom {

using namespace mlir;
using numerics::KvStore;
using numerics::QuantizedRows;

namespace {

/// What an SSA value holds. One member is in use, by the value's type.
struct Cell {
  uint32_t rows = 0, width = 0;
  std::vector<float> values;             // rows
  std::shared_ptr<QuantizedRows> qrows;  // qrows
  const LogicalWeight *weight = nullptr; // weight
  const std::vector<float> *vector = nullptr;
  uint32_t layer = 0; // kv
  std::vector<AxmTile> tiles;
};

using Frame = llvm::DenseMap<Value, Cell>;
using SequenceKv = std::map<uint32_t, KvStore>; // by layer

constexpr int32_t kMaxPosition = 1 << 20;

std::string describe(Operation *op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  op->print(stream, OpPrintingFlags().skipRegions());
  return text;
}

} // namespace

struct Interpreter::Impl {
  ModuleOp module;
  func::FuncOp step;
  uint32_t vocab = 0, embeddingRows = 0;

  std::map<std::string, std::unique_ptr<LogicalWeight>> matrices;
  std::map<std::string, std::unique_ptr<std::vector<float>>> vectors;
  llvm::DenseMap<Operation *, const LogicalWeight *> weightOf;
  llvm::DenseMap<Operation *, const std::vector<float> *> vectorOf;
  std::map<uint32_t, SequenceKv> sequences;

  // The step that runs.
  const InterpreterStep *now = nullptr;
  const LayerHook *hook = nullptr;
  uint32_t layer = 0; // of the enclosing call

  Status loadWeight(ir::WeightOp op, WeightProvider &provider);
  Status loadVector(ir::VectorOp op, WeightProvider &provider);
  Status check(const InterpreterStep &step) const;

  Status runBlock(Block &block, Frame &frame, ValueRange &results);
  Status runOp(Operation &op, Frame &frame);
  Status call(ir::CallLayerOp op, Frame &frame);

  static Cell rowsCell(uint32_t rows, uint32_t width);
  static Cell norm(const Cell &x, const std::vector<float> &gain, float eps, bool unitOffset);
  static Cell linear(const Cell *rows, const Cell *qrows, const LogicalWeight &weight,
                     ArrayRef<int64_t> cuts, const std::vector<float> *bias);
  Cell selectRows(const Cell &x) const;
  void rope(Cell &x, const std::vector<float> &invFreq) const;
  void writeKv(const Cell &k, const Cell &v, ir::KvCacheType type, uint32_t at);
  Cell attention(const Cell &q, const Cell &kv, ir::KvCacheType type, uint32_t window);
  static Cell swiGlu(const Cell &gate, const Cell &up);
  static Cell quantized(const Cell &x);
  static Cell tilesOf(const Cell &logits);

  template <typename Op> std::vector<Cell> linearList(Op op, Frame &frame);
  void qkv(ir::QkvOp op, Frame &frame);
  void head(ir::HeadOp op, Frame &frame);
};

Interpreter::Interpreter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Interpreter::~Interpreter() = default;

void Interpreter::dropSequence(uint32_t sequence) { impl_->sequences.erase(sequence); }

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

Status Interpreter::Impl::loadWeight(ir::WeightOp op, WeightProvider &provider) {
  ir::WeightType type = op.getType();
  std::string name = op.getTensor().str();
  std::string key = name + ' ' + std::string(ir::formatName(type.getFormat()));
  auto &slot = matrices[key];
  if (!slot) {
    auto matrix = ir::isSource(type.getFormat())
                      ? provider.sourceMatrix(name, type.getRows(), type.getCols())
                      : provider.matrix(name, ir::storedFormat(type.getFormat()), type.getRows(),
                                        type.getCols());
    if (!matrix.ok())
      return matrix.status();
    slot = std::make_unique<LogicalWeight>(std::move(*matrix));
  }
  size_t groups = (type.getCols() + AXM_GROUP - 1) / AXM_GROUP, all = groups * type.getRows();
  bool integer = ir::isInteger(type.getFormat()), six = type.getFormat() == ir::WeightFormat::Q6;
  bool mins = integer && !six && type.getFormat() != ir::WeightFormat::Q8;
  bool sound = slot->rows == type.getRows() && slot->cols == type.getCols() &&
               (integer ? slot->q.size() == all * AXM_GROUP && slot->wscale.size() == all &&
                              slot->wmin.size() == (mins ? all : 0) &&
                              slot->sub.size() == (six ? 2 * all : 0)
                        : slot->values.size() == all * AXM_GROUP);
  if (!sound)
    return Status(Code::Internal, "the weight provider gave '" + name + "' in another shape");
  weightOf[op] = slot.get();
  return Status::okStatus();
}

Status Interpreter::Impl::loadVector(ir::VectorOp op, WeightProvider &provider) {
  float addend = op.getAddend() ? op.getAddend()->convertToFloat() : 0.0f;
  std::string name = op.getTensor().str();
  auto &slot = vectors[name + ' ' + format("%a", double(addend)) + (op.getValues() ? " v" : "")];
  if (!slot) {
    std::vector<float> values;
    if (auto given = op.getValues()) {
      values.assign(given->begin(), given->end());
    } else {
      AXIOM_ASSIGN_OR_RETURN(values, provider.vector(name, op.getType().getSize(), addend));
    }
    if (values.size() != op.getType().getSize())
      return Status(Code::Internal, "the weight provider gave '" + name + "' in another size");
    slot = std::make_unique<std::vector<float>>(std::move(values));
  }
  vectorOf[op] = slot.get();
  return Status::okStatus();
}

Result<std::unique_ptr<Interpreter>> Interpreter::load(ModuleOp module, WeightProvider &weights) {
  auto impl = std::make_unique<Impl>();
  impl->module = module;
  impl->step = module.lookupSymbol<func::FuncOp>("step");
  if (!impl->step || impl->step.isExternal() || impl->step.getNumArguments() != 1 ||
      !ir::isTokens(impl->step.getArgument(0).getType()) || impl->step.getNumResults() < 1 ||
      !ir::isRows(impl->step.getResultTypes()[0]))
    return Status(Code::InvalidArgument,
                  "the module has no func.func @step from token ids to logits");
  impl->vocab = ir::widthOf(impl->step.getResultTypes()[0]);
  impl->embeddingRows = UINT32_MAX;
  Status status;
  module.walk([&](Operation *op) {
    if (!status.ok())
      return;
    if (auto weight = dyn_cast<ir::WeightOp>(op))
      status = impl->loadWeight(weight, weights);
    else if (auto vector = dyn_cast<ir::VectorOp>(op))
      status = impl->loadVector(vector, weights);
    else if (auto embedding = dyn_cast<ir::EmbeddingOp>(op))
      impl->embeddingRows = std::min(impl->embeddingRows, embedding.getTable().getType().getRows());
  });
  AXIOM_RETURN_IF_ERROR(status);
  return std::unique_ptr<Interpreter>(new Interpreter(std::move(impl)));
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Status Interpreter::Impl::check(const InterpreterStep &step) const {
  size_t count = step.tokens.size();
  if (count == 0 || step.positions.size() != count || step.sequences.size() != count)
    return Status(Code::InvalidArgument,
                  format("a step needs as many positions (%zu) and sequences (%zu) as tokens "
                         "(%zu), and at least one",
                         step.positions.size(), step.sequences.size(), count));
  std::map<uint32_t, uint32_t> next;
  for (size_t i = 0; i < count; ++i) {
    if (step.tokens[i] < 0 || static_cast<uint32_t>(step.tokens[i]) >= embeddingRows)
      return Status(Code::InvalidArgument, format("token %d is not below %u, the vocabulary",
                                                  step.tokens[i], embeddingRows));
    if (step.positions[i] < 0 || step.positions[i] >= kMaxPosition)
      return Status(Code::InvalidArgument,
                    format("position %d is not in 0..%d", step.positions[i], kMaxPosition - 1));
    uint32_t sequence = step.sequences[i];
    if (!next.count(sequence)) {
      auto stored = sequences.find(sequence);
      next[sequence] = stored == sequences.end() || stored->second.empty()
                           ? 0
                           : stored->second.begin()->second.length();
    }
    uint32_t position = static_cast<uint32_t>(step.positions[i]);
    if (position > next[sequence])
      return Status(Code::InvalidArgument,
                    format("position %u of sequence %u comes before position %u", position,
                           sequence, next[sequence]));
    next[sequence] = std::max(next[sequence], position + 1);
  }
  for (uint32_t row : step.rows)
    if (row >= count)
      return Status(Code::InvalidArgument, format("row %u is not below %zu tokens", row, count));
  return Status::okStatus();
}

Result<InterpreterOutput> Interpreter::run(const InterpreterStep &step, const LayerHook &hook) {
  AXIOM_RETURN_IF_ERROR(impl_->check(step));
  impl_->now = &step;
  impl_->hook = &hook;
  Frame frame;
  Cell tokens;
  tokens.rows = static_cast<uint32_t>(step.tokens.size());
  frame[impl_->step.getArgument(0)] = std::move(tokens);
  ValueRange results;
  AXIOM_RETURN_IF_ERROR(impl_->runBlock(impl_->step.front(), frame, results));
  InterpreterOutput out;
  out.vocab = impl_->vocab;
  out.logits = std::move(frame[results[0]].values);
  if (results.size() > 1) {
    out.tiles = std::move(frame[results[1]].tiles);
    if (auto type = dyn_cast<ir::TilesType>(results[1].getType()))
      out.tileCount = type.getCount();
  }
  return out;
}

Status Interpreter::Impl::runBlock(Block &block, Frame &frame, ValueRange &results) {
  for (Operation &op : block) {
    if (op.hasTrait<OpTrait::IsTerminator>()) {
      results = op.getOperands();
      return Status::okStatus();
    }
    AXIOM_RETURN_IF_ERROR(runOp(op, frame));
  }
  return Status(Code::Internal, "a block of the module has no terminator");
}

Status Interpreter::Impl::call(ir::CallLayerOp op, Frame &frame) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<ir::LayerOp>(op, op.getCalleeAttr());
  if (!callee)
    return Status(Code::InvalidArgument, "no layer '" + op.getCallee().str() + "' in the module");
  Frame inner;
  for (auto [arg, value] : llvm::zip(callee.getBody().getArguments(), op.getArgs()))
    inner[arg] = frame[value];
  layer = op.getLayer();
  ValueRange results;
  AXIOM_RETURN_IF_ERROR(runBlock(callee.getBody().front(), inner, results));
  Cell &result = frame[op.getResult()];
  result = std::move(inner[results[0]]);
  if (*hook)
    (*hook)(op.getLayer(), result.values, result.width);
  return Status::okStatus();
}

Cell Interpreter::Impl::rowsCell(uint32_t rows, uint32_t width) {
  Cell cell;
  cell.rows = rows;
  cell.width = width;
  cell.values.resize(size_t(rows) * width);
  return cell;
}

Cell Interpreter::Impl::norm(const Cell &x, const std::vector<float> &gain, float eps,
                             bool unitOffset) {
  std::vector<float> g = gain;
  if (unitOffset)
    for (float &value : g)
      value = 1.0f + value;
  // The gain's size is the row for rms_norm and the head for qk_norm.
  Cell y = rowsCell(x.rows, x.width);
  for (size_t at = 0; at < x.values.size(); at += g.size())
    numerics::rmsNorm(x.values.data() + at, g.data(), static_cast<uint32_t>(g.size()), eps,
                      y.values.data() + at);
  return y;
}

Cell Interpreter::Impl::linear(const Cell *rows, const Cell *qrows, const LogicalWeight &weight,
                               ArrayRef<int64_t> cuts, const std::vector<float> *bias) {
  bool integer = weight.values.empty();
  Cell y = rowsCell(rows ? rows->rows : qrows->qrows->rows, weight.rows);
  const float *b = bias ? bias->data() : nullptr;
  std::span<const int64_t> bounds(cuts.data(), cuts.size());
  if (!integer)
    numerics::linear(rows->values.data(), rows->rows, weight, bounds, b, y.values.data());
  else if (qrows)
    numerics::linear(*qrows->qrows, weight, bounds, b, y.values.data());
  else
    numerics::linear(*quantized(*rows).qrows, weight, bounds, b, y.values.data());
  return y;
}

Cell Interpreter::Impl::quantized(const Cell &x) {
  Cell cell;
  cell.qrows =
      std::make_shared<QuantizedRows>(numerics::quantizeRows(x.values.data(), x.rows, x.width));
  return cell;
}

Cell Interpreter::Impl::selectRows(const Cell &x) const {
  Cell y = rowsCell(static_cast<uint32_t>(now->rows.size()), x.width);
  for (size_t i = 0; i < now->rows.size(); ++i)
    std::copy_n(x.values.begin() + size_t(now->rows[i]) * x.width, x.width,
                y.values.begin() + i * x.width);
  return y;
}

void Interpreter::Impl::rope(Cell &x, const std::vector<float> &invFreq) const {
  for (uint32_t r = 0; r < x.rows; ++r)
    numerics::rope(x.values.data() + size_t(r) * x.width, x.width, invFreq,
                   static_cast<uint32_t>(now->positions[r]));
}

void Interpreter::Impl::writeKv(const Cell &k, const Cell &v, ir::KvCacheType type, uint32_t at) {
  for (uint32_t r = 0; r < k.rows; ++r) {
    KvStore &store = sequences[now->sequences[r]][at];
    store.type = type.getKind();
    store.heads = type.getHeads();
    store.dim = type.getDim();
    store.write(static_cast<uint32_t>(now->positions[r]), k.values.data() + size_t(r) * k.width,
                v.values.data() + size_t(r) * v.width);
  }
}

Cell Interpreter::Impl::attention(const Cell &q, const Cell &kv, ir::KvCacheType type,
                                  uint32_t window) {
  Cell out = rowsCell(q.rows, q.width);
  for (uint32_t r = 0; r < q.rows; ++r)
    numerics::attention(q.values.data() + size_t(r) * q.width, q.width / type.getDim(),
                        sequences[now->sequences[r]][kv.layer],
                        static_cast<uint32_t>(now->positions[r]), window,
                        out.values.data() + size_t(r) * q.width);
  return out;
}

Cell Interpreter::Impl::swiGlu(const Cell &gate, const Cell &up) {
  Cell h = rowsCell(gate.rows, gate.width);
  for (size_t i = 0; i < h.values.size(); ++i)
    h.values[i] = numerics::silu(gate.values[i]) * up.values[i];
  return h;
}

Cell Interpreter::Impl::tilesOf(const Cell &logits) {
  Cell cell;
  uint32_t count = (logits.width + AXM_TILE_IDS - 1) / AXM_TILE_IDS;
  cell.rows = logits.rows;
  cell.tiles.resize(size_t(logits.rows) * count);
  for (uint32_t r = 0; r < logits.rows; ++r)
    numerics::tiles(logits.values.data() + size_t(r) * logits.width, logits.width,
                    cell.tiles.data() + size_t(r) * count);
  return cell;
}

template <typename Op> std::vector<Cell> Interpreter::Impl::linearList(Op op, Frame &frame) {
  const Cell *rows = op.getRows() ? &frame[op.getRows()] : nullptr;
  const Cell *qrows = op.getQrows() ? &frame[op.getQrows()] : nullptr;
  std::vector<const std::vector<float> *> biases(op.getWeights().size());
  for (auto [index, bias] : llvm::zip(op.getBiasOf(), op.getBiases()))
    biases[index] = frame[bias].vector;
  std::vector<Cell> outputs;
  for (auto [i, weight] : llvm::enumerate(op.getWeights()))
    outputs.push_back(linear(rows, qrows, *frame[weight].weight, op.getCuts(), biases[i]));
  return outputs;
}

void Interpreter::Impl::qkv(ir::QkvOp op, Frame &frame) {
  std::vector<Cell> list = linearList(op, frame);
  if (op.getQNorm()) {
    float eps = op.getEps()->convertToFloat();
    list[0] = norm(list[0], *frame[op.getQNorm()].vector, eps, false);
    list[1] = norm(list[1], *frame[op.getKNorm()].vector, eps, false);
  }
  for (int i : {0, 1})
    rope(list[i], *frame[op.getInvFreq()].vector);
  float scale = op.getScale().convertToFloat();
  for (float &value : list[0].values)
    value = value * scale;
  uint32_t at = op.getLayer() ? *op.getLayer() : layer;
  writeKv(list[1], list[2], op.getKv().getType(), at);
  frame[op.getQuery()] = std::move(list[0]);
  frame[op.getKv()].layer = at;
}

void Interpreter::Impl::head(ir::HeadOp op, Frame &frame) {
  Cell x = norm(selectRows(frame[op.getInput()]), *frame[op.getGain()].vector,
                op.getEps().convertToFloat(), false);
  const std::vector<float> *bias = op.getBias() ? frame[op.getBias()].vector : nullptr;
  Cell logits = linear(&x, nullptr, *frame[op.getWeight()].weight, op.getCuts(), bias);
  frame[op.getTiles()] = tilesOf(logits);
  frame[op.getLogits()] = std::move(logits);
}

Status Interpreter::Impl::runOp(Operation &operation, Frame &frame) {
  // Frame entries move when the map grows: make the results' entries first, then only refer.
  for (Value result : operation.getResults())
    frame[result];
  auto vectorAt = [&](Value value) -> const std::vector<float> * {
    return value ? frame[value].vector : nullptr;
  };
  Status status;
  llvm::TypeSwitch<Operation *>(&operation)
      .Case([&](ir::WeightOp op) { frame[op].weight = weightOf[op]; })
      .Case([&](ir::VectorOp op) { frame[op].vector = vectorOf[op]; })
      .Case([&](ir::EmbeddingOp op) {
        const LogicalWeight &table = *frame[op.getTable()].weight;
        Cell x = rowsCell(static_cast<uint32_t>(now->tokens.size()), table.cols);
        for (size_t r = 0; r < now->tokens.size(); ++r)
          numerics::embedding(table, static_cast<uint32_t>(now->tokens[r]),
                              x.values.data() + r * table.cols);
        frame[op] = std::move(x);
      })
      .Case<ir::RmsNormOp, ir::QkNormOp>([&](auto op) {
        frame[op] = norm(frame[op.getInput()], *vectorAt(op.getGain()),
                         op.getEps().convertToFloat(), op.getUnitOffset());
      })
      .Case([&](ir::QuantizeOp op) { frame[op] = quantized(frame[op.getInput()]); })
      .Case([&](ir::LinearOp op) {
        Cell &x = frame[op.getInput()];
        frame[op] = linear(x.qrows ? nullptr : &x, x.qrows ? &x : nullptr,
                           *frame[op.getWeight()].weight, op.getCuts(), vectorAt(op.getBias()));
      })
      .Case([&](ir::RopeOp op) {
        Cell y = frame[op.getInput()];
        rope(y, *vectorAt(op.getInvFreq()));
        frame[op] = std::move(y);
      })
      .Case([&](ir::ScaleOp op) {
        Cell y = frame[op.getInput()];
        for (float &value : y.values)
          value = value * op.getFactor().convertToFloat();
        frame[op] = std::move(y);
      })
      .Case([&](ir::KvWriteOp op) {
        uint32_t at = op.getLayer() ? *op.getLayer() : layer;
        writeKv(frame[op.getKey()], frame[op.getValue()], op.getType(), at);
        frame[op].layer = at;
      })
      .Case([&](ir::AttentionOp op) {
        frame[op] = attention(frame[op.getQuery()], frame[op.getKv()], op.getKv().getType(),
                              op.getWindow() ? *op.getWindow() : 0);
      })
      .Case([&](ir::SwiGluOp op) { frame[op] = swiGlu(frame[op.getGate()], frame[op.getUp()]); })
      .Case([&](ir::AddOp op) {
        Cell y = frame[op.getResidual()];
        const Cell &update = frame[op.getUpdate()];
        for (size_t i = 0; i < y.values.size(); ++i)
          y.values[i] = y.values[i] + update.values[i];
        frame[op] = std::move(y);
      })
      .Case([&](ir::LayerEndOp op) {
        frame[op] = frame[op.getInput()];
        if (*hook)
          (*hook)(op.getLayer(), frame[op].values, frame[op].width);
      })
      .Case([&](ir::SelectRowsOp op) { frame[op] = selectRows(frame[op.getInput()]); })
      .Case([&](ir::HeadTilesOp op) { frame[op] = tilesOf(frame[op.getLogits()]); })
      .Case([&](ir::NormQuantizeOp op) {
        Cell y = norm(frame[op.getInput()], *vectorAt(op.getGain()), op.getEps().convertToFloat(),
                      false);
        frame[op.getQuantized()] = quantized(y);
        frame[op.getNormalized()] = std::move(y);
      })
      .Case([&](ir::LinearListOp op) {
        std::vector<Cell> outputs = linearList(op, frame);
        for (auto [value, cell] : llvm::zip(op.getOutputs(), outputs))
          frame[value] = std::move(cell);
      })
      .Case([&](ir::QkvOp op) { qkv(op, frame); })
      .Case([&](ir::SwiGluLinearOp op) {
        std::vector<Cell> list = linearList(op, frame);
        Cell h = swiGlu(list[0], list[1]);
        frame[op] = isa<ir::QRowsType>(op.getResult().getType()) ? quantized(h) : std::move(h);
      })
      .Case([&](ir::LinearResidualOp op) {
        const Cell &x = frame[op.getInput()];
        Cell y = linear(x.qrows ? nullptr : &x, x.qrows ? &x : nullptr,
                        *frame[op.getWeight()].weight, op.getCuts(), vectorAt(op.getBias()));
        const Cell &residual = frame[op.getResidual()];
        for (size_t i = 0; i < y.values.size(); ++i)
          y.values[i] = residual.values[i] + y.values[i];
        frame[op] = std::move(y);
      })
      .Case([&](ir::HeadOp op) { head(op, frame); })
      .Case([&](ir::CallLayerOp op) { status = call(op, frame); })
      .Default([&](Operation *op) {
        status = Status(Code::Unsupported, "the interpreter does not run " + describe(op));
      });
  return status;
}

} // namespace axiom
