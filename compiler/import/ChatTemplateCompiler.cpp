#include "compiler/import/ChatTemplateCompiler.h"

#include "compiler/import/ChatTemplateParser.h"
#include "runtime/text/TemplateUnicode.h"

namespace axiom {

static constexpr size_t maxSourceBytes = 1u << 20;

Result<std::vector<uint8_t>> compileChatTemplate(std::string_view source) {
  using namespace chattemplate;
  if (source.size() > maxSourceBytes)
    return Status(Code::Unsupported, format("the chat template has %zu bytes, more than %zu",
                                            source.size(), maxSourceBytes));
  if (!isValidUtf8(source))
    return Status(Code::BadInput, "the chat template is not UTF-8");
  try {
    std::vector<uint8_t> blob = Parser(tokenize(source)).parse();
    // The runtime's own check: what it would refuse must not reach an artifact.
    Result<TemplateProgram> program = TemplateProgram::parse(blob);
    if (!program.ok())
      return Status(Code::Internal, "chat template compiler: " + program.status().message());
    return blob;
  } catch (const TemplateSyntaxError &error) {
    return Status(error.code, error.message);
  } catch (const std::bad_alloc &) {
    return Status(Code::Resource, "out of memory while compiling the chat template");
  }
}

} // namespace axiom
