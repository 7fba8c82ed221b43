#include "compiler/import/Safetensors.h"

#include "compiler/import/StrictJson.h"
#include "runtime/base/ByteStream.h"
#include "runtime/base/Checked.h"

#include <algorithm>
#include <utility>

namespace axiom {

namespace {

using nlohmann::json;
using ull = unsigned long long;

constexpr uint64_t kMaxHeaderBytes = 100'000'000;
/// Depth at which the reference reader's JSON parser gives up.
constexpr size_t kMaxDepth = 127;

/// Dimensions of a tensor; no real one has more than 8.
constexpr size_t kMaxRank = 64;

struct DtypeRecord {
  const char *name;
  uint32_t bits;
  std::optional<SourceType> type;
};
const DtypeRecord kDtypes[] = {
    {"F32", 32, SourceType::F32},
    {"F16", 16, SourceType::F16},
    {"BF16", 16, SourceType::BF16},
    {"BOOL", 8, {}},
    {"U8", 8, {}},
    {"I8", 8, {}},
    {"I16", 16, {}},
    {"U16", 16, {}},
    {"I32", 32, {}},
    {"U32", 32, {}},
    {"I64", 64, {}},
    {"U64", 64, {}},
    {"F64", 64, {}},
    {"C64", 64, {}},
    {"F8_E4M3", 8, {}},
    {"F8_E5M2", 8, {}},
    {"F8_E8M0", 8, {}},
    {"F8_E4M3FNUZ", 8, {}},
    {"F8_E5M2FNUZ", 8, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
    {"F4", 4, {}},
};

const DtypeRecord *findDtype(const std::string &name) {
  for (const DtypeRecord &record : kDtypes)
    if (name == record.name)
      return &record;
  return nullptr;
}

/// A tensor record of the header while it is read.
struct Record {
  std::optional<std::string> dtype;
  std::optional<std::vector<uint64_t>> shape;
  std::optional<std::vector<uint64_t>> offsets;
};

/// Reads the header's events straight into records: a header of 100 MB must not become a tree of
/// gigabytes. Fields that the format does not define are skipped inside a record, as the reference
/// reader does.
class HeaderReader final : public nlohmann::json_sax<json> {
public:
  std::map<std::string, Record> records;
  const std::string &error() const { return error_; }

  bool null() override {
    // "__metadata__": null is what some writers put for none.
    if (depth_ == 1 && inMetadata_) {
      inMetadata_ = false;
      return true;
    }
    return skipping() || wrong("null");
  }
  bool boolean(bool) override { return skipping() || wrong("a bool"); }
  bool number_integer(number_integer_t) override { return skipping() || wrong("a signed number"); }
  bool number_float(number_float_t, const string_t &) override {
    return skipping() || wrong("a number that is not a whole one below 2^64");
  }
  bool number_unsigned(number_unsigned_t v) override {
    if (skipping())
      return true;
    if (!list_)
      return wrong("a number");
    if (list_->size() == kMaxRank)
      return fail(format("tensor %s has a list of more than %zu numbers", shownText(name_).c_str(),
                         kMaxRank));
    list_->push_back(v);
    return true;
  }
  bool string(string_t &v) override {
    if (skipping() || (depth_ == 2 && inMetadata_))
      return true;
    if (depth_ != 2 || field_ != "dtype")
      return wrong("a string");
    record_->dtype = std::move(v);
    return true;
  }
  bool binary(binary_t &) override { return wrong("a binary value"); }

  bool start_object(size_t) override {
    if (!deeper())
      return false;
    if (depth_ == 1 || (depth_ == 2 && inMetadata_) || skipping())
      return true;
    if (depth_ != 2)
      return wrong("an object");
    record_ = &records[name_];
    return true;
  }
  bool end_object() override {
    if (depth_ == 2 && !inMetadata_) {
      if (!record_->dtype || !record_->shape || !record_->offsets)
        return fail("tensor " + shownText(name_) + " lacks dtype, shape or data_offsets");
      record_ = nullptr;
    }
    if (depth_ == 2)
      inMetadata_ = false;
    return shallower();
  }
  bool start_array(size_t) override {
    if (!deeper())
      return false;
    if (skipping())
      return true;
    if (depth_ == 3 && record_ && field_ == "shape" && !record_->shape)
      list_ = &record_->shape.emplace();
    else if (depth_ == 3 && record_ && field_ == "data_offsets" && !record_->offsets)
      list_ = &record_->offsets.emplace();
    else
      return wrong("an array");
    return true;
  }
  bool end_array() override {
    list_ = nullptr;
    return shallower();
  }
  bool key(string_t &k) override {
    if (depth_ == 1) {
      inMetadata_ = k == "__metadata__";
      bool twice = inMetadata_ ? std::exchange(hadMetadata_, true) : records.count(k) > 0;
      if (twice)
        return fail("the name " + shownText(k) + " occurs twice in the header");
      name_ = std::move(k);
      return true;
    }
    if (depth_ == 2 && !inMetadata_) {
      field_ = std::move(k);
      bool known = field_ == "dtype" || field_ == "shape" || field_ == "data_offsets";
      skipFrom_ = known ? 0 : depth_;
      if ((field_ == "dtype" && record_->dtype) || (field_ == "shape" && record_->shape) ||
          (field_ == "data_offsets" && record_->offsets))
        return fail("field " + field_ + " of tensor " + shownText(name_) + " occurs twice");
    }
    return true;
  }
  bool parse_error(size_t position, const std::string &, const json::exception &) override {
    return fail(format("the header is not valid JSON at byte %zu", position));
  }

private:
  bool fail(std::string message) {
    if (error_.empty())
      error_ = std::move(message);
    return false;
  }
  bool wrong(const char *what) {
    if (depth_ == 0)
      return fail("the header is not a JSON object");
    if (inMetadata_)
      return fail(std::string("__metadata__ holds ") + what + "; it must map strings to strings");
    return fail(std::string(what) + " stands where the record of tensor " + shownText(name_) +
                " has none");
  }
  /// Inside the value of an unknown field of a record.
  bool skipping() const { return skipFrom_ > 0 && depth_ >= skipFrom_; }
  bool deeper() {
    if (++depth_ > kMaxDepth)
      return fail(format("the header is nested deeper than %zu", kMaxDepth));
    return true;
  }
  bool shallower() {
    if (--depth_ < 2)
      skipFrom_ = 0;
    return true;
  }

  size_t depth_ = 0; ///< open objects and arrays
  size_t skipFrom_ = 0;
  bool inMetadata_ = false, hadMetadata_ = false;
  std::string name_, field_;
  Record *record_ = nullptr;
  std::vector<uint64_t> *list_ = nullptr;
  std::string error_;
};

Status bad(std::string message) { return Status(Code::BadInput, std::move(message)); }

Result<SafetensorsTensor> checkTensor(const std::string &name, const Record &record,
                                      std::span<const uint8_t> data) {
  const DtypeRecord *dtype = findDtype(*record.dtype);
  if (!dtype)
    return bad("tensor " + shownText(name) + " has the unknown dtype " + shownText(*record.dtype));
  if (record.offsets->size() != 2)
    return bad("data_offsets of tensor " + shownText(name) + " has not two numbers");
  uint64_t begin = record.offsets->at(0), end = record.offsets->at(1);
  if (begin > end || end > data.size())
    return bad(format("tensor %s lies at bytes %llu to %llu; the file holds %zu bytes of data: it "
                      "is truncated or damaged",
                      shownText(name).c_str(), static_cast<ull>(begin), static_cast<ull>(end),
                      data.size()));
  // A product that overflows is refused even where a later factor is 0.
  std::optional<uint64_t> bits = 1;
  for (uint64_t n : *record.shape)
    bits = bits ? checkedMul(*bits, n) : bits;
  bits = bits ? checkedMul(*bits, dtype->bits) : bits;
  if (!bits)
    return bad("the shape of tensor " + shownText(name) + " overflows 64 bits");
  if (*bits % 8 != 0)
    return bad(format("tensor %s has %llu bits, which are no whole bytes", shownText(name).c_str(),
                      static_cast<ull>(*bits)));
  if (*bits / 8 != end - begin)
    return bad(format("tensor %s has %llu bytes by its shape and dtype, and %llu by its offsets",
                      shownText(name).c_str(), static_cast<ull>(*bits / 8),
                      static_cast<ull>(end - begin)));
  SafetensorsTensor tensor;
  tensor.dtype = dtype->name;
  tensor.type = dtype->type;
  tensor.shape = *record.shape;
  tensor.bytes = data.subspan(begin, end - begin);
  return tensor;
}

/// The tensors must cover the data without holes or overlaps, to the end of the file.
Status checkCover(const std::map<std::string, Record> &records, uint64_t dataBytes) {
  using Entry = const std::pair<const std::string, Record> *;
  std::vector<Entry> order;
  for (const auto &entry : records)
    order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](Entry a, Entry b) { return *a->second.offsets < *b->second.offsets; });
  uint64_t next = 0;
  for (Entry entry : order) {
    uint64_t begin = entry->second.offsets->at(0);
    if (begin != next)
      return bad(format("tensor %s begins at byte %llu of the data; the one before it ends at %llu",
                        shownText(entry->first).c_str(), static_cast<ull>(begin),
                        static_cast<ull>(next)));
    next = entry->second.offsets->at(1);
  }
  if (next != dataBytes)
    return bad(format("the tensors end at byte %llu of the data, and the file has %llu: it is "
                      "truncated, damaged or has something appended",
                      static_cast<ull>(next), static_cast<ull>(dataBytes)));
  return Status::okStatus();
}

Status readHeader(std::span<const uint8_t> bytes, HeaderReader &reader, uint64_t &headerEnd) {
  if (bytes.size() < 8)
    return bad(format("the file has %zu bytes; a safetensors file has at least 8", bytes.size()));
  uint64_t size = ByteReader(bytes).u64();
  if (size > kMaxHeaderBytes)
    return bad(format("the header length is %llu; at most %llu are allowed (is this a safetensors "
                      "file?)",
                      static_cast<ull>(size), static_cast<ull>(kMaxHeaderBytes)));
  if (size > bytes.size() - 8)
    return bad(format("the header length is %llu, and the file has %zu bytes: it is truncated or "
                      "damaged",
                      static_cast<ull>(size), bytes.size()));
  headerEnd = 8 + size;
  std::string_view text(reinterpret_cast<const char *>(bytes.data()) + 8, size);
  if (text.empty() || text[0] != '{')
    return bad("the header does not begin with '{'");
  // The parser takes a NUL byte for the end of its input.
  if (text.find('\0') != text.npos)
    return bad("the header holds a NUL byte");
  try {
    if (!json::sax_parse(text.begin(), text.end(), &reader))
      return bad(reader.error());
  } catch (const std::bad_alloc &) {
    return Status(Code::Resource, "not enough memory to read the header");
  } catch (const std::exception &e) {
    return bad(std::string("the header is not valid: ") + e.what());
  }
  return Status::okStatus();
}

} // namespace

