#include "compiler/import/Gguf.h"

#include "runtime/base/ByteStream.h"
#include "runtime/base/Checked.h"

#include <algorithm>

namespace axiom {

namespace {

using ull = unsigned long long;

constexpr uint64_t kMaxKeyBytes = 65535;
constexpr uint64_t kMaxTensorNameBytes = 64;
constexpr uint32_t kMaxDims = 4;
constexpr uint64_t kMaxAlignment = 1 << 20;
/// Arrays of arrays are legal but rare; deeper ones are refused.
constexpr int kMaxArrayDepth = 4;
/// Elements of an array that a getter copies out; real vocabularies have under a million.
constexpr uint64_t kMaxCopied = 1 << 24;

struct TypeRecord {
  uint32_t id;
  SourceType type;
};
constexpr TypeRecord kTypes[] = {
    {0, SourceType::F32},   {1, SourceType::F16},   {2, SourceType::Q4_0},  {3, SourceType::Q4_1},
    {6, SourceType::Q5_0},  {7, SourceType::Q5_1},  {8, SourceType::Q8_0},  {12, SourceType::Q4_K},
    {13, SourceType::Q5_K}, {14, SourceType::Q6_K}, {30, SourceType::BF16},
};

/// Names of the types that are known but not supported, for messages.
const char *foreignTypeName(uint32_t id) {
  struct Name {
    uint32_t id;
    const char *name;
  };
  static constexpr Name names[] = {
      {9, "Q8_1"},    {10, "Q2_K"},    {11, "Q3_K"},  {15, "Q8_K"},   {16, "IQ2_XXS"},
      {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},
      {22, "IQ2_S"},  {23, "IQ4_XS"},  {24, "I8"},    {25, "I16"},    {26, "I32"},
      {27, "I64"},    {28, "F64"},     {29, "IQ1_M"}, {34, "TQ1_0"},  {35, "TQ2_0"},
      {39, "MXFP4"},  {40, "NVFP4"},
  };
  for (const Name &n : names)
    if (n.id == id)
      return n.name;
  return "unknown";
}

/// Bytes of a fixed-size value; 0 for strings and arrays.
uint64_t fixedSize(GgufType type) {
  switch (type) {
  case GgufType::U8:
  case GgufType::I8:
  case GgufType::Bool:
    return 1;
  case GgufType::U16:
  case GgufType::I16:
    return 2;
  case GgufType::U32:
  case GgufType::I32:
  case GgufType::F32:
    return 4;
  case GgufType::U64:
  case GgufType::I64:
  case GgufType::F64:
    return 8;
  case GgufType::String:
  case GgufType::Array:
    return 0;
  }
  return 0;
}

Status bad(std::string message) { return Status(Code::BadInput, std::move(message)); }

std::string_view text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

/// A name from the file, made safe for a message.
std::string shown(std::string_view name) {
  std::string out;
  for (char c : name.substr(0, 80))
    out += c >= 0x20 && c < 0x7f ? c : '?';
  return out;
}

class Parser {
public:
  explicit Parser(std::span<const uint8_t> bytes) : all_(bytes), in_(bytes) {}

  Status header(uint32_t &version) {
    auto magic = in_.bytes(4);
    if (in_.failed() || text(magic) != "GGUF")
      return bad("this is not a GGUF file: it does not begin with the letters GGUF");
    version = in_.u32();
    tensorCount_ = in_.u64();
    entryCount_ = in_.u64();
    if (in_.failed())
      return truncated("the header");
    if (version >= 0x10000u && (version & 0xffffu) == 0)
      return Status(Code::Unsupported, "this GGUF file is big-endian; convert it to little-endian");
    if (version != 2 && version != 3)
      return Status(Code::Unsupported,
                    format("GGUF version %u is not supported; supported: 2, 3", version));
    // The smallest record has 13 bytes (a one-byte value under an empty key) or 24 (a tensor
    // without dimensions): a count beyond that is damage, found before anything is allocated.
    if (entryCount_ > in_.remaining() / 13)
      return bad(format("metadata count %llu does not fit in a file of %zu bytes",
                        static_cast<ull>(entryCount_), all_.size()));
    if (tensorCount_ > in_.remaining() / 24)
      return bad(format("tensor count %llu does not fit in a file of %zu bytes",
                        static_cast<ull>(tensorCount_), all_.size()));
    return Status::okStatus();
  }

