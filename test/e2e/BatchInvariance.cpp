// The same bits whatever the batch: BatchInvariance MODEL.axm [mixes] [seed] [isa or device]
//
// Random mixes of requests (1 to 16 at once, in every eighth mix up to 64, random chunk sizes, 1 to
// 8 threads, much or little KV memory so that some are preempted), with the code of ISA level `isa`
// or on the device ("cuda") if one is named, there every second mix as graphs; requests alone run
// the code that is chosen without it, or `isa` where none is.
// Each row of logits that a request sees, each token and each embedding that it gets, must equal
// bit for bit what the same request sees alone on one thread. Many prompts begin alike, so that
// they find each other's KV blocks; half of the mixes guess tokens. Prints and asserts how many
// steps held several sequences, how many prompts were split, how many sequences preempted and how
// many tokens found and guessed; and a digest of what the requests see, which is the same on every
// machine.
#include "runtime/base/Sha256.h"
#include "runtime/include/axiom/axiom.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>

namespace {

/// What a request is asked and what it must see: a digest of each row by position, and the tokens.
struct Case {
  std::vector<int32_t> prompt;
  axiom::Generation how;
  uint32_t rowsFrom = 0;
  axiom_pooling pooling = AXIOM_POOLING_NONE; ///< else the prompt's embedding, no tokens
};
struct Seen {
  std::map<uint32_t, axiom::Sha256Digest> rows;
  std::vector<int32_t> tokens;
  std::vector<float> embedding;
  bool operator==(const Seen &) const = default;
};

[[noreturn]] void die(const std::string &message) {
  std::printf("FAILED: %s\n", message.c_str());
  std::exit(1);
}

/// Submits through the C API, since rows of a generating request are asked for there.
uint64_t submit(axiom::Engine &engine, const Case &c, Seen &seen) {
  axiom_request r;
  axiom_request_init(&r, sizeof r);
  r.prompt = c.prompt.data();
  r.prompt_count = c.prompt.size();
  r.max_tokens = c.how.maxTokens;
  r.temperature = c.how.temperature;
  r.top_k = c.how.topK;
  r.seed = c.how.seed;
  r.logit_bias = c.how.logitBias.data();
  r.num_logit_bias = c.how.logitBias.size();
  r.ignore_eos = 1;
  r.embedding = c.pooling;
  r.rows_from = c.rowsFrom;
  r.rows_user = &seen;
  if (c.pooling == AXIOM_POOLING_NONE)
    r.rows = [](void *user, uint32_t, uint32_t position, const float *logits, uint32_t vocab) {
      auto &rows = static_cast<Seen *>(user)->rows;
      if (!rows.emplace(position, axiom::Sha256::of({reinterpret_cast<const uint8_t *>(logits),
                                                     size_t(vocab) * sizeof(float)}))
               .second)
        die("a row came twice");
    };
  uint64_t id = 0;
  if (axiom_submit(engine.get(), &r, nullptr, nullptr, &id) != AXIOM_OK)
    die(axiom_last_error());
  return id;
}

void finish(axiom::Engine &engine, uint64_t id, Seen &seen) {
  for (bool last = false; !last;) {
    auto event = engine.wait(id);
    if (!event)
      die(event.error().message);
    if (event->finish == AXIOM_FINISH_ERROR)
      die(event->error);
    if (event->token >= 0)
      seen.tokens.push_back(event->token);
    if (!event->embedding.empty())
      seen.embedding = event->embedding;
    last = event->last;
  }
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 2) {
    std::printf("usage: BatchInvariance MODEL.axm [mixes] [seed] [isa or device]\n");
    return 2;
  }
  uint32_t mixes = argc > 2 ? static_cast<uint32_t>(std::atoi(argv[2])) : 500;
  uint32_t seed = argc > 3 ? static_cast<uint32_t>(std::atoi(argv[3])) : 1;
  axiom::LoadOptions load;
  std::string which = argc > 4 ? argv[4] : "";
  (which.rfind("cuda", 0) == 0 ? load.device : load.isa) = which;
  auto variant = axiom::Model::open(argv[1], load);
  if (!variant)
    die(variant.error().message);
  auto model = axiom::Model::open(argv[1]);
  if (!model && !load.isa.empty())
    model = axiom::Model::open(argv[1], load);
  if (!model)
    die(model.error().message);
  uint32_t vocab = model->info().vocab, context = std::min(model->info().max_context, 300u);
  std::mt19937 random(seed);
  auto upTo = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };

  // A pool of cases, each first run alone: one sequence, one thread, whole prompts in one step.
  constexpr size_t kGenerating = 48, kEmbedding = 8;
  std::vector<Case> cases(kGenerating + kEmbedding);
  std::vector<Seen> alone(cases.size());
  std::vector<int32_t> beginning(context / 2); // more than two blocks
  for (int32_t &token : beginning)
    token = static_cast<int32_t>(upTo(vocab));
  for (size_t i = 0; i < cases.size(); ++i) {
    Case &c = cases[i];
    uint32_t length = 1 + upTo(i % 4 == 0 ? context * 2 / 3 : 60);
    if (i % 4 == 1)
      length += context / 2;
    for (uint32_t t = 0; t < length; ++t)
      c.prompt.push_back(i % 4 < 2 && t < beginning.size() ? beginning[t]
                                                           : static_cast<int32_t>(upTo(vocab)));
    c.how.maxTokens = 1 + upTo(i % 5 == 0 ? context / 3 - 1 : 50);
    c.how.maxTokens = std::min(c.how.maxTokens, context - length);
    c.how.temperature = i % 3 == 0 ? 0.0f : 1.2f;
    c.how.topK = i % 2 ? 0 : 20;
    c.how.seed = i;
    if (i % 4 == 2) // few tokens: what followed them before is often right
      for (int32_t token : {1, 2, 3})
        c.how.logitBias.push_back({token, 60.0f});
    c.rowsFrom = i % 3 == 0 ? 0 : upTo(length);
    if (i >= kGenerating)
      c.pooling = i % 2 ? AXIOM_POOLING_MEAN : AXIOM_POOLING_LAST;
    axiom::EngineOptions options;
    options.threads = 1;
    options.maxSequences = 1;
    options.maxBatchedTokens = options.maxRows = 512;
    options.kvPositions = context;
    options.manual = true;
    options.noPrefixCache = true;
    auto engine = axiom::Engine::create(*model, options);
    if (!engine)
      die(engine.error().message);
    finish(*engine, submit(*engine, c, alone[i]), alone[i]);
  }
  axiom::Sha256 all;
  for (const Seen &seen : alone) {
    for (const auto &[position, row] : seen.rows)
      all.update(row);
    all.update(seen.tokens.data(), seen.tokens.size() * sizeof(int32_t));
    all.update(seen.embedding.data(), seen.embedding.size() * sizeof(float));
  }

  uint64_t steps = 0, mixed = 0, split = 0, preempted = 0, found = 0, guessed = 0, wrong = 0,
           compared = 0, embedded = 0;
  for (uint32_t mix = 0; mix < mixes; ++mix) {
    axiom::EngineOptions options;
    uint32_t most = mix % 8 == 7 ? 64 : 16;
    options.threads = 1 + upTo(mix % 4 == 3 ? 8 : 4);
    options.oversubscribe = true;
    options.maxSequences = 1 + upTo(most);
    options.maxRows = options.maxSequences + upTo(16);
    options.maxBatchedTokens = options.maxRows + upTo(upTo(2) ? 24 : 200);
    // Often too little for all: the youngest are preempted and recomputed.
    options.kvPositions = context + (upTo(4) ? upTo(192) : 64ull * 80);
    options.manual = true;
    options.eager = mix % 2 == 0;
    options.maxDraftTokens = upTo(2) ? 1 + upTo(6) : 0;
    auto engine = axiom::Engine::create(*variant, options);
    if (!engine)
      die(engine.error().message);
    uint32_t count = 1 + upTo(most);
    std::vector<size_t> picked;
    std::vector<uint64_t> ids;
    std::vector<Seen> seen(count);
    for (uint32_t i = 0; i < count; ++i) {
      picked.push_back(upTo(static_cast<uint32_t>(cases.size())));
      ids.push_back(submit(*engine, cases[picked[i]], seen[i]));
      for (uint32_t n = upTo(3); n > 0; --n)
        engine->step();
    }
    for (uint32_t i = 0; i < count; ++i) {
      finish(*engine, ids[i], seen[i]);
      if (seen[i] != alone[picked[i]])
        die("mix " + std::to_string(mix) + ", request " + std::to_string(i) +
            " differs from the same request alone (seed " + std::to_string(seed) + ")");
      compared += seen[i].rows.size();
      embedded += !seen[i].embedding.empty();
    }
    axiom_stats stats = engine->stats();
    steps += stats.steps;
    mixed += stats.mixed_steps;
    split += stats.split_prompts;
    preempted += stats.preemptions;
    found += stats.prefix_hits;
    guessed += stats.accepted_draft_tokens;
    wrong += stats.draft_tokens - stats.accepted_draft_tokens;
  }
  std::printf(
      "%s: %u mixes: %llu rows of logits and %llu embeddings bit-equal; %llu steps, %llu with "
      "several sequences, "
      "%llu prompts split, %llu sequences preempted, %llu tokens of prompts found, %llu guessed "
      "and %llu wrongly; digest %.16s\n",
      variant->info().target, mixes, static_cast<unsigned long long>(compared),
      static_cast<unsigned long long>(embedded), static_cast<unsigned long long>(steps),
      static_cast<unsigned long long>(mixed), static_cast<unsigned long long>(split),
      static_cast<unsigned long long>(preempted), static_cast<unsigned long long>(found),
      static_cast<unsigned long long>(guessed), static_cast<unsigned long long>(wrong),
      axiom::sha256Hex(all.finish()).c_str());
  bool reuse = context < 256 || found >= mixes * 20ull; // beginnings are half a context
  if (mixed < mixes || split < mixes / 4 || preempted < mixes / 10 || !reuse ||
      guessed < mixes / 4 || wrong < mixes / 4 || embedded < mixes / 4)
    die("too few mixed steps, split prompts, preemptions, tokens found or guessed, embeddings: the "
        "test shows "
        "nothing");
  return 0;
}
