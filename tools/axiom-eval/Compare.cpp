// axiom-eval compare: how far models are from a reference on the same tokens.
#include "tools/axiom-eval/Chunks.h"
#include "tools/axiom-eval/Commands.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace axiom::eval {
namespace {

constexpr uint32_t kPrefillTokens = 512, kDecodeTokens = 64; ///< of the speed columns

/// One model with what is measured of it.
struct Subject {
  std::string path;
  Model model;
  Engine engine;
  Score score;
  std::vector<double> divergence; ///< KLD of each scored token
  uint64_t sameTop = 0;
  double prefill = 0, decode = 0; ///< tokens per second
};

Expected<Subject> openSubject(const std::string &path, const CompareFlags &flags) {
  LoadOptions load;
  load.guardFaults = true;
  load.device = flags.device;
  Expected<Model> model = Model::open(path, load);
  if (!model)
    return model.error();
  tool::tellDevice(kTool, *model, false);
  uint32_t positions =
      std::max(flags.context, std::min(kPrefillTokens + 64, model->info().max_context));
  EngineOptions options = chunkEngine(positions, flags.threads, 0);
  Expected<Engine> engine = Engine::create(*model, options);
  if (!engine)
    return engine.error();
  return Subject{path, *model, std::move(*engine), {}, {}, 0, 0, 0};
}

/// Tokens per second of one prompt and of one sequence's decode, after a warm-up.
std::optional<Error> measureSpeed(Subject &subject, const std::vector<int32_t> &tokens) {
  using Clock = std::chrono::steady_clock;
  uint32_t context = subject.model.info().max_context;
  std::vector<int32_t> prompt(
      tokens.begin(),
      tokens.begin() + static_cast<ptrdiff_t>(std::min<size_t>(tokens.size(), kPrefillTokens)));
  for (int round = 0; round < 2; ++round) {
    auto start = Clock::now();
    auto last = static_cast<uint32_t>(prompt.size() - 1);
    if (auto error = subject.engine.forward(prompt, last, [](uint32_t, auto) {}))
      return error;
    subject.prefill = static_cast<double>(prompt.size()) /
                      std::chrono::duration<double>(Clock::now() - start).count();
  }
  Generation how;
  how.temperature = 0;
  how.ignoreEos = true;
  how.maxTokens = std::min(kDecodeTokens, context - 1);
  auto start = Clock::now();
  if (auto text = subject.engine.generate({prompt.data(), 1}, how); !text)
    return text.error();
  subject.decode = how.maxTokens / std::chrono::duration<double>(Clock::now() - start).count();
  return std::nullopt;
}

/// Runs one chunk and compares its scored rows with the reference's (empty for the reference
/// itself, which fills them).
std::optional<Error> scoreChunk(Subject &subject, const Chunks &chunks,
                                const std::vector<int32_t> &tokens, std::vector<float> &reference,
                                bool isReference) {
  uint32_t first = chunks.firstScored();
  return subject.engine.forward(tokens, first, [&](uint32_t position, std::span<const float> row) {
    if (position + 1 >= tokens.size())
      return;
    RowSum sum = rowSum(row);
    double logit = static_cast<double>(row[static_cast<size_t>(tokens[position + 1])]);
    subject.score.add(sum.logSum + sum.max - logit);
    if (isReference) {
      reference.insert(reference.end(), row.begin(), row.end());
      return;
    }
    std::span<const float> ref(reference.data() + size_t(position - first) * row.size(),
                               row.size());
    RowSum refSum = rowSum(ref);
    double divergence = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      double logP = static_cast<double>(ref[i]) - refSum.max - refSum.logSum;
      double logQ = static_cast<double>(row[i]) - sum.max - sum.logSum;
      divergence += std::exp(logP) * (logP - logQ);
    }
    subject.divergence.push_back(divergence);
    auto top = [](std::span<const float> l) {
      return std::max_element(l.begin(), l.end()) - l.begin();
    };
    subject.sameTop += top(row) == top(ref);
  });
}

struct Column {
  const char *key, *title;
  double value;
  int digits;
};

