#include "test/standin/Queue.h"

#include <utility>

namespace axiom::standin {

int refusedByCapture(Context &context, const Stream &stream) {
  if (stream.handle != 0)
    return Success;
  // The default stream waits for the others, which is not possible for one that is captured.
  int refused = Success;
  for (auto &[handle, other] : context.streams.items)
    if (other->capture && other->blocking) {
      other->capture->valid = false;
      refused = CaptureImplicit;
    }
  return refused;
}

int enqueue(Context &context, const std::shared_ptr<Stream> &stream, std::shared_ptr<Work> work,
            std::vector<std::shared_ptr<Mark>> after) {
  if (int error = refusedByCapture(context, *stream))
    return error;
  if (Capture *capture = stream->capture.get()) {
    if (!capture->valid)
      return CaptureInvalidated;
    capture->nodes.push_back({std::move(work), stream->ends});
    stream->ends = {capture->nodes.size() - 1};
    return Success;
  }
  auto behind = [&](const Stream &other) {
    if (other.last && !other.last->done)
      after.push_back(other.last);
  };
  if (stream->handle == 0) {
    for (auto &[handle, other] : context.streams.items)
      if (other->blocking)
        behind(*other);
  } else if (stream->blocking) {
    behind(*context.defaultStream);
  }
  auto mark = std::make_shared<Mark>();
  mark->stream = stream;
  stream->last = mark;
  stream->queue.push_back({std::move(work), mark, std::move(after), false, {}});
  if (!state().options.lazy)
    reach(context, *mark);
  return Success;
}

Step step(Context &context, Stream &stream, bool wait) {
  if (stream.queue.empty() || context.error)
    return Step::Empty;
  Item &first = stream.queue.front();
  for (const auto &mark : first.after)
    if (!mark->done)
      if (auto other = mark->stream.lock(); other && !other->queue.empty())
        return step(context, *other, wait);
  if (!first.started) {
    first.started = true;
    first.ready = Clock::now();
    if (first.work && first.work->isCopy())
      first.ready += std::chrono::milliseconds(state().faults.next("copy"));
  }
  if (first.ready > Clock::now()) {
    if (!wait)
      return Step::NotReady;
    std::this_thread::sleep_until(first.ready);
  }
  Item item = std::move(first);
  stream.queue.pop_front();
  if (item.work)
    context.error = item.work->run(context);
  item.mark->done = true;
  item.mark->time = Clock::now();
  return Step::Ran;
}

void reach(Context &context, const Mark &mark) {
  auto stream = mark.stream.lock();
  while (stream && !mark.done && step(context, *stream, true) == Step::Ran) {
  }
}

void drain(Context &context, Stream &stream) {
  while (step(context, stream, true) == Step::Ran) {
  }
}

void drainAll(Context &context) {
  for (auto &[handle, stream] : context.streams.items)
    drain(context, *stream);
  drain(context, *context.defaultStream);
}

} // namespace axiom::standin
