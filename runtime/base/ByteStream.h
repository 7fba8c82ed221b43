// Little-endian byte streams for the blobs inside an artifact (tokenizer, template, golden).
// ByteReader never reads outside its range: after the first short read it is failed() and every
// later read gives zero, so a parser checks once at the end of a group of fields.
#ifndef AXIOM_RUNTIME_BASE_BYTESTREAM_H
#define AXIOM_RUNTIME_BASE_BYTESTREAM_H

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace axiom {

class ByteReader {
public:
  explicit ByteReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool failed() const { return failed_; }
  size_t position() const { return pos_; }
  size_t remaining() const { return bytes_.size() - pos_; }

  uint8_t u8() { return fixed<uint8_t>(); }
  uint16_t u16() { return fixed<uint16_t>(); }
  uint32_t u32() { return fixed<uint32_t>(); }
  uint64_t u64() { return fixed<uint64_t>(); }
  int32_t i32() { return fixed<int32_t>(); }
  float f32() { return fixed<float>(); }
  double f64() { return fixed<double>(); }

  /// `size` bytes as a view into the underlying range; empty when too short.
  std::span<const uint8_t> bytes(uint64_t size) {
    if (failed_ || size > remaining()) {
      failed_ = true;
      return {};
    }
    auto view = bytes_.subspan(pos_, static_cast<size_t>(size));
    pos_ += static_cast<size_t>(size);
    return view;
  }
  /// A u32 length and that many bytes.
  std::string_view string() {
    auto view = bytes(u32());
    return {reinterpret_cast<const char *>(view.data()), view.size()};
  }

private:
  template <typename T> T fixed() {
    T value{};
    auto view = bytes(sizeof(T));
    if (!failed_)
      std::memcpy(&value, view.data(), sizeof(T));
    return value;
  }

  std::span<const uint8_t> bytes_;
  size_t pos_ = 0;
  bool failed_ = false;
};

class ByteWriter {
public:
  void u8(uint8_t v) { raw(&v, sizeof v); }
  void u16(uint16_t v) { raw(&v, sizeof v); }
  void u32(uint32_t v) { raw(&v, sizeof v); }
  void u64(uint64_t v) { raw(&v, sizeof v); }
  void i32(int32_t v) { raw(&v, sizeof v); }
  void f32(float v) { raw(&v, sizeof v); }
  void f64(double v) { raw(&v, sizeof v); }
  void string(std::string_view s) {
    u32(static_cast<uint32_t>(s.size()));
    raw(s.data(), s.size());
  }
  void raw(const void *data, size_t size) {
    auto *p = static_cast<const uint8_t *>(data);
    bytes_.insert(bytes_.end(), p, p + size);
  }
  const std::vector<uint8_t> &bytes() const { return bytes_; }
  std::vector<uint8_t> take() { return std::move(bytes_); }

private:
  std::vector<uint8_t> bytes_;
};

} // namespace axiom

#endif
