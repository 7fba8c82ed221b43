#include "tools/axiom-inspect/Report.h"

namespace axiom::inspect {

namespace {

std::string line(const TaskWork &w) {
  auto mega = [](uint64_t value) { return static_cast<double>(value) / 1e6; };
  double bytes = static_cast<double>(w.bytes()), macs = static_cast<double>(w.macs());
  std::string times = w.repetitions > 1 ? format("%s x%u", w.name.c_str(), w.repetitions) : w.name;
  return format("  %-18s %10.3f %10.3f %10.3f %12.3f %12.3f %12s\n", times.c_str(),
                mega(w.weightBytes), mega(w.kvReadBytes), mega(w.kvWriteBytes), mega(w.linearMacs),
                mega(w.attentionMacs), bytes > 0 ? format("%.2f", macs / bytes).c_str() : "-");
}

} // namespace

std::string rooflineText(const Facts &facts) {
  if (facts.gpu.device)
    return predictText(facts);
  if (facts.roofline.empty())
    return "roofline: the artifact has no CPU code image, whose kernel table it needs\n";
  std::string out;
  for (const RooflineFact &fact : facts.roofline) {
    out += fact.tokensEach == 1
               ? format("roofline of a step with 1 token of each of %u sequences, %u positions "
                        "each\n",
                        fact.sequences, fact.context)
               : format("roofline of a step with %u tokens of 1 sequence, up to position %u\n",
                        fact.tokensEach, fact.context);
    out += format("  %-18s %10s %10s %10s %12s %12s %12s\n", "phase", "weights MB", "KV read MB",
                  "written MB", "linear M", "attention M", "a byte");
    for (const TaskWork &work : fact.work.tasks)
      out += line(work);
    out += line(fact.work.total());
  }
  return out + "M: million multiply-adds; a byte: multiply-adds for each byte read or written\n";
}

} // namespace axiom::inspect
