#include "runtime/text/TokenizerNormalizer.h"

#include "runtime/text/Unicode.h"

namespace axiom::tokenizer {

std::string normalize(std::span<const NormalizerStep> steps, std::string_view text) {
  std::string current(text);
  for (const NormalizerStep &step : steps) {
    switch (step.op) {
    case NormalizerOp::Nfc:
      if (!unicode::isSurelyNfc(current))
        current = unicode::toNfc(current);
      break;
    case NormalizerOp::Prepend:
      if (!current.empty())
        current.insert(0, step.to);
      break;
    case NormalizerOp::Replace: {
      size_t at = current.find(step.from);
      if (at == std::string::npos)
        break;
      std::string out;
      out.reserve(current.size() + current.size() / 2);
      size_t begin = 0;
      for (; at != std::string::npos; at = current.find(step.from, begin)) {
        out.append(current, begin, at - begin);
        out += step.to;
        begin = at + step.from.size();
      }
      out.append(current, begin);
      current = std::move(out);
      break;
    }
    }
  }
  return current;
}

} // namespace axiom::tokenizer
