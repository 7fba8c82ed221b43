#include "compiler/calibrate/Workers.h"

#include <exception>
#include <mutex>

namespace axiom::calibrate {

Result<Workers> Workers::create(uint32_t threads) {
  AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<ThreadTeam> team, ThreadTeam::create(threads));
  return Workers(std::move(team));
}

void Workers::each(uint32_t count, const std::function<void(uint32_t)> &job) const {
  struct Shared {
    const std::function<void(uint32_t)> &job;
    uint32_t count;
    std::atomic<uint32_t> next{0};
    std::mutex mutex;
    std::exception_ptr error;
  } shared{job, count, {}, {}, {}};
  team_->run(
      [](void *context, uint32_t) {
        auto &work = *static_cast<Shared *>(context);
        try {
          for (;;) {
            uint32_t i = work.next.fetch_add(1, std::memory_order_relaxed);
            if (i >= work.count)
              return;
            work.job(i);
          }
        } catch (...) {
          std::lock_guard<std::mutex> lock(work.mutex);
          if (!work.error)
            work.error = std::current_exception();
        }
      },
      &shared);
  if (shared.error)
    std::rethrow_exception(shared.error);
}

} // namespace axiom::calibrate
