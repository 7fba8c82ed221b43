#include "compiler/calibrate/CalibrationText.h"

#include "runtime/base/MappedFile.h"
#include "runtime/text/TemplateUnicode.h"
#include "runtime/text/Tokenizer.h"

#include <algorithm>

namespace axiom::calibrate {

/// More than any default needs; a text is tokenized as a whole.
static constexpr uint64_t kMostBytes = 64u << 20;

Result<CalibrationText> readCalibrationText(const std::string &path,
                                            std::span<const uint8_t> tokenizer, uint32_t vocab,
                                            uint32_t maxContext, uint32_t maxTokens) {
  if (tokenizer.empty())
    return Status(Code::Unsupported, "the model has no tokenizer, so no text can calibrate it; "
                                     "leave out --calibrate");
  AXIOM_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  if (file.size() > kMostBytes)
    return Status(
        Code::InvalidArgument,
        format("the calibration text '%s' has %llu bytes; at most %llu are read, and a few "
               "hundred thousand are enough",
               path.c_str(), static_cast<unsigned long long>(file.size()),
               static_cast<unsigned long long>(kMostBytes)));
  std::string_view text(reinterpret_cast<const char *>(file.bytes().data()), file.size());
  if (!isValidUtf8(text))
    return Status(Code::InvalidArgument,
                  format("the calibration text '%s' is not UTF-8; convert it first", path.c_str()));
  AXIOM_ASSIGN_OR_RETURN(Tokenizer words, Tokenizer::open(tokenizer));
  std::vector<int32_t> ids = words.encode(text, {.addSpecial = false, .parseSpecial = false});
  // A tokenizer may know more ids than the model has rows for.
  std::erase_if(ids, [&](int32_t id) { return id < 0 || static_cast<uint32_t>(id) >= vocab; });
  if (ids.size() < kFewestTokens)
    return Status(
        Code::InvalidArgument,
        format("the calibration text '%s' has %zu tokens; at least %u are needed, and some "
               "%u are good",
               path.c_str(), ids.size(), kFewestTokens, kDefaultTokens));

  CalibrationText result;
  result.name = file.name();
  result.bytes = file.size();
  result.sha256 = Sha256::of(file.bytes());
  std::vector<int32_t> prefix(words.prefixIds().begin(), words.prefixIds().end());
  uint32_t longest = std::min(kChunkTokens, maxContext);
  if (prefix.size() >= longest)
    prefix.clear();
  size_t next = 0;
  while (next < ids.size() && result.tokens < maxTokens) {
    size_t room = std::min<size_t>(longest, maxTokens - result.tokens);
    if (room <= prefix.size())
      break;
    size_t some = std::min(room - prefix.size(), ids.size() - next);
    std::vector<int32_t> chunk = prefix;
    chunk.insert(chunk.end(), ids.begin() + static_cast<ptrdiff_t>(next),
                 ids.begin() + static_cast<ptrdiff_t>(next + some));
    next += some;
    result.tokens += static_cast<uint32_t>(chunk.size());
    result.chunks.push_back(std::move(chunk));
  }
  return result;
}

} // namespace axiom::calibrate
