// The log: its lines, what happens when nobody reads them, files that are moved away; traceparent.
#include "runtime/serve/core/Log.h"
#include "runtime/serve/core/RequestNote.h"
#include "runtime/text/ValueJson.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>

using namespace axiom;
using namespace axiom::serve;

namespace {

struct Folder {
  std::string path;
  Folder() {
    char name[] = "/tmp/axiom-log-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

std::string read(const std::string &path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// What an open log writes.
struct Written {
  Folder folder;
  std::shared_ptr<Log> log;

  explicit Written(LogSettings settings) {
    settings.file = folder.path + "/log";
    log = *Log::open(settings);
  }
  std::string text() {
    EXPECT_TRUE(log->flush(60'000));
    return read(folder.path + "/log");
  }
};

LogSettings json() {
  LogSettings settings;
  settings.json = true;
  return settings;
}

} // namespace

TEST(LogLine, Forms) {
  LogLine line(Level::Warning, "a \"b\"\nc");
  line.text("path", "/v1").text("odd", "x y\n\x01\"\xff").natural("n", 7).number("ms", 1.25);
  line.boolean("stream", true);
  std::string text = line.format(true, 1'790'000'000'123);
  auto value = parseJson(text);
  ASSERT_TRUE(value.ok()) << text;
  EXPECT_EQ(text.substr(0, 61),
            "{\"time\":\"2026-09-21T14:13:20.123Z\",\"level\":\"warning\",\"message");
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  EXPECT_NE(text.find("\"n\":7,\"ms\":1.250,\"stream\":true}\n"), std::string::npos) << text;
  text = line.format(false, 1'790'000'000'123);
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
  EXPECT_EQ(text.substr(0, 48), "2026-09-21T14:13:20.123Z warning: a \"b\" c path=/");
  EXPECT_NE(text.find(" odd=\"x y\\n\\u0001\\\""), std::string::npos) << text;
}

TEST(Log, LevelsLeaveOut) {
  LogSettings settings = json();
  settings.level = Level::Warning;
  Written written(settings);
  written.log->say(Level::Info, "one");
  written.log->say(Level::Warning, "two");
  written.log->say(Level::Error, "three");
  std::string text = written.text();
  EXPECT_EQ(text.find("one"), std::string::npos);
  EXPECT_NE(text.find("two"), std::string::npos);
  EXPECT_NE(text.find("three"), std::string::npos);
}

TEST(Log, NobodyWaitsForAReader) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  LogSettings settings = json();
  settings.descriptor = ends[1];
  settings.maxBytes = 100'000;
  auto log = *Log::open(settings);
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10'000; ++i) // far more than the pipe and the queue hold
    log->say(Level::Info, "a line of some length, so that they add up to more than there is room");
  EXPECT_GT(log->dropped(), 1000u);
  EXPECT_FALSE(log->flush(10));
  log.reset(); // gives up
  auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(took, std::chrono::seconds(60));
  close(ends[0]);
  close(ends[1]);
}

TEST(Log, AllLinesComeWhenThereIsRoom) {
  Written written(json());
  for (int i = 0; i < 5000; ++i)
    written.log->write(LogLine(Level::Info, "line").natural("i", i));
  std::string text = written.text();
  EXPECT_EQ(std::ranges::count(text, '\n'), 5000);
  EXPECT_EQ(written.log->dropped(), 0u);
  EXPECT_LT(text.find("\"i\":4998}"), text.find("\"i\":4999}"));
}

TEST(Log, ErrorsAreLimited) {
  LogSettings settings = json();
  settings.burst = 10;
  settings.perSecond = 20;
  Written written(settings);
  for (int i = 0; i < 1000; ++i)
    written.log->limited({Level::Info, "wrong"});
  std::string text = written.text();
  auto lines = static_cast<uint64_t>(std::ranges::count(text, '\n'));
  EXPECT_GE(lines, 10u);
  EXPECT_LT(lines, 1000u);
  EXPECT_GT(written.log->leftOut(), 0u);
  usleep(200'000); // there is room for some again
  written.log->limited({Level::Info, "later"});
  text = written.text();
  EXPECT_NE(text.find("left out"), std::string::npos);
  EXPECT_NE(text.find("later"), std::string::npos);
}

TEST(Log, ReopenFollowsAMovedFile) {
  Written written(json());
  written.log->say(Level::Info, "before");
  written.text();
  std::string file = written.folder.path + "/log", old = file + ".1";
  std::filesystem::rename(file, old);
  written.log->say(Level::Info, "between");
  ASSERT_TRUE(written.log->flush(60'000));
  written.log->reopen();
  written.log->say(Level::Info, "after");
  EXPECT_NE(written.text().find("after"), std::string::npos);
  EXPECT_NE(read(old).find("between"), std::string::npos);
  EXPECT_EQ(read(old).find("after"), std::string::npos);
  LogSettings settings;
  settings.file = "/nowhere/log";
  EXPECT_EQ(Log::open(settings).status().code(), Code::InvalidArgument);
}

TEST(RequestLog, Lines) {
  LogSettings settings = json();
  settings.level = Level::Debug;
  Written written(settings);
  http::Finished finished;
  finished.id = "abc";
  finished.method = "POST";
  finished.path = "/v1/completions";
  finished.peer = "127.0.0.1:5";
  finished.status = 200;
  finished.duration = std::chrono::microseconds(12'345);
  auto note = std::make_shared<RequestNote>();
  note->client.name = "alice";
  note->generates = true;
  note->promptTokens = 9;
  note->outputTokens = 3;
  note->firstTokenUs = 1500;
  note->finish = "length";
  note->trace = parseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  finished.note = note;
  logRequest(*written.log, finished);
  note->finish = nullptr;
  logRequest(*written.log, finished);
  http::Finished unread; // a header that was never understood
  unread.status = 400;
  unread.rejected = http::Reason::BadRequest;
  logRequest(*written.log, unread);
  finished.path = "/health";
  logRequest(*written.log, finished);
  std::istringstream text(written.text());
  std::string line;
  std::getline(text, line);
  for (std::string part :
       {"\"level\":\"info\"", "\"request_id\":\"abc\"", "\"client\":\"alice\"", "\"status\":200",
        "\"total_ms\":12.345", "\"prompt_tokens\":9", "\"output_tokens\":3", "\"ttft_ms\":1.500",
        "\"finish_reason\":\"length\"", "\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\"",
        "\"parent_span_id\":\"00f067aa0ba902b7\""})
    EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
  std::getline(text, line);
  EXPECT_NE(line.find("\"finish_reason\":\"abort\""), std::string::npos) << line;
  std::getline(text, line);
  EXPECT_NE(line.find("\"refused\":\"bad_request\""), std::string::npos) << line;
  EXPECT_EQ(line.find("request_id"), std::string::npos) << line;
  std::getline(text, line);
  EXPECT_NE(line.find("\"level\":\"debug\""), std::string::npos) << line;
}

TEST(TraceContext, WhatIsAllowed) {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736", parent = "00f067aa0ba902b7";
  auto good = parseTraceparent("00-" + trace + "-" + parent + "-01");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->traceId, trace);
  EXPECT_EQ(good->parentId, parent);
  EXPECT_NE(good->spanId, parent);
  EXPECT_EQ(good->header(), "00-" + trace + "-" + good->spanId + "-01");
  EXPECT_TRUE(parseTraceparent("cc-" + trace + "-" + parent + "-01-what the future holds"));
  for (std::string wrong :
       {std::string(), "00-" + trace + "-" + parent, "00-" + trace + "-" + parent + "-01-x",
        "00-" + trace + "-" + parent + "-0", "ff-" + trace + "-" + parent + "-01",
        "00-" + std::string(32, '0') + "-" + parent + "-01",
        "00-" + trace + "-" + std::string(16, '0') + "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01",
        "00_" + trace + "-" + parent + "-01", "cc-" + trace + "-" + parent + "-01x",
        "0g-" + trace + "-" + parent + "-01"})
    EXPECT_FALSE(parseTraceparent(wrong)) << wrong;
}
