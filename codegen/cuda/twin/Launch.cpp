#include "codegen/cuda/twin/Launch.h"

#include "codegen/cuda/twin/Threads.h"

#include <algorithm>

namespace axiom::twin {

thread_local Thread *running;

uint64_t Grid::next() {
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  return random;
}

void pause(Thread &thread, State state, int site) {
  thread.state = state;
  thread.site = site;
  thread.fiber.yield();
}

void fail(Thread &thread, int site, const std::string &what, const std::string &why) {
  Grid &grid = thread.block->grid;
  if (grid.result.fault.empty())
    grid.result.fault = "line " + std::to_string(site) + ": thread " +
                        std::to_string(thread.index) + " of block " +
                        std::to_string(thread.block->index) + " " + what + ": " + why;
  for (;;)
    pause(thread, State::Done, site);
}

static void endOfKernel(Thread &t) {
  Block &block = *t.block;
  if (t.copied < t.copies.size())
    fail(t, t.site, "ends", "it has asynchronous copies that it never waited for");
  Warp &warp = block.warpOf(t);
  for (const Gathering &g : warp.gatherings)
    if (g.mask >> t.lane() & 1)
      fail(t, g.site, "ends", "other lanes of its warp wait for it at this line");
  if (block.atBarrier != 0)
    fail(t, block.barrierSite, "ends", "other threads wait for it at the barrier of this line");
  warp.ended |= 1u << t.lane();
  ++block.done;
}

static void threadBody(void *data) {
  auto &t = *static_cast<Thread *>(data);
  t.block->grid.kernel();
  endOfKernel(t);
  for (;;)
    pause(t, State::Done, t.site);
}

Block::Block(Grid &g) : grid(g), shared(g.options.sharedBytes, g.options.check) {
  for (uint32_t n = 0; n < g.options.threads; ++n)
    threads.push_back(std::make_unique<Thread>());
}

void Block::start(uint32_t i) {
  index = i;
  shared.reset();
  seen = {};
  atBarrier = done = 0;
  warps.assign((threads.size() + 31) / 32, {});
  for (uint32_t n = 0; n < threads.size(); ++n) {
    Thread &t = *threads[n];
    t.block = this;
    t.index = n;
    t.state = State::Ready;
    t.blockBarriers = t.warpBarriers = 0;
    t.writes = 0;
    if (!t.seen.empty())
      t.seen = {};
    t.groups = 0; // it has no copies: its predecessor waited for all
    if (!t.fiber.prepare(threadBody, &t)) {
      grid.result.fault = "no memory for the stack of a thread of the twin";
      return;
    }
  }
  // Lanes that a last, smaller warp does not have.
  if (uint32_t rest = grid.options.threads % 32)
    warps.back().ended = 0xffffffffu << rest;
}

/// Every thread of the running blocks that can run, in this round's order.
static std::vector<Thread *> round(Grid &grid) {
  std::vector<Thread *> ready;
  for (auto &block : grid.blocks)
    for (auto &t : block->threads)
      if (t->state == State::Ready || t->state == State::Spinning)
        ready.push_back(t.get());
  if (grid.options.order == Order::Reverse)
    std::reverse(ready.begin(), ready.end());
  if (grid.options.order == Order::Random)
    for (size_t i = ready.size(); i > 1; --i)
      std::swap(ready[i - 1], ready[grid.next() % i]);
  return ready;
}

static void describeStandstill(Grid &grid) {
  for (auto &block : grid.blocks)
    for (auto &t : block->threads)
      if (t->state != State::Done) {
        grid.result.fault = "line " + std::to_string(t->site) + ": thread " +
                            std::to_string(t->index) + " of block " + std::to_string(block->index) +
                            " waits, and no thread of the running blocks can go on";
        return;
      }
}

static void enter(AxmTwinPlace &place, Thread &t) {
  place.thread = t.index;
  place.block = t.block->index;
  place.shared = t.block->shared.data();
}

/// Tells the library, as long as the launch runs.
class Placed {
public:
  Placed(const LaunchOptions &options, const GlobalMemory &memory) : place(options.place) {
    if (place)
      *place = {1, !options.check, 0, options.threads, 0, options.blocks, nullptr, memory.shift()};
  }
  ~Placed() {
    if (place)
      *place = {};
  }
  Placed(const Placed &) = delete;
  Placed &operator=(const Placed &) = delete;

private:
  AxmTwinPlace *place;
};

LaunchResult launch(const LaunchOptions &asked, const GlobalMemory &memory,
                    const std::function<void()> &kernel) {
  LaunchOptions options = asked;
  options.check |= !options.place;
  Placed placed(options, memory);
  Grid grid = {options, memory, kernel, {}, {}, {}, options.seed * 2 + 0x9e3779b97f4a7c15u};
  uint32_t started = 0;
  while (grid.running()) {
    while (started < options.blocks && grid.blocks.size() < std::max(options.resident, 1u)) {
      grid.blocks.push_back(std::make_unique<Block>(grid));
      grid.blocks.back()->start(started++);
    }
    if (grid.blocks.empty() || !grid.running())
      break;
    bool progress = false;
    for (Thread *t : round(grid)) {
      if (!grid.running())
        break;
      if (t->state != State::Ready && t->state != State::Spinning)
        continue;
      t->state = State::Ready;
      running = t;
      if (options.place)
        enter(*options.place, *t);
      t->fiber.resume();
      progress |= t->state != State::Spinning;
    }
    running = nullptr;
    if (!progress && grid.running())
      describeStandstill(grid);
    std::erase_if(grid.blocks, [&](auto &block) {
      if (block->done < options.threads)
        return false;
      for (Warp &warp : block->warps)
        warp.accesses.finish(grid.result.counts);
      if (started == options.blocks)
        return true;
      block->start(started++);
      return false;
    });
  }
  return grid.result;
}

} // namespace axiom::twin
