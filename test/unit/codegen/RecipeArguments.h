// Arguments on which the rarest faults of a recipe of docs/numerics.md (exp, silu, rope angles)
// show: an fma of one step rounded twice, a constant one last bit off. Some of them change the
// result of a dozen floats only, so random operands never meet them. Found by trying every float;
// RecipeStepsTest tries again whether each step has one here or none anywhere.
#ifndef AXIOM_TEST_UNIT_CODEGEN_RECIPEARGUMENTS_H
#define AXIOM_TEST_UNIT_CODEGEN_RECIPEARGUMENTS_H

#include <vector>

namespace axiom::test {

extern const std::vector<float> expArguments; ///< all below 0, as in a softmax
extern const std::vector<float> siluArguments;
extern const std::vector<float> angleArguments; ///< position * inv_freq

} // namespace axiom::test

#endif
