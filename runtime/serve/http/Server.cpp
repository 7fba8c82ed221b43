#include "runtime/serve/http/Server.h"

#include "runtime/serve/http/Connection.h"
#include "runtime/serve/http/Listener.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <future>
#include <poll.h>
#include <random>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>

namespace axiom::http {

namespace {

/// Descriptors for all else: libraries, logs, models, the loops themselves.
constexpr uint32_t kSpareDescriptors = 64;
/// Accepted in a row before connections of that loop have their turn.
constexpr int kAcceptsInARow = 64;
constexpr Milliseconds kAcceptPause{100}, kEvictPause{5};

Status checkLimits(const Limits &limits) {
  struct Bound {
    const char *name;
    uint64_t value, least, most;
  };
  auto ms = [](Milliseconds time) {
    return static_cast<uint64_t>(std::max<int64_t>(0, time.count()));
  };
  constexpr uint64_t day = 86'400'000;
  for (Bound bound : {Bound{"requestLineBytes", limits.requestLineBytes, 64, 1 << 20},
                      {"headerBytes", limits.headerBytes, 128, 16 << 20},
                      {"headerFields", limits.headerFields, 1, 10'000},
                      {"bodyBytes", limits.bodyBytes, 1, uint64_t(1) << 40},
                      {"bodyBytesTogether", limits.bodyBytesTogether, 1, uint64_t(1) << 44},
                      {"headerTime", ms(limits.headerTime), 1, day},
                      {"bodyTime", ms(limits.bodyTime), 1, day},
                      {"bodyWindow", ms(limits.bodyWindow), 1, day},
                      {"idleTime", ms(limits.idleTime), 1, day},
                      {"writeStall", ms(limits.writeStall), 1, day},
                      {"lingerTime", ms(limits.lingerTime), 1, day},
                      {"connections", limits.connections, 1, 1 << 20},
                      {"streamBytes", limits.streamBytes, 1, 1 << 30},
                      {"probeAfter", ms(limits.probeAfter), 1000, day},
                      {"probeEvery", ms(limits.probeEvery), 1000, day},
                      {"probes", limits.probes, 1, 100}})
    if (bound.value < bound.least || bound.value > bound.most)
      return Status(Code::InvalidArgument,
                    format("the HTTP limit %s is %llu, but has to be %llu to %llu", bound.name,
                           (unsigned long long)bound.value, (unsigned long long)bound.least,
                           (unsigned long long)bound.most));
  return Status();
}

Milliseconds tickOf(const Limits &limits) {
  Milliseconds least = std::min({limits.headerTime, limits.bodyTime, limits.bodyWindow,
                                 limits.idleTime, limits.writeStall, limits.lingerTime});
  return std::clamp(least / 8, Milliseconds(5), Milliseconds(500));
}

/// A thread with its loop and the connections that it serves.
struct Worker {
  std::shared_ptr<Loop> loop;
  std::thread thread;
  std::unordered_map<Connection *, std::shared_ptr<Connection>> connections;
  bool ticking = false;

  void each(const std::function<void(Connection &)> &visit) {
    std::vector<std::shared_ptr<Connection>> all; // visiting may close them
    all.reserve(connections.size());
    for (auto &[pointer, connection] : connections)
      all.push_back(connection);
    for (auto &connection : all)
      visit(*connection);
  }
};

} // namespace

struct Server::Impl {
  std::shared_ptr<Shared> shared;
  std::vector<std::unique_ptr<Worker>> workers;
  Milliseconds tick{500};
  uint16_t port = 0;

  // On the first worker's thread.
  struct Acceptor final : SocketEvents {
    Impl *server = nullptr;
    void onReadable() override { server->acceptAll(); }
    void onWritable() override {}
  };
  std::shared_ptr<Acceptor> acceptor = std::make_shared<Acceptor>();
  std::unique_ptr<Socket> listening;
  bool told = false; ///< that there are no descriptors
  size_t next = 0;

  std::mutex mutex;
  bool drainBegun = false, stopped = false;

