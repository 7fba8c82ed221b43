// What the environment tells the stand-in driver, and what it says when a program ends.
#include <gtest/gtest.h>

#include <sys/wait.h>

#include <cstdio>
#include <string>

namespace {

struct Ended {
  int status;
  std::string output; ///< stdout and stderr
};

Ended probe(const std::string &environment, const std::string &arguments = "") {
  std::string command = "LD_LIBRARY_PATH=" AXIOM_STANDIN_FOLDER " " + environment +
                        " " AXIOM_STANDIN_PROBE " " + arguments + " 2>&1";
  FILE *pipe = popen(command.c_str(), "r");
  Ended ended;
  char part[256];
  while (pipe && fgets(part, sizeof(part), pipe))
    ended.output += part;
  int status = pipe ? pclose(pipe) : -1;
  ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

TEST(StandInEnvironment, AProgramFindsIt) {
  Ended ended = probe("");
  EXPECT_EQ(ended.output, "1 devices of 1073741824 bytes, 0.0, driver 13000\n");
  EXPECT_EQ(ended.status, 0);
}

TEST(StandInEnvironment, SaysWhatTheDeviceIs) {
  EXPECT_EQ(probe("AXIOM_STANDIN_DEVICES=2 AXIOM_STANDIN_MEMORY=3M AXIOM_STANDIN_CAPABILITY=9.0 "
                  "AXIOM_STANDIN_DRIVER=12040")
                .output,
            "2 devices of 3145728 bytes, 9.0, driver 12040\n");
  EXPECT_EQ(probe("AXIOM_STANDIN_DEVICES=0").output, "cuInit 100\n");
}

TEST(StandInEnvironment, WhatIsNotUnderstoodEndsTheProgram) {
  for (const char *wrong :
       {"AXIOM_STANDIN_MODE=late", "AXIOM_STANDIN_CHECK=no", "AXIOM_STANDIN_ORDER=x",
        "AXIOM_STANDIN_MEMORY=1T", "AXIOM_STANDIN_MEMORY=0", "AXIOM_STANDIN_CAPABILITY=9",
        "AXIOM_STANDIN_DEVICES=many", "AXIOM_STANDIN_FAULT=cuMemAlloc_v2"}) {
    Ended ended = probe(wrong);
    EXPECT_NE(ended.output.find(std::string(wrong) + " is not understood"), std::string::npos)
        << ended.output;
    EXPECT_NE(ended.status, 0);
  }
}

TEST(StandInEnvironment, FaultsComeWhenTheyAreAskedFor) {
  EXPECT_EQ(probe("AXIOM_STANDIN_FAULT=cuMemAlloc_v2@1+", "2").output,
            "1 devices of 1073741824 bytes, 0.0, driver 13000\nalloc 2\nalloc 2\n");
}

TEST(StandInEnvironment, LeaksAreToldAtTheEnd) {
  for (bool fail : {false, true}) {
    Ended ended = probe(fail ? "AXIOM_STANDIN_LEAKS=fail" : "", "3");
    EXPECT_NE(ended.output.find("not freed:\ndevice 0: 1 allocations of device memory, 100 bytes\n"
                                "device 0: 1 retained primary contexts\n"),
              std::string::npos)
        << ended.output;
    EXPECT_EQ(ended.status, fail ? 86 : 0);
  }
  EXPECT_EQ(probe("AXIOM_STANDIN_LEAKS=fail").status, 0);
}

} // namespace
