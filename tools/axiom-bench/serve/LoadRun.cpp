#include "tools/axiom-bench/serve/LoadRun.h"

#include "tools/axiom-bench/serve/Frames.h"
#include "tools/axiom-bench/serve/Sockets.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <queue>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unordered_map>

namespace axiom::bench {

namespace {

constexpr uint64_t kArrivalStream = 3ull << 56, kBehaviourStream = 4ull << 56;
constexpr size_t kMostErrorBody = 64 << 10;
constexpr double kSlowTick = 0.1, kWatchTick = 0.1; // seconds
constexpr int kSlowReceiveBytes = 4096;

double cpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval &t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// A request under way, with its connection.
struct Client {
  uint64_t id = 0;
  size_t record = 0;
  Socket socket;
  std::string out;                    ///< the request
  size_t sent = 0;                    ///< of `out`
  size_t hold = 0;                    ///< of `out`: a half-open client goes silent there
  bool reused = false, heard = false; ///< a connection of before; a byte of the answer came
  bool watched = false;               ///< by epoll
  bool silent = false;                ///< half-open: counted already, only held
  uint32_t texts = 0;                 ///< events with text
  uint32_t hangUpAt = 0;              ///< closes after so many of them; 0: after a time
  double lastText = -1;
  bool done = false, finished = false;
  bool leaves = false; ///< hangs up now
  ResponseReader reader;
  EventReader events;
  std::string body;
};

struct Timer {
  enum Kind : uint8_t { SlowRead, HangUp, LetGo, GiveUp };
  double at;
  uint64_t client;
  Kind kind;
  bool operator>(const Timer &other) const { return at > other.at; }
};

} // namespace

struct LoadRun::Impl {
  Impl(LoadOptions o, Address a)
      : options(std::move(o)), address(a), prompts(options.prompts),
        arrivals(options.prompts.seed, kArrivalStream), epoll(::epoll_create1(EPOLL_CLOEXEC)) {}

  LoadOptions options;
  Address address;
  Prompts prompts;
  Random arrivals;
  Socket epoll;

  LoadResult result;
  std::unordered_map<uint64_t, std::unique_ptr<Client>> clients;
  std::vector<Socket> idle; ///< connections that another request may use
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers;
  std::chrono::steady_clock::time_point begin;
  uint64_t nextClient = 1, issued = 0, active = 0, ended = 0, failed = 0, events = 0;
  double nextArrival = 0, now = 0, lastEnd = 0;
  std::vector<char> buffer = std::vector<char>(64 << 10);

