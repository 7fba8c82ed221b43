#include "codegen/cpu/KernelContext.h"

namespace axiom::codegen {

using namespace mlir;
using plan::KernelKind;
using plan::KernelSpec;

KernelContext::KernelContext(Emit &e, const KernelSpec &spec, Value launch) : e(e), spec(spec) {
  Value table = e.load(e.ptr, launch, 8);
  tokens = e.zext(e.load(e.i32, e.at(launch, 8), 4), e.i64);
  begin = e.zext(e.load(e.i32, e.at(launch, 12), 4), e.i64);
  end = e.zext(e.load(e.i32, e.at(launch, 16), 4), e.i64);
  spans = e.zext(e.load(e.i32, e.at(launch, 20), 4), e.i64);
  scratch = e.load(e.ptr, e.at(launch, 24), 8);
  std::vector<plan::KernelArg> args = plan::kernelArgs(spec);
  for (size_t i = 0; i < args.size(); ++i)
    args_[args[i].name] = e.load(e.ptr, e.at(table, static_cast<int64_t>(8 * i)), 8);
}

Value KernelContext::entry(const std::string &name, Value index) const {
  return e.zext(e.load(e.i32, e.at(arg(name), e.shl(index, 2)), 4), e.i64);
}

Value emitKvHead(KernelContext &k, Value tableOffset, Value blockIndex, Value head) {
  Emit &e = k.e;
  Value block = k.entry("blockTables", e.add(tableOffset, blockIndex));
  Value offset =
      e.add(e.mul(block, e.i64c(k.spec.kvBlockBytes)), e.mul(head, e.i64c(k.spec.kvHeadBytes)));
  return e.at(k.arg("kv"), offset);
}

void emitKernel(Emit &e, const KernelSpec &spec) {
  auto emitEntry = [&](const std::string &suffix, function_ref<void(KernelContext &)> body) {
    e.function(spec.name + suffix, {e.ptr}, /*internal=*/false, [&](ValueRange args) {
      KernelContext context(e, spec, args[0]);
      body(context);
    });
  };
  if (plan::hasPrologue(spec))
    emitEntry(".prologue", emitLinearPrologue);
  switch (spec.kind) {
  case KernelKind::Linear:
    return emitEntry(".body", emitLinearBody);
  case KernelKind::Attention:
    return emitEntry(".body", emitAttentionBody);
  case KernelKind::Embed:
    return emitEntry(".body", emitEmbedBody);
  case KernelKind::RopeAngles:
    return emitEntry(".body", emitRopeAnglesBody);
  }
}

} // namespace axiom::codegen
