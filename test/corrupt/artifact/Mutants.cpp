#include "test/corrupt/artifact/Mutants.h"

#include <cstring>
#include <type_traits>

namespace axiom::test {

namespace {

class Collector {
public:
  std::vector<Field> fields;

  /// `at` finds the value in any copy of the metadata.
  template <typename At> void add(const std::string &name, bool strict, At at) {
    // Bytes are copied: a mutant may put a number into an enum that has no such value.
    constexpr size_t size =
        sizeof(std::remove_reference_t<decltype(at(std::declval<Metadata &>()))>);
    fields.push_back({name, strict, static_cast<unsigned>(size * 8),
                      [at](const Metadata &m) {
                        uint64_t value = 0;
                        std::memcpy(&value, &at(const_cast<Metadata &>(m)), size);
                        return value;
                      },
                      [at](Metadata &m, uint64_t value) { std::memcpy(&at(m), &value, size); }});
  }
};

void addPlan(Collector &c, const Plan &plan) {
  for (size_t s = 0; s < plan.slots.size(); ++s) {
    std::string name = "slot" + std::to_string(s);
    c.add(name + ".fixed", false, [s](Metadata &m) -> auto & { return m.plan.slots[s].fixed; });
    c.add(name + ".perToken", false,
          [s](Metadata &m) -> auto & { return m.plan.slots[s].perToken; });
  }
  c.add("residualSlot", false, [](Metadata &m) -> auto & { return m.plan.residualSlot; });
  c.add("finalNorm", false, [](Metadata &m) -> auto & { return m.plan.finalNorm; });
  for (size_t r = 0; r < plan.repeats.size(); ++r) {
    std::string name = "repeat" + std::to_string(r);
    c.add(name + ".count", plan.repeats[r].count > 1,
          [r](Metadata &m) -> auto & { return m.plan.repeats[r].count; });
    c.add(name + ".firstLayer", false,
          [r](Metadata &m) -> auto & { return m.plan.repeats[r].firstLayer; });
    for (size_t p = 0; p < plan.repeats[r].phases.size(); ++p)
      for (size_t t = 0; t < plan.repeats[r].phases[p].tasks.size(); ++t) {
        const TaskInfo &task = plan.repeats[r].phases[p].tasks[t];
        auto at = [r, p, t](Metadata &m) -> TaskInfo & {
          return m.plan.repeats[r].phases[p].tasks[t];
        };
        for (size_t v = 0; v < 3; ++v) {
          std::string variant = task.name + ".kernel" + std::to_string(v);
          c.add(variant, false, [at, v](Metadata &m) -> auto & { return at(m).kernels[v]; });
          c.add(variant + ".signature", true,
                [at, v](Metadata &m) -> auto & { return at(m).signatures[v]; });
        }
        for (size_t b = 0; b < task.bindings.size(); ++b) {
          std::string binding = task.name + ".binding" + std::to_string(b);
          c.add(binding + ".space", true,
                [at, b](Metadata &m) -> auto & { return at(m).bindings[b].space; });
          c.add(binding + ".slot", task.bindings[b].space != AXM_SPACE_WORKSPACE,
                [at, b](Metadata &m) -> auto & { return at(m).bindings[b].slot; });
          for (size_t i = 0; i < task.bindings[b].values.size(); ++i)
            c.add(binding + ".value" + std::to_string(i), task.bindings[b].space != AXM_SPACE_KV,
                  [at, b, i](Metadata &m) -> auto & { return at(m).bindings[b].values[i]; });
          for (size_t i = 0; i < task.bindings[b].tensors.size(); ++i)
            c.add(binding + ".tensor" + std::to_string(i), true,
                  [at, b, i](Metadata &m) -> auto & { return at(m).bindings[b].tensors[i]; });
        }
      }
  }
}

} // namespace

std::vector<Field> metadataFields(const Metadata &metadata) {
  Collector c;
#define AXIOM_FIELD(strict, path) c.add(#path, strict, [](Metadata &m) -> auto & { return m.path; })
  AXIOM_FIELD(false, config.hidden);
  AXIOM_FIELD(false, config.intermediate);
  AXIOM_FIELD(true, config.layers);
  AXIOM_FIELD(false, config.heads);
  AXIOM_FIELD(true, config.kvHeads);
  AXIOM_FIELD(true, config.headDim);
  AXIOM_FIELD(true, config.vocab);
  AXIOM_FIELD(false, config.maxContext);
  AXIOM_FIELD(false, config.bos);
  AXIOM_FIELD(false, config.eos[0]);
  AXIOM_FIELD(false, config.windows[1]);
  AXIOM_FIELD(true, kv.headBytes);
  AXIOM_FIELD(true, kv.layerBytes);
  AXIOM_FIELD(true, kv.blockBytes);
#undef AXIOM_FIELD
  c.add("kv.type", true, [](Metadata &m) -> auto & { return m.kv.type; });
  for (size_t s = 0; s < metadata.segments.size(); ++s) {
    std::string name = "segment" + std::to_string(s);
    c.add(name + ".kind", s < 2, [s](Metadata &m) -> auto & { return m.segments[s].kind; });
    c.add(name + ".offset", true, [s](Metadata &m) -> auto & { return m.segments[s].offset; });
    // A last segment may claim some of the zeros behind it; its digest then differs.
    c.add(name + ".size", s != 4, [s](Metadata &m) -> auto & { return m.segments[s].size; });
    // The digests of the weights and of golden are looked at only by verify().
    c.add(name + ".sha256", s != 1 && s != 4,
          [s](Metadata &m) -> auto & { return m.segments[s].sha256[7]; });
  }
  for (size_t t = 0; t < metadata.tensors.size(); ++t) {
    std::string name = metadata.tensors[t].name;
    bool table = t == 0; // its kernel finds rows by token id
    // q4 and q4f16 can have the same size; then only reports differ, as kernels know their formats.
    c.add(name + ".format", metadata.tensors[t].format != AXM_FORMAT_Q4,
          [t](Metadata &m) -> auto & { return m.tensors[t].format; });
    c.add(name + ".rows", table, [t](Metadata &m) -> auto & { return m.tensors[t].rows; });
    c.add(name + ".cols", table, [t](Metadata &m) -> auto & { return m.tensors[t].cols; });
    c.add(name + ".rowAlign", false, [t](Metadata &m) -> auto & { return m.tensors[t].rowAlign; });
    c.add(name + ".heads", false, [t](Metadata &m) -> auto & { return m.tensors[t].heads; });
    c.add(name + ".offset", true, [t](Metadata &m) -> auto & { return m.tensors[t].offset; });
    c.add(name + ".size", true, [t](Metadata &m) -> auto & { return m.tensors[t].size; });
    for (size_t i = 0; i < metadata.tensors[t].cuts.size(); ++i)
      c.add(name + ".cut" + std::to_string(i), false,
            [t, i](Metadata &m) -> auto & { return m.tensors[t].cuts[i]; });
  }
  addPlan(c, metadata.plan);
  return c.fields;
}

namespace {

template <typename At>
void addVector(std::vector<Surgery> &list, const std::string &name, size_t size, At at) {
  list.push_back({name + " emptied", [at](Metadata &m) { at(m).clear(); }});
  if (size == 0)
    return;
  list.push_back({name + " without its last", [at](Metadata &m) { at(m).pop_back(); }});
  list.push_back({name + " with its last twice", [at](Metadata &m) {
                    auto copy = at(m).back();
                    at(m).push_back(copy);
                  }});
  list.push_back({name + " with 5000 more", [at](Metadata &m) {
                    auto copy = at(m).back();
                    at(m).resize(at(m).size() + 5000, copy);
                  }});
  for (size_t i = 0; i + 1 < size; ++i)
    list.push_back({name + " with " + std::to_string(i) + " swapped",
                    [at, i](Metadata &m) { std::swap(at(m)[i], at(m)[i + 1]); }});
}

} // namespace

std::vector<Surgery> metadataSurgeries(const Metadata &metadata) {
  std::vector<Surgery> list;
  addVector(list, "segments", metadata.segments.size(),
            [](Metadata &m) -> auto & { return m.segments; });
  addVector(list, "tensors", metadata.tensors.size(),
            [](Metadata &m) -> auto & { return m.tensors; });
  addVector(list, "slots", metadata.plan.slots.size(),
            [](Metadata &m) -> auto & { return m.plan.slots; });
  addVector(list, "repeats", metadata.plan.repeats.size(),
            [](Metadata &m) -> auto & { return m.plan.repeats; });
  addVector(list, "windows", 2, [](Metadata &m) -> auto & { return m.config.windows; });
  addVector(list, "eos", 1, [](Metadata &m) -> auto & { return m.config.eos; });
  for (size_t t = 0; t < metadata.tensors.size(); ++t)
    addVector(list, metadata.tensors[t].name + " cuts", metadata.tensors[t].cuts.size(),
              [t](Metadata &m) -> auto & { return m.tensors[t].cuts; });
  for (size_t r = 0; r < metadata.plan.repeats.size(); ++r) {
    const RepeatInfo &repeat = metadata.plan.repeats[r];
    std::string name = "repeat" + std::to_string(r);
    addVector(list, name + " phases", repeat.phases.size(),
              [r](Metadata &m) -> auto & { return m.plan.repeats[r].phases; });
    for (size_t p = 0; p < repeat.phases.size(); ++p) {
      addVector(list, name + " phase" + std::to_string(p), repeat.phases[p].tasks.size(),
                [r, p](Metadata &m) -> auto & { return m.plan.repeats[r].phases[p].tasks; });
      for (size_t t = 0; t < repeat.phases[p].tasks.size(); ++t) {
        const TaskInfo &task = repeat.phases[p].tasks[t];
        auto at = [r, p, t](Metadata &m) -> TaskInfo & {
          return m.plan.repeats[r].phases[p].tasks[t];
        };
        addVector(list, task.name + " bindings", task.bindings.size(),
                  [at](Metadata &m) -> auto & { return at(m).bindings; });
        for (size_t b = 0; b < task.bindings.size(); ++b) {
          std::string binding = task.name + " binding" + std::to_string(b);
          addVector(list, binding + " values", task.bindings[b].values.size(),
                    [at, b](Metadata &m) -> auto & { return at(m).bindings[b].values; });
          addVector(list, binding + " tensors", task.bindings[b].tensors.size(),
                    [at, b](Metadata &m) -> auto & { return at(m).bindings[b].tensors; });
        }
      }
    }
  }
  return list;
}

} // namespace axiom::test
