// The server that the tests' requests are for.
#ifndef AXIOM_TEST_UNIT_SERVE_OPENAI_SAMPLELIMITS_H
#define AXIOM_TEST_UNIT_SERVE_OPENAI_SAMPLELIMITS_H

#include "runtime/serve/openai/Fields.h"

namespace axiom::serve::openai {

inline ServerLimits limits() {
  ServerLimits limits;
  limits.models = {"served", "alias"};
  limits.vocab = 1000;
  limits.context = 512;
  limits.samples = 16;
  limits.prompts = 8;
  limits.embeddingSize = 96;
  return limits;
}

} // namespace axiom::serve::openai

#endif