  Status metadata(std::map<std::string_view, GgufEntry> &entries) {
    for (uint64_t i = 0; i < entryCount_; ++i) {
      uint64_t size = in_.u64();
      if (!in_.failed() && (size == 0 || size > kMaxKeyBytes))
        return bad(format("metadata key %llu has %llu bytes; 1 to %llu are allowed",
                          static_cast<ull>(i), static_cast<ull>(size),
                          static_cast<ull>(kMaxKeyBytes)));
      std::string_view key = text(in_.bytes(size));
      uint32_t type = in_.u32();
      if (in_.failed())
        return truncated("the metadata");
      GgufEntry entry;
      AXIOM_RETURN_IF_ERROR(value(type, entry, 0).withContext("metadata key '" + shown(key) + "'"));
      if (!entries.emplace(key, entry).second)
        return bad("metadata key '" + shown(key) + "' occurs twice");
    }
    return Status::okStatus();
  }

  Status tensors(uint64_t alignment, std::vector<GgufTensor> &out) {
    struct Place {
      uint64_t offset;
      uint64_t size;
    };
    std::vector<Place> places;
    for (uint64_t i = 0; i < tensorCount_; ++i) {
      uint64_t size = in_.u64();
      if (!in_.failed() && (size == 0 || size > kMaxTensorNameBytes))
        return bad(format("the name of tensor %llu has %llu bytes; 1 to %llu are allowed",
                          static_cast<ull>(i), static_cast<ull>(size),
                          static_cast<ull>(kMaxTensorNameBytes)));
      GgufTensor tensor;
      tensor.name = text(in_.bytes(size));
      uint32_t dims = in_.u32();
      if (in_.failed())
        return truncated("the tensor list");
      if (dims == 0 || dims > kMaxDims)
        return bad(format("tensor %s has %u dimensions; 1 to %u are allowed",
                          shown(tensor.name).c_str(), dims, kMaxDims));
      std::optional<uint64_t> weights = 1;
      for (uint32_t d = 0; d < dims; ++d) {
        uint64_t n = in_.u64();
        if (!in_.failed() && n == 0)
          return bad("tensor " + shown(tensor.name) + " has a dimension of 0");
        tensor.shape.insert(tensor.shape.begin(), n);
        weights = weights ? checkedMul(*weights, n) : weights;
      }
      uint32_t typeId = in_.u32();
      uint64_t offset = in_.u64();
      if (in_.failed())
        return truncated("the tensor list");
      const TypeRecord *record = std::find_if(std::begin(kTypes), std::end(kTypes),
                                              [&](const TypeRecord &r) { return r.id == typeId; });
      if (record == std::end(kTypes))
        return Status(Code::Unsupported,
                      format("tensor %s has GGUF type %u (%s); supported: F32, F16, BF16, Q4_0, "
                             "Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K",
                             shown(tensor.name).c_str(), typeId, foreignTypeName(typeId)));
      tensor.type = record->type;
      BlockShape block = sourceBlock(tensor.type);
      if (tensor.shape.back() % block.weights != 0)
        return bad(format("tensor %s of type %s has rows of %llu weights; a multiple of %u is "
                          "needed",
                          shown(tensor.name).c_str(), sourceTypeName(tensor.type),
                          static_cast<ull>(tensor.shape.back()), block.weights));
      std::optional<uint64_t> bytes;
      if (weights)
        bytes = checkedMul(*weights / block.weights, block.bytes);
      if (!bytes || *bytes > all_.size())
        return bad("tensor " + shown(tensor.name) + " is larger than the file");
      if (offset % alignment != 0)
        return bad(format("tensor %s begins at offset %llu, which is no multiple of the alignment "
                          "%llu",
                          shown(tensor.name).c_str(), static_cast<ull>(offset),
                          static_cast<ull>(alignment)));
      places.push_back({offset, *bytes});
      out.push_back(std::move(tensor));
    }
    return place(alignment, places, out);
  }

private:
  template <typename Places>
  Status place(uint64_t alignment, const Places &places, std::vector<GgufTensor> &out) {
    // Without tensors a file may end at its metadata.
    uint64_t begin = std::min<uint64_t>(alignUp(in_.position(), alignment), all_.size());
    uint64_t available = all_.size() - begin;
    for (size_t i = 0; i < out.size(); ++i) {
      if (!rangeFits(places[i].offset, places[i].size, available))
        return bad(format("tensor %s lies at offset %llu with %llu bytes; the file holds %llu "
                          "bytes of data: it is truncated or damaged",
                          shown(out[i].name).c_str(), static_cast<ull>(places[i].offset),
                          static_cast<ull>(places[i].size), static_cast<ull>(available)));
      out[i].bytes = all_.subspan(begin + places[i].offset, places[i].size);
    }
    std::vector<const GgufTensor *> order;
    for (const GgufTensor &t : out)
      order.push_back(&t);
    std::sort(order.begin(), order.end(), [](const GgufTensor *a, const GgufTensor *b) {
      return a->bytes.data() < b->bytes.data();
    });
    for (size_t i = 1; i < order.size(); ++i)
      if (order[i - 1]->bytes.data() + order[i - 1]->bytes.size() > order[i]->bytes.data())
        return bad("tensors " + shown(order[i - 1]->name) + " and " + shown(order[i]->name) +
                   " overlap");
    std::sort(order.begin(), order.end(),
              [](const GgufTensor *a, const GgufTensor *b) { return a->name < b->name; });
    for (size_t i = 1; i < order.size(); ++i)
      if (order[i - 1]->name == order[i]->name)
        return bad("tensor " + shown(order[i]->name) + " occurs twice");
    return Status::okStatus();
  }