std::vector<Column> columnsOf(const Subject &s, double referencePpl) {
  std::vector<double> sorted = s.divergence;
  std::sort(sorted.begin(), sorted.end());
  double n = static_cast<double>(sorted.size()), sum = 0;
  for (double d : sorted)
    sum += d;
  auto rank = [&](double share) { // nearest rank
    auto at = static_cast<size_t>(std::ceil(share * n));
    return sorted[std::min(at > 0 ? at - 1 : 0, sorted.size() - 1)];
  };
  axiom_model_info info = s.model.info();
  return {{"bytes", "bytes", static_cast<double>(info.file_bytes), 0},
          {"bits_per_weight", "bits/weight", static_cast<double>(info.bits_per_weight), 3},
          {"ppl", "PPL", s.score.perplexity(), 4},
          {"ppl_error", "± PPL", s.score.error(), 4},
          {"ppl_reference", "PPL ref.", referencePpl, 4},
          {"kld_mean", "KLD mean", sum / n, 6},
          {"kld_median", "KLD median", rank(0.5), 6},
          {"kld_p99", "KLD 99 %", rank(0.99), 6},
          {"kld_max", "KLD max", sorted.back(), 6},
          {"same_top", "same top %", 100.0 * static_cast<double>(s.sameTop) / n, 2},
          {"prefill_ts", "prefill t/s", s.prefill, 1},
          {"decode_ts", "decode t/s", s.decode, 1}};
}

std::string csvText(const std::string &text) {
  if (text.find_first_of(",\"\n") == std::string::npos)
    return text;
  std::string out = "\"";
  for (char c : text)
    out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

void print(const std::vector<Subject> &subjects, double referencePpl, const std::string &format) {
  bool json = format == "json";
  std::string separator = format == "md" ? " | " : ",";
  for (size_t i = 0; i < subjects.size(); ++i) {
    auto columns = columnsOf(subjects[i], referencePpl);
    if (i == 0 && !json) {
      std::string head = format == "md" ? "| model" : "model", rule = "| ---";
      for (auto &c : columns) {
        head += separator + (format == "md" ? c.title : c.key);
        rule += " | ---:";
      }
      std::printf(format == "md" ? "%s |\n%s |\n" : "%s\n", head.c_str(), rule.c_str());
    }
    std::string line =
        json ? (i == 0 ? "[{\"model\": " : " {\"model\": ") + tool::jsonText(subjects[i].path)
        : format == "md" ? "| " + subjects[i].path
                         : csvText(subjects[i].path);
    for (auto &c : columns) {
      char value[64];
      std::snprintf(value, sizeof value, "%.*f",
                    json ? std::max(c.digits, 0) + (c.digits ? 4 : 0) : c.digits, c.value);
      line += json ? std::string(", \"") + c.key + "\": " + value : separator + value;
    }
    line += json ? (i + 1 == subjects.size() ? "}]" : "},") : format == "md" ? " |" : "";
    std::puts(line.c_str());
  }
}

} // namespace

int runCompare(CompareFlags &flags) {
  Expected<std::string> text = tool::readTextFile(flags.file);
  if (!text)
    return tool::fail(kTool, text.error());
  Expected<Subject> reference = openSubject(flags.reference, flags);
  if (!reference)
    return tool::fail(kTool, reference.error());
  Expected<Chunks> chunks = makeChunks(reference->model, *text, flags.context, flags.chunks);
  if (!chunks)
    return tool::fail(kTool, chunks.error());
  std::vector<Subject> subjects;
  for (const std::string &path : flags.models) {
    Expected<Subject> subject = openSubject(path, flags);
    if (!subject)
      return tool::fail(kTool, subject.error());
    uint32_t vocab = subject->model.info().vocab, expected = reference->model.info().vocab;
    if (vocab != expected)
      return tool::fail(kTool, {AXIOM_INVALID_ARGUMENT,
                                path + " has " + std::to_string(vocab) +
                                    " tokens and the reference " + std::to_string(expected) +
                                    ": only models with one vocabulary can be compared"});
    subjects.push_back(std::move(*subject));
  }
  std::vector<float> rows; // the reference's scored rows of one chunk
  for (size_t i = 0; i < chunks->tokens.size(); ++i) {
    rows.clear();
    if (auto error = scoreChunk(*reference, *chunks, chunks->tokens[i], rows, true))
      return tool::fail(kTool, *error);
    for (Subject &subject : subjects)
      if (auto error = scoreChunk(subject, *chunks, chunks->tokens[i], rows, false))
        return tool::fail(kTool, *error);
    std::fprintf(stderr, "%s: chunk %zu of %zu\n", kTool, i + 1, chunks->tokens.size());
    if (tool::interrupted())
      return tool::kInterrupted;
  }
  for (Subject &subject : subjects)
    if (auto error = measureSpeed(subject, chunks->tokens[0]))
      return tool::fail(kTool, *error);
  print(subjects, reference->score.perplexity(), flags.output);
  return tool::kOk;
}

} // namespace axiom::eval
