// Compiles the text of a chat template (Jinja as Hugging Face configures it: trim_blocks,
// lstrip_blocks, loop controls, {% generation %}) to the blob that runtime/text/ChatTemplate reads.
//
// What the runtime can't do is refused here, with line, column and what is supported, so that a
// template never renders to something else than it says.
#ifndef AXIOM_COMPILER_IMPORT_CHATTEMPLATECOMPILER_H
#define AXIOM_COMPILER_IMPORT_CHATTEMPLATECOMPILER_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace axiom {

/// The blob of `source` (UTF-8, at most 1 MiB). Same source, same bytes.
Result<std::vector<uint8_t>> compileChatTemplate(std::string_view source);

} // namespace axiom

#endif
