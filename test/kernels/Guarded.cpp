#include "test/kernels/Guarded.h"

#include "runtime/base/Status.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

namespace axiom::test {

Guarded::Guarded(size_t bytes) : size_(bytes) {
  size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  size_t body = (bytes + page - 1) / page * page;
  mapped_ = body + page;
  void *memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mprotect(static_cast<uint8_t *>(memory) + body, page, PROT_NONE) != 0)
    abort();
  base_ = static_cast<uint8_t *>(memory);
  data_ = base_ + body - bytes;
}

Guarded::Guarded(Guarded &&other) noexcept
    : base_(other.base_), data_(other.data_), mapped_(other.mapped_), size_(other.size_) {
  other.base_ = nullptr;
}

Guarded::~Guarded() {
  if (base_)
    munmap(base_, mapped_);
}

Guarded guardedCopy(const std::vector<uint8_t> &values) {
  Guarded memory(values.size());
  std::memcpy(memory.as(), values.data(), values.size());
  return memory;
}

bool sameBits(float a, float b) { return std::memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b); }

std::string difference(const std::vector<uint8_t> &want, const uint8_t *got, size_t rowBytes,
                       bool floats) {
  if (std::memcmp(got, want.data(), want.size()) == 0)
    return "";
  for (size_t at = 0; at < want.size(); at += floats ? 4 : 1) {
    std::string values;
    if (floats) {
      float a, b;
      std::memcpy(&a, got + at, 4);
      std::memcpy(&b, want.data() + at, 4);
      if (!sameBits(a, b))
        values = format("%a is not %a", double(a), double(b));
    } else if (got[at] != want[at]) {
      values = format("byte 0x%02x is not 0x%02x", got[at], want[at]);
    }
    if (!values.empty())
      return format("row %zu byte %zu: ", at / rowBytes, at % rowBytes) + values;
  }
  return "";
}

} // namespace axiom::test