Result<SafetensorsFile> SafetensorsFile::parse(std::span<const uint8_t> bytes) {
  HeaderReader reader;
  uint64_t headerEnd = 0;
  AXIOM_RETURN_IF_ERROR(readHeader(bytes, reader, headerEnd));
  SafetensorsFile file;
  auto data = bytes.subspan(headerEnd);
  for (const auto &[name, record] : reader.records) {
    AXIOM_ASSIGN_OR_RETURN(SafetensorsTensor tensor, checkTensor(name, record, data));
    file.tensors.emplace(name, std::move(tensor));
  }
  AXIOM_RETURN_IF_ERROR(checkCover(reader.records, data.size()));
  return file;
}

Result<std::map<std::string, std::string>> parseSafetensorsIndex(std::string_view text) {
  const std::string name = "the index";
  AXIOM_ASSIGN_OR_RETURN(json root, parseStrictJson(text, name));
  if (!root.is_object() || !root.contains("weight_map") || !root["weight_map"].is_object())
    return bad(name + " has no object weight_map");
  std::map<std::string, std::string> map;
  for (const auto &[tensor, file] : root["weight_map"].items()) {
    if (!file.is_string())
      return bad(name + " gives no file name for tensor " + shownText(tensor));
    auto shard = file.get<std::string>();
    if (shard.empty() || shard == "." || shard == ".." || shard.find('/') != shard.npos ||
        shard.find('\\') != shard.npos || shard.find('\0') != shard.npos || shard.size() > 255)
      return bad(name + " names the file '" + shownText(shard) + "' for tensor " +
                 shownText(tensor) + "; only a plain file name beside the index is allowed");
    map.emplace(tensor, std::move(shard));
  }
  if (map.empty())
    return bad(name + " has an empty weight_map");
  return map;
}

} // namespace axiom
