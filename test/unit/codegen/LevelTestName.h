// How a test that has an ISA level as its parameter is called.
#ifndef AXIOM_TEST_UNIT_CODEGEN_LEVELTESTNAME_H
#define AXIOM_TEST_UNIT_CODEGEN_LEVELTESTNAME_H

#include "gtest/gtest.h"

#include <algorithm>
#include <string>

namespace axiom::test {

inline std::string levelTestName(const testing::TestParamInfo<std::string> &info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

} // namespace axiom::test

#endif
