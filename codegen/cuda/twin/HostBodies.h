// The bodies of device/Device.h on the host.
#ifndef AXIOM_CODEGEN_CUDA_TWIN_HOST_BODIES_H
#define AXIOM_CODEGEN_CUDA_TWIN_HOST_BODIES_H

#include "codegen/cuda/twin/Calls.h"
#include "runtime/base/Half.h"

#include <bit>
#include <cmath>

namespace axiom::device {

inline u32 threadIndex() { return twin::threadIndex(); }
inline u32 blockThreads() { return twin::blockThreads(); }
inline u32 blockIndex() { return twin::blockIndex(); }
inline u32 gridBlocks() { return twin::gridBlocks(); }
inline u32 laneIndex() { return twin::threadIndex() % kWarp; }
inline u32 warpIndex() { return twin::threadIndex() / kWarp; }

template <typename T> inline T load(const void *at, int site) {
  T value;
  twin::readGlobal(at, &value, sizeof(T), twin::Read::Plain, site);
  return value;
}
template <typename T> inline T loadConstant(const void *at, int site) {
  T value;
  twin::readGlobal(at, &value, sizeof(T), twin::Read::Constant, site);
  return value;
}
template <typename T> inline T loadOnce(const void *at, int site) {
  return loadConstant<T>(at, site);
}
template <typename T> inline void store(void *at, T value, int site) {
  twin::writeGlobal(at, &value, sizeof(T), site);
}
template <typename T> inline T loadShared(u32 at, int site) {
  T value;
  twin::readShared(at, &value, sizeof(T), site);
  return value;
}
template <typename T> inline void storeShared(u32 at, T value, int site) {
  twin::writeShared(at, &value, sizeof(T), site);
}

inline void copyAsync(u32 to, const void *from, int site) { twin::copyAsync(to, from, site); }
inline void copyAsyncOrZero(u32 to, const void *from, bool valid, int site) {
  twin::copyAsync(to, valid ? from : nullptr, site);
}
inline void copyAsyncCached(u32 to, const void *from, bool valid, int site) {
  twin::copyAsync(to, valid ? from : nullptr, site);
}
inline void copyCommit(int site) { twin::copyCommit(site); }
template <int pending> inline void copyWait(int site) {
  static_assert(pending >= 0, "no instruction waits for more than all");
  twin::copyWait(pending, site);
}

/// Operands of up to three words.
inline twin::Operands meetWith(twin::Meeting kind, u32 mask, int site, u32 a = 0, u32 b = 0) {
  twin::Operands o;
  o.in[0] = a;
  o.in[1] = b;
  twin::meet(kind, mask, o, site);
  return o;
}

inline void warpSync(u32 mask, int site) { meetWith(twin::Meeting::Sync, mask, site); }
template <typename T> inline T shuffle(u32 mask, T value, u32 from, int site) {
  return std::bit_cast<T>(
      meetWith(twin::Meeting::Shuffle, mask, site, std::bit_cast<u32>(value), from).out[0]);
}
template <typename T> inline T shuffleXor(u32 mask, T value, u32 lanes, int site) {
  return std::bit_cast<T>(
      meetWith(twin::Meeting::ShuffleXor, mask, site, std::bit_cast<u32>(value), lanes).out[0]);
}
inline u32 ballot(u32 mask, bool predicate, int site) {
  return meetWith(twin::Meeting::Ballot, mask, site, predicate).out[0];
}
inline u32 warpMax(u32 mask, u32 value, int site) {
  return meetWith(twin::Meeting::Max, mask, site, value).out[0];
}
inline i32 warpAdd(u32 mask, i32 value, int site) {
  return static_cast<i32>(meetWith(twin::Meeting::Add, mask, site, static_cast<u32>(value)).out[0]);
}

inline Words4 loadMatrix4(u32 row, int site) {
  twin::Operands o = meetWith(twin::Meeting::Matrix4, kAllLanes, site, row);
  return {o.out[0], o.out[1], o.out[2], o.out[3]};
}
inline Words2 loadMatrix2(u32 row, int site) {
  twin::Operands o = meetWith(twin::Meeting::Matrix2, kAllLanes, site, row);
  return {o.out[0], o.out[1]};
}
inline void multiply(twin::Meeting kind, i32 (&c)[4], Words4 a, Words2 b, int site) {
  twin::Operands o;
  const u32 in[] = {a.x, a.y, a.z, a.w, b.x, b.y};
  for (int i = 0; i < 6; ++i)
    o.in[i] = in[i];
  for (int i = 0; i < 4; ++i)
    o.in[6 + i] = static_cast<u32>(c[i]);
  twin::meet(kind, kAllLanes, o, site);
  for (int i = 0; i < 4; ++i)
    c[i] = static_cast<i32>(o.out[i]);
}
inline void mmaS8S8(i32 (&c)[4], Words4 a, Words2 b, int site) {
  multiply(twin::Meeting::MmaS8S8, c, a, b, site);
}
inline void mmaU8S8(i32 (&c)[4], Words4 a, Words2 b, int site) {
  multiply(twin::Meeting::MmaU8S8, c, a, b, site);
}
inline void mmaS8U8(i32 (&c)[4], Words4 a, Words2 b, int site) {
  multiply(twin::Meeting::MmaS8U8, c, a, b, site);
}

template <typename A> inline i32 dotOf(u32 a, u32 b, i32 c) {
  twin::countDot();
  auto sum = static_cast<u32>(c);
  for (int i = 0; i < 32; i += 8)
    sum += static_cast<u32>(static_cast<A>(a >> i) * static_cast<i8>(b >> i));
  return static_cast<i32>(sum);
}
inline i32 dotS8S8(u32 a, u32 b, i32 c) { return dotOf<i8>(a, b, c); }
inline i32 dotU8S8(u32 a, u32 b, i32 c) { return dotOf<u8>(a, b, c); }

inline void blockSync(int site) { twin::blockSync(site); }
inline u32 takeTicket(u32 *counter, u32 add, int site) {
  return twin::takeTicket(counter, add, site);
}
inline void waitFor(const u32 *counter, u32 least, int site) {
  twin::waitFor(counter, least, site);
}

// The twin is compiled with -ffp-contract=off: each of these rounds once.
inline float fma(float a, float b, float c) { return std::fma(a, b, c); }
inline float add(float a, float b) { return a + b; }
inline float sub(float a, float b) { return a - b; }
inline float mul(float a, float b) { return a * b; }
inline float div(float a, float b) { return a / b; }
inline float sqrt(float a) { return std::sqrt(a); }
inline float toFloat(i32 a) { return static_cast<float>(a); }
inline float halfToFloat(u16 bits) { return f16ToF32(bits); }
inline u16 floatToHalf(float value) { return f32ToF16(value); }
inline float asFloat(u32 bits) { return std::bit_cast<float>(bits); }
inline u32 asBits(float value) { return std::bit_cast<u32>(value); }
inline u32 pickBytes(u32 a, u32 b, u32 which) {
  u64 both = static_cast<u64>(b) << 32 | a;
  u32 picked = 0;
  for (int i = 0; i < 4; ++i)
    picked |= static_cast<u32>(both >> (which >> 4 * i & 7u) * 8 & 0xffu) << 8 * i;
  return picked;
}

} // namespace axiom::device

#endif
