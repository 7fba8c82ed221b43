// What our command line tools share: exit codes, messages, files, interruption, common flags.
#ifndef AXIOM_TOOLS_COMMON_TOOL_H
#define AXIOM_TOOLS_COMMON_TOOL_H

#include "runtime/include/axiom/axiom.hpp"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace axiom::tool {

enum Exit : int {
  kOk = 0,
  kFailure = 1,
  kUsage = 2,
  kBadModel = 3,
  kResources = 4,
  kStalled = 5, ///< axiom-serve --watchdog abort: a step did not end
  kInterrupted = 130,
};

int exitCode(axiom_status status);
/// Prints "TOOL: error: MESSAGE" to stderr and gives the exit code.
int fail(const char *tool, const Error &error);

/// Name, version, and the versions of format, numerics and kernel ABI.
std::string versionText(const char *tool);

/// Parses, calls `body` unless parsing said all (--help, a usage error), and maps what goes wrong
/// to exit codes: nothing leaves as an exception. Flags take values from the environment, apart
/// from those named in `without` (tools/common/CommandLine.h).
int run(const char *tool, CLI::App &app, int argc, char **argv, const std::function<int()> &body,
        const std::set<std::string> &without = {});

/// Makes Ctrl-C and SIGTERM set a flag (the second one ends the process at once).
void catchInterrupts();
bool interrupted();

Expected<std::string> readTextFile(const std::string &path);
/// Writes through a temporary file beside it, so that `path` is old or complete.
std::optional<Error> writeWholeFile(const std::string &path, const std::string &bytes);

/// Flags of every tool that runs a model.
struct ModelFlags {
  std::string path, load = "map", isa, device;
  uint32_t threads = 0;
  std::string memory; ///< "4G"
  bool verbose = false;

  void add(CLI::App &app);
  LoadOptions loadOptions() const;
};

/// --device of every tool that runs a model.
void addDevice(CLI::App &app, std::string &device);
/// Says on stderr which GPU and which code were chosen, or, if `always`, that it is the CPU.
void tellDevice(const char *tool, const Model &model, bool always);
/// Shows on a terminal how much of the weights is copied to a GPU; on no other stderr.
std::function<void(uint64_t done, uint64_t total)> uploadProgress(const char *tool);

/// "500M", "4G", "1.5GiB" or a number of bytes; 0 for an empty text.
Expected<uint64_t> parseBytes(const std::string &text);
std::string bytesText(uint64_t bytes);
/// A JSON string literal.
std::string jsonText(const std::string &text);
/// "weights 84.4 MB + KV ... = ...", for --verbose.
std::string memoryText(const axiom_memory &memory);

/// Tokens of a prompt as the tokenizer's configuration makes them.
inline constexpr uint32_t kPromptFlags = AXIOM_TOKENIZE_ADD_SPECIAL | AXIOM_TOKENIZE_PARSE_SPECIAL;

} // namespace axiom::tool

#endif