  Status truncated(const char *where) const {
    return bad(format("the file ends within %s: it is truncated or damaged", where));
  }

  static Status checkType(uint32_t type) {
    if (type <= static_cast<uint32_t>(GgufType::F64))
      return Status::okStatus();
    return bad(format("has value type %u; 0 to 12 are defined", type));
  }

  /// Reads one value; leaves the span that holds it in `entry`.
  Status value(uint32_t type, GgufEntry &entry, int depth) {
    AXIOM_RETURN_IF_ERROR(checkType(type));
    entry.type = static_cast<GgufType>(type);
    if (entry.type == GgufType::Array)
      return array(entry, depth);
    entry.bytes =
        entry.type == GgufType::String ? in_.bytes(in_.u64()) : in_.bytes(fixedSize(entry.type));
    if (in_.failed())
      return bad("its value reaches beyond the end of the file");
    if (entry.type == GgufType::Bool && entry.bytes[0] > 1)
      return bad(format("is a bool with the value %u; 0 or 1 are allowed", entry.bytes[0]));
    return Status::okStatus();
  }

  Status array(GgufEntry &entry, int depth) {
    if (depth >= kMaxArrayDepth)
      return bad(format("nests arrays deeper than %d", kMaxArrayDepth));
    uint32_t elementType = in_.u32();
    entry.count = in_.u64();
    if (in_.failed())
      return bad("its array reaches beyond the end of the file");
    AXIOM_RETURN_IF_ERROR(checkType(elementType));
    entry.elementType = static_cast<GgufType>(elementType);
    uint64_t each = fixedSize(entry.elementType);
    // A string takes at least its 8-byte length, a nested array 12 bytes.
    uint64_t least = each > 0 ? each : entry.elementType == GgufType::String ? 8 : 12;
    if (entry.count > in_.remaining() / least)
      return bad(format("its array of %llu elements reaches beyond the end of the file",
                        static_cast<ull>(entry.count)));
    size_t begin = in_.position();
    if (each > 0) {
      in_.bytes(entry.count * each);
    } else {
      for (uint64_t i = 0; i < entry.count; ++i) {
        GgufEntry element;
        AXIOM_RETURN_IF_ERROR(value(elementType, element, depth + 1));
      }
    }
    entry.bytes = all_.subspan(begin, in_.position() - begin);
    return Status::okStatus();
  }

