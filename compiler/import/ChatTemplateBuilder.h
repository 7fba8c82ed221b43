// Collects the nodes of a template, children first, and writes the blob of TemplateProgram.
#ifndef AXIOM_COMPILER_IMPORT_CHATTEMPLATEBUILDER_H
#define AXIOM_COMPILER_IMPORT_CHATTEMPLATEBUILDER_H

#include "runtime/text/TemplateProgram.h"

#include <map>
#include <string>
#include <vector>

namespace axiom::chattemplate {

/// Index of a node that was added.
using NodeId = uint32_t;

class Builder {
public:
  uint32_t intern(std::string_view text);
  NodeId add(TemplateOp op, uint32_t line, std::vector<NodeId> children = {}, uint64_t imm = 0,
             uint8_t flag = 0);
  NodeId addNamed(TemplateOp op, uint32_t line, std::string_view name,
                  std::vector<NodeId> children = {}) {
    return add(op, line, std::move(children), intern(name));
  }

  TemplateOp op(NodeId id) const { return nodes_[id].op; }
  /// The value of a ConstString, or null.
  const std::string *constString(NodeId id) const;
  /// Levels of nodes at and below `id`.
  uint32_t depth(NodeId id) const { return nodes_[id].depth; }
  std::vector<uint8_t> write() const;

private:
  struct Node {
    TemplateOp op;
    uint8_t flag;
    uint32_t line;
    uint64_t imm;
    std::vector<NodeId> children;
    uint32_t depth;
  };
  std::vector<Node> nodes_;
  std::vector<std::string> strings_;
  std::map<std::string, uint32_t, std::less<>> index_;
};

} // namespace axiom::chattemplate

#endif
