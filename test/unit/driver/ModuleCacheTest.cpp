#include "compiler/driver/ModuleCache.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace axiom {
namespace {

namespace fs = std::filesystem;

class ModuleCacheTest : public testing::Test {
protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "axiom-cache-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
    folder = root / "not" / "there yet";
  }
  void TearDown() override { fs::remove_all(root); }

  fs::path entry(const std::string &key) const { return folder / (key + ".module"); }
  size_t files() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }

  fs::path root, folder;
  const std::string one = ModuleCache::key({"one"}), two = ModuleCache::key({"two"});
};

TEST_F(ModuleCacheTest, KeysTellTextsApart) {
  EXPECT_EQ(one.size(), 64u);
  EXPECT_EQ(ModuleCache::key({"a", "b"}), ModuleCache::key({"a", "b"}));
  EXPECT_NE(ModuleCache::key({"a", "b"}), ModuleCache::key({"ab"}));
  EXPECT_NE(ModuleCache::key({"a", "b"}), ModuleCache::key({"b", "a"}));
  EXPECT_NE(ModuleCache::key({"ab", "c"}), ModuleCache::key({"a", "bc"}));
}

TEST_F(ModuleCacheTest, GivesBackWhatWasStored) {
  ModuleCache cache(folder.string());
  EXPECT_FALSE(cache.find(one));
  std::string module("code\0and more", 13);
  cache.store(one, module);
  EXPECT_EQ(cache.find(one), module);
  EXPECT_FALSE(cache.find(two));
  EXPECT_EQ(files(), 1u);
}

TEST_F(ModuleCacheTest, DamagedEntriesCountAsNoneAndAreWrittenAgain) {
  ModuleCache cache(folder.string());
  const std::string module(5000, 'm');
  cache.store(one, module);
  auto size = static_cast<size_t>(fs::file_size(entry(one)));
  for (size_t at : {size_t(0), size_t(9), size_t(60), size - 1}) {
    std::fstream file(entry(one), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('?');
    file.close();
    EXPECT_FALSE(cache.find(one)) << at;
    cache.store(one, module);
    EXPECT_EQ(cache.find(one), module) << at;
  }
  for (size_t bytes : {size_t(0), size_t(5), size_t(40), size - 1}) {
    fs::resize_file(entry(one), bytes);
    EXPECT_FALSE(cache.find(one)) << bytes;
    cache.store(one, module);
    EXPECT_EQ(cache.find(one), module) << bytes;
  }
  fs::remove(entry(one));
  fs::create_directory(entry(one));
  EXPECT_FALSE(cache.find(one));
  cache.store(one, module);
  EXPECT_FALSE(cache.find(one)) << "a folder stands there";
}

TEST_F(ModuleCacheTest, WorksWithoutAFolder) {
  std::ofstream(root / "file") << "in the way";
  for (const std::string &where :
       {std::string(), (root / "file").string(), std::string("/dev/null")}) {
    ModuleCache cache(where);
    cache.store(one, "code");
    EXPECT_FALSE(cache.find(one)) << where;
  }
}

TEST_F(ModuleCacheTest, TheOldestGoFirst) {
  const uint64_t mostBytes = 4000;
  ModuleCache cache(folder.string(), mostBytes);
  std::vector<std::string> keys;
  auto now = fs::file_time_type::clock::now();
  for (int i = 0; i < 3; ++i) {
    keys.push_back(ModuleCache::key({std::to_string(i)}));
    cache.store(keys[i], std::string(1000, 'x'));
    fs::last_write_time(entry(keys[i]), now - std::chrono::minutes(10 - i));
  }
  EXPECT_EQ(files(), 3u);
  EXPECT_TRUE(cache.find(keys[0])); // used now: number 1 is the oldest
  cache.store(one, std::string(1000, 'y'));
  EXPECT_FALSE(cache.find(keys[1]));
  EXPECT_TRUE(cache.find(keys[0]) && cache.find(keys[2]) && cache.find(one));
  cache.store(two, std::string(5000, 'z'));
  EXPECT_FALSE(cache.find(two)) << "larger than all that may be kept";
  EXPECT_EQ(files(), 3u);
}

TEST_F(ModuleCacheTest, RemovesWhatAKilledCompilerLeftAndNothingElse) {
  fs::create_directories(folder);
  fs::path left = folder / ("." + one + ".module.aB3xYz"),
           fresh = folder / ("." + two + ".module.aB3xYz");
  fs::path foreign = folder / "notes.module", hidden = folder / ".profile";
  for (const fs::path &path : {left, fresh, foreign, hidden}) {
    std::ofstream(path) << std::string(3000, 'n');
    if (path != fresh)
      fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(50));
  }
  ModuleCache(folder.string(), 2000).store(one, "code");
  EXPECT_FALSE(fs::exists(left));
  EXPECT_TRUE(fs::exists(fresh)) << "another axiomc may be writing it";
  EXPECT_TRUE(fs::exists(foreign) && fs::exists(hidden) && fs::exists(entry(one)));
}

TEST_F(ModuleCacheTest, TheEnvironmentNamesTheFolder) {
  setenv("HOME", "/h", 1);
  unsetenv("XDG_CACHE_HOME");
  unsetenv("AXIOM_CACHE_DIR");
  EXPECT_EQ(ModuleCache().folder(), "/h/.cache/axiom");
  setenv("XDG_CACHE_HOME", "/x", 1);
  EXPECT_EQ(ModuleCache().folder(), "/x/axiom");
  setenv("XDG_CACHE_HOME", "relative", 1);
  EXPECT_EQ(ModuleCache().folder(), "/h/.cache/axiom");
  setenv("AXIOM_CACHE_DIR", "own", 1);
  EXPECT_EQ(ModuleCache().folder(), "own");
  for (const char *name : {"HOME", "XDG_CACHE_HOME", "AXIOM_CACHE_DIR"})
    unsetenv(name);
  EXPECT_EQ(ModuleCache().folder(), "");
}

} // namespace
} // namespace axiom
