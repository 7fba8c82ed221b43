// Compiled modules kept between runs of axiomc, by what they were made of.
//
// A file per module, named by its key, with the module's digest in front: an entry that is damaged,
// cut or not readable counts as none and is written again. Files appear under a temporary name and
// are renamed. The folder holds at most kMostCacheBytes of entries: those that were not used for
// the longest time go first. Nothing here fails: without a folder there is no cache.
#ifndef AXIOM_COMPILER_DRIVER_MODULECACHE_H
#define AXIOM_COMPILER_DRIVER_MODULECACHE_H

#include "runtime/base/Sha256.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace axiom {

inline constexpr uint64_t kMostCacheBytes = 256u << 20;

class ModuleCache {
public:
  /// In $AXIOM_CACHE_DIR, else $XDG_CACHE_HOME/axiom, else ~/.cache/axiom.
  ModuleCache();
  /// In this folder, which is made when an entry is stored; empty: none.
  explicit ModuleCache(std::string folder, uint64_t mostBytes = kMostCacheBytes)
      : folder_(std::move(folder)), mostBytes_(mostBytes) {}

  const std::string &folder() const { return folder_; }
  /// The digest of texts in their order.
  static std::string key(const std::vector<std::string> &texts);

  /// Any thread.
  std::optional<std::string> find(const std::string &key) const;
  /// On the thread that takes the program's signals: see OutputFile.
  void store(const std::string &key, const std::string &module) const;

private:
  void removeOldest() const;

  std::string folder_;
  uint64_t mostBytes_ = kMostCacheBytes;
};

} // namespace axiom

#endif
