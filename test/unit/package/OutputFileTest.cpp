// Whatever the sizes of the writes, the file has the bytes in order.
#include "compiler/package/OutputFile.h"

#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <vector>

using namespace axiom;

namespace {

TEST(OutputFile, WritesOfAnySizeKeepTheirOrder) {
  std::string path = ::testing::TempDir() + "output-file-test.bin";
  auto file = OutputFile::create(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  std::vector<uint8_t> expected;
  uint32_t state = 7;
  // Below, at and above the 2 MiB that the file is written in, from even and odd positions.
  for (size_t size : {size_t(1), size_t(0), size_t(2097151), size_t(2097152), size_t(3),
                      size_t(5000000), size_t(4194304), size_t(77)}) {
    std::vector<uint8_t> bytes(size);
    for (uint8_t &byte : bytes) {
      state = state * 1664525u + 1013904223u;
      byte = static_cast<uint8_t>(state >> 24);
    }
    ASSERT_TRUE(file->write(bytes).ok());
    expected.insert(expected.end(), bytes.begin(), bytes.end());
    EXPECT_EQ(file->position(), expected.size());
  }
  ASSERT_TRUE(file->padTo(expected.size() + 3000000).ok());
  expected.resize(expected.size() + 3000000);
  const uint8_t patch[] = {1, 2, 3};
  ASSERT_TRUE(file->patch(2097150, patch).ok());
  std::copy(std::begin(patch), std::end(patch), expected.begin() + 2097150);
  ASSERT_TRUE(file->truncate(expected.size() - 10).ok());
  expected.resize(expected.size() - 10);
  ASSERT_TRUE(file->write(patch).ok());
  expected.insert(expected.end(), std::begin(patch), std::end(patch));
  ASSERT_TRUE(file->commit().ok());
  std::ifstream stream(path, std::ios::binary);
  std::vector<char> text{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_TRUE(std::equal(text.begin(), text.end(), expected.begin(), expected.end(),
                         [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }));
  EXPECT_EQ(text.size(), expected.size());
  std::remove(path.c_str());
}

} // namespace
