// A pack of two small cases, for tests and as a seed for fuzzing.
#ifndef AXIOM_TEST_GPU_SMALLPACK_H
#define AXIOM_TEST_GPU_SMALLPACK_H

#include "test/gpu/Replay.h"

namespace axiom::replay {

Case smallCase(PackWriter &pack, const std::string &name);
std::vector<uint8_t> smallPack();

} // namespace axiom::replay

#endif
