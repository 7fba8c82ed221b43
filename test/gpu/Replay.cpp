#include "test/gpu/Replay.h"

#include "runtime/abi/cuda_abi.h"
#include "runtime/base/ByteStream.h"
#include "runtime/base/Sha256.h"

#include <algorithm>
#include <cstring>

namespace axiom::replay {

namespace {

constexpr char kMagic[] = "AXMRPLAY";
constexpr uint32_t kVersion = 1;
// What no pack needs: a damaged count is told from a large one.
constexpr uint32_t kMostNames = 256, kMostName = 256, kMostSegments = 64, kMostLaunches = 16,
                   kMostParameter = 4096;
constexpr uint64_t kMostBlob = uint64_t(1) << 30;

class Parser {
public:
  explicit Parser(std::span<const uint8_t> body) : in(body) {}

  Result<Pack> parse() {
    names(pack.archs, "architectures");
    names(pack.modules, "modules");
    uint32_t blobs = count("blobs", UINT32_MAX, 10);
    for (uint32_t i = 0; good() && i < blobs; ++i)
      blob(i);
    uint32_t cases = count("cases", UINT32_MAX, 16);
    for (uint32_t i = 0; good() && i < cases; ++i)
      oneCase(i);
    if (good() && in.remaining())
      bad(format("%zu bytes behind the last case", in.remaining()));
    if (!good())
      return Status(Code::BadInput, format("damaged at byte %zu: ", in.position() + kBodyAt) +
                                        (why.empty() ? "it ends too early" : why));
    return std::move(pack);
  }

private:
  ByteReader in;
  Pack pack;
  std::string why;

