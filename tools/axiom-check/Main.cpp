// axiom-check: does an artifact still contain and compute what the compiler said?
#include "tools/axiom-check/Check.h"
#include "tools/common/Tool.h"

#include <cstdio>

namespace axiom::check {
namespace {

constexpr const char *kTool = "axiom-check";

struct Flags {
  std::string path, baseline, writeBaseline, junit, isa, device;
  std::string left, right;
  uint32_t threads = 0;
  double tolerance = 0;
  bool all = false;
};

axiom_status toApi(Code code) {
  switch (code) {
  case Code::Ok:
    return AXIOM_OK;
  case Code::InvalidArgument:
    return AXIOM_INVALID_ARGUMENT;
  case Code::BadInput:
    return AXIOM_BAD_INPUT;
  case Code::Unsupported:
    return AXIOM_UNSUPPORTED;
  case Code::Resource:
    return AXIOM_RESOURCE;
  case Code::NotFound:
    return AXIOM_NOT_FOUND;
  case Code::Cancelled:
    return AXIOM_CANCELLED;
  case Code::Internal:
    return AXIOM_INTERNAL;
  case Code::Overloaded:
    return AXIOM_OVERLOADED;
  case Code::TimedOut:
    return AXIOM_TIMED_OUT;
  }
  return AXIOM_INTERNAL;
}

int fail(const Status &status) {
  return tool::fail(kTool, {toApi(status.code()), status.message()});
}

int check(const Flags &flags) {
  OpenOptions open;
  open.isa = flags.isa;
  open.prefault = false; // a large model passes through the memory in parts
  auto model = engine::loadModel(flags.path, open, flags.device);
  if (!model.ok())
    return fail(model.status());
  if (model->gpu)
    std::fprintf(stderr, "%s: on %s, code for %s\n", kTool, model->device().c_str(),
                 model->artifact->target().c_str());
  if (!flags.writeBaseline.empty()) {
    auto text = baselineText(*model);
    if (!text.ok())
      return fail(text.status());
    if (auto error = tool::writeWholeFile(flags.writeBaseline, *text))
      return tool::fail(kTool, *error);
  }
  auto findings = engine::checkGolden(*model, flags.threads);
  if (!findings.ok())
    return fail(findings.status());
  if (!flags.baseline.empty()) {
    Expected<std::string> text = tool::readTextFile(flags.baseline);
    if (!text)
      return tool::fail(kTool, text.error());
    auto more = compareBaseline(*model, *text, flags.tolerance);
    if (!more.ok())
      return fail(more.status().withContext(flags.baseline));
    findings->insert(findings->end(), more->begin(), more->end());
  }
  std::fputs(reportTable(*findings, flags.all).c_str(), stdout);
  if (!flags.junit.empty())
    if (auto error = tool::writeWholeFile(flags.junit, junitXml(*findings, flags.path)))
      return tool::fail(kTool, *error);
  return allSame(*findings) ? tool::kOk : tool::kFailure;
}

int diff(const Flags &flags) {
  OpenOptions open;
  open.code = false;
  auto a = Artifact::open(flags.left, open), b = Artifact::open(flags.right, open);
  if (!a.ok() || !b.ok())
    return fail(a.ok() ? b.status() : a.status());
  auto findings = diffArtifacts(**a, **b);
  if (!findings.ok())
    return fail(findings.status());
  std::fputs(reportTable(*findings, flags.all).c_str(), stdout);
  return allSame(*findings) ? tool::kOk : tool::kFailure;
}

} // namespace
} // namespace axiom::check

int main(int argc, char **argv) {
  using namespace axiom;
  check::Flags flags;
  CLI::App app("Replays the golden answers in a compiled model and names what differs (exit 1)");
  app.add_option("model", flags.path, "The compiled model (model.axm)")->type_name("MODEL");
  app.add_option("--baseline", flags.baseline, "Also compare sizes and memory with this file")
      ->type_name("FILE");
  app.add_option("--tolerance", flags.tolerance, "Percent that a size may be above the baseline")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1000.0))
      ->type_name("PERCENT");
  app.add_option("--write-baseline", flags.writeBaseline, "Write sizes and memory to this file")
      ->type_name("FILE");
  app.add_option("--junit", flags.junit, "Write the result as JUnit XML")->type_name("FILE");
  app.add_option("-t,--threads", flags.threads, "Threads (default: usable cores)")->type_name("N");
  app.add_option("--isa", flags.isa, "Check the code for this ISA level")->type_name("LEVEL");
  tool::addDevice(app, flags.device);
  app.add_flag("-a,--all", flags.all, "List what is the same too");
  auto *diff = app.add_subcommand("diff", "Say what differs between two compiled models (exit 1)");
  diff->add_option("a", flags.left, "A compiled model")->required()->type_name("A");
  diff->add_option("b", flags.right, "Another one")->required()->type_name("B");
  diff->add_flag("-a,--all", flags.all, "List what is the same too");
  return tool::run(check::kTool, app, argc, argv, [&]() -> int {
    tool::catchInterrupts();
    if (diff->parsed())
      return check::diff(flags);
    if (flags.path.empty())
      return tool::fail(check::kTool,
                        {AXIOM_INVALID_ARGUMENT, "no model is given: axiom-check MODEL"});
    return check::check(flags);
  });
}
