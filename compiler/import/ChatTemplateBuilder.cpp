#include "compiler/import/ChatTemplateBuilder.h"

#include "runtime/base/ByteStream.h"

#include <algorithm>

namespace axiom::chattemplate {

uint32_t Builder::intern(std::string_view text) {
  auto it = index_.find(text);
  if (it != index_.end())
    return it->second;
  uint32_t id = static_cast<uint32_t>(strings_.size());
  strings_.emplace_back(text);
  index_.emplace(text, id);
  return id;
}

NodeId Builder::add(TemplateOp op, uint32_t line, std::vector<NodeId> children, uint64_t imm,
                    uint8_t flag) {
  uint32_t depth = 0;
  for (NodeId child : children)
    depth = std::max(depth, nodes_[child].depth);
  nodes_.push_back({op, flag, line, imm, std::move(children), depth + 1});
  return static_cast<NodeId>(nodes_.size() - 1);
}

const std::string *Builder::constString(NodeId id) const {
  return nodes_[id].op == TemplateOp::ConstString ? &strings_[nodes_[id].imm] : nullptr;
}

std::vector<uint8_t> Builder::write() const {
  ByteWriter out;
  out.u32(TemplateProgram::magic);
  out.u32(TemplateProgram::version);
  out.u32(static_cast<uint32_t>(strings_.size()));
  for (const std::string &s : strings_)
    out.string(s);
  out.u32(static_cast<uint32_t>(nodes_.size()));
  for (const Node &node : nodes_) {
    out.u8(static_cast<uint8_t>(node.op));
    out.u8(node.flag);
    out.u16(0);
    out.u32(node.line);
    out.u64(node.imm);
    out.u32(static_cast<uint32_t>(node.children.size()));
    for (NodeId child : node.children)
      out.u32(child);
  }
  return out.take();
}

} // namespace axiom::chattemplate