  bool good() const { return why.empty() && !in.failed(); }
  void bad(const std::string &what) {
    if (good())
      why = what;
  }
  /// A count of things that take `least` bytes each at least.
  uint32_t count(const char *what, uint32_t most, size_t least) {
    uint32_t n = in.u32();
    if (n > most || n > in.remaining() / least)
      bad(format("%u %s; there is room for %zu and at most %u are allowed", n, what,
                 in.remaining() / least, most));
    return good() ? n : 0;
  }
  std::string text(const char *what) {
    std::string_view view = in.string();
    if (view.empty() || view.size() > kMostName)
      bad(format("a name of %zu bytes for a %s; it has 1 to %u", view.size(), what, kMostName));
    else if (!std::all_of(view.begin(), view.end(), [](char c) { return c >= ' ' && c <= '~'; }))
      bad(format("a name of a %s with bytes that are no text", what));
    return good() ? std::string(view) : std::string();
  }
  /// They become names of files.
  void names(std::vector<std::string> &out, const char *what) {
    uint32_t n = count(what, kMostNames, 4);
    for (uint32_t i = 0; good() && i < n; ++i) {
      out.push_back(text(what));
      for (char c : out.back())
        if (!isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '-')
          bad(format("a name of %s with a character that is no letter, digit, _ or -", what));
    }
    if (n == 0)
      bad(format("no %s", what));
  }
  void blob(uint32_t i) {
    Blob blob;
    uint8_t kind = in.u8();
    blob.size = in.u64();
    blob.fill = kind == 1;
    if (kind > 2)
      bad(format("blob %u has kind %u; it is 0, 1 or 2", i, kind));
    else if (blob.size > kMostBlob)
      bad(format("blob %u has %llu bytes; at most %llu are allowed", i,
                 static_cast<unsigned long long>(blob.size),
                 static_cast<unsigned long long>(kMostBlob)));
    else if (blob.fill)
      blob.value = in.u8();
    else if (kind == 2)
      blob.bytes = expand(in.bytes(in.u32()), blob.size);
    else
      blob.bytes = in.bytes(blob.size);
    pack.blobs.push_back(blob);
  }
  std::span<const uint8_t> expand(std::span<const uint8_t> pieces, uint64_t size) {
    std::vector<uint8_t> &out = pack.expanded.emplace_back();
    ByteReader from(pieces);
    while (from.remaining() && !from.failed() && out.size() <= size) {
      auto bytes = from.bytes(from.u16());
      out.insert(out.end(), bytes.begin(), bytes.end());
      const uint16_t run = from.u16();
      out.insert(out.end(), run, from.u8());
    }
    if (from.failed() || out.size() != size)
      bad(format("a blob has %llu bytes; its pieces have others",
                 static_cast<unsigned long long>(size)));
    return out;
  }
  void segment(Case &c) {
    Segment segment;
    segment.name = text("segment");
    uint8_t access = in.u8(), how = in.u8();
    segment.before = in.u32();
    segment.after = in.u32();
    if (!good())
      return;
    const auto blobs = static_cast<uint32_t>(pack.blobs.size());
    if (access > 1 || how > static_cast<uint8_t>(Compare::F16))
      return bad("segment " + segment.name + " has an access or a comparison that is unknown");
    segment.readOnly = access == 0;
    segment.compare = static_cast<Compare>(how);
    if (segment.before >= blobs || (segment.after != kNone && segment.after >= blobs))
      return bad(format("segment %s has blob %u before and %u after; there are %u",
                        segment.name.c_str(), segment.before, segment.after, blobs));
    uint64_t size = pack.blobs[segment.before].size;
    if (size == 0)
      return bad("segment " + segment.name + " has no bytes");
    if (segment.after != kNone && (segment.readOnly || pack.blobs[segment.after].size > size))
      return bad("segment " + segment.name + " expects what it has no room for, or cannot change");
    size_t unit = segment.compare == Compare::F32 ? 4 : segment.compare == Compare::F16 ? 2 : 1;
    if (segment.after != kNone && pack.blobs[segment.after].size % unit)
      return bad("segment " + segment.name + " has part of a number");
    c.segments.push_back(std::move(segment));
  }
  void launch(Case &c) {
    Launch launch;
    launch.symbol = text("kernel");
    launch.grid = in.u32();
    launch.threads = in.u32();
    launch.sharedBytes = in.u32();
    uint32_t bytes = count("bytes of a parameter", kMostParameter, 1);
    auto parameter = in.bytes(bytes);
    uint32_t relocations = count("relocations", kMostParameter / 8, 16);
    if (!good())
      return;
    if (launch.symbol.size() >= AXM_CUDA_SYMBOL || launch.grid == 0 || launch.grid > INT32_MAX ||
        launch.threads == 0 || launch.threads > 1024 || launch.sharedBytes > AXM_CUDA_SHARED ||
        bytes == 0)
      return bad(
          format("a launch of %s with %u blocks of %u threads, %u bytes of shared memory and "
                 "a parameter of %u bytes",
                 launch.symbol.c_str(), launch.grid, launch.threads, launch.sharedBytes, bytes));
    launch.parameter.assign(parameter.begin(), parameter.end());
    for (uint32_t i = 0; good() && i < relocations; ++i) {
      Relocation r = {in.u32(), in.u32(), in.u64()};
      if (r.segment >= c.segments.size() || r.place + uint64_t(8) > bytes ||
          r.offset > pack.blobs[c.segments[r.segment].before].size)
        bad(format("launch of %s: an address at byte %u of %u, byte %llu of segment %u of %zu",
                   launch.symbol.c_str(), r.place, bytes, static_cast<unsigned long long>(r.offset),
                   r.segment, c.segments.size()));
      launch.relocations.push_back(r);
    }
    c.launches.push_back(std::move(launch));
  }
  void oneCase(uint32_t i) {
    Case c;
    c.name = text("case");
    c.module = in.u32();
    uint32_t segments = count("segments", kMostSegments, 14);
    uint32_t launches = count("launches", kMostLaunches, 24);
    if (c.module >= pack.modules.size())
      bad(format("case %u is of module %u; there are %zu", i, c.module, pack.modules.size()));
    for (uint32_t s = 0; good() && s < segments; ++s)
      segment(c);
    for (uint32_t l = 0; good() && l < launches; ++l)
      launch(c);
    bool expects = std::any_of(c.segments.begin(), c.segments.end(),
                               [](const Segment &s) { return s.after != kNone; });
    if (!expects || c.launches.empty())
      bad(format("case %u launches nothing or expects nothing", i));
    pack.cases.push_back(std::move(c));
  }
};

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (uint8_t byte : bytes)
    text += format("%02x", byte);
  return text;
}

/// In pieces (Replay.h).
std::vector<uint8_t> piecesOf(std::span<const uint8_t> bytes) {
  constexpr size_t kMost = 0xffff, kLeastRun = 16;
  ByteWriter out;
  for (size_t at = 0, begin = 0; begin < bytes.size(); begin = at) {
    size_t run = 0;
    for (; at < bytes.size() && at - begin < kMost; at += run) {
      run = 1;
      while (at + run < bytes.size() && run < kMost && bytes[at + run] == bytes[at])
        ++run;
      if (run >= kLeastRun)
        break;
      run = std::min(run, kMost - (at - begin));
    }
    const bool repeats = run >= kLeastRun && at < bytes.size() && at - begin <= kMost;
    out.u16(static_cast<uint16_t>(at - begin));
    out.raw(bytes.data() + begin, at - begin);
    out.u16(static_cast<uint16_t>(repeats ? run : 0));
    out.u8(repeats ? bytes[at] : 0);
    at += repeats ? run : 0;
  }
  return out.take();
}

bool isRun(std::span<const uint8_t> bytes) {
  return !bytes.empty() &&
         std::all_of(bytes.begin(), bytes.end(), [&](uint8_t b) { return b == bytes[0]; });
}

} // namespace

