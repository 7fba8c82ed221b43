// The order of work: streams, marks between them, captures.
#ifndef AXIOM_TEST_STANDIN_QUEUE_H
#define AXIOM_TEST_STANDIN_QUEUE_H

#include "test/standin/Work.h"

namespace axiom::standin {

/// Puts work behind what the stream has, or records it where the stream is captured. Eager: runs
/// it too. The error is the call's, not the work's.
int enqueue(Context &context, const std::shared_ptr<Stream> &stream, std::shared_ptr<Work> work,
            std::vector<std::shared_ptr<Mark>> after = {});

/// What stands in the way of a stream's use by a call: a capture that it would disturb.
int refusedByCapture(Context &context, const Stream &stream);

enum class Step { Ran, NotReady, Empty };
/// Runs the stream's first piece of work, or one that it waits for. `wait`: for slow ones too.
Step step(Context &context, Stream &stream, bool wait);
/// Runs until the mark is reached, or the context has failed.
void reach(Context &context, const Mark &mark);
/// Runs all work of the stream.
void drain(Context &context, Stream &stream);
void drainAll(Context &context);

} // namespace axiom::standin

#endif
