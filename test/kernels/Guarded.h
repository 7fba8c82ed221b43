// Operands of kernels under test: memory that ends flush against an inaccessible page.
#ifndef AXIOM_TEST_KERNELS_GUARDED_H
#define AXIOM_TEST_KERNELS_GUARDED_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace axiom::test {

/// Memory whose last byte is the last of its page; the page behind is inaccessible. Zeroed.
class Guarded {
public:
  explicit Guarded(size_t bytes);
  ~Guarded();
  Guarded(const Guarded &) = delete;
  Guarded(Guarded &&other) noexcept;
  template <typename T = uint8_t> T *as() const { return reinterpret_cast<T *>(data_); }
  size_t size() const { return size_; }

private:
  uint8_t *base_ = nullptr, *data_ = nullptr;
  size_t mapped_ = 0, size_ = 0;
};

Guarded guardedCopy(const std::vector<uint8_t> &values);

/// Bit equality; NaNs are equal to each other.
bool sameBits(float a, float b);

/// The first place where `got` is not `want`, by row and byte, or nothing. `floats`: f32 words.
std::string difference(const std::vector<uint8_t> &want, const uint8_t *got, size_t rowBytes,
                       bool floats);

} // namespace axiom::test

#endif