Result<Pack> parseBody(std::span<const uint8_t> body) { return Parser(body).parse(); }

Result<Pack> parsePack(std::span<const uint8_t> file) {
  ByteReader in(file);
  auto magic = in.bytes(8);
  uint32_t version = in.u32();
  auto digest = in.bytes(32);
  if (in.failed() || std::memcmp(magic.data(), kMagic, 8) != 0)
    return Status(Code::BadInput, "this is no file of gpu-record, or its beginning is lost");
  if (version != kVersion)
    return Status(Code::BadInput,
                  format("it has version %u, this program reads %u: record it anew with gpu-record",
                         version, kVersion));
  auto body = file.subspan(kBodyAt);
  if (Sha256Digest found = Sha256::of(body);
      !std::equal(digest.begin(), digest.end(), found.begin()))
    return Status(Code::BadInput, "its bytes are not those that were written (SHA-256): copy it "
                                  "anew, or record it anew with gpu-record");
  return parseBody(body);
}

std::string moduleFile(const std::string &module, const std::string &arch) {
  const char *suffix = arch == "host" ? ".so" : arch.rfind("compute_", 0) == 0 ? ".ptx" : ".cubin";
  return module + "." + arch + suffix;
}

std::optional<Difference> compare(const Blob &want, std::span<const uint8_t> found, Compare how) {
  const size_t unit = how == Compare::F32 ? 4 : how == Compare::F16 ? 2 : 1;
  if (!want.fill && std::memcmp(found.data(), want.bytes.data(), want.bytes.size()) == 0)
    return std::nullopt;
  std::optional<Difference> result;
  for (uint64_t at = 0; at < want.size; at += unit) {
    uint8_t expected[4];
    for (size_t i = 0; i < unit; ++i)
      expected[i] = want.fill ? want.value : want.bytes[at + i];
    if (std::memcmp(expected, &found[at], unit) == 0)
      continue;
    auto isNan = [&](const uint8_t *bytes) {
      uint32_t bits = 0;
      std::memcpy(&bits, bytes, unit);
      return how == Compare::F32   ? (bits & 0x7fffffffu) > 0x7f800000u
             : how == Compare::F16 ? (bits & 0x7fffu) > 0x7c00u
                                   : false;
    };
    if (isNan(expected) && isNan(&found[at]))
      continue;
    if (!result)
      result = {at, 0, hex({expected, unit}), hex(found.subspan(at, unit))};
    ++result->count;
  }
  return result;
}

