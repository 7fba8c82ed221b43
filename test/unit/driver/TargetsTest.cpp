#include "compiler/driver/Targets.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace axiom {
namespace {

using Names = std::vector<std::string>;

/// The resolved names, or the message.
Names resolved(const Names &asked) {
  auto targets = resolveTargets(asked);
  return targets.ok() ? *targets : Names{targets.status().message()};
}

TEST(Targets, AnElementKeepsThePrefixBeforeIt) {
  EXPECT_EQ(resolved({"cuda:sm_90a,sm_80"}), (Names{"cuda:sm_80", "cuda:sm_90a"}));
  EXPECT_EQ(resolved({"cuda:compute_80,cpu:x86-64-v3,aarch64-dotprod"}),
            (Names{"cpu:x86-64-v3", "cpu:aarch64-dotprod", "cuda:compute_80"}));
  EXPECT_EQ(resolved({"cuda:sm_80", "cuda:sm_80,cuda:sm_80"}), Names{"cuda:sm_80"});
  EXPECT_EQ(resolved({"cuda:host,sm_120"}), (Names{"cuda:sm_120", "cuda:host"}));
}

TEST(Targets, GroupsAreAllOfAKindButForTests) {
  Names known = knownTargets(), cpu, cuda;
  std::copy_if(known.begin(), known.end(), std::back_inserter(cpu), isCpuTarget);
  std::copy_if(known.begin(), known.end(), std::back_inserter(cuda), isCudaTarget);
  EXPECT_EQ(cpu.size() + cuda.size(), known.size());
  EXPECT_EQ(std::count(known.begin(), known.end(), kHostTwin), 0);
  EXPECT_EQ(resolved({}), cpu);
  EXPECT_EQ(resolved({"cpu"}), cpu);
  EXPECT_EQ(resolved({"cuda"}), cuda);
  EXPECT_EQ(resolved({"cuda,cpu"}), known);
  Names withHost = cuda;
  withHost.push_back(kHostTwin);
  EXPECT_EQ(resolved({"cuda,host"}), withHost);
}

TEST(Targets, WhatIsUnknownIsNamedAsItWasUnderstood) {
  for (const auto &[asked, named] :
       {std::pair{"sm_80", "'sm_80'"}, std::pair{"cuda:sm_80,x86-64-v3", "'cuda:x86-64-v3'"},
        std::pair{"cuda:sm_80,", "'cuda:'"}, std::pair{"", "''"},
        std::pair{"cuda:native", "'cuda:native'"}, std::pair{"cpu:host", "'cpu:host'"}}) {
    auto targets = resolveTargets({asked});
    ASSERT_FALSE(targets.ok()) << asked;
    EXPECT_EQ(targets.status().code(), Code::InvalidArgument);
    EXPECT_NE(targets.status().message().find(std::string("unknown target ") + named),
              std::string::npos)
        << targets.status().message();
  }
}

TEST(Targets, EmitTakesTheFirstThatFits) {
  Names mixed = {"cpu:x86-64-v3", "cpu:aarch64-dotprod", "cuda:sm_90a", "cuda:compute_80"};
  auto emitted = [&](Emit emit, const Names &targets, bool asked = true) {
    auto target = targetToEmit(emit, targets, asked);
    return target.ok() ? *target : target.status().message();
  };
  EXPECT_EQ(emitted(Emit::Llvm, mixed), "cpu:x86-64-v3");
  EXPECT_EQ(emitted(Emit::Cubin, mixed), "cuda:sm_90a");
  EXPECT_EQ(emitted(Emit::Ptx, mixed), "cuda:compute_90a");
  EXPECT_EQ(emitted(Emit::Ptx, {"cuda:compute_80"}), "cuda:compute_80");
  EXPECT_EQ(emitted(Emit::Cuda, {"cuda:host"}), "");
  EXPECT_EQ(emitted(Emit::Cuda, resolved({}), false), "");
  EXPECT_EQ(emitted(Emit::Ptx, resolved({}), false), "cuda:compute_80");
  EXPECT_EQ(emitted(Emit::Cubin, resolved({}), false), "cuda:sm_80");
  auto refused = [&](Emit emit, const Names &targets, const char *what) {
    auto target = targetToEmit(emit, targets, true);
    ASSERT_FALSE(target.ok()) << *target;
    EXPECT_EQ(target.status().code(), Code::InvalidArgument);
    EXPECT_NE(target.status().message().find(what), std::string::npos) << target.status().message();
  };
  refused(Emit::Assembly, {"cuda:sm_80"}, "cuda:sm_80 only");
  refused(Emit::Cuda, {"cpu:x86-64-v3"}, "cpu:x86-64-v3 only");
  refused(Emit::Cubin, {"cuda:compute_80"}, "the code of cuda:compute_80 is PTX");
  refused(Emit::Ptx, {"cuda:host"}, "the code of cuda:host is a library");
}

} // namespace
} // namespace axiom