  Status begin();
  void acceptAll();
  void acceptMany();
  void acceptFailed(int cause);
  void admit(int descriptor, std::string peer);
  void armTick(Worker &worker);
  void closeListening();
  void beginDrain();
  void stop();
};

static void runLoop(const std::shared_ptr<Loop> &loop, const std::shared_ptr<Shared> &shared) {
  for (;;) {
    try {
      return loop->run();
    } catch (const std::exception &problem) { // connections guard themselves: not expected here
      shared->counters.count(Reason::InternalError);
      try {
        shared->log(std::string("an I/O thread of the server goes on after: ") + problem.what());
      } catch (const std::exception &) {
      }
    }
  }
}

Status Server::Impl::begin() {
  sigset_t all, before;
  sigfillset(&all);
  for (int kept : {SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    sigdelset(&all, kept);
  // The threads inherit it: signals go to the program's own threads, and a broken pipe is an errno.
  pthread_sigmask(SIG_BLOCK, &all, &before);
  Status status;
  try {
    for (auto &worker : workers)
      worker->thread = std::thread(runLoop, worker->loop, shared);
  } catch (const std::exception &problem) {
    status =
        Status(Code::Resource, std::string("an I/O thread cannot be started: ") + problem.what());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return status;
}

void Server::Impl::acceptAll() {
  if (!listening)
    return;
  try {
    acceptMany();
  } catch (const std::exception &) { // no memory even to wait: the timer may have some
    workers[0]->loop->after(kAcceptPause, [this] { acceptAll(); });
  }
}

void Server::Impl::acceptMany() {
  for (int i = 0; i < kAcceptsInARow; ++i) {
    if (shared->registry.evicting() >= kSpareDescriptors / 2) // their descriptors are still there
      return workers[0]->loop->after(kEvictPause, [this] { acceptAll(); });
    Accepted accepted = acceptOne(listening->descriptor(), shared->options.limits);
    if (accepted.descriptor >= 0) {
      told = false;
      admit(accepted.descriptor, std::move(accepted.peer));
      continue;
    }
    if (accepted.error == EAGAIN || accepted.error == EWOULDBLOCK)
      break;
    // Without a free descriptor this is the error even when no connection waits.
    pollfd waits = {listening->descriptor(), POLLIN, 0};
    if (poll(&waits, 1, 0) != 1)
      break;
    if (accepted.error == EMFILE || accepted.error == ENFILE || accepted.error == ENOBUFS ||
        accepted.error == ENOMEM)
      return acceptFailed(accepted.error);
    // Anything else is about that one connection: it was gone before it was accepted.
  }
  listening->waitReadable(acceptor);
}

// The connection stays in the system's queue. One that waits without a request makes room.
void Server::Impl::acceptFailed(int cause) {
  ++shared->counters.acceptFailures;
  if (!told)
    shared->log(std::string("no connection can be accepted for now: ") + std::strerror(cause) +
                "; raise the limit on open files (ulimit -n) or lower the limit on connections");
  told = true;
  if (auto waiting = shared->registry.longestWaiting())
    waiting->evictSoon();
  workers[0]->loop->after(kAcceptPause, [this] { acceptAll(); });
}

void Server::Impl::admit(int descriptor, std::string peer) {
  ++shared->counters.connections;
  if (shared->registry.open() - shared->registry.evicting() >= shared->maxConnections) {
    auto waiting = shared->registry.longestWaiting();
    if (!waiting) {
      shared->counters.count(Reason::Overloaded);
      return turnAway(descriptor, shared->tls == nullptr);
    }
    waiting->evictSoon();
  }
  Worker &worker = *workers[next++ % workers.size()];
  std::shared_ptr<Connection> connection;
  try {
    connection = std::make_shared<Connection>(
        shared, worker.loop, descriptor, std::move(peer),
        [&worker](Connection *gone) { worker.connections.erase(gone); });
    connection->enlist();
    worker.loop->post([this, &worker, connection] {
      worker.connections.emplace(connection.get(), connection);
      connection->start();
      armTick(worker);
    });
  } catch (const std::exception &) { // no memory: this connection is given up
    connection ? connection->discard() : void(close(descriptor));
  }
}

void Server::Impl::armTick(Worker &worker) {
  if (worker.ticking || worker.connections.empty())
    return; // an idle server does not wake
  worker.ticking = true;
  worker.loop->after(tick, [this, &worker] {
    worker.ticking = false;
    auto now = Clock::now();
    worker.each([now](Connection &connection) { connection.tick(now); });
    armTick(worker);
  });
}

void Server::Impl::closeListening() {
  if (listening)
    listening->close();
  listening.reset();
  shared->registry.seal();
}

void Server::Impl::beginDrain() {
  std::lock_guard lock(mutex);
  if (drainBegun || stopped)
    return;
  drainBegun = true;
  *shared->draining = true;
  for (auto &worker : workers)
    worker->loop->post([this, &worker = *worker, first = worker == workers[0]] {
      if (first)
        closeListening();
      worker.each([](Connection &connection) { connection.drain(); });
    });
}

void Server::Impl::stop() {
  {
    std::lock_guard lock(mutex);
    if (stopped)
      return;
    stopped = true;
    *shared->draining = true;
  }
  // First nothing new comes, then what is there goes.
  if (!workers.empty() && workers[0]->thread.joinable()) {
    std::promise<void> closed;
    workers[0]->loop->post([&] {
      closeListening();
      closed.set_value();
    });
    closed.get_future().wait();
  }
  for (auto &worker : workers) {
    if (!worker->thread.joinable())
      continue;
    worker->loop->post([&worker = *worker] {
      worker.each([](Connection &connection) { connection.close(CloseReason::Stopped); });
      worker.loop->cancelTimers();
      worker.loop->release();
    });
    worker->thread.join();
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(); }

Result<std::unique_ptr<Server>> Server::start(Options options, std::vector<Route> routes) {
  AXIOM_RETURN_IF_ERROR(checkLimits(options.limits));
  if (options.threads < 1 || options.threads > 256)
    return Status(
        Code::InvalidArgument,
        format("the server has %u I/O threads, but 1 to 256 are possible", options.threads));
  if (options.certificateFile.empty() != options.keyFile.empty())
    return Status(Code::InvalidArgument,
                  "TLS needs a certificate file and a key file, only one is given");
  AXIOM_ASSIGN_OR_RETURN(RouteTable table, RouteTable::make(std::move(routes)));
  auto shared = std::make_shared<Shared>(std::move(options), std::move(table));
  const Options &kept = shared->options;
  if (!kept.certificateFile.empty()) {
    AXIOM_ASSIGN_OR_RETURN(shared->tls, TlsContext::load(kept.certificateFile, kept.keyFile));
  }
  std::random_device random;
  shared->idPrefix = format("req-%08x%08x", random(), random());
  shared->maxConnections = kept.limits.connections;
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != RLIM_INFINITY) {
    uint64_t room = std::max<uint64_t>(files.rlim_cur, kSpareDescriptors + 1) - kSpareDescriptors;
    if (room < shared->maxConnections) {
      shared->maxConnections = static_cast<uint32_t>(room);
      shared->log(format("at most %llu connections, not %u: the limit on open files is %llu "
                         "(ulimit -n)",
                         (unsigned long long)room, kept.limits.connections,
                         (unsigned long long)files.rlim_cur));
    }
  }

  auto impl = std::make_unique<Impl>();
  impl->shared = shared;
  impl->tick = tickOf(kept.limits);
  for (uint32_t i = 0; i < kept.threads; ++i) {
    impl->workers.push_back(std::make_unique<Worker>());
    AXIOM_ASSIGN_OR_RETURN(impl->workers.back()->loop, Loop::create());
  }
  AXIOM_ASSIGN_OR_RETURN(Listening listening, listenAt(kept.address, kept.port));
  impl->port = listening.port;
  Impl *raw = impl.get();
  impl->acceptor->server = raw;
  raw->listening = raw->workers[0]->loop->adopt(listening.descriptor);
  if (!raw->listening)
    return Status(Code::Resource, "the listening socket cannot be watched: no memory or "
                                  "descriptors");
  std::unique_ptr<Server> server(new Server(std::move(impl)));
  AXIOM_RETURN_IF_ERROR(raw->begin()); // the server stops those that did start
  raw->workers[0]->loop->post([raw] { raw->acceptAll(); });
  return server;
}

uint16_t Server::port() const { return impl_->port; }

Counters Server::counters() const {
  const LiveCounters &live = impl_->shared->counters;
  Counters counters;
  counters.openConnections = impl_->shared->registry.open();
  counters.activeRequests = live.activeRequests;
  counters.connections = live.connections;
  counters.requests = live.requests;
  counters.bytesIn = live.bytesIn;
  counters.bytesOut = live.bytesOut;
  counters.acceptFailures = live.acceptFailures;
  for (size_t i = 0; i < kReasons; ++i)
    counters.rejected[i] = live.rejected[i];
  return counters;
}

void Server::beginDrain() { impl_->beginDrain(); }

bool Server::wait(Milliseconds timeout) { return impl_->shared->registry.waitEmpty(timeout); }

void Server::stop() { impl_->stop(); }

Status Server::adopt(int descriptor) {
  std::lock_guard lock(impl_->mutex);
  if (impl_->stopped || impl_->drainBegun) {
    close(descriptor);
    return Status(Code::Cancelled, "the server stops and takes no connection");
  }
  prepareSocket(descriptor, impl_->shared->options.limits);
  Impl *impl = impl_.get();
  impl->workers[0]->loop->post([impl, descriptor] { impl->admit(descriptor, "local"); });
  return Status();
}

} // namespace axiom::http
