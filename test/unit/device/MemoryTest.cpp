#include "runtime/base/Memory.h"

#include <gtest/gtest.h>

using namespace axiom;

namespace {

TEST(Memory, PagesAreZeroAndAligned) {
  auto pages = Pages::allocate(100000, "a test");
  ASSERT_TRUE(pages.ok());
  EXPECT_GE(pages->size(), 100000u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(pages->data()) % 4096, 0u);
  for (uint8_t byte : pages->bytes())
    ASSERT_EQ(byte, 0);
  EXPECT_EQ(Pages::allocate(0, "nothing")->size(), 0u);
}

TEST(Memory, HugePagesBeginAtTheirMultiple) {
  constexpr uint64_t kHuge = 2 * 1024 * 1024;
  for (uint64_t size : {uint64_t(1), kHuge, 3 * kHuge + 1}) {
    auto pages = Pages::allocate(size, "a test", PageSize::Huge);
    ASSERT_TRUE(pages.ok());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pages->data()) % kHuge, 0u);
    EXPECT_EQ(pages->size(), (size + kHuge - 1) / kHuge * kHuge);
    for (uint64_t at : {uint64_t(0), pages->size() / 2, pages->size() - 1}) {
      EXPECT_EQ(pages->data()[at], 0);
      pages->data()[at] = 1;
    }
  }
  EXPECT_EQ(Pages::allocate(UINT64_MAX, "a test", PageSize::Huge).status().code(), Code::Resource);
}

TEST(Memory, TooMuchIsAnErrorThatNamesTheUse) {
  for (uint64_t size : {uint64_t(1) << 60, UINT64_MAX}) {
    auto pages = Pages::allocate(size, "the KV cache");
    ASSERT_FALSE(pages.ok());
    EXPECT_EQ(pages.status().code(), Code::Resource);
    EXPECT_NE(pages.status().message().find("the KV cache"), std::string::npos);
  }
}

#if defined(__x86_64__)
TEST(Memory, PagesBecomeExecutable) {
  auto pages = Pages::allocate(16, "code");
  ASSERT_TRUE(pages.ok());
  const uint8_t code[] = {0xb8, 42, 0, 0, 0, 0xc3}; // mov eax, 42; ret
  std::copy(std::begin(code), std::end(code), pages->data());
  ASSERT_TRUE(pages->makeExecutable().ok());
  EXPECT_EQ(reinterpret_cast<int (*)()>(reinterpret_cast<uintptr_t>(pages->data()))(), 42);
}
#endif

TEST(Memory, LimitIsTheSmallest) {
  MemoryLimit free = memoryLimit();
  EXPECT_GT(free.bytes, 0u);
  EXPECT_LT(free.bytes, uint64_t(1) << 60) << free.source;
  MemoryLimit asked = memoryLimit(4096);
  EXPECT_EQ(asked.bytes, 4096u);
  EXPECT_EQ(asked.source, "--memory");
}

TEST(Memory, FormatBytes) {
  EXPECT_EQ(formatBytes(0), "0 bytes");
  EXPECT_EQ(formatBytes(999), "999 bytes");
  EXPECT_EQ(formatBytes(1000), "1.0 kB");
  EXPECT_EQ(formatBytes(12345678), "12.3 MB");
  EXPECT_EQ(formatBytes(999999), "1.0 MB");
  EXPECT_EQ(formatBytes(UINT64_MAX), "18.4 EB");
}

} // namespace
