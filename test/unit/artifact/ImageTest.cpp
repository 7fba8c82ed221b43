// The kernel table of an image, and the proof of the plan against it.
#include "runtime/artifact/Validate.h"
#include "test/unit/artifact/TestArtifact.h"

#include <cstring>
#include <functional>
#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::test;

namespace {

struct Fixture {
  TestArtifact artifact = makeTestArtifact();
  std::vector<AxmKernelRow> rows = testKernelRows(artifact.metadata);
  Metadata &m = artifact.metadata;

  TaskInfo &task(TestKernel kernel) {
    switch (kernel) {
    case Embed:
      return m.plan.repeats[0].phases[0].tasks[0];
    case Angles:
      return m.plan.repeats[0].phases[0].tasks[1];
    case Qkv:
      return m.plan.repeats[1].phases[0].tasks[0];
    case Attention:
      return m.plan.repeats[1].phases[1].tasks[0];
    case Output:
      return m.plan.repeats[1].phases[2].tasks[0];
    default:
      return m.plan.repeats[2].phases[0].tasks[0];
    }
  }
  /// Changes the rows of a kernel, with right signatures there and in the plan.
  void changeRows(TestKernel kernel, const std::function<void(AxmKernelRow &)> &change) {
    for (uint32_t v = 0; v < 3; ++v) {
      AxmKernelRow &row = rows[3u * kernel + v];
      change(row);
      row.signature = kernelSignature(row);
      task(kernel).signatures[v] = row.signature;
    }
  }
  Status prove() const { return provePlan(m, rows); }
};

TEST(KernelTable, ReadsWhatWasWritten) {
  Fixture f;
  std::vector<uint8_t> image = makeImage(f.rows);
  auto rows = readKernelTable(image);
  ASSERT_TRUE(rows.ok()) << rows.status().message();
  ASSERT_EQ(rows->size(), f.rows.size());
  EXPECT_EQ(std::memcmp(rows->data(), f.rows.data(), f.rows.size() * sizeof(AxmKernelRow)), 0);
}

// An independent value: FNV-1a of 8 + 5 u64, computed by hand with the published constants.
TEST(KernelTable, SignatureIsFnv1a) {
  AxmKernelRow row{};
  std::vector<uint8_t> bytes(8 * 8, 0);
  uint64_t hash = 0xcbf29ce484222325u;
  for (uint8_t byte : bytes)
    hash = (hash ^ byte) * 0x100000001b3u;
  EXPECT_EQ(kernelSignature(row), hash);
  AxmKernelRow other = row;
  other.unitCount = 1;
  EXPECT_NE(kernelSignature(other), hash);
}

TEST(KernelTable, MalformedTablesAreRejected) {
  using Change = std::function<void(AxmKernelRow &)>;
  const std::pair<const char *, Change> changes[] = {
      {"body before the code", [](AxmKernelRow &r) { r.body = 16; }},
      {"body outside", [](AxmKernelRow &r) { r.body = 1u << 30; }},
      {"prologue outside", [](AxmKernelRow &r) { r.prologue = 1u << 30; }},
      {"prologue in the table", [](AxmKernelRow &r) { r.prologue = 8; }},
      {"end before the body", [](AxmKernelRow &r) { r.bodyEnd = r.body; }},
      {"end outside", [](AxmKernelRow &r) { r.bodyEnd = 0xffffffff; }},
      {"unit kind", [](AxmKernelRow &r) { r.unitKind = 3; }},
      {"spans without a bound", [](AxmKernelRow &r) { r.unitKind = AXM_UNITS_PER_SPAN; }},
      {"a bound without spans", [](AxmKernelRow &r) { r.maxSpans = 4; }},
      {"spans of a token, but no units", [](AxmKernelRow &r) { r.spansPerToken = 4; }},
      {"many spans",
       [](AxmKernelRow &r) {
         r.unitKind = AXM_UNITS_PER_SPAN;
         r.spansPerToken = 1;
         r.maxSpans = 0xffffffff;
       }},
      {"KV blocks without KV memory", [](AxmKernelRow &r) { r.kvBlockBytes = 4096; }},
      {"no units", [](AxmKernelRow &r) { r.unitCount = 0; }},
      {"many units", [](AxmKernelRow &r) { r.unitCount = 0xffffffff; }},
      {"no arguments", [](AxmKernelRow &r) { r.numArgs = 0; }},
      {"many arguments", [](AxmKernelRow &r) { r.numArgs = AXM_MAX_ARGS + 1; }},
      {"huge scratch", [](AxmKernelRow &r) { r.scratchPerToken = uint64_t(1) << 41; }},
      {"memory kind", [](AxmKernelRow &r) { r.args[0].space = 10; }},
      {"reserved", [](AxmKernelRow &r) { r.args[0].reserved = 1; }},
      {"huge argument", [](AxmKernelRow &r) { r.args[2].writePerToken = uint64_t(1) << 41; }},
      {"written weights", [](AxmKernelRow &r) { r.args[1].writeFixed = 1; }},
      {"written tokens", [](AxmKernelRow &r) { r.args[0].writePerToken = 4; }},
      {"long tokens", [](AxmKernelRow &r) { r.args[0].readPerToken = 8; }},
      {"unused argument", [](AxmKernelRow &r) { r.args[AXM_MAX_ARGS - 1].readFixed = 1; }},
  };
  for (const auto &[name, change] : changes) {
    Fixture f;
    std::vector<uint8_t> image = makeImage(f.rows);
    AxmKernelRow row = f.rows[0];
    change(row);
    row.signature = kernelSignature(row);
    std::memcpy(image.data() + sizeof(AxmImageHeader), &row, sizeof row);
    auto result = readKernelTable(image);
    ASSERT_FALSE(result.ok()) << name;
    EXPECT_EQ(result.status().code(), Code::BadInput) << name;
  }
  Fixture f;
  std::vector<uint8_t> image = makeImage(f.rows);
  for (size_t size : {size_t(0), size_t(15), size_t(16), size_t(17),
                      sizeof(AxmImageHeader) + sizeof(AxmKernelRow)})
    EXPECT_FALSE(readKernelTable(std::span<const uint8_t>(image).first(size)).ok()) << size;
  for (size_t field = 0; field < 4; ++field)
    for (uint32_t value : {0u, 0xffffffffu, 0x10000000u}) {
      std::vector<uint8_t> other = image;
      std::memcpy(other.data() + 4 * field, &value, 4);
      EXPECT_FALSE(readKernelTable(other).ok()) << field << " " << value;
    }
}

TEST(ProvePlan, AcceptsTheGoodPlan) {
  Fixture f;
  Status status = f.prove();
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST(ProvePlan, RejectsWhatDoesNotFit) {
  using Change = std::function<void(Fixture &)>;
  const std::pair<const char *, Change> changes[] = {
      {"kernel 18 of 18", [](Fixture &f) { f.task(Qkv).kernels[1] = 18; }},
      {"the plan expects", [](Fixture &f) { f.task(Qkv).signatures[2] ^= 1; }},
      {"the plan expects", [](Fixture &f) { f.task(Qkv).kernels[1] = 0; }},
      {"9 bindings for the 10 arguments", [](Fixture &f) { f.task(Qkv).bindings.pop_back(); }},
      {"is bound to memory",
       [](Fixture &f) { std::swap(f.task(Qkv).bindings[0], f.task(Qkv).bindings[1]); }},
      {"bytes are read from tensor",
       [](Fixture &f) { f.changeRows(Qkv, [](AxmKernelRow &r) { r.args[1].readFixed += 1; }); }},
      {"do not fit slot", [](Fixture &f) { f.m.plan.slots[2].perToken -= 1; }},
      {"do not fit slot", [](Fixture &f) { f.m.plan.slots[3].fixed -= 1; }},
      {"the KV layout",
       [](Fixture &f) {
         f.changeRows(Attention, [](AxmKernelRow &r) { r.args[2].readFixed += 64; });
       }},
      {"the KV layout",
       [](Fixture &f) {
         f.changeRows(Attention, [](AxmKernelRow &r) { r.args[2].readFixed -= 64; });
       }},
      {"a vocabulary of",
       [](Fixture &f) {
         f.changeRows(Head, [](AxmKernelRow &r) { r.args[4].writePerToken += 256; });
       }},
      {"a vocabulary of",
       [](Fixture &f) {
         f.changeRows(Head, [](AxmKernelRow &r) { r.args[5].writePerToken += 16; });
       }},
      {"embedding table", [](Fixture &f) { f.m.config.vocab = 200; }},
      {"embedding table", [](Fixture &f) { f.m.config.vocab = 71; }},
      {"embedding table", [](Fixture &f) { f.m.config.hidden = 39; }},
      {"kernel without rows",
       [](Fixture &f) {
         f.changeRows(Head, [](AxmKernelRow &r) { r.args[3].space = AXM_SPACE_POSITIONS; });
         f.task(Head).bindings[3].space = AXM_SPACE_POSITIONS;
       }},
      {"another argument uses it",
       [](Fixture &f) {
         f.m.plan.slots[0].fixed = 64;
         f.task(Output).bindings[0].slot = 0;
       }},
      {"another argument uses it",
       [](Fixture &f) {
         f.m.plan.slots[1].perToken = 256;
         f.task(Angles).bindings[2].slot = 0;
       }},
      {"no embedding", [](Fixture &f) { f.m.plan.repeats.pop_back(); }},
      {"no embedding",
       [](Fixture &f) {
         f.m.plan.repeats[0].phases[0].tasks.erase(f.m.plan.repeats[0].phases[0].tasks.begin());
       }},
      {"the last variant must take any number",
       [](Fixture &f) {
         f.changeRows(Attention, [](AxmKernelRow &r) {
           r.unitKind = AXM_UNITS_PER_SPAN;
           r.spansPerToken = r.maxSpans = 1;
         });
       }},
      {"bytes from KV block to block",
       [](Fixture &f) { f.changeRows(Qkv, [](AxmKernelRow &r) { r.kvBlockBytes += 64; }); }},
      {"bytes from KV block to block",
       [](Fixture &f) { f.changeRows(Attention, [](AxmKernelRow &r) { r.kvBlockBytes -= 64; }); }},
      {"KV cache of layer 1",
       [](Fixture &f) {
         for (TestKernel kernel : {Qkv, Attention})
           for (BindingInfo &binding : f.task(kernel).bindings)
             if (binding.space == AXM_SPACE_KV)
               binding.values = {0, 0};
       }},
  };
  for (const auto &[expected, change] : changes) {
    Fixture f;
    change(f);
    Status status = f.prove();
    ASSERT_FALSE(status.ok()) << expected;
    EXPECT_EQ(status.code(), Code::BadInput) << expected;
    EXPECT_NE(status.message().find(expected), std::string::npos) << status.message();
  }
}

} // namespace
