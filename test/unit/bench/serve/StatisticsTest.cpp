// Percentiles and sums of given records, goodput, and the report's names.
#include "tools/axiom-bench/serve/ServeReport.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace axiom::bench;

namespace {

TEST(Distributions, AsNumpyHasThem) {
  std::vector<double> values = {4, 1, 3, 2};
  Distribution d = distribution(values);
  EXPECT_DOUBLE_EQ(d.mean, 2.5);
  EXPECT_DOUBLE_EQ(d.median, 2.5);
  EXPECT_DOUBLE_EQ(d.deviation, std::sqrt(1.25));
  EXPECT_DOUBLE_EQ(d.p90, 3.7);
  EXPECT_DOUBLE_EQ(d.p99, 3.97);
  EXPECT_DOUBLE_EQ(d.most, 4);
  EXPECT_EQ(d.count, 4u);
  values = {7};
  EXPECT_DOUBLE_EQ(distribution(values).p99, 7);
  values.clear();
  EXPECT_DOUBLE_EQ(distribution(values).mean, 0);
}

Record completed(double sent, double first, double last, uint32_t out) {
  Record r;
  r.completed = true;
  r.status = 200;
  r.sent = sent;
  r.first = first;
  r.last = last;
  r.promptTokens = 100;
  r.outputTokens = out;
  r.gaps = {0.5f};
  return r;
}

std::vector<Record> someRecords() {
  std::vector<Record> records = {completed(0, 0.1, 1.1, 11), completed(1, 1.3, 2.3, 5),
                                 completed(2, 2.1, 4.0, 1)};
  Record rejected;
  rejected.status = 429;
  rejected.sent = 1;
  rejected.last = 1.02;
  records.push_back(rejected);
  Record broken;
  broken.status = 200;
  broken.sent = 1;
  broken.last = 2;
  broken.error = "the answer breaks off";
  records.push_back(broken);
  Record hungUp;
  hungUp.behaviour = Behaviour::HangUp;
  hungUp.spoiled = true;
  hungUp.sent = 0;
  records.push_back(hungUp);
  Record slow = completed(0, 50, 60, 7);
  slow.behaviour = Behaviour::Slow;
  records.push_back(slow);
  records.push_back(Record()); // never sent
  return records;
}

TEST(Summaries, CountEachRecordOnce) {
  Goodput goodput = *parseGoodput({"ttft:250", "tpot:100.5"});
  Summary s = summarize(someRecords(), 4, goodput);
  EXPECT_EQ(s.completed, 4u);
  EXPECT_EQ(s.failed, 2u);
  EXPECT_EQ(s.rejected, 1u);
  EXPECT_EQ(s.spoiled, 1u);
  EXPECT_EQ(s.slow, 1u);
  EXPECT_EQ(s.inputTokens, 400u);
  EXPECT_EQ(s.outputTokens, 24u);
  EXPECT_EQ(s.good, 2u); // the second has a TTFT of 300 ms
  EXPECT_EQ(s.goodTokens, 12u);
  EXPECT_EQ(s.ttft.count, 3u); // without the slow reader
  EXPECT_NEAR(s.ttft.most, 300, 1e-9);
  EXPECT_EQ(s.tpot.count, 2u); // one token has no time between
  EXPECT_NEAR(s.tpot.mean, (100 + 250) / 2.0, 1e-9);
  EXPECT_NEAR(s.e2el.most, 2000, 1e-9);
  EXPECT_EQ(s.itl.count, 3u);
  EXPECT_NEAR(s.rejection.p99, 20, 1e-9);
  EXPECT_DOUBLE_EQ(s.perSecond(s.completed), 1);
  EXPECT_EQ(s.statuses, (std::map<int, uint64_t>{{200, 5}, {429, 1}}));
  EXPECT_EQ(s.errors, (std::map<std::string, uint64_t>{{"the answer breaks off", 1}}));
}

TEST(Goodputs, Words) {
  EXPECT_FALSE(parseGoodput({})->given);
  for (const char *bad : {"ttft", "ttft:", "ttft:x", "latency:5", "tpot:-1", "tpot:nan", ":5"})
    EXPECT_FALSE(parseGoodput({bad}).ok()) << bad;
  EXPECT_FALSE(parseGoodput({"ttft:1", "ttft:2"}).ok());
  Goodput e2el = *parseGoodput({"e2el:999"});
  EXPECT_TRUE(e2el.given);
  EXPECT_FALSE(e2el.good(completed(0, 0.1, 1.0, 5)));
  EXPECT_TRUE(e2el.good(completed(0, 0.1, 0.9, 5)));
}

TEST(Reports, HaveTheNamesOfVllm) {
  std::vector<Record> records = someRecords();
  LoadResult result;
  result.records = records;
  ServeContext context;
  context.goodput = *parseGoodput({"ttft:250"});
  context.detailed = true;
  Summary s = summarize(records, 4, context.goodput);
  std::string json = serveJson(s, result, context), table = serveTable(s, result, context);
  for (const char *name :
       {"completed", "failed", "total_input_tokens", "total_output_tokens", "request_throughput",
        "request_goodput", "output_throughput", "total_token_throughput", "mean_ttft_ms",
        "median_ttft_ms", "std_ttft_ms", "p99_ttft_ms", "mean_tpot_ms", "p99_itl_ms", "p90_e2el_ms",
        "ttfts", "itls", "client_cpu_seconds", "p99_rejection_ms"})
    EXPECT_NE(json.find("\"" + std::string(name) + "\":"), std::string::npos) << name;
  for (const char *part : {"P99 TTFT (ms):", "Request goodput (req/s):", "the answer breaks off",
                           "of these rejected (429, 503):"})
    EXPECT_NE(table.find(part), std::string::npos) << part;
}

} // namespace
