// From a whole header to the end of the answer.
#include "runtime/serve/http/Connection.h"

#include <cerrno>

namespace axiom::http {

using Kind = IoResult::Kind;

static bool usableId(std::string_view id) {
  if (id.empty() || id.size() > 128)
    return false;
  for (char c : id)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
          c == '_' || c == '.' || c == ':'))
      return false;
  return true;
}

void Connection::accept(size_t headBytes) {
  shared_->registry.leave(place_);
  current_ = std::make_unique<Current>();
  Current &current = *current_;
  current.began = Clock::now();
  current.bytesIn = headBytes;
  auto refusal = parseHead(std::string_view(input_).substr(0, headBytes), current.head);
  input_.erase(0, headBytes);
  Head &head = current.head;
  Request &request = current.request;
  const std::string *id = head.headers.find("X-Request-Id");
  request.id = id && usableId(*id) ? *id
                                   : format("%s-%llu", shared_->idPrefix.c_str(),
                                            static_cast<unsigned long long>(++shared_->lastId));
  request.method = head.method;
  request.path = head.path;
  request.query = head.query;
  request.peer = peer_;
  request.secure = shared_->tls != nullptr;
  current.keepAlive = head.keepAlive && !*shared_->draining;
  if (!refusal)
    refusal = shared_->policy.check(head, current.cors);
  if (refusal)
    return refuse(std::move(*refusal));
  bool bodyless = head.body == Head::Body::None;

  RouteTable::Match match = shared_->routes.find(head.method, head.path);
  if (*shared_->draining && !(match.route && match.route->whileDraining))
    return refuse({503, Reason::Draining, "The server is about to stop. Ask another one."});
  std::string methods = match.methods.empty() ? "OPTIONS" : match.methods;
  if (match.methods.empty() && head.path == "*")
    methods = "GET, HEAD, POST, OPTIONS";
  if (!match.route || match.route->method != "OPTIONS")
    if (auto preflight = shared_->policy.preflight(head, current.cors, methods))
      return answer(*preflight, bodyless);
  request.headers = std::move(head.headers);
  if (shared_->options.gate) {
    std::optional<Response> response;
    try {
      response = shared_->options.gate(request);
    } catch (const std::exception &problem) {
      shared_->log("request " + request.id + ": the gate threw: " + problem.what());
      return refuse({500, Reason::InternalError, "The server failed at this request."});
    }
    for (Header &field : request.answerFields)
      current.cors.push_back(std::move(field));
    if (response) {
      shared_->counters.count(Reason::Gate);
      current.rejected = Reason::Gate;
      return answer(*response, bodyless);
    }
  }
  if (!match.route && match.methods.empty())
    return refuse(
        {404, Reason::NotFound, "There is nothing at " + shown(head.path) + " on this server."});
  if (!match.route) {
    Response response = errorResponse(405,
                                      "Method " + head.method + " is not allowed at " +
                                          shown(head.path) + ", only " + methods + ".",
                                      reasonName(Reason::MethodNotAllowed));
    response.headers.push_back({"Allow", methods});
    shared_->counters.count(Reason::MethodNotAllowed);
    current.rejected = Reason::MethodNotAllowed;
    return answer(response, bodyless);
  }
  current.route = match.route;
  beginBody();
}

void Connection::beginBody() {
  Current &current = *current_;
  const Head &head = current.head;
  if (head.body == Head::Body::None)
    return dispatch();
  uint64_t limit = current.route->bodyBytes ? current.route->bodyBytes : limits_.bodyBytes;
  if (head.body == Head::Body::Length && head.length > limit)
    return refuse({413, Reason::BodyTooLarge,
                   format("The body has %llu bytes; at most %llu are taken here.",
                          static_cast<unsigned long long>(head.length),
                          static_cast<unsigned long long>(limit))});
  current.body = BodyReader(head, limit);
  state_ = State::Body;
  windowStart_ = Clock::now();
  deadline_ = windowStart_ + limits_.bodyTime;
  windowBytes_ = input_.size();
  if (head.expectsContinue && input_.empty()) {
    output_ = "HTTP/1.1 100 Continue\r\n\r\n";
    outputAt_ = 0;
    flush();
  }
}

