#include "tools/common/Tool.h"

#include "tools/common/CommandLine.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unistd.h>

namespace axiom::tool {
namespace {

volatile std::sig_atomic_t interruptCount = 0;

void onInterrupt(int) {
  if (interruptCount)
    _exit(kInterrupted);
  interruptCount = 1;
}

} // namespace

int exitCode(axiom_status status) {
  switch (status) {
  case AXIOM_OK:
    return kOk;
  case AXIOM_INVALID_ARGUMENT:
    return kUsage;
  case AXIOM_BAD_INPUT:
  case AXIOM_UNSUPPORTED:
  case AXIOM_NOT_FOUND:
    return kBadModel;
  case AXIOM_RESOURCE:
  case AXIOM_OVERLOADED:
    return kResources;
  case AXIOM_CANCELLED:
    return interrupted() ? kInterrupted : kFailure;
  case AXIOM_INTERNAL:
  case AXIOM_AGAIN:
  case AXIOM_TIMED_OUT:
    return kFailure;
  }
  return kFailure;
}

int fail(const char *tool, const Error &error) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s: error: %s\n", tool, error.message.c_str());
  return exitCode(error.code);
}

std::string versionText(const char *tool) {
  uint32_t format = 0, numerics = 0, kernelAbi = 0;
  axiom_format_versions(&format, &numerics, &kernelAbi);
  return std::string(tool) + " " + axiom_version() + "\nartifact format " + std::to_string(format) +
         ", numerics " + std::to_string(numerics) + ", kernel ABI " + std::to_string(kernelAbi);
}

int run(const char *tool, CLI::App &app, int argc, char **argv, const std::function<int()> &body,
        const std::set<std::string> &without) {
  try {
    app.name(tool);
    app.set_version_flag(
        "--version", [tool] { return versionText(tool); }, "Print the versions and exit");
    return parseAndRun(
        app, argc, argv,
        [&] {
          int code = body();
          if (std::fflush(stdout) != 0)
            return fail(tool, {AXIOM_RESOURCE,
                               std::string("can't write to stdout: ") + std::strerror(errno)});
          return code;
        },
        without);
  } catch (const std::bad_alloc &) {
    return fail(tool, {AXIOM_RESOURCE, "not enough memory"});
  } catch (const std::exception &error) {
    return fail(tool, {AXIOM_INTERNAL, error.what()});
  }
}

void catchInterrupts() {
  struct sigaction action{};
  action.sa_handler = onInterrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN); // a reader that is gone shows as a write error
}

bool interrupted() { return interruptCount != 0; }

Expected<std::string> readTextFile(const std::string &path) {
  std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file)
    return Error{AXIOM_NOT_FOUND, path + ": " + std::strerror(errno)};
  std::string text;
  char buffer[65536];
  size_t n;
  while ((n = std::fread(buffer, 1, sizeof buffer, file.get())) > 0)
    text.append(buffer, n);
  if (std::ferror(file.get()))
    return Error{AXIOM_NOT_FOUND, path + ": can't be read: " + std::strerror(errno)};
  return text;
}

std::optional<Error> writeWholeFile(const std::string &path, const std::string &bytes) {
  std::string temporary = path + ".tmp" + std::to_string(getpid());
  FILE *file = std::fopen(temporary.c_str(), "wb");
  if (!file)
    return Error{AXIOM_INVALID_ARGUMENT, path + ": can't be written: " + std::strerror(errno)};
  bool good = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  good &= std::fclose(file) == 0;
  if (!good || std::rename(temporary.c_str(), path.c_str()) != 0) {
    Error error{AXIOM_RESOURCE, path + ": can't be written: " + std::strerror(errno)};
    std::remove(temporary.c_str());
    return error;
  }
  return std::nullopt;
}