  void tick() {
    now = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  Record &record(const Client &client) { return result.records[client.record]; }

  void issue();
  void issueDue();
  std::string bodyOf(const Prompt &prompt) const;
  Behaviour behaviourOf(Random &random) const;
  void open(Client &client);
  void watchFor(Client &client, uint32_t events);
  void unwatch(Client &client);
  void onReady(Client &client, uint32_t events);
  void send(Client &client);
  void receive(Client &client, size_t most);
  void take(Client &client, std::string_view bytes);
  void onFrame(Client &client, const Frame &frame, std::string_view data);
  void onAnswer(Client &client);
  void lost(Client &client, const std::string &why);
  void spoil(Client &client);
  void finish(Client &client, std::string error);
  void count(Client &client);
  void onTimer(const Timer &timer);
  void runTimers();
  void wait(double until);
};

std::string LoadRun::Impl::bodyOf(const Prompt &prompt) const {
  std::string body;
  body.reserve(prompt.json.size() + options.members.size() + 200);
  body += '{';
  if (options.chat)
    body.append("\"messages\":[{\"role\":\"user\",\"content\":").append(prompt.json).append("}]");
  else
    body.append("\"prompt\":").append(prompt.json);
  body.append(",\"max_tokens\":").append(std::to_string(prompt.output));
  body += ",\"stream\":true,\"stream_options\":{\"include_usage\":true}";
  if (!options.members.empty())
    body.append(",").append(options.members);
  return body += '}';
}

Behaviour LoadRun::Impl::behaviourOf(Random &random) const {
  double share = random.fraction();
  if (share < options.hangUps)
    return Behaviour::HangUp;
  if (share < options.hangUps + options.slowReaders)
    return Behaviour::Slow;
  if (share < options.hangUps + options.slowReaders + options.halfOpen)
    return Behaviour::HalfOpen;
  return Behaviour::Plain;
}

void LoadRun::Impl::issue() {
  uint64_t index = options.firstPrompt + issued++;
  Prompt prompt = prompts[index];
  Random random(options.prompts.seed, kBehaviourStream | index);
  auto owned = std::make_unique<Client>();
  Client &client = *owned;
  client.id = nextClient++;
  client.record = result.records.size();
  result.records.emplace_back();
  Record &r = result.records.back();
  r.behaviour = behaviourOf(random);
  r.promptTokens = prompt.tokens;
  client.out = requestText("POST", options.url, options.endpoint, options.fields, bodyOf(prompt));
  client.hold = client.out.size();
  double hangUpAfter = 0;
  if (r.behaviour == Behaviour::HangUp) {
    client.hangUpAt = static_cast<uint32_t>(random.between(0, std::max(prompt.output, 2u) - 1));
    hangUpAfter = 0.1 * random.fraction();
  }
  if (r.behaviour == Behaviour::HalfOpen && random.next() % 2 == 0)
    client.hold = client.out.size() - client.out.size() / 3;
  clients.emplace(client.id, std::move(owned));
  result.mostActive = std::max(result.mostActive, ++active);
  tick();
  r.sent = now;
  timers.push({now + options.requestSeconds, client.id, Timer::GiveUp});
  if (r.behaviour == Behaviour::HangUp && client.hangUpAt == 0)
    timers.push({now + hangUpAfter, client.id, Timer::HangUp});
  open(client);
}

void LoadRun::Impl::open(Client &client) {
  client.sent = 0;
  // A slow reader has a small window, and those that spoil their connection need one of their own.
  if (record(client).behaviour == Behaviour::Plain)
    while (!idle.empty()) {
      client.socket = std::move(idle.back());
      idle.pop_back();
      if (client.socket.quiet()) {
        client.reused = true;
        return send(client);
      }
    }
  auto socket =
      beginConnect(address, record(client).behaviour == Behaviour::Slow ? kSlowReceiveBytes : 0);
  if (!socket.ok())
    return finish(client, socket.status().message());
  client.socket = std::move(*socket);
  client.reused = false;
  watchFor(client, EPOLLOUT);
}

void LoadRun::Impl::watchFor(Client &client, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = client.id;
  ::epoll_ctl(epoll.get(), client.watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, client.socket.get(),
              &event);
  client.watched = true;
}

void LoadRun::Impl::unwatch(Client &client) {
  if (client.watched)
    ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, client.socket.get(), nullptr);
  client.watched = false;
}

void LoadRun::Impl::send(Client &client) {
  while (client.sent < client.hold) {
    ssize_t n = ::send(client.socket.get(), client.out.data() + client.sent,
                       client.hold - client.sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
      return watchFor(client, EPOLLOUT | EPOLLIN);
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
      return receive(client, buffer.size()); // it may have answered before
    if (n < 0)
      return lost(client, std::strerror(errno));
    client.sent += static_cast<size_t>(n);
  }
  switch (record(client).behaviour) {
  case Behaviour::HalfOpen: // from now on it neither reads nor writes
    unwatch(client);
    timers.push({now + options.halfOpenSeconds, client.id, Timer::LetGo});
    record(client).spoiled = true;
    client.silent = true;
    return count(client);
  case Behaviour::Slow:
    unwatch(client);
    return timers.push({now + kSlowTick, client.id, Timer::SlowRead});
  default:
    watchFor(client, EPOLLIN);
  }
}

void LoadRun::Impl::onReady(Client &client, uint32_t events) {
  if (client.sent < client.hold && events & EPOLLOUT)
    return send(client);
  receive(client, buffer.size());
}

void LoadRun::Impl::receive(Client &client, size_t most) {
  ssize_t n = ::recv(client.socket.get(), buffer.data(), std::min(most, buffer.size()), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  tick(); // the events of one piece came at one time
  if (n < 0)
    return lost(client, std::strerror(errno));
  if (n > 0)
    return take(client, {buffer.data(), static_cast<size_t>(n)});
  if (client.reader.end())
    return onAnswer(client);
  lost(client, client.heard ? "the answer breaks off" : "the connection is closed");
}

/// The connection is gone before the whole answer.
void LoadRun::Impl::lost(Client &client, const std::string &why) {
  if (client.reused && !client.heard) { // the server ended an idle connection meanwhile
    unwatch(client);
    client.socket.close();
    return open(client);
  }
  finish(client, why);
}

void LoadRun::Impl::take(Client &client, std::string_view bytes) {
  client.heard = true;
  std::string piece;
  client.reader.feed(bytes, piece);
  record(client).status = client.reader.status();
  if (client.reader.state() == ResponseReader::State::Bad)
    return finish(client, "no readable answer: " + client.reader.problem());
  if (client.reader.status() != 200) {
    if (client.body.size() < kMostErrorBody)
      client.body += piece;
  } else {
    client.events.feed(piece, [&](std::string_view data) {
      if (!client.leaves)
        onFrame(client, scanFrame(data), data);
    });
    if (client.leaves)
      return spoil(client);
  }
  if (client.reader.state() == ResponseReader::State::Done)
    onAnswer(client);
}

void LoadRun::Impl::onFrame(Client &client, const Frame &frame, std::string_view data) {
  Record &r = record(client);
  if (!frame.valid) {
    if (r.error.empty())
      r.error = "an event is no JSON: " + std::string(data.substr(0, 80));
    return;
  }
  client.done |= frame.done;
  client.finished |= frame.finished;
  if (frame.error && r.error.empty())
    r.error = "an error within the stream: " + frame.message;
  if (frame.promptTokens)
    r.promptTokens = static_cast<uint32_t>(*frame.promptTokens);
  if (frame.completionTokens)
    r.outputTokens = static_cast<uint32_t>(*frame.completionTokens);
  else if (frame.text)
    ++r.outputTokens; // until the usage tells
  if (frame.cachedTokens)
    r.cachedTokens = static_cast<uint32_t>(*frame.cachedTokens);
  if (!frame.choice || (!frame.text && client.texts == 0 && !frame.finished))
    return;
  if (frame.text) {
    ++events;
    ++client.texts;
    if (client.lastText >= 0)
      r.gaps.push_back(static_cast<float>(now - client.lastText));
    client.lastText = now;
  }
  if (r.first < 0)
    r.first = now;
  r.last = now;
  client.leaves =
      r.behaviour == Behaviour::HangUp && client.hangUpAt != 0 && client.texts >= client.hangUpAt;
}

/// The answer is whole, as HTTP has it.
void LoadRun::Impl::onAnswer(Client &client) {
  Record &r = record(client);
  r.status = client.reader.status();
  if (r.status != 200) {
    Frame frame = scanFrame(client.body);
    return finish(client, "HTTP " + std::to_string(r.status) + ": " +
                              (frame.error ? frame.message : client.body.substr(0, 100)));
  }
  if (!r.error.empty())
    return finish(client, r.error);
  if (!client.done)
    return finish(client, client.finished ? "the stream ends without [DONE]"
                                          : "the stream ends before the answer does");
  finish(client, {});
}

/// Closes in the middle, one time with an end, one time with a reset.
void LoadRun::Impl::spoil(Client &client) {
  record(client).spoiled = true;
  if (client.id % 2 == 0)
    client.socket.reset();
  finish(client, {});
}

void LoadRun::Impl::count(Client &client) {
  Record &r = record(client);
  --active;
  ++ended;
  failed += !r.completed && !r.spoiled;
  lastEnd = std::max(lastEnd, now);
}

/// The request's end; `client` is gone afterwards.
void LoadRun::Impl::finish(Client &client, std::string error) {
  Record &r = record(client);
  if (!client.silent) {
    if (!r.spoiled) {
      r.completed = error.empty();
      r.error = std::move(error);
    }
    if (r.last < 0 || !r.completed)
      r.last = now;
    if (r.first < 0)
      r.first = r.last;
    count(client);
  }
  if (client.socket)
    unwatch(client);
  bool reusable = r.behaviour == Behaviour::Plain && client.reader.keepsAlive() &&
                  client.reader.state() == ResponseReader::State::Done;
  if (reusable && client.socket)
    idle.push_back(std::move(client.socket));
  clients.erase(client.id);
}

void LoadRun::Impl::onTimer(const Timer &timer) {
  auto found = clients.find(timer.client);
  if (found == clients.end())
    return;
  Client &client = *found->second;
  switch (timer.kind) {
  case Timer::SlowRead:
    receive(client, std::max<size_t>(1, static_cast<size_t>(options.slowBytes * kSlowTick)));
    if (clients.contains(timer.client))
      timers.push({now + kSlowTick, timer.client, Timer::SlowRead});
    return;
  case Timer::HangUp:
    return spoil(client);
  case Timer::LetGo:
    return finish(client, {});
  case Timer::GiveUp:
    if (!client.silent)
      finish(client, format("no whole answer within %g s", options.requestSeconds));
  }
}

void LoadRun::Impl::runTimers() {
  while (!timers.empty() && timers.top().at <= now) {
    Timer timer = timers.top();
    timers.pop();
    onTimer(timer);
  }
}

/// Sends what there is room and time for.
void LoadRun::Impl::issueDue() {
  uint64_t room = options.maxConcurrency == 0 ? UINT64_MAX : options.maxConcurrency;
  while (issued < options.numPrompts && active < room &&
         (options.seconds <= 0 || now < options.seconds)) {
    if (options.rate > 0) {
      if (nextArrival > now)
        return;
      nextArrival += arrivals.exponential(options.rate);
    }
    issue();
  }
}

void LoadRun::Impl::wait(double until) {
  epoll_event ready[256];
  double ms = std::clamp((until - now) * 1e3, 0.0, 1e6);
  int count = ::epoll_wait(epoll.get(), ready, 256, static_cast<int>(std::ceil(ms)));
  tick();
  for (int i = 0; i < count; ++i) {
    uint64_t id = ready[i].data.u64; // a copy: the kernel's struct is packed
    if (auto found = clients.find(id); found != clients.end())
      onReady(*found->second, ready[i].events);
  }
}

LoadRun::LoadRun(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LoadRun::~LoadRun() = default;

Result<std::unique_ptr<LoadRun>> LoadRun::create(LoadOptions options) {
  AXIOM_ASSIGN_OR_RETURN(Address address, resolve(options.url));
  raiseDescriptorLimit();
  auto impl = std::make_unique<Impl>(std::move(options), address);
  if (!impl->epoll)
    return Status(Code::Resource, std::string("no epoll: ") + std::strerror(errno));
  return std::unique_ptr<LoadRun>(new LoadRun(std::move(impl)));
}

LoadResult LoadRun::run(const std::function<bool(const LoadProgress &)> &watch) {
  Impl &r = *impl_;
  double cpu = cpuSeconds(), nextWatch = 0;
  r.begin = std::chrono::steady_clock::now();
  r.tick();
  for (;;) {
    r.issueDue();
    bool more =
        r.issued < r.options.numPrompts && (r.options.seconds <= 0 || r.now < r.options.seconds);
    if (!more && r.active == 0)
      break;
    if (r.now >= nextWatch) {
      nextWatch = r.now + kWatchTick;
      if (watch && !watch({r.now, r.issued, r.ended, r.failed, r.active, r.events})) {
        r.result.stopped = true;
        break;
      }
    }
    double until = nextWatch;
    if (!r.timers.empty())
      until = std::min(until, r.timers.top().at);
    if (more && r.options.rate > 0 &&
        (r.options.maxConcurrency == 0 || r.active < r.options.maxConcurrency))
      until = std::min(until, r.nextArrival);
    r.wait(until);
    r.runTimers();
  }
  if (r.result.stopped) { // what was under way counts as not sent
    for (auto &[id, client] : r.clients)
      if (!client->silent)
        r.record(*client).sent = -1;
    r.lastEnd = r.now;
  }
  r.clients.clear();
  r.idle.clear();
  r.result.duration = r.lastEnd;
  r.result.cpuSeconds = cpuSeconds() - cpu;
  return std::move(r.result);
}

} // namespace axiom::bench
