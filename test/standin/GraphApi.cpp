// Captures of streams, and graphs.
#include "test/standin/Queue.h"

using namespace axiom::standin;

int cuStreamBeginCapture_v2(StreamHandle stream, int mode) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->stream(stream);
  if (!own)
    return InvalidHandle;
  if (mode < CaptureGlobal || mode > CaptureRelaxed)
    return InvalidValue;
  if (own->handle == 0)
    return CaptureUnsupported;
  if (own->capture)
    return IllegalState;
  own->capture = std::make_shared<Capture>();
  own->capture->origin = own.get();
  own->capture->mode = mode;
  own->capture->thread = std::this_thread::get_id();
  own->ends.clear();
  return Success;
}

int cuStreamIsCapturing(StreamHandle stream, int *status) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->stream(stream);
  if (!own)
    return InvalidHandle;
  if (!status)
    return InvalidValue;
  if (int error = refusedByCapture(*entry.context, *own))
    return error;
  *status = !own->capture ? CaptureNone : own->capture->valid ? CaptureActive : CaptureInvalid;
  return Success;
}

/// Whether the end of the origin comes behind what every stream that joined has recorded.
static bool allJoined(Context &context, const Capture &capture) {
  std::vector<bool> reached(capture.nodes.size());
  std::vector<size_t> open = capture.origin->ends;
  while (!open.empty()) {
    size_t node = open.back();
    open.pop_back();
    if (reached[node])
      continue;
    reached[node] = true;
    open.insert(open.end(), capture.nodes[node].after.begin(), capture.nodes[node].after.end());
  }
  for (auto &[handle, stream] : context.streams.items)
    if (stream->capture.get() == &capture)
      for (size_t end : stream->ends)
        if (!reached[end])
          return false;
  return true;
}

int cuStreamEndCapture(StreamHandle stream, GraphHandle *graph) {
  AXIOM_ENTRY(Context);
  Context &context = *entry.context;
  auto own = context.stream(stream);
  if (!own)
    return InvalidHandle;
  if (!graph)
    return InvalidValue;
  *graph = nullptr;
  std::shared_ptr<Capture> capture = own->capture;
  if (!capture)
    return IllegalState;
  if (capture->origin != own.get())
    return CaptureUnmatched;
  if (capture->mode != CaptureRelaxed && capture->thread != std::this_thread::get_id())
    return CaptureWrongThread;
  bool joined = allJoined(context, *capture);
  for (auto &[handle, other] : context.streams.items)
    if (other->capture == capture) {
      other->capture = nullptr;
      other->ends.clear();
    }
  capture->origin = nullptr;
  if (!capture->valid)
    return CaptureInvalidated;
  if (!joined)
    return CaptureUnjoined;
  auto made = std::make_shared<Graph>();
  made->nodes = capture->nodes;
  context.graphs.add(graph, made);
  return Success;
}

int cuGraphInstantiateWithFlags(GraphExecHandle *exec, GraphHandle graph,
                                unsigned long long flags) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->graphs.find(graph);
  if (!own)
    return InvalidHandle;
  if (!exec || flags != 0)
    return InvalidValue;
  entry.context->execs.add(exec, std::make_shared<Graph>(*own));
  return Success;
}

int cuGraphLaunch(GraphExecHandle exec, StreamHandle stream) {
  AXIOM_ENTRY(Context);
  auto own = entry.context->execs.find(exec);
  auto on = entry.context->stream(stream);
  if (!own || !on)
    return InvalidHandle;
  if (on->capture) {
    on->capture->valid = false;
    return CaptureUnsupported;
  }
  auto work = std::make_shared<GraphRun>();
  work->graph = own;
  return enqueue(*entry.context, on, work);
}

int cuGraphDestroy(GraphHandle graph) {
  AXIOM_ENTRY(Teardown);
  return entry.context->graphs.erase(graph) ? entry.result : static_cast<int>(InvalidHandle);
}

int cuGraphExecDestroy(GraphExecHandle exec) {
  AXIOM_ENTRY(Teardown);
  return entry.context->execs.erase(exec) ? entry.result : static_cast<int>(InvalidHandle);
}
