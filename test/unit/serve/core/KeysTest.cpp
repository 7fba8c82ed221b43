// API keys: the file's form, reading it again, what the gate lets through.
#include "runtime/serve/core/Gate.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace axiom;
using namespace axiom::serve;

namespace {

constexpr char kOne[] = "sk-0123456789abcdef", kTwo[] = "sk-fedcba9876543210";

struct KeyFile {
  std::string path;

  explicit KeyFile(const std::string &text) {
    char name[] = "/tmp/axiom-keys-XXXXXX";
    close(mkstemp(name));
    path = name;
    write(text);
  }
  ~KeyFile() { unlink(path.c_str()); }
  void write(const std::string &text) { std::ofstream(path) << text; }
  std::shared_ptr<ApiKeys> load() {
    auto keys = ApiKeys::load(path);
    EXPECT_TRUE(keys.ok()) << keys.status().message();
    return keys.ok() ? std::shared_ptr<ApiKeys>(std::move(*keys)) : nullptr;
  }
};

http::Request asking(const std::string &path, const std::string &authorization = "") {
  http::Request request;
  request.method = "GET";
  request.path = path;
  if (!authorization.empty())
    request.headers.add("authorization", authorization);
  return request;
}

} // namespace

TEST(ApiKeys, NamesAndComments) {
  KeyFile file(std::string("# our clients\n\n  ") + kOne + "\talice \r\n" + kTwo);
  auto keys = file.load();
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->size(), 2u);
  EXPECT_EQ(keys->find(kOne)->name, "alice");
  EXPECT_NE(keys->find(kOne)->id, keys->find(kTwo)->id);
  EXPECT_EQ(keys->find(kTwo)->name.substr(0, 4), "key-");
  EXPECT_EQ(std::string(kTwo).find(keys->find(kTwo)->name.substr(4)), std::string::npos);
  for (std::string wrong : {"", "sk-0123456789abcde", "sk-0123456789abcdef0", "alice"})
    EXPECT_FALSE(keys->find(wrong)) << wrong;
}

TEST(ApiKeys, ManyKeysAreToldApart) {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += format("key-number-%010d client%d\n", i, i);
  KeyFile file(text);
  auto keys = file.load();
  ASSERT_TRUE(keys);
  for (int i = 0; i < 300; ++i)
    EXPECT_EQ(keys->find(format("key-number-%010d", i))->name, format("client%d", i));
}

TEST(ApiKeys, OneNameIsOneClient) {
  KeyFile file(std::string(kOne) + " alice\n" + kTwo + " alice\n");
  auto keys = file.load();
  ASSERT_TRUE(keys);
  EXPECT_EQ(keys->find(kOne)->id, keys->find(kTwo)->id);
  EXPECT_NE(keys->find(kOne)->id, 0u);
}

TEST(ApiKeys, WrongFilesAreRefusedWithoutShowingKeys) {
  for (auto &[text, says] : std::vector<std::pair<std::string, std::string>>{
           {"", "no keys"},
           {"# nothing\n", "no keys"},
           {"short\n", ":1: a key of 5 characters"},
           {std::string(513, 'x'), ":1: a key of 513"},
           {std::string(kOne) + "\n" + kTwo + " a b\n", ":2: more than"},
           {std::string(kOne) + " a\n" + kOne + " b\n",
            ":2: a key that the file has already, as that of a"},
           {std::string(kOne) + "\xc3\xa4\n", "printable"},
           {std::string(kOne) + " " + std::string(65, 'n'), "name has 65"}}) {
    KeyFile file(text);
    auto keys = ApiKeys::load(file.path);
    ASSERT_FALSE(keys.ok()) << text;
    EXPECT_NE(keys.status().message().find(says), std::string::npos) << keys.status().message();
    EXPECT_EQ(keys.status().message().find("0123456789"), std::string::npos);
  }
  EXPECT_EQ(ApiKeys::load("/nowhere/keys").status().code(), Code::NotFound);
}

TEST(ApiKeys, ReloadKeepsTheOldOnesWhenTheFileIsWrong) {
  KeyFile file(std::string(kOne) + "\n");
  auto keys = file.load();
  ASSERT_TRUE(keys);
  file.write("bad");
  EXPECT_FALSE(keys->reload().ok());
  EXPECT_TRUE(keys->find(kOne));
  file.write(std::string(kTwo) + "\n");
  EXPECT_TRUE(keys->reload().ok());
  EXPECT_FALSE(keys->find(kOne));
  EXPECT_TRUE(keys->find(kTwo));
  chmod(file.path.c_str(), 0644);
  EXPECT_TRUE(keys->readableByOthers());
  chmod(file.path.c_str(), 0600);
  EXPECT_FALSE(keys->readableByOthers());
}

TEST(Gate, ClosedPathsNeedAKey) {
  KeyFile file(std::string(kOne) + " alice\n");
  Gate gate(file.load(), false);
  for (std::string path : {"/v1/models", "/v1/completions", "/metrics", "/version", "/openapi.json",
                           "/healthy", "/health/../v1/models", "//health"}) {
    auto request = asking(path);
    auto refused = gate(request);
    ASSERT_TRUE(refused) << path;
    EXPECT_EQ(refused->status, 401);
    EXPECT_EQ(refused->headers[0].name, "WWW-Authenticate");
    EXPECT_NE(refused->body.find("\"missing_api_key\""), std::string::npos);
    auto right = asking(path, std::string("bearer  ") + kOne + " ");
    EXPECT_FALSE(gate(right)) << path;
    EXPECT_EQ(noteOf(right)->client.name, "alice");
  }
  for (std::string sent :
       {std::string("Bearer ") + kTwo, std::string("Bearer ") + kOne + "x",
        std::string("Basic ") + kOne, std::string(kOne), std::string("Bearer ")}) {
    auto request = asking("/v1/models", sent);
    ASSERT_TRUE(gate(request)) << sent;
  }
  auto wrong = asking("/v1/models", std::string("Bearer ") + kTwo);
  auto refused = gate(wrong);
  EXPECT_NE(refused->body.find("\"invalid_api_key\""), std::string::npos);
  EXPECT_EQ(refused->headers[0].value, "Bearer error=\"invalid_token\"");
  auto twice = asking("/v1/models", std::string("Bearer ") + kOne);
  twice.headers.add("Authorization", std::string("Bearer ") + kOne);
  EXPECT_TRUE(gate(twice));
}

TEST(Gate, OpenPaths) {
  KeyFile file(std::string(kOne) + " alice\n");
  auto keys = file.load();
  for (std::string path : {"/health", "/health/live", "/health/ready", "/health/progress", "/"}) {
    auto request = asking(path), wrong = asking(path, std::string("Bearer ") + kTwo);
    EXPECT_FALSE(Gate(keys, false)(request)) << path;
    EXPECT_FALSE(Gate(keys, false)(wrong)) << path;
  }
  auto metrics = asking("/metrics"), all = asking("/v1/models");
  EXPECT_TRUE(Gate(keys, false)(metrics));
  EXPECT_FALSE(Gate(keys, true)(metrics));
  EXPECT_FALSE(Gate(nullptr, false)(all));
  EXPECT_EQ(noteOf(all)->client.id, 0u);
}
