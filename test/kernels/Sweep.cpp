#include "test/kernels/Sweep.h"

#include "runtime/base/MappedFile.h"

#include <cstdio>
#include <cstring>
#include <map>

namespace axiom::test {

namespace {

constexpr uint64_t kMagic = 0x31504557'534d5841; // "AXMSWEP1"

class Writer {
public:
  explicit Writer(std::FILE *file) : file_(file) {}
  bool ok() const { return ok_; }
  void raw(const void *data, size_t size) {
    ok_ &= size == 0 || std::fwrite(data, size, 1, file_) == 1;
  }
  void number(uint64_t value) { raw(&value, sizeof value); }
  void text(const std::string &value) {
    number(value.size());
    raw(value.data(), value.size());
  }
  /// A number: of the bytes that were written before, or the next one and the bytes.
  void bytes(const Bytes &value) {
    auto [entry, isNew] = known_.try_emplace(value.get(), known_.size());
    number(entry->second);
    if (!isNew)
      return;
    number(value->size());
    raw(value->data(), value->size());
  }

private:
  std::FILE *file_;
  bool ok_ = true;
  std::map<const void *, uint64_t> known_;
};

class Reader {
public:
  explicit Reader(std::span<const uint8_t> from) : from_(from) {}
  bool ok() const { return ok_; }
  void raw(void *to, size_t size) {
    if (size > from_.size()) {
      ok_ = false;
      std::memset(to, 0, size);
      return;
    }
    std::memcpy(to, from_.data(), size);
    from_ = from_.subspan(size);
  }
  uint64_t number() {
    uint64_t value = 0;
    raw(&value, sizeof value);
    return value;
  }
  /// A number of things that take at least a byte each.
  size_t count() {
    uint64_t value = number();
    if (value > from_.size()) {
      ok_ = false;
      return 0;
    }
    return value;
  }
  std::string text() {
    std::string value(count(), '\0');
    raw(value.data(), value.size());
    return value;
  }
  Bytes bytes() {
    uint64_t index = number();
    if (index < known_.size())
      return known_[index];
    auto value = std::make_shared<std::vector<uint8_t>>(count());
    raw(value->data(), value->size());
    known_.push_back(value);
    return value;
  }

private:
  std::span<const uint8_t> from_;
  bool ok_ = true;
  std::vector<Bytes> known_;
};

void write(Writer &out, const SweepLaunch &launch) {
  out.text(launch.what);
  out.number(launch.operands.size());
  for (const SweepOperand &operand : launch.operands) {
    out.text(operand.name);
    out.bytes(operand.before);
    out.bytes(operand.after);
    out.number(operand.rowBytes);
    out.number(operand.floats);
  }
  out.number(launch.parts.size());
  for (const SweepPart &part : launch.parts) {
    out.number(part.prologue);
    out.number(part.body);
    AxmLaunch fields = part.launch;
    fields.args = nullptr;
    fields.scratch = nullptr;
    out.raw(&fields, sizeof fields);
    out.number(part.scratchBytes);
  }
}

SweepLaunch readLaunch(Reader &in) {
  SweepLaunch launch;
  launch.what = in.text();
  for (size_t n = in.count(); n > 0; --n) {
    SweepOperand operand;
    operand.name = in.text();
    operand.before = in.bytes();
    operand.after = in.bytes();
    operand.rowBytes = in.number();
    operand.floats = in.number() != 0;
    launch.operands.push_back(std::move(operand));
  }
  for (size_t n = in.count(); n > 0; --n) {
    SweepPart part = {};
    part.prologue = static_cast<uint32_t>(in.number());
    part.body = static_cast<uint32_t>(in.number());
    in.raw(&part.launch, sizeof part.launch);
    part.scratchBytes = in.number();
    launch.parts.push_back(part);
  }
  return launch;
}

} // namespace

Status writeSweep(const std::string &path, const Sweep &sweep) {
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return Status(Code::Resource, "cannot create '" + path + "'");
  Writer out(file);
  out.number(kMagic);
  out.text(sweep.level);
  out.number(sweep.cases.size());
  for (const SweepCase &one : sweep.cases) {
    out.text(one.name);
    out.bytes(one.image);
    out.number(one.launches.size());
    for (const SweepLaunch &launch : one.launches)
      write(out, launch);
  }
  if (std::fclose(file) != 0 || !out.ok())
    return Status(Code::Resource, "cannot write '" + path + "'");
  return Status();
}

Result<Sweep> readSweep(const std::string &path) {
  AXIOM_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  Reader in(file.bytes());
  if (in.number() != kMagic)
    return Status(Code::BadInput, "'" + path + "' is not a kernel sweep");
  Sweep sweep;
  sweep.level = in.text();
  for (size_t n = in.count(); n > 0; --n) {
    SweepCase one;
    one.name = in.text();
    one.image = in.bytes();
    for (size_t m = in.count(); m > 0; --m)
      one.launches.push_back(readLaunch(in));
    sweep.cases.push_back(std::move(one));
  }
  if (!in.ok())
    return Status(Code::BadInput, "'" + path + "' is cut short");
  return sweep;
}

} // namespace axiom::test
