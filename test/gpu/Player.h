// Runs the cases of a recorded folder on a GPU.
#ifndef AXIOM_TEST_GPU_PLAYER_H
#define AXIOM_TEST_GPU_PLAYER_H

#include "runtime/device/cuda/Gpu.h"
#include "test/gpu/Replay.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace axiom::replay {

/// A folder with its pack, and the code that a device takes of it.
struct Folder {
  std::string path;
  std::vector<uint8_t> file;
  Pack pack;
  /// Those whose modules are all there.
  std::vector<std::string> archs;

  /// BadInput, NotFound: the pack can't be read, or no architecture has its modules.
  static Result<std::unique_ptr<Folder>> open(const std::string &path);
};

class Player {
public:
  Player(std::shared_ptr<const cuda::Gpu> gpu, const Folder &folder, std::string arch)
      : gpu(std::move(gpu)), folder(folder), arch(std::move(arch)) {}

  /// Makes what a case needs that may take long: a context, its module. Not ok: the device gives no
  /// context any more.
  Status prepare(const Case &c);
  /// Runs it after prepare(). What differs or went wrong, a line each; empty: all bytes are as
  /// expected. After an error that spoils the context the next prepare() makes a new one.
  std::vector<std::string> play(const Case &c);

private:
  std::shared_ptr<const cuda::Gpu> gpu;
  const Folder &folder;
  std::string arch;
  std::shared_ptr<const cuda::Context> context;
  cuda::Module module;
  uint32_t loaded = kNone;
  std::string whyNot; ///< the module `loaded` could not be loaded

  Status load(uint32_t number);
  Status run(const Case &c, std::vector<std::string> &problems);
};

} // namespace axiom::replay

#endif
