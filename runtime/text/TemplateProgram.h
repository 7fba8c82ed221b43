// The checked form of a chat template: a tree of nodes as the compiler writes it into an artifact.
//
// Blob, little-endian, no padding:
//   u32 magic "AXTP", u32 version (1)
//   u32 string count, then per string: u32 size, bytes (UTF-8)
//   u32 node count, then per node:
//     u8 op, u8 flag, u16 zero, u32 line, u64 immediate, u32 child count, u32 child index ...
// A child's index is lower than its parent's, so the nodes form a graph without cycles; the last
// node is the root, a Block. Trailing bytes are refused. The children and immediates of each op
// stand at TemplateOp; TemplateProgram::parse checks all of them.
#ifndef AXIOM_RUNTIME_TEXT_TEMPLATEPROGRAM_H
#define AXIOM_RUNTIME_TEXT_TEMPLATEPROGRAM_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace axiom {

/// E = expression, B = Block, T = target, (x) = optional. "imm" is the immediate; "name" an index
/// into the strings.
enum class TemplateOp : uint8_t {
  // Expressions
  ConstNone,
  ConstBool,   ///< flag 0 or 1
  ConstInt,    ///< imm = the int64
  ConstDouble, ///< imm = the bits of the double
  ConstString, ///< imm = string
  Captured,    ///< the text of the filter or set block being closed
  Name,        ///< imm = name
  List,        ///< E...
  Tuple,       ///< E...
  Dict,        ///< key E, value E, ...
  Attribute,   ///< E; imm = name
  Item,        ///< object E, index E
  Slice,       ///< object E, start E, stop E, step E (ConstNone where absent)
  Negative,    ///< E
  Positive,    ///< E
  Not,         ///< E
  And,         ///< E, E
  Or,          ///< E, E
  Binary,      ///< E, E; flag = TemplateBinary
  Concat,      ///< E...
  Compare,     ///< E, Operand...
  Condition,   ///< test E, then E, (else E)
  Call,        ///< callee E, then E or Keyword ...
  Filter,      ///< subject E, then E or Keyword ...; imm = name
  Test,        ///< subject E, then E or Keyword ...; imm = name
  // Parts
  Keyword, ///< E; imm = name
  Operand, ///< E; flag = TemplateCompare
  Param,   ///< (default E); imm = name
  Nothing,
  TargetName,      ///< imm = name
  TargetAttribute, ///< imm = name | attribute << 32
  TargetTuple,     ///< T...
  // Statements
  Block,       ///< statements
  Text,        ///< imm = string
  Output,      ///< E
  Set,         ///< T, E
  SetBlock,    ///< T, B, (filter E)
  For,         ///< T, iterable E, test E or Nothing, B, else B or Nothing
  If,          ///< test E, B, test E, B, ..., (else B)
  Macro,       ///< Param..., B; imm = name
  FilterBlock, ///< filter E, B
  Generation,  ///< B
  With,        ///< T, E, T, E, ..., B
  Break,
  Continue,
  Count,
};

enum class TemplateBinary : uint8_t { Add, Sub, Mul, Div, FloorDiv, Mod, Pow, Count };
enum class TemplateCompare : uint8_t { Eq, Ne, Lt, Le, Gt, Ge, In, NotIn, Count };

struct TemplateNode {
  TemplateOp op = TemplateOp::Nothing;
  uint8_t flag = 0;
  uint32_t line = 0;
  uint64_t imm = 0;
  /// Children are links[firstLink .. firstLink + linkCount).
  uint32_t firstLink = 0;
  uint32_t linkCount = 0;
  /// Index into the filter or test table; filled when the blob is parsed.
  uint32_t builtin = 0;
};

class TemplateProgram {
public:
  static constexpr uint32_t magic = 0x50545841; // "AXTP"
  static constexpr uint32_t version = 1;
  static constexpr size_t maxBlobBytes = 16u << 20;

  /// Reads and fully checks a blob.
  static Result<TemplateProgram> parse(std::span<const uint8_t> blob);

  const TemplateNode &root() const { return nodes_.back(); }
  const TemplateNode &child(const TemplateNode &node, uint32_t i) const {
    return nodes_[links_[node.firstLink + i]];
  }
  const TemplateNode &lastChild(const TemplateNode &node) const {
    return child(node, node.linkCount - 1);
  }
  const std::string &string(uint64_t index) const { return strings_[index]; }
  const std::string &name(const TemplateNode &node) const {
    return strings_[static_cast<uint32_t>(node.imm)];
  }
  /// The index of the name "loop", or one that no node has.
  uint32_t loopName() const { return loopName_; }
  const std::string &attribute(const TemplateNode &node) const { return strings_[node.imm >> 32]; }

private:
  Status check(uint32_t index);

  std::vector<std::string> strings_;
  std::vector<TemplateNode> nodes_;
  std::vector<uint32_t> links_;
  uint32_t loopName_ = UINT32_MAX;
};

} // namespace axiom

#endif
