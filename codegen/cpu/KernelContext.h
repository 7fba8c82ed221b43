// What every kernel emitter starts from: the launch's fields, the arguments by name, and the
// scratch.
#ifndef AXIOM_CODEGEN_CPU_KERNELCONTEXT_H
#define AXIOM_CODEGEN_CPU_KERNELCONTEXT_H

#include "codegen/cpu/Emit.h"
#include "dialects/plan/KernelSpec.h"

#include <map>

namespace axiom::codegen {

class KernelContext {
public:
  KernelContext(Emit &e, const plan::KernelSpec &spec, Value launch);

  Emit &e;
  const plan::KernelSpec &spec;
  Value tokens; ///< T, i64
  Value begin, end;
  Value spans; ///< AXM_UNITS_PER_SPAN: spans of a token that count, i64
  Value scratch;

  /// The pointer of the argument `name` (loaded once, at the start of the function).
  Value arg(const std::string &name) const { return args_.at(name); }
  /// Element `index` (i64) of the u32 or i32 array argument `name`, as i64.
  Value entry(const std::string &name, Value index) const;

private:
  std::map<std::string, Value> args_;
};

/// Emits `NAME.body` (and `NAME.prologue` where the spec has one) for any spec.
void emitKernel(Emit &e, const plan::KernelSpec &spec);

void emitLinearPrologue(KernelContext &k);
void emitLinearBody(KernelContext &k);
void emitAttentionBody(KernelContext &k);
void emitEmbedBody(KernelContext &k);
void emitRopeAnglesBody(KernelContext &k);

/// Address of the KV block that holds `position` of the token's sequence, for KV head `head` (i64).
Value emitKvHead(KernelContext &k, Value tableOffset, Value blockIndex, Value head);

} // namespace axiom::codegen

#endif
