#include "runtime/base/MappedFile.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace axiom;

namespace {

class MappedFileTest : public testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/axiom-map-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    ::unlink(path("f").c_str());
    ::rmdir(folder_.c_str());
  }
  std::string path(const std::string &name) const { return folder_ + "/" + name; }
  void write(const std::string &text) { std::ofstream(path("f"), std::ios::binary) << text; }

  std::string folder_;
};

} // namespace

TEST_F(MappedFileTest, MapsAndMoves) {
  write("hello");
  auto opened = MappedFile::open(path("f"));
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  MappedFile file = std::move(opened).value();
  EXPECT_EQ(file.size(), 5u);
  EXPECT_EQ(file.name(), "f");
  EXPECT_EQ(std::string(file.bytes().begin(), file.bytes().end()), "hello");
  file.advise(MappedFile::Access::Sequential);
  file.advise(MappedFile::Access::WillNeed, 3, 100);
  file.advise(MappedFile::Access::DontNeed, 99);
  const uint8_t *data = file.bytes().data();
  MappedFile other = std::move(file);
  EXPECT_EQ(other.bytes().data(), data);
  ::unlink(path("f").c_str()); // the mapping outlives the name
  EXPECT_EQ(other.bytes()[4], 'o');
}

TEST_F(MappedFileTest, EmptyFile) {
  write("");
  auto file = MappedFile::open(path("f"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->size(), 0u);
  EXPECT_TRUE(file->bytes().empty());
}

TEST_F(MappedFileTest, ErrorsNamePathAndReason) {
  auto missing = MappedFile::open(path("none"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), Code::NotFound);
  EXPECT_NE(missing.status().message().find(path("none")), std::string::npos);
  EXPECT_NE(missing.status().message().find("No such file"), std::string::npos);
  auto folder = MappedFile::open(folder_);
  ASSERT_FALSE(folder.ok());
  EXPECT_NE(folder.status().message().find("a directory"), std::string::npos);
  ASSERT_EQ(::mkfifo(path("f").c_str(), 0600), 0);
  auto pipe = MappedFile::open(path("f")); // must not block
  ASSERT_FALSE(pipe.ok());
  EXPECT_NE(pipe.status().message().find("a pipe"), std::string::npos);
}

TEST_F(MappedFileTest, SmallFilesAreBounded) {
  write("12345");
  auto text = readSmallFile(path("f"), 5);
  ASSERT_TRUE(text.ok());
  EXPECT_EQ(*text, "12345");
  auto large = readSmallFile(path("f"), 4);
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.status().message().find("at most 4"), std::string::npos);
}
