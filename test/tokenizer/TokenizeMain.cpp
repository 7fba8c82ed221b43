// The tokenizer by itself, for test/tokenizer/differential.py.
//
//   axiom-tokenize-test compile TOKENIZER.json CONFIG.json|- OUT
//   axiom-tokenize-test compile-gguf METADATA.json OUT   (the members of GgufTokenizer as JSON)
//   axiom-tokenize-test run BLOB                         commands from stdin, one answer line each:
//     E FLAGS HEX       ids of the text; FLAGS: 1 addSpecial + 2 parseSpecial
//     D SKIP ID,ID,...  decode, as hex
//     S SKIP ID,ID,...  the same by StreamDetokenizer
#include "compiler/import/TokenizerCompiler.h"
#include "runtime/text/Detokenizer.h"
#include "runtime/text/Tokenizer.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

namespace {

using namespace axiom;

bool readFile(const char *path, std::string &out) {
  std::ifstream in(path, std::ios::binary);
  out.assign(std::istreambuf_iterator<char>(in), {});
  return in.good() || in.eof();
}

int fail(const Status &status) {
  std::fprintf(stderr, "%s: %s\n", codeName(status.code()), status.message().c_str());
  return 3;
}

int finish(const Result<std::vector<uint8_t>> &blob, const char *path) {
  if (!blob.ok())
    return fail(blob.status());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char *>(blob.value().data()),
            static_cast<std::streamsize>(blob.value().size()));
  return out.good() ? 0 : 1;
}

/// Trusted input of a test: exceptions may end the program.
GgufTokenizer readGguf(const std::string &text) {
  auto j = nlohmann::json::parse(text);
  GgufTokenizer g;
  g.model = j.value("model", "");
  g.pre = j.value("pre", "");
  g.tokens = j.value("tokens", std::vector<std::string>());
  g.scores = j.value("scores", std::vector<float>());
  g.tokenTypes = j.value("tokenTypes", std::vector<int32_t>());
  g.merges = j.value("merges", std::vector<std::string>());
  g.bosId = j.value("bosId", -1);
  g.eosId = j.value("eosId", -1);
  g.unkId = j.value("unkId", -1);
  g.padId = j.value("padId", -1);
  auto optional = [&](const char *name, std::optional<bool> &out) {
    if (j.contains(name))
      out = j[name].get<bool>();
  };
  optional("addBos", g.addBos);
  optional("addEos", g.addEos);
  optional("addSpacePrefix", g.addSpacePrefix);
  return g;
}

std::string fromHex(const std::string &hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

std::string toHex(const std::string &bytes) {
  std::string out;
  for (char c : bytes)
    out += format("%02x", static_cast<unsigned>(static_cast<uint8_t>(c)));
  return out;
}

std::vector<int32_t> readIds(std::istream &in) {
  std::vector<int32_t> ids;
  std::string list, item;
  in >> list;
  for (std::istringstream items(list); std::getline(items, item, ',');)
    ids.push_back(std::stoi(item));
  return ids;
}

int run(const char *path) {
  std::string bytes;
  if (!readFile(path, bytes))
    return 1;
  auto opened = Tokenizer::open({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()});
  if (!opened.ok())
    return fail(opened.status());
  const Tokenizer &tokenizer = opened.value();
  std::ios::sync_with_stdio(false);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    char command = 0;
    int flags = 0;
    in >> command >> flags;
    std::string answer;
    if (command == 'E') {
      std::string hex;
      in >> hex;
      for (int32_t id : tokenizer.encode(fromHex(hex), {(flags & 1) != 0, (flags & 2) != 0}))
        answer += (answer.empty() ? "" : ",") + std::to_string(id);
    } else if (command == 'D') {
      answer = toHex(tokenizer.decode(readIds(in), flags != 0));
    } else if (command == 'S') {
      StreamDetokenizer::Options options;
      options.skipSpecial = flags != 0;
      StreamDetokenizer stream(tokenizer, options);
      std::string text;
      for (int32_t id : readIds(in))
        text += stream.add(id);
      answer = toHex(text + stream.flush());
    }
    std::cout << answer << '\n';
  }
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  std::string text, config;
  if (mode == "run" && argc == 3)
    return run(argv[2]);
  if (mode == "compile" && argc == 5) {
    if (!readFile(argv[2], text) || (std::string(argv[3]) != "-" && !readFile(argv[3], config)))
      return 1;
    return finish(compileTokenizerJson(text, config), argv[4]);
  }
  if (mode == "compile-gguf" && argc == 4) {
    if (!readFile(argv[2], text))
      return 1;
    return finish(compileGgufTokenizer(readGguf(text)), argv[3]);
  }
  std::fprintf(stderr, "usage: see the head of test/tokenizer/TokenizeMain.cpp\n");
  return 2;
}
