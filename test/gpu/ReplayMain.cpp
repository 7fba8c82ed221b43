// gpu-replay: runs what gpu-record has written on a GPU and compares every byte (docs/cuda.md, On a
// GPU). Needs a driver, nothing of the compiler.
#include "test/gpu/Player.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <unistd.h>

using namespace axiom;
using namespace axiom::replay;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

enum Exit { kEqual = 0, kDifferent = 1, kUnusable = 2, kNoDevice = 3 };

int fail(int code, const std::string &what) {
  fprintf(stderr, "gpu-replay: %s\n", what.c_str());
  return code;
}

struct Options {
  std::string dir, only, json;
  uint32_t device = 0, from = 0, seconds = 120;
  bool list = false;
};

/// The exit code if parsing said all.
std::optional<int> parse(int argc, char **argv, Options &options) {
  CLI::App app("Runs on a GPU what gpu-record has written, and compares every byte", "gpu-replay");
  app.footer("Exit codes: 0 all equal, 1 differences, 2 usage or unreadable files, 3 no driver, "
             "device or code for it");
  app.add_option("DIR", options.dir, "What gpu-record wrote, or one folder of it")->required();
  app.add_option("--device", options.device, "Number of the GPU (default 0)");
  app.add_option("--from", options.from, "Begin with this case; the first is 0");
  app.add_option("--only", options.only, "Cases whose names contain this");
  app.add_flag("--list", options.list, "Print the cases, run none");
  app.add_option("--json", options.json, "Write the result there, and while it runs how far it is");
  app.add_option("--seconds", options.seconds,
                 "A case that takes longer ends the program (default 120; 0: none does)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? kEqual : kUnusable;
  }
  return std::nullopt;
}

/// What came out so far.
class Record {
public:
  Record(const Options &options, std::string device, std::string target, size_t total)
      : options(options), device(std::move(device)), target(std::move(target)), total(total) {}

  void passed(size_t number) {
    ++numPassed;
    next = number + 1;
  }
  void failed(size_t number, const std::string &name, const std::vector<std::string> &why) {
    std::string text;
    for (const std::string &line : why)
      text += (text.empty() ? "" : "; ") + line;
    failures.push_back({{"number", number}, {"name", name}, {"why", text}});
    next = number + 1;
  }
  size_t failedCases() const { return failures.size(); }
  size_t passedCases() const { return numPassed; }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  /// Now and then while it runs, and at the end.
  bool write(bool now) {
    if (options.json.empty() || (!now && seconds() < written + 2))
      return true;
    written = seconds();
    Json all = {{"device", device},   {"target", target},
                {"cases", total},     {"passed", numPassed},
                {"failed", failures}, {"seconds", written},
                {"next", next},       {"finished", numPassed + failures.size() == total}};
    std::ofstream file(options.json + ".new", std::ios::trunc);
    file << all.dump(2) << "\n";
    file.close();
    return file && std::rename((options.json + ".new").c_str(), options.json.c_str()) == 0;
  }
  void endAt(size_t number) { next = number; }

private:
  const Options &options;
  std::string device, target;
  Json failures = Json::array();
  size_t total, numPassed = 0, next = 0;
  double written = -10;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

/// A kernel that waits for ever can't be ended from here: what is known is told, and the program
/// ends.
class Watch {
public:
  Watch(uint32_t seconds, std::function<void()> late) : seconds(seconds), late(std::move(late)) {
    thread = std::thread([this] { wait(); });
  }
  ~Watch() {
    {
      std::lock_guard lock(mutex);
      done = true;
    }
    changed.notify_all();
    thread.join();
  }

private:
  uint32_t seconds;
  std::function<void()> late;
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::thread thread;

