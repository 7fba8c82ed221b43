#include "runtime/serve/http/Exchange.h"

#include "runtime/base/Status.h"
#include "runtime/serve/http/Counters.h"

#include <ctime>

namespace axiom::http {

static void appendField(std::string &out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (char c : value) // a handler's value must not begin a field or a body of its own
    out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  out += "\r\n";
}

static std::string dateNow() {
  thread_local std::time_t last = 0;
  thread_local char text[32] = "";
  std::time_t now = std::time(nullptr);
  if (now != last) {
    // Not strftime: a locale would translate the names.
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc;
    gmtime_r(&now, &utc);
    std::snprintf(text, sizeof text, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[utc.tm_wday],
                  unsigned(utc.tm_mday) % 100, months[utc.tm_mon],
                  unsigned(utc.tm_year + 1900) % 10000, unsigned(utc.tm_hour) % 100,
                  unsigned(utc.tm_min) % 100, unsigned(utc.tm_sec) % 100);
    last = now;
  }
  return text;
}

std::string responseHead(ResponseForm &form, int status, std::string_view contentType,
                         std::optional<uint64_t> length, const std::vector<Header> &headers) {
  bool bodyless = status == 204 || status == 304;
  if (!length && !bodyless && form.http10)
    form.keepAlive = false;
  std::string out = form.http10 ? "HTTP/1.0 " : "HTTP/1.1 ";
  out += std::to_string(status);
  out += ' ';
  out += statusPhrase(status);
  out += "\r\n";
  appendField(out, "Date", dateNow());
  if (!contentType.empty() && !bodyless)
    appendField(out, "Content-Type", contentType);
  if (length && !bodyless)
    appendField(out, "Content-Length", std::to_string(*length));
  else if (!bodyless && !form.http10)
    appendField(out, "Transfer-Encoding", "chunked");
  if (!form.keepAlive)
    appendField(out, "Connection", "close");
  else if (form.http10)
    appendField(out, "Connection", "keep-alive");
  if (!form.id.empty())
    appendField(out, "X-Request-Id", form.id);
  appendField(out, "X-Content-Type-Options", "nosniff");
  for (const Header &field : form.cors)
    appendField(out, field.name, field.value);
  for (const Header &field : headers)
    appendField(out, field.name, field.value);
  out += "\r\n";
  return out;
}

std::string wholeResponse(ResponseForm &form, const Response &response) {
  std::string out = responseHead(form, response.status, response.contentType, response.body.size(),
                                 response.headers);
  if (!form.headOnly && response.status != 204 && response.status != 304)
    out += response.body;
  return out;
}

Exchange::Exchange(ResponseForm form, std::shared_ptr<ExchangeSink> sink, size_t streamBytes,
                   std::shared_ptr<const std::atomic<bool>> draining)
    : form_(std::move(form)), sink_(std::move(sink)), streamBytes_(streamBytes),
      draining_(std::move(draining)) {}

void Exchange::flushLocked() {
  if (flushPosted_ || !sink_)
    return;
  flushPosted_ = true;
  sink_->flushSoon();
}

bool Exchange::send(const Response &response) {
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::Waiting)
    return false;
  form_.keepAlive = form_.keepAlive && !*draining_;
  out_ = wholeResponse(form_, response);
  kept_ += out_.size();
  status_ = response.status;
  phase_ = Phase::Ended;
  flushLocked();
  return true;
}

bool Exchange::start(int status, std::string_view contentType, const std::vector<Header> &headers) {
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::Waiting)
    return false;
  form_.keepAlive = form_.keepAlive && !*draining_;
  out_ = responseHead(form_, status, contentType, std::nullopt, headers);
  kept_ += out_.size();
  status_ = status;
  phase_ = Phase::Streaming;
  flushLocked();
  return true;
}

WriteResult Exchange::write(std::string_view bytes) {
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::Streaming)
    return WriteResult::Closed;
  if (bytes.empty() || form_.headOnly || status_ == 204 || status_ == 304)
    return WriteResult::Ok;
  char size[24];
  int digits = std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  size_t framed = bytes.size() + (form_.http10 ? 0 : static_cast<size_t>(digits) + 2);
  if (kept_ > 0 && kept_ + framed > streamBytes_)
    return WriteResult::Full;
  if (!form_.http10)
    out_ += size;
  out_ += bytes;
  if (!form_.http10)
    out_ += "\r\n";
  kept_ += framed;
  flushLocked();
  return WriteResult::Ok;
}

bool Exchange::end() {
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::Streaming)
    return false;
  if (!form_.headOnly && !form_.http10 && status_ != 204 && status_ != 304) {
    out_ += "0\r\n\r\n";
    kept_ += 5;
  }
  phase_ = Phase::Ended;
  flushLocked();
  return true;
}