  std::span<const uint8_t> all_;
  ByteReader in_;
  uint64_t tensorCount_ = 0;
  uint64_t entryCount_ = 0;
};

Status wrongType(std::string_view key, GgufType type, const char *wanted) {
  return bad("metadata key '" + shown(key) + "' has type " + ggufTypeName(type) + "; " + wanted +
             " is needed");
}

/// An integer of any GGUF integer type as sign and magnitude; false if `type` is none.
bool readInteger(GgufType type, ByteReader &in, int64_t &asSigned, bool &above) {
  above = false;
  switch (type) {
  case GgufType::U8:
    asSigned = in.u8();
    return true;
  case GgufType::I8:
    asSigned = static_cast<int8_t>(in.u8());
    return true;
  case GgufType::U16:
    asSigned = in.u16();
    return true;
  case GgufType::I16:
    asSigned = static_cast<int16_t>(in.u16());
    return true;
  case GgufType::U32:
    asSigned = in.u32();
    return true;
  case GgufType::I32:
    asSigned = in.i32();
    return true;
  case GgufType::U64: {
    uint64_t v = in.u64();
    above = v > static_cast<uint64_t>(INT64_MAX);
    asSigned = static_cast<int64_t>(v);
    return true;
  }
  case GgufType::I64:
    asSigned = static_cast<int64_t>(in.u64());
    return true;
  default:
    return false;
  }
}

} // namespace

const char *ggufTypeName(GgufType type) {
  static const char *const names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                      "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<uint32_t>(type)];
}

Result<GgufFile> GgufFile::parse(std::span<const uint8_t> bytes) {
  GgufFile file;
  Parser parser(bytes);
  AXIOM_RETURN_IF_ERROR(parser.header(file.version_));
  AXIOM_RETURN_IF_ERROR(parser.metadata(file.metadata_));
  uint64_t alignment = 32;
  if (const GgufEntry *entry = file.find("general.alignment")) {
    if (entry->type != GgufType::U32)
      return wrongType("general.alignment", entry->type, "u32");
    alignment = ByteReader(entry->bytes).u32();
    if (alignment == 0 || alignment > kMaxAlignment || (alignment & (alignment - 1)) != 0)
      return bad(format("general.alignment is %llu; a power of two up to %llu is needed",
                        static_cast<ull>(alignment), static_cast<ull>(kMaxAlignment)));
  }
  AXIOM_RETURN_IF_ERROR(parser.tensors(alignment, file.tensors_));
  return file;
}

const GgufEntry *GgufFile::find(std::string_view key) const {
  auto it = metadata_.find(key);
  return it == metadata_.end() ? nullptr : &it->second;
}

Result<std::optional<int64_t>> GgufFile::signedInt(std::string_view key) const {
  const GgufEntry *entry = find(key);
  if (!entry)
    return std::optional<int64_t>();
  ByteReader in(entry->bytes);
  int64_t v = 0;
  bool above = false;
  if (!readInteger(entry->type, in, v, above))
    return wrongType(key, entry->type, "an integer");
  if (above)
    return bad("metadata key '" + shown(key) + "' is larger than 2^63 - 1");
  return std::optional<int64_t>(v);
}

Result<std::optional<uint64_t>> GgufFile::unsignedInt(std::string_view key) const {
  AXIOM_ASSIGN_OR_RETURN(auto v, signedInt(key));
  if (!v)
    return std::optional<uint64_t>();
  if (*v < 0)
    return bad(format("metadata key '%s' is %lld; it must not be negative", shown(key).c_str(),
                      static_cast<long long>(*v)));
  return std::optional<uint64_t>(static_cast<uint64_t>(*v));
}

Result<std::optional<uint64_t>> GgufFile::uniformInt(std::string_view key) const {
  const GgufEntry *entry = find(key);
  if (!entry || entry->type != GgufType::Array)
    return unsignedInt(key);
  ByteReader in(entry->bytes);
  std::optional<uint64_t> all;
  for (uint64_t i = 0; i < entry->count; ++i) {
    int64_t v = 0;
    bool above = false;
    if (!readInteger(entry->elementType, in, v, above))
      return wrongType(key, entry->elementType, "an array of integers");
    if (v < 0 || above || (all && *all != static_cast<uint64_t>(v)))
      return Status(Code::Unsupported, "metadata key '" + shown(key) +
                                           "' differs between layers; only models whose layers "
                                           "have the same sizes are supported");
    all = static_cast<uint64_t>(v);
  }
  if (!all)
    return bad("metadata key '" + shown(key) + "' is an empty array");
  return all;
}

Result<std::optional<double>> GgufFile::number(std::string_view key) const {
  const GgufEntry *entry = find(key);
  if (!entry)
    return std::optional<double>();
  ByteReader in(entry->bytes);
  if (entry->type == GgufType::F32)
    return std::optional<double>(in.f32());
  if (entry->type == GgufType::F64)
    return std::optional<double>(in.f64());
  return wrongType(key, entry->type, "f32 or f64");
}

Result<std::optional<bool>> GgufFile::boolean(std::string_view key) const {
  const GgufEntry *entry = find(key);
  if (!entry)
    return std::optional<bool>();
  if (entry->type != GgufType::Bool)
    return wrongType(key, entry->type, "bool");
  return std::optional<bool>(entry->bytes[0] != 0);
}

Result<std::optional<std::string>> GgufFile::string(std::string_view key) const {
  const GgufEntry *entry = find(key);
  if (!entry)
    return std::optional<std::string>();
  if (entry->type != GgufType::String)
    return wrongType(key, entry->type, "string");
  return std::optional<std::string>(text(entry->bytes));
}

Result<const GgufEntry *> GgufFile::arrayOf(std::string_view key, GgufType a, GgufType b) const {
  const GgufEntry *entry = find(key);
  if (!entry)
    return static_cast<const GgufEntry *>(nullptr);
  if (entry->type != GgufType::Array)
    return wrongType(key, entry->type, "array");
  if (entry->elementType != a && entry->elementType != b)
    return wrongType(key, entry->elementType,
                     (std::string("an array of ") + ggufTypeName(a)).c_str());
  if (entry->count > kMaxCopied)
    return bad(format("metadata key '%s' has %llu elements; at most %llu are supported",
                      shown(key).c_str(), static_cast<ull>(entry->count),
                      static_cast<ull>(kMaxCopied)));
  return entry;
}

Result<std::vector<std::string>> GgufFile::stringArray(std::string_view key) const {
  AXIOM_ASSIGN_OR_RETURN(const GgufEntry *entry, arrayOf(key, GgufType::String, GgufType::String));
  std::vector<std::string> values;
  if (!entry)
    return values;
  values.reserve(entry->count);
  ByteReader in(entry->bytes);
  for (uint64_t i = 0; i < entry->count; ++i)
    values.emplace_back(text(in.bytes(in.u64())));
  return values;
}

Result<std::vector<float>> GgufFile::floatArray(std::string_view key) const {
  AXIOM_ASSIGN_OR_RETURN(const GgufEntry *entry, arrayOf(key, GgufType::F32, GgufType::F32));
  std::vector<float> values;
  if (!entry)
    return values;
  values.reserve(entry->count);
  ByteReader in(entry->bytes);
  for (uint64_t i = 0; i < entry->count; ++i)
    values.push_back(in.f32());
  return values;
}

Result<std::vector<int32_t>> GgufFile::intArray(std::string_view key) const {
  AXIOM_ASSIGN_OR_RETURN(const GgufEntry *entry, arrayOf(key, GgufType::I32, GgufType::U32));
  std::vector<int32_t> values;
  if (!entry)
    return values;
  values.reserve(entry->count);
  ByteReader in(entry->bytes);
  for (uint64_t i = 0; i < entry->count; ++i)
    values.push_back(in.i32());
  return values;
}

} // namespace axiom