void Connection::dispatch() {
  releaseBody();
  Current &current = *current_;
  state_ = State::Answering;
  exchange_ = std::make_shared<Exchange>(form(), shared_from_this(), limits_.streamBytes,
                                         shared_->draining);
  ++shared_->counters.requests;
  ++shared_->counters.activeRequests;
  Request request = std::move(current.request);
  current.request.note = request.note;
  current.request.id = request.id; // what Finished tells
  current.request.method = request.method;
  current.request.path = request.path;
  Responder responder = exchange_->responder();
  std::shared_ptr<Exchange> exchange = exchange_;
  std::string problem;
  try {
    current.route->handler(std::move(request), responder);
  } catch (const std::exception &thrown) {
    problem = thrown.what();
  } catch (...) {
    problem = "an exception of unknown type";
  }
  if (!problem.empty()) {
    shared_->counters.count(Reason::InternalError);
    current.rejected = Reason::InternalError;
    shared_->log("request " + current.request.id + ": its handler threw: " + problem);
    if (!responder.send(errorResponse(500, "The server failed at this request.",
                                      reasonName(Reason::InternalError))) &&
        !exchange->ended())
      return close(CloseReason::Aborted);
  }
  responder = Responder(); // without an answer by now and no copy elsewhere, this gives one
  if (state_ == State::Answering && exchange_ == exchange)
    flush();
}

ResponseForm Connection::form() const {
  ResponseForm form;
  if (!current_)
    return form;
  form.http10 = current_->head.minorVersion == 0;
  form.headOnly = current_->head.method == "HEAD";
  form.keepAlive = current_->keepAlive;
  form.id = current_->request.id;
  form.cors = current_->cors;
  return form;
}

// Bytes of the refused request that are still to come would be read as the next one, so the
// connection ends where there may be any.
void Connection::refuse(Refusal refusal) {
  shared_->counters.count(refusal.reason);
  bool whole = current_ && state_ == State::Head && current_->head.body == Head::Body::None;
  bool keepAlive = whole && (refusal.status == 404 || refusal.status == 403);
  if (!current_) {
    current_ = std::make_unique<Current>();
    current_->began = Clock::now();
    current_->bytesIn = input_.size();
  }
  current_->rejected = refusal.reason;
  Response response = errorResponse(refusal.status, refusal.message, reasonName(refusal.reason));
  if (refusal.status == 503)
    response.headers.push_back({"Retry-After", "1"});
  if (refusal.status == 405) // a method that no path takes; the path is not looked at
    response.headers.push_back({"Allow", "GET, HEAD, POST, OPTIONS"});
  answer(response, keepAlive);
}

void Connection::answer(const Response &response, bool keepAlive) {
  shared_->registry.leave(place_);
  releaseBody();
  state_ = State::Refusing;
  current_->keepAlive = current_->keepAlive && keepAlive && !*shared_->draining;
  ResponseForm how = form();
  output_.erase(0, outputAt_); // 100 Continue may still be on its way
  outputAt_ = 0;
  output_ += wholeResponse(how, response);
  current_->keepAlive = how.keepAlive;
  current_->status = response.status;
  if (!current_->keepAlive)
    input_ = std::string();
  flush();
}

