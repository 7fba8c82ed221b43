#include "runtime/base/Sha256.h"

#include <gtest/gtest.h>

#include <vector>

using namespace axiom;

namespace {

std::string hashText(Sha256 hash, const std::string &text) {
  hash.update(text.data(), text.size());
  return sha256Hex(hash.finish());
}

} // namespace

// The first four are examples of NIST for FIPS 180-4.
TEST(Sha256, KnownDigests) {
  const std::pair<std::string, const char *> known[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1000000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const auto &[text, digest] : known) {
    EXPECT_EQ(hashText(Sha256(), text), digest) << text.size();
    EXPECT_EQ(hashText(Sha256::portable(), text), digest) << text.size();
  }
}

TEST(Sha256, AnySplitGivesTheSameDigest) {
  std::vector<uint8_t> bytes(300);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(i * 37 + 11);
  for (size_t size = 0; size <= bytes.size(); ++size) {
    std::span<const uint8_t> all(bytes.data(), size);
    Sha256 plain = Sha256::portable();
    plain.update(all);
    Sha256Digest expected = plain.finish();
    for (size_t cut : {size_t(0), size / 3, size / 2, size > 0 ? size - 1 : 0, size}) {
      Sha256 hash;
      hash.update(all.first(cut));
      hash.update(all.subspan(cut));
      ASSERT_EQ(hash.finish(), expected) << size << " cut at " << cut;
    }
    ASSERT_EQ(Sha256::of(all), expected);
  }
}
