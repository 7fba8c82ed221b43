#include "codegen/cpu/AttentionBlock.h"
#include "codegen/cpu/KernelContext.h"

namespace axiom::codegen {

using namespace mlir;
using arith::CmpIPredicate;

namespace {

constexpr int64_t kSpanBlocks = AXM_ATTENTION_SPAN / AXM_KV_BLOCK;

class AttentionKernel {
public:
  explicit AttentionKernel(KernelContext &k)
      : k(k), e(k.e), spec(k.spec), block(k.e, k.spec), layout(plan::attentionScratch(k.spec)),
        group(plan::attentionGroup(k.spec)), dim(k.spec.headDim),
        padded(plan::headDimPadded(k.spec.headDim)), kvHeads(k.spec.kvHeads) {
    span = e.at(k.scratch, layout.span);
    total = e.at(k.scratch, layout.total);
  }

  void emit() { spec.spanUnits ? emitSpans() : emitTokens(); }

private:
  /// What a query at `position` sees: blocks and spans first to last.
  struct Sight {
    Value firstBlock, lastBlock, firstSpan, lastSpan;
  };

  KernelContext &k;
  Emit &e;
  const plan::KernelSpec &spec;
  AttentionBlock block;
  plan::AttentionScratch layout;
  int64_t group, dim, padded, kvHeads;
  Value span, total;

  Value cmpEq(Value a, Value b) { return e.cmp(CmpIPredicate::eq, a, b); }

  Sight sightOf(Value oldestOf, Value newestOf) {
    Value oldest = e.i64c(0);
    if (spec.window) {
      Value past = e.cmp(CmpIPredicate::ugt, oldestOf, e.i64c(spec.window - 1));
      oldest = e.select(past, e.sub(oldestOf, e.i64c(spec.window - 1)), oldest);
    }
    Value first = e.lshr(oldest, 6), last = e.lshr(newestOf, 6);
    return {first, last, e.udiv(first, e.i64c(kSpanBlocks)), e.udiv(last, e.i64c(kSpanBlocks))};
  }

  /// body(block's memory, the next one's, its first position) for the blocks of one span; `after`
  /// is what follows the last block.
  void forBlocks(const Sight &sight, Value spanIndex, Value table, Value head, Value after,
                 function_ref<void(Value, Value, Value)> body) {
    Value begin = e.mul(spanIndex, e.i64c(kSpanBlocks));
    Value end = e.umin(e.add(begin, e.i64c(kSpanBlocks)), e.add(sight.lastBlock, e.i64c(1)));
    e.loop(e.umax(begin, sight.firstBlock), end, 1, [&](Value b) {
      Value next = e.umin(e.add(b, e.i64c(1)), sight.lastBlock);
      Value memory = e.select(cmpEq(b, sight.lastBlock), after, emitKvHead(k, table, next, head));
      body(emitKvHead(k, table, b, head), memory, e.shl(b, 6));
    });
  }

  /// The first block that a token and head look at, from their span `mine` on.
  Value firstMemory(Value token, Value head, Value mine) {
    Value position = k.entry("positions", token);
    Sight sight = sightOf(position, position);
    Value block = e.mul(e.add(sight.firstSpan, mine), e.i64c(kSpanBlocks));
    block = e.umin(e.umax(block, sight.firstBlock), sight.lastBlock);
    return emitKvHead(k, k.entry("tableOffsets", token), block, head);
  }

  Value queryOf(Value token, Value head) {
    Value row = e.add(e.mul(token, e.i64c(spec.heads)), e.mul(head, e.i64c(group)));
    return e.at(k.arg("q"), e.mul(row, e.i64c(padded * 4)));
  }

  /// A row's O / L to its place in the output.
  void emitFinish(Value state, Value row, Value token, Value index) {
    plan::AttentionState s = plan::attentionState(spec, layout.rows);
    Value sum = e.load(e.f32, e.at(e.at(state, s.sum), e.shl(row, 2)));
    Value r = e.fdiv(e.floatOf(e.f32, 1.0f), sum),
          from = e.at(state, e.mul(row, e.i64c(padded * 4)));
    int64_t features = spec.heads * spec.headDim, stride = plan::rowStride(features);
    Value to =
        e.at(e.at(k.arg("out"), e.mul(token, e.i64c(stride * 4))), e.mul(index, e.i64c(dim * 4)));
    auto copy = [&](int64_t begin, int64_t end, int64_t lanes) {
      Type type = e.vec(lanes, e.f32);
      Value scale = e.splat(r, type), zero = e.floatOf(type, 0.0f);
      e.loop(e.i64c(begin * 4), e.i64c(end * 4), lanes * 4, [&](Value at) {
        e.store(e.fma(e.load(type, e.at(from, at)), scale, zero), e.at(to, at));
      });
    };
    copy(0, dim / 8 * 8, 8);
    if (dim % 8)
      copy(dim / 8 * 8, dim, 1);
    // The last head also clears the padding of the row.
    if (stride != features)
      e.when(cmpEq(index, e.i64c(spec.heads - 1)), [&] {
        e.loop(e.i64c(0), e.i64c(stride - features), 1, [&](Value i) {
          e.store(e.floatOf(e.f32, 0.0f), e.at(e.at(to, dim * 4), e.shl(i, 2)));
        });
      });
  }