// Sends what waits. False if the connection is closed by it, or has to wait.
bool Connection::writeOutput() {
  while (outputAt_ < output_.size()) {
    IoResult result = transport_->write(output_.data() + outputAt_, output_.size() - outputAt_);
    if (result.kind == Kind::Done) {
      outputAt_ += result.bytes;
      stallBytes_ += result.bytes;
      shared_->counters.bytesOut += result.bytes;
      if (current_)
        current_->bytesOut += result.bytes;
      if (exchange_ && state_ == State::Answering)
        exchange_->sent(result.bytes);
      continue;
    }
    if (result.kind == Kind::WantWrite || result.kind == Kind::WantRead) {
      if (!stallStart_) {
        stallStart_ = Clock::now();
        stallBytes_ = 0;
      }
      result.kind == Kind::WantWrite ? armWrite() : armRead();
      return false;
    }
    shared_->counters.count(Reason::ClientGone);
    close(CloseReason::ClientGone);
    return false;
  }
  output_ = std::string();
  outputAt_ = 0;
  stallStart_.reset();
  return true;
}

void Connection::flush() {
  if (state_ == State::Lingering || state_ == State::Handshake)
    return;
  // The end is asked for before the bytes are taken: what is added between would be the end.
  for (;;) {
    bool ended = state_ == State::Answering && exchange_->ended();
    if (outputAt_ == output_.size() && state_ == State::Answering) {
      output_.clear();
      outputAt_ = 0;
      exchange_->take(output_);
    } else {
      ended = false; // more may wait in the exchange
    }
    bool empty = output_.empty();
    if (!writeOutput() || state_ == State::Closed)
      return;
    if (state_ == State::Refusing) {
      bool keepAlive = current_->keepAlive;
      requestDone(current_->rejected);
      return nextOrEnd(keepAlive);
    }
    if (state_ != State::Answering)
      return;
    if (ended) {
      bool keepAlive = exchange_->keepAlive();
      exchange_->finish();
      std::optional<Reason> rejected = current_->rejected;
      if (!rejected && exchange_->gaveUp()) {
        shared_->counters.count(Reason::InternalError);
        rejected = Reason::InternalError;
      }
      requestDone(rejected);
      return nextOrEnd(keepAlive);
    }
    if (empty)
      return;
  }
}

void Connection::requestDone(std::optional<Reason> rejected) {
  if (!current_)
    return;
  std::unique_ptr<Current> current = std::move(current_);
  int status = current->status;
  if (exchange_) {
    status = exchange_->status();
    --shared_->counters.activeRequests;
    exchange_.reset();
  }
  if (!shared_->options.finished)
    return;
  Finished finished;
  finished.id = current->request.id;
  finished.method = current->request.method;
  finished.path = current->request.path;
  finished.peer = peer_;
  finished.status = status;
  finished.bytesIn = current->bytesIn;
  finished.bytesOut = current->bytesOut;
  finished.duration =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - current->began);
  finished.rejected = rejected;
  finished.note = std::move(current->request.note);
  try {
    shared_->options.finished(finished);
  } catch (const std::exception &) {
    shared_->counters.count(Reason::InternalError);
  }
}

void Connection::nextOrEnd(bool keepAlive) {
  if (!keepAlive || (*shared_->draining && input_.empty()) || (peerClosed_ && input_.empty()))
    return linger();
  beginHead();
  resume();
}

void Connection::linger() {
  if (peerClosed_)
    return close(CloseReason::ClientGone);
  // Closing with unread bytes would reset the connection, and the client might lose the answer.
  state_ = State::Lingering;
  shared_->registry.enter(place_, weak_from_this(), true); // may go for a newer one
  input_ = std::string();
  deadline_ = Clock::now() + limits_.lingerTime;
  transport_->finish();
  resume();
}

void Connection::flushSoon() {
  loop_->post([self = shared_from_this()] {
    self->guarded([&] {
      if (self->state_ == State::Answering)
        self->flush();
    });
  });
}

void Connection::abortSoon(std::shared_ptr<Exchange> exchange) {
  loop_->post([self = shared_from_this(), exchange = std::move(exchange)] {
    self->guarded([&] {
      if (self->exchange_ == exchange)
        self->close(CloseReason::Aborted);
    });
  });
}

} // namespace axiom::http
