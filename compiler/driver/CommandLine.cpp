#include "compiler/driver/CommandLine.h"

#include "compiler/calibrate/CalibrationText.h"
#include "compiler/driver/Compile.h"
#include "compiler/driver/Frontend.h"
#include "compiler/driver/Targets.h"
#include "compiler/package/OutputFile.h"
#include "runtime/schema/Header.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <map>
#include <new>

namespace axiom {

namespace {

const std::vector<std::string> kFormats = {"f32", "f16", "bf16", "q8", "q6", "q4f16", "q4"};

std::string versionText() {
  return format("%s\nartifact format %u, numerics %u, kernel ABI %u, LLVM %s", compilerVersion(),
                kArtifactFormatVersion, AXM_NUMERICS_VERSION, AXM_KERNEL_ABI_VERSION,
                llvmVersion());
}

/// PATTERN=FORMAT; the pattern may hold '=' itself.
std::string splitOverride(const std::string &text, CompilerOptions &options) {
  size_t equals = text.rfind('=');
  std::string stored = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (equals == 0 || std::find(kFormats.begin(), kFormats.end(), stored) == kFormats.end())
    return "expected PATTERN=FORMAT with FORMAT one of f32, f16, bf16, q8, q6, q4f16, q4, but got "
           "'" +
           text + "'";
  options.overrides.emplace_back(text.substr(0, equals), stored);
  return "";
}

/// What --target takes, for --help and the completion of shells.
std::string targetNames() {
  std::string names = "cpu,cuda,cpu:native";
  for (const std::string &target : knownTargets())
    names += "," + target;
  return names;
}

void describe(CLI::App &app, CompilerOptions &options, bool &printTargets) {
  app.option_defaults()->always_capture_default(false);
  app.set_version_flag("--version", versionText, "Print the versions and exit");
  app.add_option("input", options.input,
                 "A .gguf file, a .safetensors file, an index of shards, or a folder with either");
  app.add_option(
         "-o,--output", options.output,
         "Where to write; default: the input's name with .axm in this folder, stdout for text")
      ->type_name("FILE");
  app.add_option("--quant", options.quant, "Format of every matrix; default: as in the source")
      ->type_name("FORMAT")
      ->check(CLI::IsMember(kFormats));
  app.add_option(
         "--bits", options.bits,
         "Bits a weight, at most, over all matrices: each gets the format (q4 to q8) in which "
         "its bytes do most")
      ->type_name("B")
      ->check(CLI::PositiveNumber);
  app.add_option_function<std::vector<std::string>>(
         "--quant-override",
         [&options](const std::vector<std::string> &values) {
           for (const std::string &value : values) {
             std::string problem = splitOverride(value, options);
             if (!problem.empty())
               throw CLI::ValidationError("--quant-override", problem);
           }
         },
         "Format of the matrices whose name matches the regular expression; the first match wins")
      ->type_name("PATTERN=FORMAT")
      ->expected(1)
      ->take_all();
  app.add_option("--calibrate", options.calibrate,
                 "Text (UTF-8) that the model is run on first, to round weights where it matters "
                 "least; takes minutes")
      ->type_name("FILE");
  app.add_option("--calibrate-tokens", options.calibrateTokens,
                 format("Tokens of that text, at most; default: %u", calibrate::kDefaultTokens))
      ->type_name("N")
      ->check(CLI::Range(calibrate::kFewestTokens, 1u << 22));
  app.add_option_function<std::vector<std::string>>(
         "--schema",
         [&options](const std::vector<std::string> &values) {
           for (const std::string &value : values) {
             size_t equals = value.find('=');
             if (equals == std::string::npos || equals == 0 || equals + 1 == value.size())
               throw CLI::ValidationError("--schema",
                                          "expected NAME=FILE, but got '" + value + "'");
             options.schemas.emplace_back(value.substr(0, equals), value.substr(equals + 1));
           }
         },
         "JSON schema that requests to axiom-serve may name in response_format, compiled now; "
         "repeatable")
      ->type_name("NAME=FILE")
      ->expected(1)
      ->take_all();
  static const std::map<std::string, AxmKvType> kvTypes = {
      {"f32", AXM_KV_F32}, {"f16", AXM_KV_F16}, {"int8", AXM_KV_INT8}};
  app.add_option_function<std::string>(
         "--kv", [&options](const std::string &name) { options.kvType = kvTypes.at(name); },
         "Type of the KV cache; default: f32 with f32 weights, else f16")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"f32", "f16", "int8"}));
  app.add_option("--target", options.targets,
                 "Machines to compile for, repeatable, also as a list (cuda:sm_90a,sm_80); cpu, "
                 "cuda: all of "
                 "a kind; cpu:native: this machine; default: cpu")
      ->type_name("TARGET:{" + targetNames() + "}")
      ->expected(1)
      ->take_all();
  app.add_flag("--print-targets", printTargets, "List the targets of this build and exit");
  static const std::map<std::string, Emit> emits = {
      {"axm", Emit::Artifact}, {"mlir", Emit::Mlir}, {"llvm", Emit::Llvm}, {"asm", Emit::Assembly},
      {"obj", Emit::Object},   {"cu", Emit::Cuda},   {"ptx", Emit::Ptx},   {"cubin", Emit::Cubin}};
  app.add_option_function<std::string>(
         "--emit", [&options](const std::string &name) { options.emit = emits.at(name); },
         "What to write: the artifact, or a stage on the way to it (llvm, asm, obj: first CPU "
         "target; "
         "cu, ptx, cubin: first CUDA target)")
      ->type_name("KIND")
      ->check(CLI::IsMember({"axm", "mlir", "llvm", "asm", "obj", "cu", "ptx", "cubin"}));
  app.add_option("--stop-after", options.stopAfter,
                 "Last phase to run (" + phaseNames() + "); writes the module as --emit=mlir does")
      ->type_name("PHASE");
  app.add_option("--dump-ir-dir", options.dumpIrDir,
                 "Write the module after each phase to this folder, and the kernels' stages")
      ->type_name("DIR");
  // Not "!--no-golden": that would read a 1 from the environment as yes to golden answers.
  app.add_flag_callback(
      "--no-golden", [&options] { options.golden = false; },
      "Store no golden answers for axiom-check; needed where no target can run");
  app.add_option("--report", options.report,
                 "Write format, error, bytes and time of each tensor to this file, as JSON")
      ->type_name("FILE");
  app.add_flag("--dry-run", options.dryRun, "Print sizes and memory; write nothing");
  app.add_option("-j,--jobs", options.jobs,
                 "Threads; never changes the output; default: usable cores")
      ->type_name("N")
      ->check(CLI::Range(1, 256));
  static const std::map<std::string, ProgressMode> modes = {{"auto", ProgressMode::Auto},
                                                            {"plain", ProgressMode::Plain},
                                                            {"json", ProgressMode::Json},
                                                            {"none", ProgressMode::None}};
  app.add_option_function<std::string>(
         "--progress", [&options](const std::string &name) { options.progress = modes.at(name); },
         "Progress on stderr: auto, plain, json or none")
      ->type_name("MODE")
      ->check(CLI::IsMember({"auto", "plain", "json", "none"}));
  app.add_flag("-v,--verbose", options.verbose, "Say more: notes, phases, a line per tensor");
  app.footer("Exit codes: 0 ok, 1 failure, 2 usage, 3 bad model, 4 not enough resources.");
}