void Exchange::abort() {
  std::lock_guard lock(mutex_);
  if (sink_)
    sink_->abortSoon(shared_from_this());
}

bool Exchange::closed() const {
  std::lock_guard lock(mutex_);
  return phase_ == Phase::Closed || phase_ == Phase::Finished;
}

void Exchange::onClose(std::function<void(CloseReason)> callback) {
  {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::Closed) {
      if (phase_ != Phase::Finished)
        onClose_.swap(callback); // the old one, if any, dies outside the lock
      return;
    }
  }
  if (callback)
    callback(closeReason_);
}

void Exchange::onWritable(std::function<void()> callback) {
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::Streaming && !roomLocked()) {
      onWritable_.swap(callback);
      return;
    }
    if (phase_ == Phase::Finished || phase_ == Phase::Closed)
      return;
  }
  if (callback)
    callback();
}

void Exchange::abandoned() {
  bool streaming = false;
  {
    std::lock_guard lock(mutex_);
    streaming = phase_ == Phase::Streaming;
    if (phase_ != Phase::Waiting && !streaming)
      return;
    gaveUp_ = true;
  }
  if (streaming)
    abort();
  else
    send(errorResponse(500, "The server gave no answer to this request.",
                       reasonName(Reason::InternalError)));
}

void Exchange::take(std::string &out) {
  std::lock_guard lock(mutex_);
  flushPosted_ = false;
  if (out.empty())
    out = std::move(out_);
  else
    out += out_;
  out_.clear();
}

void Exchange::sent(size_t bytes) {
  std::function<void()> callback;
  {
    std::lock_guard lock(mutex_);
    kept_ -= std::min(kept_, bytes);
    if (onWritable_ && roomLocked())
      callback.swap(onWritable_);
  }
  if (callback)
    callback();
}

bool Exchange::ended() const {
  std::lock_guard lock(mutex_);
  return phase_ == Phase::Ended;
}

bool Exchange::keepAlive() const {
  std::lock_guard lock(mutex_);
  return form_.keepAlive;
}

int Exchange::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

bool Exchange::gaveUp() const {
  std::lock_guard lock(mutex_);
  return gaveUp_;
}

void Exchange::finish() {
  std::function<void(CloseReason)> closing;
  std::function<void()> writable;
  std::shared_ptr<ExchangeSink> sink;
  std::lock_guard lock(mutex_);
  phase_ = Phase::Finished;
  sink.swap(sink_);
  closing.swap(onClose_); // destroyed after the lock, like the others: they may hold a Responder
  writable.swap(onWritable_);
}

void Exchange::close(CloseReason reason) {
  std::function<void(CloseReason)> closing;
  std::function<void()> writable;
  std::shared_ptr<ExchangeSink> sink;
  std::string out;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::Finished || phase_ == Phase::Closed)
      return;
    phase_ = Phase::Closed;
    closeReason_ = reason;
    sink.swap(sink_);
    closing.swap(onClose_);
    writable.swap(onWritable_);
    out.swap(out_);
    kept_ = 0;
  }
  if (closing)
    closing(reason);
}

struct Responder::Handle {
  explicit Handle(std::shared_ptr<Exchange> exchange) : exchange(std::move(exchange)) {}
  ~Handle() {
    try {
      exchange->abandoned();
    } catch (const std::exception &) { // no memory for an answer: the idle client will be dropped
    }
  }
  std::shared_ptr<Exchange> exchange;
};

Responder Exchange::responder() {
  return Responder(std::make_shared<Responder::Handle>(shared_from_this()));
}

bool Responder::send(Response response) const {
  return handle_ && handle_->exchange->send(response);
}
bool Responder::start(int status, std::string_view contentType, std::vector<Header> headers) const {
  return handle_ && handle_->exchange->start(status, contentType, headers);
}
WriteResult Responder::write(std::string_view bytes) const {
  return handle_ ? handle_->exchange->write(bytes) : WriteResult::Closed;
}
bool Responder::end() const { return handle_ && handle_->exchange->end(); }
void Responder::abort() const {
  if (handle_)
    handle_->exchange->abort();
}
bool Responder::closed() const { return !handle_ || handle_->exchange->closed(); }
void Responder::onClose(std::function<void(CloseReason)> callback) const {
  if (handle_)
    handle_->exchange->onClose(std::move(callback));
}
void Responder::onWritable(std::function<void()> callback) const {
  if (handle_)
    handle_->exchange->onWritable(std::move(callback));
}

} // namespace axiom::http
