// Making golden answers, for axiomc.
#include "runtime/api/ApiState.h"
#include "runtime/engine/Golden.h"

#include <cstdlib>

using namespace axiom;
using namespace axiom::api;

axiom_status axiom_golden_create(const axiom_model *model, const axiom_golden_prompt *prompts,
                                 size_t numPrompts, uint8_t **bytes, size_t *size) {
  return guarded([&]() -> Status {
    if (!model || !bytes || !size || (!prompts && numPrompts > 0))
      return nullArgument(!model ? "model" : !prompts ? "prompts" : "the result");
    *bytes = nullptr;
    *size = 0;
    if (numPrompts > engine::kMaxGoldenPrompts)
      return {Code::InvalidArgument, format("%zu golden prompts; at most %u are possible",
                                            numPrompts, engine::kMaxGoldenPrompts)};
    engine::Golden golden;
    for (size_t i = 0; i < numPrompts; ++i) {
      engine::GoldenPrompt prompt;
      prompt.tokens.assign(prompts[i].tokens, prompts[i].tokens + prompts[i].count);
      golden.prompts.push_back(std::move(prompt));
    }
    AXIOM_RETURN_IF_ERROR(engine::runPrompts(model->state->loaded(), 0, golden.prompts));
    golden.parts = engine::digestParts(*model->state->artifact);
    std::vector<uint8_t> out = engine::writeGolden(golden);
    *bytes = static_cast<uint8_t *>(std::malloc(out.size()));
    if (!*bytes)
      return {Code::Resource, "not enough memory for the golden answers"};
    std::memcpy(*bytes, out.data(), out.size());
    *size = out.size();
    return {};
  });
}

void axiom_free(void *bytes) { std::free(bytes); }
