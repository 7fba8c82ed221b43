#include "runtime/serve/http/Connection.h"

#include <unistd.h>

namespace axiom::http {

using Kind = IoResult::Kind;

/// One read; the bytes go on to where they are kept, so idle connections keep no buffer.
static constexpr size_t kReadBytes = 64 << 10;
/// What a client may send ahead while its request is worked on. More and it is dropped: not to read
/// on would be not to see it go.
static constexpr size_t kAheadBytes = 64 << 10;
/// Reads in a row before other connections have their turn.
static constexpr int kReadsInARow = 8;

Connection::Connection(std::shared_ptr<Shared> shared, std::shared_ptr<Loop> loop, int descriptor,
                       std::string peer, std::function<void(Connection *)> onGone)
    : shared_(std::move(shared)), loop_(std::move(loop)), limits_(shared_->options.limits),
      unwatched_(descriptor), peer_(std::move(peer)), onGone_(std::move(onGone)),
      scanner_(limits_) {}

Connection::~Connection() {
  if (unwatched_ >= 0)
    ::close(unwatched_);
}

void Connection::enlist() {
  shared_->registry.opened();
  shared_->registry.enter(place_, weak_from_this(), true);
}

// A connection that fails in an unforeseen way, for want of memory for example, ends alone.
void Connection::guarded(const std::function<void()> &work) {
  auto self = shared_from_this();
  try {
    if (state_ != State::Closed)
      work();
  } catch (const std::exception &problem) {
    shared_->counters.count(Reason::InternalError);
    try {
      shared_->log("a connection of " + peer_ + " was dropped: " + problem.what());
    } catch (const std::exception &) {
    }
    close(CloseReason::Aborted);
  }
}

void Connection::discard() {
  onGone_ = nullptr; // its worker does not know it
  close(CloseReason::Aborted);
}

void Connection::start() {
  guarded([&] {
    int descriptor = std::exchange(unwatched_, -1);
    socket_ = loop_->adopt(descriptor);
    if (socket_)
      transport_ = shared_->tls ? shared_->tls->accept(descriptor) : plainTransport(descriptor);
    if (!transport_)
      return close(CloseReason::Aborted);
    state_ = State::Head;
    deadline_ = Clock::now() + limits_.headerTime;
    if (shared_->tls) {
      state_ = State::Handshake;
      handshake();
    } else {
      pump();
    }
    if (*shared_->draining)
      drain();
  });
}

void Connection::beginHead() {
  state_ = State::Head;
  scanner_.reset();
  emptyLine_ = false;
  deadline_ = Clock::now() + (input_.empty() ? limits_.idleTime : limits_.headerTime);
  shared_->registry.enter(place_, weak_from_this(), false);
}

void Connection::handshake() {
  IoResult result = transport_->handshake();
  switch (result.kind) {
  case Kind::Done:
    state_ = State::Head;
    pump();
    return;
  case Kind::WantRead:
    return armRead();
  case Kind::WantWrite:
    return armWrite();
  case Kind::PlainHttp: {
    // Answered without TLS, for it would look like a broken server otherwise.
    shared_->counters.count(Reason::TlsFailed);
    transport_ = plainTransport(socket_->descriptor());
    state_ = State::Head;
    return refuse({400, Reason::BadRequest, "This port speaks HTTPS: use https:// to ask."});
  }
  case Kind::End:
  case Kind::Failed:
    shared_->counters.count(Reason::TlsFailed);
    return close(CloseReason::ClientGone);
  }
}

void Connection::onReadable() {
  readArmed_ = false;
  guarded([&] {
    if (state_ == State::Handshake)
      return handshake();
    pump();
    if (outputAt_ < output_.size() && !writeArmed_ && state_ != State::Closed)
      flush(); // TLS may have to read before it can write
  });
}

void Connection::onWritable() {
  writeArmed_ = false;
  guarded([&] {
    if (state_ == State::Handshake)
      return handshake();
    flush();
    if (!readArmed_ && state_ != State::Closed)
      pump(); // TLS may have to write before it can read
  });
}

void Connection::armRead() {
  if (readArmed_ || peerClosed_ || state_ == State::Closed)
    return;
  readArmed_ = true;
  socket_->waitReadable(shared_from_this());
}

void Connection::armWrite() {
  if (writeArmed_ || state_ == State::Closed)
    return;
  writeArmed_ = true;
  socket_->waitWritable(shared_from_this());
}

// The reading goes on while a request is answered, for it is what shows that the client has gone.
// What the client sends ahead is kept up to kAheadBytes and one read.
bool Connection::wantsInput() const {
  switch (state_) {
  case State::Body:
  case State::Lingering: // these keep little
    return true;
  case State::Answering:
    return input_.size() <= kAheadBytes || !exchange_->ended();
  default:
    return input_.size() <= std::max<size_t>(limits_.headerBytes, kAheadBytes);
  }
}

void Connection::pump() {
  static thread_local std::unique_ptr<char[]> buffer(new char[kReadBytes]);
  process(); // what was sent ahead
  for (int reads = 0; state_ != State::Closed && !peerClosed_; ++reads) {
    if (!wantsInput())
      return; // resume() comes when the request is done
    if (reads == kReadsInARow)
      return resume();
    IoResult result = transport_->read(buffer.get(), kReadBytes);
    if (result.kind == Kind::Done) {
      shared_->counters.bytesIn += result.bytes;
      if (state_ == State::Lingering)
        continue;
      if (state_ == State::Head && input_.empty() && place_.list == Registry::Place::List::Idle)
        deadline_ = Clock::now() + limits_.headerTime; // the first byte of the next header
      if (state_ == State::Body)
        windowBytes_ += result.bytes;
      input_.append(buffer.get(), result.bytes);
      process();
      if (state_ == State::Answering && input_.size() > kAheadBytes && !exchange_->ended()) {
        shared_->counters.count(Reason::BadRequest);
        current_->rejected = Reason::BadRequest;
        return close(CloseReason::ClientGone);
      }
    } else if (result.kind == Kind::WantRead) {
      return armRead();
    } else if (result.kind == Kind::WantWrite) {
      return armWrite();
    } else {
      peerClosed_ = true;
      if (result.kind != Kind::End && state_ != State::Lingering) {
        if (exchange_ || current_)
          shared_->counters.count(Reason::ClientGone);
        return close(CloseReason::ClientGone);
      }
    }
  }
  if (state_ != State::Closed && peerClosed_ && !resumePosted_)
    peerClosed();
}

// Later, so that other connections have their turn and no call nests in another.
void Connection::resume() {
  if (resumePosted_)
    return;
  resumePosted_ = true;
  loop_->post([self = shared_from_this()] {
    self->resumePosted_ = false;
    self->guarded([&] { self->pump(); });
  });
}

// Moves on as far as the bytes allow. It never runs a second request within the first one's answer:
// nextOrEnd() posts.
void Connection::process() {
  if (state_ == State::Head)
    processHead();
  if (state_ == State::Body)
    processBody();
}

void Connection::processHead() {
  // An empty line before a request is forgiven, as the standard asks.
  if (!emptyLine_ && scanner_.size() == 0 && input_.starts_with("\r\n")) {
    emptyLine_ = true;
    input_.erase(0, 2);
  }
  if (input_.empty() || (input_ == "\r"))
    return;
  switch (scanner_.scan(input_)) {
  case HeadScanner::State::More:
    return;
  case HeadScanner::State::Refused:
    return refuse(std::move(scanner_.refusal()));
  case HeadScanner::State::Complete:
    return accept(scanner_.size());
  }
}

void Connection::processBody() {
  Current &current = *current_;
  size_t used = current.body.read(input_, current.request.body);
  input_.erase(0, used);
  current.bytesIn += used;
  if (current.body.refusal())
    return refuse(std::move(*current.body.refusal()));
  uint64_t held = current.request.body.capacity();
  shared_->bodyBytes += held - current.counted;
  current.counted = held;
  if (shared_->bodyBytes > limits_.bodyBytesTogether)
    return refuse({503, Reason::Overloaded,
                   "The bodies of all requests together are too large now. Try again later."});
  if (current.body.complete())
    dispatch();
}

void Connection::releaseBody() {
  if (current_)
    shared_->bodyBytes -= std::exchange(current_->counted, 0);
}

// The client sends nothing more. An answer that is ready still goes out, for a client may close its
// sending half early; one that is being worked on is not worth working on, for nothing tells such a
// client from one that has hung up.
void Connection::peerClosed() {
  switch (state_) {
  case State::Answering:
    if (exchange_->ended())
      return;
    shared_->counters.count(Reason::ClientGone);
    return close(CloseReason::ClientGone);
  case State::Refusing:
    return;
  case State::Body:
    shared_->counters.count(Reason::ClientGone);
    return close(CloseReason::ClientGone);
  default:
    return close(CloseReason::ClientGone);
  }
}

bool Connection::late(Clock::time_point now) {
  if (state_ == State::Body) {
    if (now >= deadline_)
      return true;
    if (now - windowStart_ < limits_.bodyWindow)
      return false;
    auto elapsed = std::chrono::duration_cast<Milliseconds>(now - windowStart_).count();
    bool slow = windowBytes_ * 1000 < uint64_t(elapsed) * limits_.bodyBytesPerSecond;
    windowBytes_ = 0;
    windowStart_ = now;
    return slow;
  }
  bool timed = state_ == State::Handshake || state_ == State::Head || state_ == State::Lingering;
  return timed && now >= deadline_;
}

void Connection::tick(Clock::time_point now) {
  guarded([&] {
    if (stallStart_ && now - *stallStart_ >= limits_.writeStall) {
      auto elapsed = std::chrono::duration_cast<Milliseconds>(now - *stallStart_).count();
      if (stallBytes_ == 0 ||
          stallBytes_ * 1000 < uint64_t(elapsed) * limits_.writeBytesPerSecond) {
        shared_->counters.count(Reason::WriteStalled);
        if (current_)
          current_->rejected = Reason::WriteStalled;
        return close(CloseReason::Stalled);
      }
      stallBytes_ = 0;
      stallStart_ = now;
    }
    if (late(now)) {
      if (state_ == State::Body)
        return refuse({408, Reason::RequestTimeout, "The body did not come in time."});
      if (state_ == State::Head && !input_.empty())
        return refuse({408, Reason::RequestTimeout, "The header did not come in time."});
      if (state_ == State::Handshake)
        shared_->counters.count(Reason::TlsFailed);
      return close(CloseReason::ClientGone);
    }
  });
}

void Connection::drain() {
  guarded([&] {
    if (state_ == State::Handshake)
      return close(CloseReason::Stopped);
    if (state_ != State::Head)
      return;
    pump(); // a request that has arrived gets its answer
    if (state_ == State::Head && input_.empty())
      close(CloseReason::Stopped);
  });
}

void Connection::evictSoon() {
  loop_->post([self = shared_from_this()] {
    self->guarded([&] {
      if (self->state_ == State::Head || self->state_ == State::Handshake)
        self->shared_->counters.count(Reason::Evicted);
      else if (self->state_ != State::Lingering)
        return; // its header came in the meantime
      self->close(CloseReason::Stopped);
    });
  });
}

void Connection::close(CloseReason reason) {
  if (state_ == State::Closed)
    return;
  auto self = shared_from_this(); // onGone drops the server's
  state_ = State::Closed;
  releaseBody();
  shared_->registry.leave(place_);
  transport_.reset(); // before its descriptor
  if (socket_)
    socket_->close();
  if (exchange_) {
    try {
      exchange_->close(reason);
    } catch (const std::exception &problem) {
      shared_->counters.count(Reason::InternalError);
    }
  }
  std::optional<Reason> dropped;
  if (reason == CloseReason::ClientGone)
    dropped = Reason::ClientGone;
  else if (reason == CloseReason::Aborted)
    dropped = Reason::InternalError;
  else if (reason == CloseReason::Stopped)
    dropped = Reason::Draining;
  if (current_)
    requestDone(current_->rejected ? current_->rejected : dropped);
  exchange_.reset();
  input_ = std::string();
  output_ = std::string();
  if (onGone_)
    std::exchange(onGone_, nullptr)(this);
  shared_->registry.closed();
}

} // namespace axiom::http
