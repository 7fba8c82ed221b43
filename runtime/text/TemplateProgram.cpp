#include "runtime/text/TemplateProgram.h"

#include "runtime/base/ByteStream.h"
#include "runtime/text/TemplateBuiltins.h"
#include "runtime/text/TemplateUnicode.h"

namespace axiom {
namespace {

bool isExpression(TemplateOp op) { return op <= TemplateOp::Test; }
bool isTarget(TemplateOp op) {
  return op >= TemplateOp::TargetName && op <= TemplateOp::TargetTuple;
}
bool isStatement(TemplateOp op) { return op >= TemplateOp::Block && op <= TemplateOp::Continue; }

Status damaged(const std::string &what) {
  return Status(Code::BadInput,
                "the chat template blob is damaged: " + what + "; build the artifact again");
}

/// Whether the children of a node, given by their ops, are those that the op asks for.
bool childrenFit(TemplateOp op, const std::vector<TemplateOp> &ops) {
  size_t n = ops.size();
  auto expr = [&](size_t i) { return isExpression(ops[i]); };
  auto is = [&](size_t i, TemplateOp wanted) { return ops[i] == wanted; };
  auto all = [&](size_t first, size_t end, auto fits) {
    for (size_t i = first; i < end; ++i)
      if (!fits(i))
        return false;
    return true;
  };
  auto argument = [&](size_t i) { return expr(i) || is(i, TemplateOp::Keyword); };
  switch (op) {
  case TemplateOp::ConstNone:
  case TemplateOp::ConstBool:
  case TemplateOp::ConstInt:
  case TemplateOp::ConstDouble:
  case TemplateOp::ConstString:
  case TemplateOp::Captured:
  case TemplateOp::Name:
  case TemplateOp::Nothing:
  case TemplateOp::TargetName:
  case TemplateOp::TargetAttribute:
  case TemplateOp::Text:
  case TemplateOp::Break:
  case TemplateOp::Continue:
    return n == 0;
  case TemplateOp::List:
  case TemplateOp::Tuple:
  case TemplateOp::Concat:
    return all(0, n, expr);
  case TemplateOp::Dict:
    return n % 2 == 0 && all(0, n, expr);
  case TemplateOp::Attribute:
  case TemplateOp::Negative:
  case TemplateOp::Positive:
  case TemplateOp::Not:
  case TemplateOp::Keyword:
  case TemplateOp::Operand:
  case TemplateOp::Output:
    return n == 1 && expr(0);
  case TemplateOp::Item:
  case TemplateOp::And:
  case TemplateOp::Or:
  case TemplateOp::Binary:
    return n == 2 && all(0, n, expr);
  case TemplateOp::Slice:
    return n == 4 && all(0, n, expr);
  case TemplateOp::Compare:
    return n >= 2 && expr(0) && all(1, n, [&](size_t i) { return is(i, TemplateOp::Operand); });
  case TemplateOp::Condition:
    return (n == 2 || n == 3) && all(0, n, expr);
  case TemplateOp::Call:
  case TemplateOp::Filter:
  case TemplateOp::Test:
    return n >= 1 && expr(0) && all(1, n, argument);
  case TemplateOp::Param:
    return n <= 1 && all(0, n, expr);
  case TemplateOp::TargetTuple:
    return all(0, n, [&](size_t i) { return isTarget(ops[i]); });
  case TemplateOp::Block:
    return all(0, n, [&](size_t i) { return isStatement(ops[i]); });
  case TemplateOp::Set:
    return n == 2 && isTarget(ops[0]) && expr(1);
  case TemplateOp::SetBlock:
    return (n == 2 || n == 3) && isTarget(ops[0]) && is(1, TemplateOp::Block) && all(2, n, expr);
  case TemplateOp::For:
    return n == 5 && isTarget(ops[0]) && expr(1) && (expr(2) || is(2, TemplateOp::Nothing)) &&
           is(3, TemplateOp::Block) && (is(4, TemplateOp::Block) || is(4, TemplateOp::Nothing));
  case TemplateOp::If:
    return n >= 2 && all(0, n, [&](size_t i) {
             return i % 2 || (i + 1 == n) ? is(i, TemplateOp::Block) : expr(i);
           });
  case TemplateOp::Macro:
    return n >= 1 && is(n - 1, TemplateOp::Block) &&
           all(0, n - 1, [&](size_t i) { return is(i, TemplateOp::Param); });
  case TemplateOp::FilterBlock:
    return n == 2 && expr(0) && is(1, TemplateOp::Block);
  case TemplateOp::Generation:
    return n == 1 && is(0, TemplateOp::Block);
  case TemplateOp::With:
    return n % 2 == 1 && is(n - 1, TemplateOp::Block) &&
           all(0, n - 1, [&](size_t i) { return i % 2 ? expr(i) : isTarget(ops[i]); });
  case TemplateOp::Count:
    break;
  }
  return false;
}

bool hasName(TemplateOp op) {
  switch (op) {
  case TemplateOp::ConstString:
  case TemplateOp::Name:
  case TemplateOp::Attribute:
  case TemplateOp::Filter:
  case TemplateOp::Test:
  case TemplateOp::Keyword:
  case TemplateOp::Param:
  case TemplateOp::TargetName:
  case TemplateOp::Text:
  case TemplateOp::Macro:
    return true;
  default:
    return false;
  }
}

} // namespace

Status TemplateProgram::check(uint32_t index) {
  TemplateNode &node = nodes_[index];
  std::vector<TemplateOp> ops;
  for (uint32_t i = 0; i < node.linkCount; ++i) {
    uint32_t link = links_[node.firstLink + i];
    if (link >= index)
      return damaged(format("node %u has child %u, which does not come before it", index, link));
    ops.push_back(nodes_[link].op);
  }
  if (!childrenFit(node.op, ops))
    return damaged(format("node %u (op %u) has wrong children", index, (unsigned)node.op));
  uint64_t low = node.imm & 0xFFFFFFFF, high = node.imm >> 32;
  if (hasName(node.op) && (high != 0 || low >= strings_.size()))
    return damaged(format("node %u names string %llu of %zu", index, (unsigned long long)node.imm,
                          strings_.size()));
  if (node.op == TemplateOp::TargetAttribute && (low >= strings_.size() || high >= strings_.size()))
    return damaged(format("node %u names a string outside the %zu", index, strings_.size()));
  unsigned flags = node.op == TemplateOp::Binary      ? (unsigned)TemplateBinary::Count
                   : node.op == TemplateOp::Operand   ? (unsigned)TemplateCompare::Count
                   : node.op == TemplateOp::ConstBool ? 2u
                                                      : 1u;
  if (node.flag >= flags)
    return damaged(format("node %u has flag %u", index, node.flag));
  if (node.op == TemplateOp::Filter || node.op == TemplateOp::Test) {
    bool filter = node.op == TemplateOp::Filter;
    int builtin = filter ? findFilter(name(node)) : findTest(name(node));
    if (builtin < 0)
      return Status(Code::Unsupported,
                    format("the chat template uses the %s '%s', which this runtime does not have; "
                           "use a runtime as new as the compiler",
                           filter ? "filter" : "test", name(node).c_str()));
    node.builtin = static_cast<uint32_t>(builtin);
  }
  return Status::okStatus();
}

Result<TemplateProgram> TemplateProgram::parse(std::span<const uint8_t> blob) {
  if (blob.size() > maxBlobBytes)
    return damaged(format("%zu bytes, more than %zu", blob.size(), maxBlobBytes));
  ByteReader reader(blob);
  if (reader.u32() != magic || reader.failed())
    return damaged("it does not begin with AXTP");
  uint32_t found = reader.u32();
  if (found != version)
    return Status(Code::Unsupported, format("the chat template has format version %u, this runtime "
                                            "reads %u; build the artifact again",
                                            found, version));
  TemplateProgram program;
  uint32_t strings = reader.u32();
  for (uint32_t i = 0; i < strings && !reader.failed(); ++i) {
    std::string_view s = reader.string();
    if (!isValidUtf8(s))
      return damaged(format("string %u is not UTF-8", i));
    if (s == "loop")
      program.loopName_ = i;
    program.strings_.emplace_back(s);
  }
  uint32_t count = reader.u32();
  for (uint32_t i = 0; i < count && !reader.failed(); ++i) {
    TemplateNode node;
    uint8_t op = reader.u8();
    node.flag = reader.u8();
    uint16_t zero = reader.u16();
    node.line = reader.u32();
    node.imm = reader.u64();
    node.linkCount = reader.u32();
    node.firstLink = static_cast<uint32_t>(program.links_.size());
    if (reader.failed() || node.linkCount > reader.remaining() / sizeof(uint32_t))
      return damaged(format("it ends inside node %u", i));
    if (op >= static_cast<uint8_t>(TemplateOp::Count) || zero != 0)
      return damaged(format("node %u has op %u", i, op));
    node.op = static_cast<TemplateOp>(op);
    for (uint32_t link = 0; link < node.linkCount; ++link)
      program.links_.push_back(reader.u32());
    program.nodes_.push_back(node);
    AXIOM_RETURN_IF_ERROR(program.check(i));
  }
  if (reader.failed())
    return damaged("it ends too early");
  if (reader.remaining() != 0)
    return damaged(format("%zu bytes follow it", reader.remaining()));
  if (program.nodes_.empty() || program.root().op != TemplateOp::Block)
    return damaged("its last node is no block");
  return program;
}

} // namespace axiom