  void emitFinishToken(Value state, Value token, Value head) {
    e.loop(e.i64c(0), e.i64c(group), 1,
           [&](Value g) { emitFinish(state, g, token, e.add(e.mul(head, e.i64c(group)), g)); });
  }

  void emitTokenSpan(Value state, Value query, const Sight &sight, Value spanIndex, Value table,
                     Value head, Value position, Value after) {
    block.emitClear(state, e.i64c(group));
    forBlocks(sight, spanIndex, table, head, after, [&](Value memory, Value next, Value start) {
      block.callToken(k.scratch, query, state, memory, next, start, position);
    });
  }

  /// Units are (token, KV head, span): whoever comes last to a token and head folds its spans.
  void emitSpans() {
    plan::AttentionSlot slot = plan::attentionSlot(spec);
    Value counters = k.arg("spans"), states = e.at(counters, slot.states), one = e.i64c(1);
    e.loop(k.begin, k.end, 1, [&](Value unit) {
      Value pair = e.udiv(unit, k.spans), mine = e.urem(unit, k.spans);
      Value token = e.udiv(pair, e.i64c(kvHeads)), head = e.urem(pair, e.i64c(kvHeads));
      Value position = k.entry("positions", token), table = k.entry("tableOffsets", token);
      Sight sight = sightOf(position, position);
      Value spanIndex = e.add(sight.firstSpan, mine);
      e.when(e.cmp(CmpIPredicate::ule, spanIndex, sight.lastSpan), [&] {
        Value single = cmpEq(sight.firstSpan, sight.lastSpan);
        Value stateOfPair = e.at(states, e.mul(e.mul(pair, k.spans), e.i64c(slot.stateBytes)));
        Value shared = e.at(stateOfPair, e.mul(mine, e.i64c(slot.stateBytes)));
        Value state = e.select(single, span, shared);
        Value following = e.umin(e.add(unit, one), e.sub(k.end, one));
        Value nextPair = e.udiv(following, k.spans);
        Value after = firstMemory(e.udiv(nextPair, e.i64c(kvHeads)),
                                  e.urem(nextPair, e.i64c(kvHeads)), e.urem(following, k.spans));
        emitTokenSpan(state, queryOf(token, head), sight, spanIndex, table, head, position, after);
        e.when(
            single, [&] { emitFinishToken(span, token, head); },
            [&] {
              Value counter = e.at(counters, e.shl(pair, 2));
              Value others = e.sub(sight.lastSpan, sight.firstSpan);
              Value before = LLVM::AtomicRMWOp::create(e.b, e.loc, LLVM::AtomicBinOp::add, counter,
                                                       e.i32c(1), LLVM::AtomicOrdering::acq_rel);
              e.when(cmpEq(before, e.trunc(others, e.i32)), [&] {
                e.store(e.i32c(0), counter, 4); // for the next layer, which a barrier separates
                block.emitClear(total, e.i64c(group));
                e.loop(e.i64c(0), e.add(others, one), 1, [&](Value i) {
                  block.emitFold(k.scratch, total,
                                 e.at(stateOfPair, e.mul(i, e.i64c(slot.stateBytes))),
                                 e.i64c(group));
                });
                emitFinishToken(total, token, head);
              });
            });
      });
    });
  }

  /// All spans of `rows` rows: runSpan(span) fills the span state.
  Value emitAllSpans(const Sight &sight, Value rows, function_ref<void(Value)> runSpan) {
    Value single = cmpEq(sight.firstSpan, sight.lastSpan);
    e.when(single, [] {}, [&] { block.emitClear(total, rows); });
    e.loop(sight.firstSpan, e.add(sight.lastSpan, e.i64c(1)), 1, [&](Value spanIndex) {
      runSpan(spanIndex);
      e.when(single, [] {}, [&] { block.emitFold(k.scratch, total, span, rows); });
    });
    return e.select(single, span, total);
  }

