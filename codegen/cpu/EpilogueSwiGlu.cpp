#include "codegen/cpu/LinearKernel.h"
#include "codegen/cpu/Recipes.h"

namespace axiom::codegen {

using namespace mlir;

/// A unit is 32 outputs: 4 stripes of gate and 4 of up, side by side in the tile, so that a group
/// of the next linear's activations is complete in one place.
void emitSwiGluEpilogue(LinearBody &body) {
  Emit &e = body.e;
  KernelContext &k = body.k;
  int64_t features = plan::rowStride(body.spec.ranges[0].rows);
  bool quantize = body.spec.quantizeOut;
  int64_t rowBytes = quantize ? static_cast<int64_t>(AXM_QROW_BYTES(features)) : 4 * features;
  e.loop(k.begin, k.end, 1, [&](Value unit) {
    Value stripe = e.shl(unit, 2);
    body.forTiles([&](Value t, Value n) {
      body.rows(0, stripe, e.i64c(4), t, n, body.tile(), 256);
      body.rows(1, stripe, e.i64c(4), t, n, e.at(body.tile(), 128), 256);
      e.loop(e.i64c(0), n, 1, [&](Value token) {
        Value row = e.at(body.tile(), e.shl(token, 8));
        Value to = e.at(k.arg("h"), e.mul(e.add(t, token), e.i64c(rowBytes)));
        SmallVector<Value> outputs;
        for (int64_t i = 0; i < 4; ++i) {
          Value packed = e.add(e.shl(unit, 5), e.i64c(8 * i));
          Value gate = body.withBias(0, e.load(body.v8, e.at(row, 32 * i)), packed);
          Value up = body.withBias(1, e.load(body.v8, e.at(row, 128 + 32 * i)), packed);
          outputs.push_back(e.fmul(emitSilu(e, gate), up));
        }
        if (quantize)
          return emitQuantizeGroup(e, outputs, e.at(to, e.shl(unit, 5)),
                                   e.at(e.at(to, features), e.shl(unit, 3)),
                                   e.at(e.at(to, features / 4 * 5), e.shl(unit, 2)));
        for (int64_t i = 0; i < 4; ++i)
          e.store(outputs[i], e.at(e.at(to, e.shl(unit, 7)), 32 * i));
      });
    });
  });
}

} // namespace axiom::codegen
