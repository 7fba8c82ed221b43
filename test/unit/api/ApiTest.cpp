// The C API at its edges: versions, NULLs, structs of other sizes. What it does with a model is
// tested end to end (test/e2e).
#include "runtime/api/ApiState.h"
#include "runtime/include/axiom/axiom.hpp"

#include <gtest/gtest.h>

using namespace axiom;

TEST(AbiVersion, IsCheckedAtOpen) {
  axiom_model *model = reinterpret_cast<axiom_model *>(1);
  EXPECT_EQ(axiom_open(AXIOM_ABI_VERSION + 1, "x.axm", nullptr, &model), AXIOM_UNSUPPORTED);
  EXPECT_EQ(model, nullptr);
  std::string message = axiom_last_error();
  EXPECT_NE(message.find(std::to_string(AXIOM_ABI_VERSION + 1)), std::string::npos);
  EXPECT_NE(message.find("build it again"), std::string::npos);
  EXPECT_EQ(axiom_abi_version(), AXIOM_ABI_VERSION);
}

TEST(Api, NullsAreRefused) {
  axiom_model *model = nullptr;
  EXPECT_EQ(axiom_open(AXIOM_ABI_VERSION, nullptr, nullptr, &model), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_open(AXIOM_ABI_VERSION, "x", nullptr, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_engine_create(nullptr, nullptr, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_plan_memory(nullptr, nullptr, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_submit(nullptr, nullptr, nullptr, nullptr, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_wait(nullptr, 1, 0, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_poll(nullptr, 1, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_engine_get_stats(nullptr, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_forward(nullptr, nullptr, 0, 0, nullptr, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_embed(nullptr, nullptr, 0, AXIOM_POOLING_MEAN, nullptr, 0, nullptr),
            AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_tokenize(nullptr, "a", 1, 0, nullptr, 0, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_golden_create(nullptr, nullptr, 0, nullptr, nullptr), AXIOM_INVALID_ARGUMENT);
  EXPECT_EQ(axiom_engine_destroy(nullptr), AXIOM_OK);
  axiom_cancel(nullptr, 1);
  axiom_release(nullptr, 1);
  axiom_close(nullptr);
  axiom_free(nullptr);
}

TEST(Api, MissingFileIsNotFound) {
  auto model = Model::open("/no/such/model.axm");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, AXIOM_NOT_FOUND);
  EXPECT_NE(model.error().message.find("/no/such/model.axm"), std::string::npos);
}

TEST(Api, DevicesAreCheckedFirst) {
  LoadOptions load;
  load.device = "gpu";
  auto model = Model::open("/no/such/model.axm", load);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, AXIOM_INVALID_ARGUMENT);
  EXPECT_NE(model.error().message.find("cuda:N"), std::string::npos) << model.error().message;
  load.device = "cuda:7"; // the file comes before the device
  EXPECT_EQ(Model::open("/no/such/model.axm", load).error().code, AXIOM_NOT_FOUND);
  // An older caller's options end before the device.
  axiom_open_options older{};
  older.struct_size = offsetof(axiom_open_options, device);
  older.device = "gpu";
  axiom_model *handle = nullptr;
  EXPECT_EQ(axiom_open(AXIOM_ABI_VERSION, "/no/such/model.axm", &older, &handle), AXIOM_NOT_FOUND);
}

TEST(Api, StructsOfOtherSizes) {
  struct Newer {
    axiom_stats stats;
    uint64_t more = 77;
  } newer;
  newer.stats.struct_size = sizeof newer;
  axiom_stats now{};
  now.queued = 5;
  EXPECT_TRUE(api::writeStruct(now, &newer.stats, "stats").ok());
  EXPECT_EQ(newer.stats.queued, 5u);
  EXPECT_EQ(newer.more, 77u) << "a newer caller's fields stay as they are";
  EXPECT_EQ(newer.stats.struct_size, sizeof newer);

  axiom_stats older{};
  older.struct_size = offsetof(axiom_stats, running);
  older.running = 9;
  now.running = 1;
  EXPECT_TRUE(api::writeStruct(now, &older, "stats").ok());
  EXPECT_EQ(older.queued, 5u);
  EXPECT_EQ(older.running, 9u) << "past the end of an older caller's struct nothing is written";

  axiom_stats unset{};
  EXPECT_FALSE(api::writeStruct(now, &unset, "stats").ok());

  axiom_engine_options options{}, read{};
  options.struct_size = offsetof(axiom_engine_options, max_sequences);
  options.threads = 3;
  options.max_sequences = 99;
  EXPECT_TRUE(api::readStruct(&options, read, "options").ok());
  EXPECT_EQ(read.threads, 3u);
  EXPECT_EQ(read.max_sequences, 0u);
}

TEST(Api, CopyOutGivesTheWholeCount) {
  int values[] = {1, 2, 3}, into[2] = {};
  size_t count = 0;
  EXPECT_TRUE(api::copyOut(values, 3, into, 2, &count).ok());
  EXPECT_EQ(count, 3u);
  EXPECT_EQ(into[1], 2);
  EXPECT_TRUE(api::copyOut<int>(values, 3, nullptr, 0, &count).ok());
  EXPECT_FALSE(api::copyOut<int>(values, 3, nullptr, 1, &count).ok());
}

TEST(Api, GuardedTurnsExceptionsIntoCodes) {
  EXPECT_EQ(api::guarded([]() -> Status { throw std::bad_alloc(); }), AXIOM_RESOURCE);
  EXPECT_EQ(api::guarded([]() -> Status { throw std::runtime_error("x"); }), AXIOM_INTERNAL);
  EXPECT_EQ(api::guarded([]() -> Status { throw 3; }), AXIOM_INTERNAL);
}
