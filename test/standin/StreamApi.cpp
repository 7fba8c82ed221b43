// Streams and events.
#include "test/standin/Queue.h"

#include <algorithm>

using namespace axiom::standin;

int cuStreamCreate(StreamHandle *stream, unsigned flags) {
  AXIOM_ENTRY(Context);
  if (!stream || flags > kNonBlocking)
    return InvalidValue;
  auto made = std::make_shared<Stream>();
  made->blocking = flags != kNonBlocking;
  entry.context->streams.add(stream, made);
  made->handle = reinterpret_cast<uintptr_t>(*stream);
  return Success;
}

int cuStreamDestroy_v2(StreamHandle stream) {
  AXIOM_ENTRY(Teardown);
  auto own = entry.context->streams.find(stream);
  if (!own)
    return InvalidHandle;
  if (own->capture) {
    own->capture->valid = false;
    return CaptureUnsupported;
  }
  // Its work is still done.
  drain(*entry.context, *own);
  entry.context->streams.erase(stream);
  return entry.result;
}

/// Waiting for a stream, or looking at it, has no meaning while it is captured.
static int refused(Context &context, Stream &stream) {
  if (stream.capture) {
    stream.capture->valid = false;
    return CaptureUnsupported;
  }
  return refusedByCapture(context, stream);
}

int cuStreamSynchronize(StreamHandle stream) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->stream(stream);
  if (!own)
    return InvalidHandle;
  if (int error = refused(*entry.context, *own))
    return error;
  drain(*entry.context, *own);
  return entry.context->error;
}

/// What a question finds; each brings the work on by one piece, so that who asks again and again
/// gets there.
static int answer(Context &context, Stream &stream, const Mark *mark) {
  bool done = mark ? mark->done : stream.queue.empty();
  if (done)
    return Success;
  step(context, stream, false);
  return context.error ? context.error : NotReady;
}

int cuStreamQuery(StreamHandle stream) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->stream(stream);
  if (!own)
    return InvalidHandle;
  if (int error = refused(*entry.context, *own))
    return error;
  return answer(*entry.context, *own, nullptr);
}

int cuEventCreate(EventHandle *event, unsigned flags) {
  AXIOM_ENTRY(Context);
  if (!event || flags > 7 || ((flags & kInterprocess) && !(flags & kDisableTiming)))
    return InvalidValue;
  auto made = std::make_shared<Event>();
  made->flags = flags;
  entry.context->events.add(event, made);
  return Success;
}

int cuEventDestroy_v2(EventHandle event) {
  AXIOM_ENTRY(Teardown);
  return entry.context->events.erase(event) ? entry.result : static_cast<int>(InvalidHandle);
}

int cuEventRecord(EventHandle event, StreamHandle stream) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->events.find(event);
  auto at = entry.context->stream(stream);
  if (!own || !at)
    return InvalidHandle;
  if (at->capture) {
    if (!at->capture->valid)
      return CaptureInvalidated;
    own->mark = nullptr;
    own->capture = at->capture;
    own->ends = at->ends;
    return Success;
  }
  if (int error = enqueue(*entry.context, at, nullptr))
    return error;
  own->mark = at->last;
  own->capture = nullptr;
  return Success;
}

/// The stream joins the capture in which the event was recorded.
static int waitInCapture(Context &context, Stream &stream, const Event &event) {
  if (!event.capture->valid || event.capture->origin == nullptr)
    return event.capture->valid ? CapturedEvent : CaptureInvalidated;
  if (int error = refusedByCapture(context, stream))
    return error;
  if (stream.capture && stream.capture != event.capture) {
    stream.capture->valid = event.capture->valid = false;
    return CaptureMerge;
  }
  stream.capture = event.capture;
  for (size_t end : event.ends)
    if (std::find(stream.ends.begin(), stream.ends.end(), end) == stream.ends.end())
      stream.ends.push_back(end);
  return Success;
}

int cuStreamWaitEvent(StreamHandle stream, EventHandle event, unsigned flags) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->stream(stream);
  auto what = entry.context->events.find(event);
  if (!own || !what)
    return InvalidHandle;
  if (flags != 0)
    return InvalidValue;
  if (what->capture)
    return waitInCapture(*entry.context, *own, *what);
  if (own->capture) {
    // Behind work that is no part of what is captured.
    own->capture->valid = false;
    return CaptureIsolation;
  }
  if (!what->mark || what->mark->done)
    return Success;
  return enqueue(*entry.context, own, nullptr, {what->mark});
}

int cuEventQuery(EventHandle event) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->events.find(event);
  if (!own)
    return InvalidHandle;
  if (own->capture)
    return CapturedEvent;
  if (!own->mark || own->mark->done)
    return Success;
  auto stream = own->mark->stream.lock();
  return stream ? answer(*entry.context, *stream, own->mark.get()) : static_cast<int>(Success);
}

int cuEventSynchronize(EventHandle event) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->events.find(event);
  if (!own)
    return InvalidHandle;
  if (own->capture)
    return CapturedEvent;
  if (own->mark)
    reach(*entry.context, *own->mark);
  return entry.context->error;
}

int cuEventElapsedTime(float *milliseconds, EventHandle begin, EventHandle end) {
  AXIOM_ENTRY(Context);
  if (!milliseconds)
    return InvalidValue;
  auto first = entry.context->events.find(begin), last = entry.context->events.find(end);
  if (!first || !last || !first->mark || !last->mark || (first->flags & kDisableTiming) ||
      (last->flags & kDisableTiming))
    return InvalidHandle;
  if (!first->mark->done || !last->mark->done)
    return NotReady;
  *milliseconds =
      std::chrono::duration<float, std::milli>(last->mark->time - first->mark->time).count();
  return Success;
}
