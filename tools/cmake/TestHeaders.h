// Precompiled for every GoogleTest program.
#ifndef AXIOM_TOOLS_CMAKE_TESTHEADERS_H
#define AXIOM_TOOLS_CMAKE_TESTHEADERS_H

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#endif
