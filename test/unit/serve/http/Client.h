// A client of raw bytes, so that tests can send what no HTTP library would.
#ifndef AXIOM_TEST_UNIT_SERVE_HTTP_CLIENT_H
#define AXIOM_TEST_UNIT_SERVE_HTTP_CLIENT_H

#include "runtime/serve/http/Server.h"

#include <condition_variable>
#include <mutex>

namespace axiom::http::test {

/// How long tests wait for what has to happen; it never has to pass.
inline constexpr Milliseconds kPatience{60'000};

/// Asks until it is so; false after kPatience.
bool eventually(const std::function<bool()> &holds);

struct Answer {
  int status = 0; ///< 0: the connection ended before a whole status line and header
  std::string head, body;
  bool whole = false; ///< up to Content-Length or the last chunk
  Headers headers;

  std::string field(std::string_view name) const {
    const std::string *value = headers.find(name);
    return value ? *value : "";
  }
};

class Client {
public:
  /// `receiveBuffer` bounds what the system keeps for this client; 0: its choice.
  explicit Client(uint16_t port, int receiveBuffer = 0);
  ~Client() { close(); }
  Client(Client &&other) noexcept;
  Client(const Client &) = delete;

  bool connected() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  /// False once the server has closed the connection.
  bool send(std::string_view bytes);
  /// One response; `head`: the request was HEAD.
  Answer receive(bool head = false);
  /// At least so many more bytes, or what came before the end.
  std::string receiveBytes(size_t atLeast);
  /// All up to the end. `reset` tells whether it was one.
  std::string receiveAll(bool *reset = nullptr);
  /// The server has closed the connection; reads and drops what comes before.
  bool ended();
  void shutdownSend();
  void close();
  /// Closes so that the server gets a reset.
  void reset();

private:
  bool more();
  int descriptor_ = -1;
  std::string kept_;
  bool wasReset_ = false;
};

/// "GET PATH HTTP/1.1", Host, and `fields`, each with its CRLF.
std::string get(const std::string &path, const std::string &fields = "");
std::string post(const std::string &path, const std::string &body, const std::string &fields = "");

/// Requests that a test answers by hand, from its own thread.
class Held {
public:
  void add(Request request, Responder responder);
  /// The next one, in order.
  Responder next(Request *request = nullptr);

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<Request, Responder>> waiting_;
};

/// A callback's news.
struct Gone {
  std::mutex mutex;
  std::optional<CloseReason> reason;
  int calls = 0;
  void watch(const Responder &responder);
  bool seen();
};

/// A server on a free port with the routes of the tests: GET /ok, GET /big, POST /echo, POST /small
/// (at most 10 bytes), GET /hold and POST /hold (answered by `held`), GET /throw, GET /drop, GET
/// /abort-late, GET /drain (served while draining), GET /tree/*.
struct TestServer {
  explicit TestServer(Options options = quick());
  /// Loopback, any port, two threads; short times where waiting for them is not what is tested.
  static Options quick();

  Held held;
  std::mutex mutex;
  std::vector<Finished> log;
  std::vector<std::string> said;
  std::unique_ptr<Server> server;

  Server *operator->() { return server.get(); }
  Client client(int receiveBuffer = 0) { return Client(server->port(), receiveBuffer); }
  /// A new connection asks for /ok and gets it.
  bool serves();
  uint64_t rejected(Reason reason) { return server->counters().of(reason); }
  size_t saidCount();
};

} // namespace axiom::http::test

#endif