  void wait() {
    std::unique_lock lock(mutex);
    if (seconds == 0)
      return;
    if (!changed.wait_for(lock, std::chrono::seconds(seconds), [&] { return done; })) {
      late();
      fflush(stdout);
      _exit(kDifferent);
    }
  }
};

struct Entry {
  size_t number;
  size_t folder;
  const Case *which;
};

using Folders = std::vector<std::unique_ptr<Folder>>;

/// DIR itself, or the folders in it that were recorded: that of the wrappers first.
Result<Folders> openFolders(const std::string &dir) {
  std::vector<std::string> paths;
  std::error_code error;
  if (fs::exists(dir + "/" + kPackName, error)) {
    paths = {dir};
  } else {
    for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error))
      if (std::error_code none; fs::exists(at->path() / kPackName, none))
        paths.push_back(at->path().string());
    std::sort(paths.rbegin(), paths.rend());
  }
  if (paths.empty())
    return Status(Code::NotFound,
                  dir + " holds no " + kPackName + ": name a folder that gpu-record wrote");
  Folders folders;
  for (const std::string &path : paths) {
    AXIOM_ASSIGN_OR_RETURN(std::unique_ptr<Folder> folder, Folder::open(path));
    folders.push_back(std::move(folder));
  }
  return folders;
}

/// Runs the entries, a line each. Not ok: the device gives no context any more.
Status playAll(const std::vector<Entry> &entries, std::vector<Player> &players,
               const Options &options, size_t total, Record &record) {
  for (const Entry &entry : entries) {
    const std::string head = format("[%zu/%zu] %s", entry.number, total, entry.which->name.c_str());
    Player &player = players[entry.folder];
    record.endAt(entry.number);
    AXIOM_RETURN_IF_ERROR(player.prepare(*entry.which).withContext(head));
    std::vector<std::string> problems;
    {
      Watch watch(options.seconds, [&] {
        const std::string why = format("no end after %u seconds; go on with --from %zu",
                                       options.seconds, entry.number + 1);
        printf("%s FAIL\n    %s\n", head.c_str(), why.c_str());
        record.failed(entry.number, entry.which->name, {why});
        (void)record.write(true);
      });
      problems = player.play(*entry.which);
    }
    printf("%s %s\n", head.c_str(), problems.empty() ? "ok" : "FAIL");
    for (const std::string &problem : problems)
      printf("    %s\n", problem.c_str());
    fflush(stdout);
    if (problems.empty())
      record.passed(entry.number);
    else
      record.failed(entry.number, entry.which->name, problems);
    if (!record.write(false))
      return Status(Code::Resource, "cannot write " + options.json);
  }
  return Status::okStatus();
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  if (auto code = parse(argc, argv, options))
    return *code;
  Result<Folders> folders = openFolders(options.dir);
  if (!folders.ok())
    return fail(kUnusable, folders.status().message());
  std::vector<Entry> entries;
  size_t total = 0;
  for (size_t i = 0; i < folders->size(); ++i)
    for (const Case &c : (*folders)[i]->pack.cases) {
      if (total >= options.from && c.name.find(options.only) != std::string::npos)
        entries.push_back({total, i, &c});
      ++total;
    }
  if (entries.empty())
    return fail(kUnusable, format("none of the %zu cases is meant by --from and --only", total));
  if (options.list) {
    for (const Entry &entry : entries)
      printf("[%zu/%zu] %s\n", entry.number, total, entry.which->name.c_str());
    return kEqual;
  }
  auto gpu = cuda::Gpu::open(options.device);
  if (!gpu.ok())
    return fail(kNoDevice, gpu.status().message());
  std::vector<Player> players;
  std::string target;
  for (const std::unique_ptr<Folder> &folder : *folders) {
    std::vector<std::string> targets;
    for (const std::string &arch : folder->archs)
      targets.push_back("cuda:" + arch);
    Result<size_t> chosen = cuda::chooseImage(targets, (*gpu)->facts());
    if (!chosen.ok())
      return fail(kNoDevice, folder->path + ": " + chosen.status().message());
    target = targets[*chosen];
    players.emplace_back(*gpu, *folder, folder->archs[*chosen]);
    printf("%s: %zu cases on %s, code for %s\n", folder->path.c_str(), folder->pack.cases.size(),
           (*gpu)->name().c_str(), target.c_str());
  }
  Record record(options, (*gpu)->name(), target, entries.size());
  Status status = playAll(entries, players, options, total, record);
  if (!record.write(true) && status.ok())
    status = Status(Code::Resource, "cannot write " + options.json);
  printf("%zu passed, %zu failed, %zu not run, %.1f s\n", record.passedCases(),
         record.failedCases(), entries.size() - record.passedCases() - record.failedCases(),
         record.seconds());
  if (!status.ok())
    return fail(kDifferent, status.message());
  return record.failedCases() ? kDifferent : kEqual;
}
