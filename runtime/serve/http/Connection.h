// One connection: reads requests in order, hands each to its handler, sends the answer, keeps the
// time limits. All of it on one loop's thread, apart from the members that say otherwise.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_CONNECTION_H
#define AXIOM_RUNTIME_SERVE_HTTP_CONNECTION_H

#include "runtime/serve/http/Body.h"
#include "runtime/serve/http/Exchange.h"
#include "runtime/serve/http/Loop.h"
#include "runtime/serve/http/Policy.h"
#include "runtime/serve/http/Registry.h"
#include "runtime/serve/http/Transport.h"

namespace axiom::http {

using Clock = std::chrono::steady_clock;

/// What the parts of a server share.
struct Shared {
  Shared(Options given, RouteTable table)
      : options(std::move(given)), routes(std::move(table)),
        policy(options.hosts, options.origins) {}

  const Options options;
  const RouteTable routes;
  const Policy policy;
  std::shared_ptr<TlsContext> tls;
  uint32_t maxConnections = 0;
  std::string idPrefix;
  std::atomic<uint64_t> lastId{0};
  std::atomic<uint64_t> bodyBytes{0}; ///< of the bodies that are being read
  std::shared_ptr<std::atomic<bool>> draining = std::make_shared<std::atomic<bool>>(false);
  LiveCounters counters;
  Registry registry;

  void log(const std::string &text) const {
    if (options.log)
      options.log(text);
  }
};

class Connection final : public SocketEvents,
                         public ExchangeSink,
                         public Evictable,
                         public std::enable_shared_from_this<Connection> {
public:
  /// Owns the descriptor. `onGone` runs once, in close().
  Connection(std::shared_ptr<Shared> shared, std::shared_ptr<Loop> loop, int descriptor,
             std::string peer, std::function<void(Connection *)> onGone);
  ~Connection() override;

  /// Any thread, before start(): counts it as open, and among those without a header.
  void enlist();
  void start();
  /// Instead of start().
  void discard();
  /// Regularly: drops what is late.
  void tick(Clock::time_point now);
  /// Closes it if no request is under way.
  void drain();
  void close(CloseReason reason);

  void onReadable() override;
  void onWritable() override;
  // Any thread:
  void flushSoon() override;
  void abortSoon(std::shared_ptr<Exchange> exchange) override;
  void evictSoon() override;

private:
  enum class State {
    Handshake,
    Head,      ///< waits for a header, or has a part of it
    Body,      ///< reads a body
    Answering, ///< a handler has the request
    Refusing,  ///< the answer is the server's own and in output_
    Lingering, ///< everything is sent; reads until the client closes
    Closed,
  };

  // Reading: Connection.cpp
  void guarded(const std::function<void()> &work);
  void handshake();
  void pump();
  void resume();
  bool wantsInput() const;
  void process();
  void processHead();
  void processBody();
  void peerClosed();
  void armRead();
  void armWrite();
  void beginHead();
  bool late(Clock::time_point now);

  // A request: ConnectionRequest.cpp
  void accept(size_t headBytes);
  void beginBody();
  void dispatch();
  void refuse(Refusal refusal);
  void answer(const Response &response, bool keepAlive);
  void flush();
  bool writeOutput();
  void requestDone(std::optional<Reason> dropped);
  void nextOrEnd(bool keepAlive);
  void linger();
  ResponseForm form() const;
  void releaseBody();

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Loop> loop_;
  const Limits &limits_;
  int unwatched_; ///< the descriptor until start()
  std::unique_ptr<Socket> socket_;
  std::unique_ptr<Transport> transport_;
  const std::string peer_;
  std::function<void(Connection *)> onGone_;
  Registry::Place place_;

  State state_ = State::Handshake;
  bool readArmed_ = false, writeArmed_ = false, peerClosed_ = false, resumePosted_ = false;
  bool emptyLine_ = false; ///< before the request line
  Clock::time_point deadline_;
  std::string input_;
  HeadScanner scanner_;

  // The request under way; null between requests.
  struct Current {
    Head head;
    Request request;
    const Route *route = nullptr;
    BodyReader body;
    uint64_t bytesIn = 0, bytesOut = 0, counted = 0;
    Clock::time_point began;
    bool keepAlive = true;
    int status = 0;
    std::vector<Header> cors; ///< and what the gate adds to every answer
    std::optional<Reason> rejected;
  };
  std::unique_ptr<Current> current_;
  std::shared_ptr<Exchange> exchange_;
  uint64_t windowBytes_ = 0; ///< of the body since windowStart_
  Clock::time_point windowStart_;

  std::string output_;
  size_t outputAt_ = 0;
  uint64_t stallBytes_ = 0; ///< sent since stallStart_, while more waits
  std::optional<Clock::time_point> stallStart_;
};

} // namespace axiom::http

#endif
