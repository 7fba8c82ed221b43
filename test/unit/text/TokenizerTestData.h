// The committed sample: small vocabularies compiled to blobs, and what PyPI `tokenizers` makes of
// texts with them (test/tokenizer/differential.py --write-golden).
#ifndef AXIOM_TEST_UNIT_TEXT_TOKENIZERTESTDATA_H
#define AXIOM_TEST_UNIT_TEXT_TOKENIZERTESTDATA_H

#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace axiom::test {

inline const char *const kGoldenKinds[] = {
    "gpt2",   "gpt2-prefix", "smollm", "llama3",          "qwen2",
    "qwen35", "llama2",      "gemma",  "metaspace-first", "metaspace-always"};

inline std::string readTestFile(const std::string &name) {
  std::ifstream in(AXIOM_TEXT_TEST_DATA "/data/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::vector<uint8_t> readBlob(const std::string &kind) {
  std::string bytes = readTestFile(kind + ".tok");
  return {bytes.begin(), bytes.end()};
}

struct GoldenCase {
  int flags = 0; ///< 1 addSpecial, 2 parseSpecial
  std::string text;
  std::vector<int32_t> ids;
  std::string shown, hidden; ///< decoded with and without special tokens
};

inline std::vector<GoldenCase> readGolden(const std::string &name) {
  std::vector<GoldenCase> cases;
  std::istringstream lines(readTestFile(name + ".txt"));
  auto fromHex = [](const std::string &hex, const std::string &same) {
    std::string out;
    if (hex == "=")
      return same;
    for (size_t i = 0; hex != "-" && i + 1 < hex.size(); i += 2)
      out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return out;
  };
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#')
      continue;
    std::istringstream in(line);
    GoldenCase c;
    std::string text, ids, shown, hidden, id;
    in >> c.flags >> text >> ids >> shown >> hidden;
    c.text = fromHex(text, "");
    for (std::istringstream list(ids == "-" ? "" : ids); std::getline(list, id, ',');)
      c.ids.push_back(std::stoi(id));
    c.shown = fromHex(shown, c.text);
    c.hidden = fromHex(hidden, c.shown);
    cases.push_back(std::move(c));
  }
  return cases;
}

} // namespace axiom::test

#endif
