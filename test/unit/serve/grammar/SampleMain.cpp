// grammar-sample MODEL.axm SAMPLES TOKENS [SEED]: reads schemas, one on a line, and draws texts
// from the grammar of each, any allowed token with the same chance but for short ones and the end,
// which come more often. One line of JSON for each schema; times in milliseconds.
#include "runtime/api/ApiState.h"
#include "runtime/serve/grammar/Compiler.h"
#include "runtime/serve/grammar/OutputGrammar.h"
#include "runtime/serve/openai/Json.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <random>

using namespace axiom;
using namespace axiom::serve;
using Clock = std::chrono::steady_clock;

namespace {

double since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Sampled {
  std::string text;
  bool ended = false;
  std::string error;
};

Sampled sample(const grammar::Grammar &grammar, const grammar::Vocabulary &vocabulary, int tokens,
               std::mt19937_64 &random, std::vector<double> &times) {
  Sampled out;
  auto constraint = std::move(grammar.start()).value();
  std::vector<uint32_t> mask(engine::maskWords(static_cast<uint32_t>(vocabulary.tokens.size())));
  std::vector<int32_t> may;
  for (int i = 0; i < tokens && !constraint->ended(); ++i) {
    auto start = Clock::now();
    if (Status status = constraint->fill(mask); !status.ok()) {
      out.error = status.message();
      return out;
    }
    double took = since(start);
    may.clear();
    for (size_t t = 0; t < vocabulary.tokens.size(); ++t)
      if (mask[t / 32] >> (t % 32) & 1)
        may.push_back(static_cast<int32_t>(t));
    if (may.empty()) {
      out.error = "no token may come after the bytes";
      for (char c : out.text.substr(out.text.size() - std::min<size_t>(out.text.size(), 8)))
        out.error += format(" %02x", static_cast<unsigned char>(c));
      return out;
    }
    int32_t token = may[random() % may.size()];
    auto bytes = [&] { return vocabulary.tokens[static_cast<size_t>(token)].size(); };
    for (int tries = 0; tries < 6 && bytes() > 2; ++tries)
      token = may[random() % may.size()];
    for (int32_t end : vocabulary.end)
      if (std::ranges::count(may, end) > 0 && random() % 3 == 0)
        token = end;
    // Closing signs, so that texts end.
    if (random() % 4 == 0)
      for (int32_t t : may)
        if (const std::string &text = vocabulary.tokens[static_cast<size_t>(t)];
            text == "\"" || text == "}" || text == "]")
          token = t;
    start = Clock::now();
    Status status = constraint->accept(token);
    times.push_back(took + since(start));
    if (!status.ok()) {
      out.error = status.message();
      return out;
    }
    if (!constraint->ended())
      out.text += vocabulary.tokens[static_cast<size_t>(token)];
  }
  out.ended = constraint->ended();
  return out;
}

} // namespace

int main(int count, char **words) {
  if (count < 4)
    return 2;
  auto model = api::openModel(words[1], {}, false, "cpu");
  if (!model.ok() || !(*model)->tokenizer) {
    std::fprintf(stderr, "%s\n", model.ok() ? "no tokenizer" : model.status().message().c_str());
    return 1;
  }
  grammar::Vocabulary vocabulary = grammar::vocabularyOf(
      *(*model)->tokenizer, (*model)->artifact->config().vocab, (*model)->artifact->config().eos);
  auto compiler = grammar::makeCompiler(vocabulary);
  if (!compiler.ok()) {
    std::fprintf(stderr, "%s\n", compiler.status().message().c_str());
    return 77;
  }
  std::mt19937_64 random(count > 4 ? std::stoull(words[4]) : 1);
  for (std::string line; std::getline(std::cin, line);) {
    openai::Request request;
    request.format.kind = openai::OutputFormat::Schema;
    request.format.text = line;
    std::string out;
    openai::JsonWriter json(out);
    json.beginObject();
    auto start = Clock::now();
    auto text = grammar::grammarText(request, openai::ToolFormat::None);
    double wrote = since(start);
    if (!text.ok()) {
      json.key("refused")
          .string(text.status().message())
          .key("code")
          .string(codeName(text.status().code()));
    } else {
      start = Clock::now();
      auto grammar = (*compiler)->compile(text->text);
      json.key("compile").number(since(start)).key("bytes").natural(text->text.size());
      if (!grammar.ok()) {
        json.key("error").string(grammar.status().message());
      } else {
        std::vector<double> times;
        json.key("samples").beginArray();
        for (int i = 0; i < std::stoi(words[2]); ++i) {
          Sampled drawn = sample(**grammar, vocabulary, std::stoi(words[3]), random, times);
          json.beginObject().key("text").string(drawn.text).key("ended").boolean(drawn.ended);
          json.key("error").string(drawn.error).endObject();
        }
        json.endArray().key("masks").beginArray();
        for (double time : times)
          json.number(time);
        json.endArray();
      }
    }
    json.key("wrote").number(wrote).endObject();
    std::puts(out.c_str());
    std::fflush(stdout);
  }
  return 0;
}
