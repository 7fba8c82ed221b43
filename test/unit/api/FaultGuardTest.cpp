// A mapped file that becomes shorter: reading the lost pages gives zeros and tells the owner.
#include "runtime/base/FaultGuard.h"
#include "runtime/base/MappedFile.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace axiom;

namespace {

/// A mapped file of 64 kB of ones. It has no name any more: a test that ends by a signal leaves
/// nothing.
struct Mapped {
  int fd;
  MappedFile file;
  Mapped() {
    std::string path = testing::TempDir() + "axiom-fault-XXXXXX";
    fd = mkstemp(path.data());
    std::string ones(65536, 1);
    EXPECT_EQ(write(fd, ones.data(), ones.size()), 65536);
    file = std::move(MappedFile::open(path)).value();
    unlink(path.c_str());
  }
  ~Mapped() { close(fd); }
};

void mark(const void *context) {
  *static_cast<std::atomic<int> *>(const_cast<void *>(context)) += 1;
}

} // namespace

TEST(FaultGuard, ShortenedFileReadsAsZeros) {
  Mapped mapped;
  std::atomic<int> faults{0};
  ASSERT_TRUE(addFaultGuard(mapped.file.bytes(), mark, &faults).ok());
  ASSERT_EQ(ftruncate(mapped.fd, 4096), 0);
  const volatile uint8_t *bytes = mapped.file.bytes().data();
  EXPECT_EQ(bytes[0], 1);
  EXPECT_EQ(faults, 0);
  EXPECT_EQ(bytes[40000], 0);
  EXPECT_GE(faults, 1);
  removeFaultGuard(&faults);
}

TEST(FaultGuardDeathTest, OtherFaultsEndTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  auto readUnguarded = [] {
    Mapped guarded, other;
    std::atomic<int> faults{0};
    if (!addFaultGuard(guarded.file.bytes(), mark, &faults).ok() || ftruncate(other.fd, 0) != 0)
      return;
    const volatile uint8_t *bytes = other.file.bytes().data();
    std::exit(bytes[100]);
  };
  EXPECT_EXIT(readUnguarded(), testing::KilledBySignal(SIGBUS), "");
}
