// Independent pieces of work on a few threads.
#ifndef AXIOM_COMPILER_CALIBRATE_WORKERS_H
#define AXIOM_COMPILER_CALIBRATE_WORKERS_H

#include "runtime/base/Threads.h"

#include <atomic>
#include <functional>
#include <memory>

namespace axiom::calibrate {

class Workers {
public:
  static Result<Workers> create(uint32_t threads);

  uint32_t threads() const { return team_->threads(); }
  /// Calls job(i) for i < count, each once, in any order and on any thread; returns when all have
  /// returned. An exception of a job is thrown here, after the others have ended.
  void each(uint32_t count, const std::function<void(uint32_t)> &job) const;

private:
  explicit Workers(std::unique_ptr<ThreadTeam> team) : team_(std::move(team)) {}
  std::unique_ptr<ThreadTeam> team_;
};

} // namespace axiom::calibrate

#endif
