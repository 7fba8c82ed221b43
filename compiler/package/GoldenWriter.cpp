#include "compiler/package/GoldenWriter.h"

#include "axiom/axiom.h"
#include "runtime/engine/Golden.h"

#include <memory>
#include <span>
#include <string_view>

namespace axiom {

namespace {

// Ordinary English; a tokenizer of any kind makes more than 70 tokens of it.
constexpr std::string_view kText =
    "The harbour was quiet that morning. Two boats lay against the wall, their ropes slack in the "
    "low tide, and a boy of about 12 was counting crates: one, two, three, and so on to forty. "
    "When the bell rang he looked up, wrote the number in a small book, and asked how long the "
    "journey to the islands would take if the wind did not change before noon. Nobody knew. An old "
    "sailor said that it took him 3 days once, in the winter of 1987, and that he would not do it "
    "again for any money.";

constexpr size_t kLengths[] = {1, 5, 70};

struct ModelCloser {
  void operator()(axiom_model *model) const { axiom_close(model); }
};

Status lastError(axiom_status status) {
  Code code = status == AXIOM_UNSUPPORTED ? Code::Unsupported
              : status == AXIOM_RESOURCE  ? Code::Resource
                                          : Code::Internal;
  return Status(code, axiom_last_error());
}

/// The first `count` tokens of the text; a model without a tokenizer, or with one that makes fewer,
/// gets ids that are spread over the vocabulary.
Result<std::vector<int32_t>> promptTokens(const axiom_model *model, const axiom_model_info &info,
                                          size_t count) {
  std::vector<int32_t> tokens;
  if (info.has_tokenizer) {
    tokens.resize(kText.size());
    size_t made = 0;
    axiom_status status =
        axiom_tokenize(model, kText.data(), kText.size(), 0, tokens.data(), tokens.size(), &made);
    if (status != AXIOM_OK)
      return lastError(status);
    tokens.resize(made < tokens.size() ? made : tokens.size());
  }
  while (tokens.size() < count)
    tokens.push_back(static_cast<int32_t>((tokens.size() * 2654435761u >> 7) % info.vocab));
  tokens.resize(count);
  return tokens;
}

} // namespace

Result<std::vector<uint8_t>> makeGolden(const std::string &path, const std::string &borrowed) {
  axiom_open_options options = {};
  options.struct_size = sizeof options;
  options.lazy = 1; // a compiler need not hold all weights in memory
  axiom_model *opened = nullptr;
  axiom_status status = axiom_open(AXIOM_ABI_VERSION, path.c_str(), &options, &opened);
  if (status != AXIOM_OK)
    return lastError(status);
  std::unique_ptr<axiom_model, ModelCloser> model(opened);
  axiom_model_info info = {};
  info.struct_size = sizeof info;
  status = axiom_model_get_info(model.get(), &info);
  if (status != AXIOM_OK)
    return lastError(status);

  std::vector<std::vector<int32_t>> tokens;
  for (size_t length : kLengths) {
    size_t fitting = length < info.max_context ? length : info.max_context;
    AXIOM_ASSIGN_OR_RETURN(std::vector<int32_t> prompt, promptTokens(model.get(), info, fitting));
    tokens.push_back(std::move(prompt));
  }
  std::vector<axiom_golden_prompt> prompts;
  for (const std::vector<int32_t> &prompt : tokens)
    prompts.push_back({prompt.data(), prompt.size()});
  uint8_t *bytes = nullptr;
  size_t size = 0;
  status = axiom_golden_create(model.get(), prompts.data(), prompts.size(), &bytes, &size);
  if (status != AXIOM_OK)
    return lastError(status);
  std::vector<uint8_t> golden(bytes, bytes + size);
  axiom_free(bytes);
  if (borrowed.empty())
    return golden;
  AXIOM_ASSIGN_OR_RETURN(engine::Golden parsed, engine::readGolden(golden));
  std::erase_if(parsed.parts, [&](const engine::GoldenPart &part) {
    return part.kind == engine::PartKind::Code && part.name == borrowed;
  });
  return engine::writeGolden(parsed);
}

} // namespace axiom
