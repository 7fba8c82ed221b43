// axiom-eval logits and axiom-eval perplexity.
#include "tools/axiom-eval/Chunks.h"
#include "tools/axiom-eval/Commands.h"
#include "tools/axiom-eval/Npy.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unistd.h>

namespace axiom::eval {
namespace {

/// Ids separated by commas or white space.
Expected<std::vector<int32_t>> parseIds(const std::string &text, const std::string &path) {
  std::vector<int32_t> ids;
  for (size_t at = 0; at < text.size();) {
    if (std::strchr(", \t\r\n", text[at])) {
      ++at;
      continue;
    }
    size_t end = text.find_first_of(", \t\r\n", at);
    std::string word = text.substr(at, end == std::string::npos ? end : end - at);
    char *stop = nullptr;
    errno = 0;
    long id = std::strtol(word.c_str(), &stop, 10);
    if (*stop != '\0' || errno != 0 || id < 0 || id > INT32_MAX)
      return Error{AXIOM_INVALID_ARGUMENT, path + ": '" + word.substr(0, 40) + "' is no token id"};
    ids.push_back(static_cast<int32_t>(id));
    at = end == std::string::npos ? text.size() : end;
  }
  return ids;
}

/// A file that appears under its name when all of it is written.
class OutputFile {
public:
  explicit OutputFile(std::string path)
      : path_(std::move(path)), temporary_(path_ + ".tmp" + std::to_string(getpid())),
        file_(std::fopen(temporary_.c_str(), "wb")) {}
  ~OutputFile() {
    if (file_)
      std::fclose(file_);
    if (!done_)
      std::remove(temporary_.c_str());
  }
  bool opened() const { return file_ != nullptr; }
  bool write(const void *bytes, size_t size) { return std::fwrite(bytes, 1, size, file_) == size; }
  bool finish() {
    bool good = std::fclose(file_) == 0;
    file_ = nullptr;
    done_ = good && std::rename(temporary_.c_str(), path_.c_str()) == 0;
    return done_;
  }

private:
  std::string path_, temporary_;
  FILE *file_;
  bool done_ = false;
};

} // namespace

int runLogits(LogitsFlags &flags) {
  Expected<uint64_t> limit = tool::parseBytes(flags.model.memory);
  if (!limit)
    return tool::fail(kTool, limit.error());
  Expected<Model> model = Model::open(flags.model.path, flags.model.loadOptions());
  if (!model)
    return tool::fail(kTool, model.error());
  tool::tellDevice(kTool, *model, flags.model.verbose);
  std::vector<int32_t> tokens;
  if (!flags.tokensFile.empty()) {
    Expected<std::string> text = tool::readTextFile(flags.tokensFile);
    if (!text)
      return tool::fail(kTool, text.error());
    Expected<std::vector<int32_t>> ids = parseIds(*text, flags.tokensFile);
    if (!ids)
      return tool::fail(kTool, ids.error());
    tokens = std::move(*ids);
  } else {
    Expected<std::vector<int32_t>> ids = model->tokenize(flags.text, tool::kPromptFlags);
    if (!ids)
      return tool::fail(kTool, ids.error());
    tokens = std::move(*ids);
  }
  axiom_model_info info = model->info();
  auto count = static_cast<uint32_t>(std::min<size_t>(tokens.size(), info.max_context));
  EngineOptions options = chunkEngine(std::max(count, 1u), flags.model.threads, *limit);
  Expected<Engine> engine = Engine::create(*model, options);
  if (!engine)
    return tool::fail(kTool, engine.error());

  OutputFile out(flags.out);
  std::string header = npyHeader(tokens.size(), info.vocab);
  bool written = out.opened() && out.write(header.data(), header.size());
  if (auto error = engine->forward(tokens, 0, [&](uint32_t, std::span<const float> row) {
        written = written && out.write(row.data(), row.size_bytes());
      }))
    return tool::fail(kTool, *error);
  if (!written || !out.finish())
    return tool::fail(kTool,
                      {AXIOM_RESOURCE, flags.out + ": can't be written: " + std::strerror(errno)});
  return tool::kOk;
}

int runPerplexity(PerplexityFlags &flags) {
  Expected<uint64_t> limit = tool::parseBytes(flags.model.memory);
  if (!limit)
    return tool::fail(kTool, limit.error());
  Expected<std::string> text = tool::readTextFile(flags.file);
  if (!text)
    return tool::fail(kTool, text.error());
  Expected<Model> model = Model::open(flags.model.path, flags.model.loadOptions());
  if (!model)
    return tool::fail(kTool, model.error());
  tool::tellDevice(kTool, *model, flags.model.verbose);
  Expected<Chunks> chunks = makeChunks(*model, *text, flags.context, flags.chunks);
  if (!chunks)
    return tool::fail(kTool, chunks.error());
  Expected<Engine> engine =
      Engine::create(*model, chunkEngine(flags.context, flags.model.threads, *limit));
  if (!engine)
    return tool::fail(kTool, engine.error());
  Score score;
  for (size_t i = 0; i < chunks->tokens.size(); ++i) {
    const std::vector<int32_t> &tokens = chunks->tokens[i];
    auto error = engine->forward(tokens, chunks->firstScored(), [&](uint32_t position, auto row) {
      if (position + 1 >= tokens.size())
        return;
      RowSum sum = rowSum(row);
      double logit = static_cast<double>(row[static_cast<size_t>(tokens[position + 1])]);
      score.add(sum.logSum + sum.max - logit);
    });
    if (error)
      return tool::fail(kTool, *error);
    std::fprintf(stderr, "%s: chunk %zu of %zu, PPL so far %.4f\n", kTool, i + 1,
                 chunks->tokens.size(), score.perplexity());
    if (tool::interrupted())
      return tool::kInterrupted;
  }
  std::printf("chunks = %zu, scored tokens = %llu, error = %.4f\n", chunks->tokens.size(),
              static_cast<unsigned long long>(score.count), score.error());
  std::printf("PPL = %.4f\n", score.perplexity());
  return tool::kOk;
}

} // namespace axiom::eval
