// One request's answer between the threads that make it and the connection that sends it.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_EXCHANGE_H
#define AXIOM_RUNTIME_SERVE_HTTP_EXCHANGE_H

#include "runtime/serve/http/Responder.h"

#include <atomic>
#include <mutex>

namespace axiom::http {

/// How a response is written for the request it answers.
struct ResponseForm {
  bool http10 = false;
  bool headOnly = false;
  bool keepAlive = true;
  std::string id;
  std::vector<Header> cors;
};

/// Status line and fields. `length` nothing: chunks, or up to the end of the connection in
/// HTTP/1.0, where `form.keepAlive` becomes false.
std::string responseHead(ResponseForm &form, int status, std::string_view contentType,
                         std::optional<uint64_t> length, const std::vector<Header> &headers);
/// Head and, unless form.headOnly, body.
std::string wholeResponse(ResponseForm &form, const Response &response);

class Exchange;

/// The connection as an exchange sees it. Any thread; neither waits nor calls back from within.
class ExchangeSink {
public:
  virtual ~ExchangeSink() = default;
  virtual void flushSoon() = 0;
  /// Unless the connection serves another request by then.
  virtual void abortSoon(std::shared_ptr<Exchange> exchange) = 0;
};

class Exchange : public std::enable_shared_from_this<Exchange> {
public:
  /// `draining` is asked when the head is written: the last response of a connection says so.
  Exchange(ResponseForm form, std::shared_ptr<ExchangeSink> sink, size_t streamBytes,
           std::shared_ptr<const std::atomic<bool>> draining);
  /// Once.
  Responder responder();

  // For responders, from any thread.
  bool send(const Response &response);
  bool start(int status, std::string_view contentType, const std::vector<Header> &headers);
  WriteResult write(std::string_view bytes);
  bool end();
  void abort();
  bool closed() const;
  void onClose(std::function<void(CloseReason)> callback);
  void onWritable(std::function<void()> callback);
  void abandoned();

  // For the connection, on its thread.
  /// The bytes that wait, appended to `out`.
  void take(std::string &out);
  /// So many of the taken bytes have been handed to the system.
  void sent(size_t bytes);
  /// The response is whole: once what take() gives is sent, the request is done.
  bool ended() const;
  bool keepAlive() const;
  int status() const;
  /// The last Responder went without an answer.
  bool gaveUp() const;
  /// Everything has been sent: forgets callbacks and connection.
  void finish();
  /// The connection is gone: tells onClose.
  void close(CloseReason reason);

private:
  enum class Phase { Waiting, Streaming, Ended, Finished, Closed };
  void flushLocked();
  bool roomLocked() const { return kept_ <= streamBytes_ / 2; }

  mutable std::mutex mutex_;
  ResponseForm form_;
  std::shared_ptr<ExchangeSink> sink_;
  const size_t streamBytes_;
  const std::shared_ptr<const std::atomic<bool>> draining_;
  Phase phase_ = Phase::Waiting;
  CloseReason closeReason_ = CloseReason::ClientGone;
  int status_ = 0;
  std::string out_;
  size_t kept_ = 0; ///< out_ and what the connection has taken and not sent
  bool flushPosted_ = false, gaveUp_ = false;
  std::function<void(CloseReason)> onClose_;
  std::function<void()> onWritable_;
};

} // namespace axiom::http

#endif