int fail(const Status &status) {
  std::fprintf(stderr, "axiomc: error: %s\n", status.message().c_str());
  return exitCode(status);
}

} // namespace

int axiomcMain(int argc, char **argv, const ParseAndRun &parseAndRun) {
  CompilerOptions options;
  bool printTargets = false;
  CLI::App app{"Compiles a language model to one file that holds everything needed to run it."};
  try {
    describe(app, options, printTargets);
    return parseAndRun(app, argc, argv, [&] {
      if (printTargets) {
        for (const std::string &target : knownTargets())
          std::puts(target.c_str());
        std::puts("cuda:host  for tests: CUDA kernels on this machine's CPU, checked and slow; not "
                  "one of --target=cuda");
        return 0;
      }
      if (options.input.empty())
        return fail(Status(Code::InvalidArgument,
                           "no input; usage: axiomc MODEL -o OUT.axm (--help shows all flags)"));
      if (!options.stopAfter.empty() && options.emit == Emit::Artifact && options.dumpIrDir.empty())
        options.emit = Emit::Mlir;
      installSignalCleanup();
      Status status = compile(options);
      return status.ok() ? 0 : fail(status);
    });
  } catch (const std::bad_alloc &) {
    return fail(Status(Code::Resource, "out of memory; fewer threads (-j) need less"));
  } catch (const std::exception &error) {
    return fail(Status(Code::Internal, error.what()));
  }
}

} // namespace axiom
