// The normalizer steps of a tokenizer; the tokenizer compiler applies them to added tokens too.
#ifndef AXIOM_RUNTIME_TEXT_TOKENIZERNORMALIZER_H
#define AXIOM_RUNTIME_TEXT_TOKENIZERNORMALIZER_H

#include "runtime/text/TokenizerFormat.h"

#include <span>
#include <string>
#include <string_view>

namespace axiom::tokenizer {

/// `text` (valid UTF-8) after all steps. An empty text stays empty: nothing is put before it.
std::string normalize(std::span<const NormalizerStep> steps, std::string_view text);

} // namespace axiom::tokenizer

#endif