  void emitToken(Value token, Value head, Value after) {
    Value position = k.entry("positions", token), table = k.entry("tableOffsets", token);
    Sight sight = sightOf(position, position);
    Value query = queryOf(token, head);
    Value state = emitAllSpans(sight, e.i64c(group), [&](Value spanIndex) {
      emitTokenSpan(span, query, sight, spanIndex, table, head, position, after);
    });
    emitFinishToken(state, token, head);
  }

  /// `count` tokens of one sequence from `token` on, at rising positions of one block.
  void emitTile(Value token, Value count, Value head, Value after) {
    Value rows = e.mul(count, e.i64c(group)), last = e.sub(rows, e.i64c(1));
    int64_t run = plan::kAttentionRows;
    Value paddedRows = e.mul(e.udiv(e.add(rows, e.i64c(run - 1)), e.i64c(run)), e.i64c(run));
    Type v8 = e.vec(8, e.f32);
    // The queries side by side; the last row again where the last run has no more.
    e.loop(e.i64c(0), paddedRows, 1, [&](Value row) {
      Value real = e.umin(row, last);
      Value mine = e.add(token, e.udiv(real, e.i64c(group)));
      Value from =
          e.at(queryOf(mine, head), e.mul(e.urem(real, e.i64c(group)), e.i64c(padded * 4)));
      Value to = e.at(e.at(k.scratch, layout.query), e.mul(row, e.i64c(padded * 4)));
      e.loop(e.i64c(0), e.i64c(padded * 4), 32,
             [&](Value at) { e.store(e.load(v8, e.at(from, at)), e.at(to, at)); });
    });
    Value table = k.entry("tableOffsets", token), oldest = k.entry("positions", token);
    Value newest = e.add(oldest, e.sub(count, e.i64c(1)));
    Sight sight = sightOf(oldest, newest);
    Value state = emitAllSpans(sight, paddedRows, [&](Value spanIndex) {
      block.emitClear(span, paddedRows);
      forBlocks(sight, spanIndex, table, head, after, [&](Value memory, Value next, Value start) {
        block.callTile(k.scratch, paddedRows, memory, next, start, oldest, newest);
      });
    });
    e.loop(e.i64c(0), rows, 1, [&](Value row) {
      Value index = e.add(e.mul(head, e.i64c(group)), e.urem(row, e.i64c(group)));
      emitFinish(state, row, e.add(token, e.udiv(row, e.i64c(group))), index);
    });
  }

  /// How many tokens from `token` on, at most `most`, are of its sequence, at the positions that
  /// follow, up to the end of its tile.
  Value tileLength(Value token, Value most) {
    Value position = k.entry("positions", token), table = k.entry("tableOffsets", token);
    int64_t tile = plan::attentionTileTokens(spec);
    Value left = e.sub(e.i64c(tile), e.and_(position, e.i64c(tile - 1)));
    Value one = e.i64c(1);
    return e.loop(one, e.umin(left, most), 1, {one}, [&](Value i, ValueRange count) {
      Value other = e.add(token, i);
      Value follows = cmpEq(k.entry("positions", other), e.add(position, i));
      Value same = cmpEq(k.entry("tableOffsets", other), table);
      Value more = e.and_(e.and_(follows, same), cmpEq(count[0], i));
      return SmallVector<Value>{e.add(count[0], e.zext(more, e.i64))};
    })[0];
  }

  /// Units are (KV head, token); neighbours of one sequence are computed together.
  void emitTokens() {
    auto whileOp = scf::WhileOp::create(
        e.b, e.loc, TypeRange(e.i64), ValueRange(k.begin),
        [&](OpBuilder &inner, Location loc, ValueRange args) {
          Value more = arith::CmpIOp::create(inner, loc, CmpIPredicate::ult, args[0], k.end);
          scf::ConditionOp::create(inner, loc, more, args);
        },
        [&](OpBuilder &inner, Location loc, ValueRange args) {
          OpBuilder saved = e.b;
          e.b = inner;
          Value unit = args[0];
          Value head = e.udiv(unit, k.tokens), token = e.urem(unit, k.tokens);
          Value most = e.umin(e.sub(k.end, unit), e.sub(k.tokens, token));
          Value count = tileLength(token, most);
          Value following = e.umin(e.add(unit, count), e.sub(k.end, e.i64c(1)));
          Value after =
              firstMemory(e.urem(following, k.tokens), e.udiv(following, k.tokens), e.i64c(0));
          e.when(
              cmpEq(count, e.i64c(1)), [&] { emitToken(token, head, after); },
              [&] { emitTile(token, count, head, after); });
          scf::YieldOp::create(e.b, loc, ValueRange(e.add(unit, count)));
          e.b = saved;
        });
    (void)whileOp;
  }
};

} // namespace

void emitAttentionBody(KernelContext &k) { AttentionKernel(k).emit(); }

} // namespace axiom::codegen