void ModelFlags::add(CLI::App &app) {
  app.add_option("model", path, "The compiled model (model.axm)")->required()->type_name("MODEL");
  app.add_option("-t,--threads", threads, "Threads (default: usable cores)")->type_name("N");
  app.add_option("--memory", memory,
                 "Use at most this much memory, e.g. 4G (default: what is free)")
      ->type_name("BYTES");
  app.add_option(
         "--load", load,
         "map: weights are pages of the file; copy: private memory; huge: private memory in "
         "2 MiB pages (default map)")
      ->check(CLI::IsMember({"map", "copy", "huge"}))
      ->type_name("HOW");
  app.add_option("--isa", isa,
                 "Use the code for this ISA level, e.g. x86-64-v3 (default: the best)")
      ->type_name("LEVEL");
  addDevice(app, device);
  app.add_flag("-v,--verbose", verbose, "Say more on stderr");
}

void addDevice(CLI::App &app, std::string &device) {
  app.add_option("--device", device,
                 "cpu, or an NVIDIA GPU: cuda (the first) or cuda:N (default cpu)")
      ->type_name("DEVICE:{cpu,cuda}"); // two of the values, for completion
}

void tellDevice(const char *tool, const Model &model, bool always) {
  axiom_model_info info = model.info();
  if (always || std::strncmp(info.target, "cuda:", 5) == 0)
    std::fprintf(stderr, "%s: on %s, code for %s\n", tool, info.device, info.target);
}

std::function<void(uint64_t, uint64_t)> uploadProgress(const char *tool) {
  if (!isatty(STDERR_FILENO))
    return {};
  return [tool](uint64_t done, uint64_t total) {
    std::fprintf(stderr, "\r%s: weights to the GPU: %3u %%%s", tool,
                 static_cast<unsigned>(total ? done * 100 / total : 100),
                 done == total ? "\n" : "");
  };
}

LoadOptions ModelFlags::loadOptions() const {
  LoadOptions options;
  options.copy = load == "copy";
  options.huge = load == "huge";
  options.guardFaults = !options.copy && !options.huge;
  if (auto limit = parseBytes(memory)) // a wrong one is reported where the engine is made
    options.memoryLimit = *limit;
  options.isa = isa;
  options.device = device;
  return options;
}

Expected<uint64_t> parseBytes(const std::string &text) {
  if (text.empty())
    return uint64_t(0);
  char *end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  std::string unit = end;
  double scale = 0;
  if (unit.empty() || unit == "B")
    scale = 1;
  for (auto [letter, power] : {std::pair('K', 1), {'M', 2}, {'G', 3}, {'T', 4}}) {
    if (unit == std::string(1, letter) || unit == std::string{letter, 'B'})
      scale = power == 1 ? 1e3 : power == 2 ? 1e6 : power == 3 ? 1e9 : 1e12;
    else if (unit == std::string{letter, 'i', 'B'})
      scale = static_cast<double>(uint64_t(1) << (10 * power));
  }
  if (end == text.c_str() || scale == 0 || !(value >= 1) || !(value * scale < 1e18))
    return Error{AXIOM_INVALID_ARGUMENT,
                 "'" + text + "' is no size: write for example 500M, 4G or 4GiB"};
  return static_cast<uint64_t>(value * scale);
}

std::string bytesText(uint64_t bytes) {
  char text[48];
  double value = static_cast<double>(bytes);
  if (bytes >= 1000000000)
    std::snprintf(text, sizeof text, "%.2f GB", value / 1e9);
  else if (bytes >= 1000000)
    std::snprintf(text, sizeof text, "%.1f MB", value / 1e6);
  else
    std::snprintf(text, sizeof text, "%.1f kB", value / 1e3);
  return text;
}

std::string jsonText(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string memoryText(const axiom_memory &memory) {
  return "weights " + bytesText(memory.weight_bytes) + " + KV " + bytesText(memory.kv_bytes) +
         " (" + std::to_string(memory.kv_positions) + " positions) + workspace " +
         bytesText(memory.workspace_bytes) + " = " + bytesText(memory.total_bytes) + " of " +
         bytesText(memory.limit_bytes);
}

} // namespace axiom::tool