uint32_t PackWriter::fill(uint64_t size, uint8_t value) {
  auto [at, isNew] = known_.emplace(
      format("fill %u %llu", value, static_cast<unsigned long long>(size)), numBlobs_);
  if (isNew) {
    ByteWriter out;
    out.u8(1);
    out.u64(size);
    out.u8(value);
    blobs_.insert(blobs_.end(), out.bytes().begin(), out.bytes().end());
    ++numBlobs_;
  }
  return at->second;
}

uint32_t PackWriter::blob(std::span<const uint8_t> bytes) {
  if (isRun(bytes))
    return fill(bytes.size(), bytes[0]);
  auto [at, isNew] = known_.emplace(sha256Hex(Sha256::of(bytes)), numBlobs_);
  if (isNew) {
    const std::vector<uint8_t> pieces = piecesOf(bytes);
    const bool shorter = pieces.size() < bytes.size() / 8 * 7;
    ByteWriter out;
    out.u8(shorter ? 2 : 0);
    out.u64(bytes.size());
    if (shorter)
      out.u32(static_cast<uint32_t>(pieces.size()));
    out.raw(shorter ? pieces.data() : bytes.data(), shorter ? pieces.size() : bytes.size());
    blobs_.insert(blobs_.end(), out.bytes().begin(), out.bytes().end());
    ++numBlobs_;
  }
  return at->second;
}

size_t PackWriter::cost(std::span<const uint8_t> bytes) const {
  return isRun(bytes) || known_.count(sha256Hex(Sha256::of(bytes))) ? 0 : bytes.size();
}

uint32_t PackWriter::module(const std::string &name) {
  auto at = std::find(modules_.begin(), modules_.end(), name);
  if (at == modules_.end())
    at = modules_.insert(at, name);
  return static_cast<uint32_t>(at - modules_.begin());
}

bool PackWriter::add(const Case &c) {
  ByteWriter out;
  out.u32(c.module);
  out.u32(static_cast<uint32_t>(c.segments.size()));
  out.u32(static_cast<uint32_t>(c.launches.size()));
  for (const Segment &segment : c.segments) {
    out.string(segment.name);
    out.u8(segment.readOnly ? 0 : 1);
    out.u8(static_cast<uint8_t>(segment.compare));
    out.u32(segment.before);
    out.u32(segment.after);
  }
  for (const Launch &launch : c.launches) {
    out.string(launch.symbol);
    out.u32(launch.grid);
    out.u32(launch.threads);
    out.u32(launch.sharedBytes);
    out.u32(static_cast<uint32_t>(launch.parameter.size()));
    out.raw(launch.parameter.data(), launch.parameter.size());
    out.u32(static_cast<uint32_t>(launch.relocations.size()));
    for (const Relocation &relocation : launch.relocations) {
      out.u32(relocation.place);
      out.u32(relocation.segment);
      out.u64(relocation.offset);
    }
  }
  if (!bodies_.insert(sha256Hex(Sha256::of(out.bytes()))).second)
    return false;
  ByteWriter name;
  const uint32_t number = ++names_[c.name];
  name.string(number == 1 ? c.name : format("%s (%u)", c.name.c_str(), number));
  for (const std::vector<uint8_t> *bytes : {&name.bytes(), &out.bytes()})
    cases_.insert(cases_.end(), bytes->begin(), bytes->end());
  ++numCases_;
  return true;
}

std::vector<uint8_t> PackWriter::finish(const std::vector<std::string> &archs) const {
  ByteWriter body;
  for (const std::vector<std::string> *names : {&archs, &modules_}) {
    body.u32(static_cast<uint32_t>(names->size()));
    for (const std::string &name : *names)
      body.string(name);
  }
  body.u32(numBlobs_);
  body.raw(blobs_.data(), blobs_.size());
  body.u32(numCases_);
  body.raw(cases_.data(), cases_.size());
  Sha256Digest digest = Sha256::of(body.bytes());
  ByteWriter file;
  file.raw(kMagic, 8);
  file.u32(kVersion);
  file.raw(digest.data(), digest.size());
  file.raw(body.bytes().data(), body.bytes().size());
  return file.take();
}

} // namespace axiom::replay
