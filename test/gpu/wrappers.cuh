// Every function of codegen/cuda/device/Device.h, and the recipes made of them, in kernels that
// leave what it gives in global memory. RecordWrappers.cpp says what they are launched with; what
// they leave is the same in whatever order threads run.
#include "codegen/cuda/kernels/Launch.h"
#include "codegen/cuda/kernels/Recipes.h"

namespace axiom::device {

AXIOM_DEVICE u32 gridThread() { return blockIndex() * blockThreads() + threadIndex(); }
/// Word `at` of an input.
AXIOM_DEVICE u32 wordOf(const u8 *from, u32 at) { return loadConstant<u32>(from + 4 * at); }
AXIOM_DEVICE float floatOf(const u8 *from, u32 at) { return loadConstant<float>(from + 4 * at); }
AXIOM_DEVICE void put(u8 *to, u32 at, u32 value) { store(to + 4 * at, value); }
AXIOM_DEVICE void put(u8 *to, u32 at, float value) { store(to + 4 * at, value); }

AXIOM_KERNEL(96, 1) place(Launch l) {
  u8 *to = l.args[0] + 24 * gridThread();
  put(to, 0, threadIndex());
  put(to, 1, blockThreads());
  put(to, 2, blockIndex());
  put(to, 3, gridBlocks());
  put(to, 4, laneIndex());
  put(to, 5, warpIndex());
}

//===-- Memory --------------------------------------------------------------===//

/// Thread i moves value i, then the value that thread i ^ 33 has stored.
template <typename T> AXIOM_DEVICE void moveAs(const u8 *from, u8 *to) {
  u32 i = threadIndex();
  constexpr u32 size = sizeof(T);
  store(to + size * i, loadConstant<T>(from + size * i));
  blockSync();
  store(to + size * (64 + i), load<T>(to + size * (i ^ 33)));
}
template <typename T> AXIOM_DEVICE void onceAs(const u8 *from, u8 *to) {
  store(to + sizeof(T) * threadIndex(), loadOnce<T>(from + sizeof(T) * threadIndex()));
}

AXIOM_KERNEL(64, 1) global(Launch l) {
  const u8 *from = l.args[0];
  u8 *to = l.args[1];
  moveAs<u8>(from, to);
  moveAs<i8>(from + 64, to + 128);
  moveAs<u16>(from + 128, to + 256);
  moveAs<u32>(from + 256, to + 512);
  moveAs<float>(from + 512, to + 1024);
  moveAs<Words2>(from + 1024, to + 2048);
  moveAs<Words4>(from + 2048, to + 4096);
  onceAs<u32>(from, to + 6144);
  onceAs<float>(from + 256, to + 6400);
  onceAs<Words2>(from + 512, to + 6656);
  onceAs<Words4>(from + 1024, to + 7168);
}

/// By way of shared memory from `base` on, where thread i ^ 33 has put it.
template <typename T> AXIOM_DEVICE void passAs(u32 base, const u8 *from, u8 *to) {
  u32 i = threadIndex();
  constexpr u32 size = sizeof(T);
  storeShared(base + size * i, loadConstant<T>(from + size * i));
  blockSync();
  store(to + size * i, loadShared<T>(base + size * (i ^ 33)));
  blockSync();
}

AXIOM_KERNEL(64, 1) shared(Launch l) {
  const u8 *from = l.args[0];
  u8 *to = l.args[1];
  passAs<u8>(0, from, to);
  passAs<i8>(7, from + 64, to + 64);
  passAs<u16>(2, from + 128, to + 128);
  passAs<u32>(4, from + 256, to + 256);
  passAs<float>(40000, from + 512, to + 512);
  passAs<Words2>(8, from + 1024, to + 1024);
  passAs<Words4>(100352, from + 2048, to + 2048); // the last bytes that there are
}

/// The word that thread (i + 1) * round of the block had, over and over: each barrier counts.
AXIOM_KERNEL(256, 1) barriers(Launch l) {
  u32 i = threadIndex(), value = wordOf(l.args[0], gridThread());
  for (u32 round = 1; round < 9; ++round) {
    storeShared(4 * i, value);
    blockSync();
    value = value * 3 + loadShared<u32>(4 * ((i + 37 * round) % 256));
    blockSync();
  }
  put(l.args[1], gridThread(), value);
}

AXIOM_KERNEL(128, 1) warpBarriers(Launch l) {
  u32 lane = laneIndex(), own = 128 * warpIndex(), value = wordOf(l.args[0], threadIndex());
  for (u32 round = 1; round < 9; ++round) {
    storeShared(own + 4 * lane, value);
    warpSync(kAllLanes);
    value = value * 3 + loadShared<u32>(own + 4 * ((lane + round) % 32));
    warpSync(kAllLanes);
  }
  put(l.args[1], threadIndex(), value);
}

//===-- Asynchronous copies -------------------------------------------------===//

/// Four groups; what a thread sees after each wait is its own, after the barrier everybody's.
/// Threads from `valid` on copy nothing, from nowhere.
AXIOM_KERNEL(64, 1) copies(Launch l) {
  const u8 *from = l.args[0];
  u8 *to = l.args[2];
  u32 i = threadIndex(), valid = wordOf(l.args[1], 0);
  const u8 *maybe = i < valid ? from + 16 * i : nullptr;
  copyAsync(16 * i, from + 16 * i);
  copyCommit();
  copyAsyncOrZero(1024 + 16 * i, maybe ? maybe + 1024 : nullptr, i < valid);
  copyCommit();
  copyAsyncCached(2048 + 16 * i, maybe ? maybe + 2048 : nullptr, i < valid);
  copyCommit();
  copyAsync(3072 + 16 * i, from + 3072 + 16 * (i ^ 5));
  copyAsyncCached(4096 + 16 * i, from + 1024 + 16 * (i ^ 3), true);
  copyAsyncOrZero(5120 + 16 * i, from + 16 * (i ^ 9), true);
  copyCommit();
  copyWait<3>();
  store(to + 16 * i, loadShared<Words4>(16 * i));
  copyWait<2>();
  store(to + 1024 + 16 * i, loadShared<Words4>(1024 + 16 * i));
  copyWait<1>();
  store(to + 2048 + 16 * i, loadShared<Words4>(2048 + 16 * i));
  copyWait<0>();
  blockSync();
  for (u32 part = 0; part < 6; ++part)
    store(to + 3072 + 1024 * part + 16 * i, loadShared<Words4>(1024 * part + 16 * (63 - i)));
}

//===-- Warps ---------------------------------------------------------------===//

/// With one mask; `lane` is one of it, and lanes ^ 2 and ^ 8 are as well.
AXIOM_DEVICE u32 meet(u32 mask, u32 value, u32 lane, u8 *to) {
  put(to, 0, shuffle(mask, value, lane));
  put(to, 1, asBits(shuffle(mask, asFloat(value & 0x3fffffffu), lane)));
  put(to, 2, static_cast<u32>(shuffle(mask, static_cast<i32>(value), lane)));
  put(to, 3, shuffleXor(mask, value, 2u));
  put(to, 4, asBits(shuffleXor(mask, asFloat(value & 0x3fffffffu), 8u)));
  put(to, 5, ballot(mask, (value & 4) != 0));
  put(to, 6, warpMax(mask, value));
  put(to, 7, static_cast<u32>(warpAdd(mask, static_cast<i32>(value))));
  warpSync(mask);
  return value;
}

AXIOM_KERNEL(64, 1) lanes(Launch l) {
  u32 lane = laneIndex(), value = wordOf(l.args[0], gridThread());
  u8 *to = l.args[1] + 192 * gridThread();
  meet(kAllLanes, value, value % 32, to);
  u32 next = 8;
  for (u32 width = 1; width < 32; width *= 2)
    put(to, next++, shuffleXor(kAllLanes, value, width));
  // Halves of a warp apart, then the even lanes alone.
  if (lane < 16)
    meet(0x0000ffffu, value, value % 16, to + 64);
  else
    meet(0xffff0000u, value ^ 0x5a5a5a5au, 16 + value % 16, to + 64);
  if (lane % 2 == 0)
    meet(0x55555555u, value + lane, value % 32 & ~1u, to + 96);
  put(to, 32, halve64(asFloat(value & 0xbfffffffu), asFloat(value * 5 & 0xbfffffffu)));
  put(to, 33, halvePairs(asFloat(value & 0xbfffffffu), asFloat(value * 7 & 0xbfffffffu)));
  put(to, 34, maxOfWarp(asFloat(value & 0xbfffffffu)));
  put(to, 35, maxOf(asFloat(value & 0xbfffffffu), 1.0f));
}

//===-- Matrices ------------------------------------------------------------===//

/// Rows that lie anywhere, by the offsets of the second input.
AXIOM_KERNEL(128, 1) matrices(Launch l) {
  u32 i = threadIndex();
  for (u32 part = 0; part < 4; ++part)
    storeShared(2048 * part + 16 * i, loadConstant<Words4>(l.args[0] + 2048 * part + 16 * i));
  blockSync();
  for (u32 round = 0; round < 4; ++round) {
    u32 row = 16 * (wordOf(l.args[1], 128 * round + i) % 512);
    store(l.args[2] + 16 * (128 * round + i), loadMatrix4(row));
    store(l.args[3] + 8 * (128 * round + i), loadMatrix2(row));
  }
}

/// The fragments of a lane are 16 words of its input: A, B, C.
AXIOM_KERNEL(128, 1) products(Launch l) {
  const u8 *from = l.args[0] + 48 * gridThread();
  u8 *to = l.args[1] + 48 * gridThread();
  Words4 a = loadConstant<Words4>(from), c = loadConstant<Words4>(from + 16);
  Words2 b = loadConstant<Words2>(from + 32);
  for (u32 kind = 0; kind < 3; ++kind) {
    i32 sums[4] = {static_cast<i32>(c.x), static_cast<i32>(c.y), static_cast<i32>(c.z),
                   static_cast<i32>(c.w)};
    if (kind == 0)
      mmaS8S8(sums, a, b);
    else if (kind == 1)
      mmaU8S8(sums, a, b);
    else
      mmaS8U8(sums, a, b);
    for (u32 n = 0; n < 4; ++n)
      put(to, 4 * kind + n, static_cast<u32>(sums[n]));
  }
}

AXIOM_KERNEL(128, 1) dots(Launch l) {
  u32 i = gridThread(), a = wordOf(l.args[0], 3 * i), b = wordOf(l.args[0], 3 * i + 1);
  i32 c = static_cast<i32>(wordOf(l.args[0], 3 * i + 2));
  put(l.args[1], 3 * i, static_cast<u32>(dotS8S8(a, b, c)));
  put(l.args[1], 3 * i + 1, static_cast<u32>(dotU8S8(a, b, c)));
  put(l.args[1], 3 * i + 2, pickBytes(a, b, static_cast<u32>(c) & 0x7777u));
}

//===-- Blocks --------------------------------------------------------------===//

/// Each thread takes one to three places and marks them: none is taken twice, none left. Whichever
/// block comes last sums up what the others have stored.
AXIOM_KERNEL(64, 1) tickets(Launch l) {
  auto *counters = reinterpret_cast<u32 *>(l.args[2]);
  u32 add = 1 + threadIndex() % 3, first = takeTicket(counters, add);
  for (u32 i = 0; i < add; ++i)
    store<u8>(l.args[1] + first + i, 1);
  put(l.args[0], gridThread(), 1000 * blockIndex() + threadIndex());
  blockSync();
  if (threadIndex() == 0)
    storeShared(0, takeTicket(counters + 1, 1));
  blockSync();
  if (loadShared<u32>(0) + 1 != gridBlocks())
    return;
  u32 sum = 0;
  for (u32 block = 0; block < gridBlocks(); ++block)
    sum += load<u32>(l.args[0] + 4 * (block * blockThreads() + threadIndex())) * (block + 1);
  put(l.args[0], gridBlocks() * blockThreads() + threadIndex(), sum);
}

/// Block after block, each from what the one before has left; the counter wraps on the way.
AXIOM_KERNEL(64, 1) chain(Launch l) {
  auto *counter = reinterpret_cast<u32 *>(l.args[1]);
  u32 begin = 0xfffffffeu;
  if (threadIndex() == 0)
    waitFor(counter, begin + blockIndex());
  blockSync();
  u32 before =
      blockIndex() ? load<u32>(l.args[0] + 4 * (64 * blockIndex() - 1 - threadIndex())) : 7;
  put(l.args[0], gridThread(), before * 3 + threadIndex());
  blockSync();
  if (threadIndex() == 0)
    takeTicket(counter, 1);
}

//===-- Arithmetic ----------------------------------------------------------===//

/// Each result is an output of its own, a float for each triple of inputs.
AXIOM_KERNEL(128, 1) arithmetic(Launch l) {
  u32 i = gridThread(), n = blockThreads() * gridBlocks();
  float a = floatOf(l.args[0], 3 * i), b = floatOf(l.args[0], 3 * i + 1),
        c = floatOf(l.args[0], 3 * i + 2);
  put(l.args[1], i, fma(a, b, c));
  put(l.args[1], n + i, add(a, b));
  put(l.args[1], 2 * n + i, sub(a, b));
  put(l.args[1], 3 * n + i, mul(a, b));
  put(l.args[1], 4 * n + i, div(a, b));
  put(l.args[1], 5 * n + i, sqrt(a));
  put(l.args[1], 6 * n + i, a * b + c); // two roundings
  put(l.args[1], 7 * n + i, toFloat(static_cast<i32>(asBits(a))));
}

AXIOM_KERNEL(256, 1) fromHalf(Launch l) {
  put(l.args[1], gridThread(), halfToFloat(loadConstant<u16>(l.args[0] + 2 * gridThread())));
}
AXIOM_KERNEL(256, 1) toHalf(Launch l) {
  store(l.args[1] + 2 * gridThread(), floatToHalf(floatOf(l.args[0], gridThread())));
}

AXIOM_KERNEL(128, 1) recipes(Launch l) {
  u32 i = gridThread(), n = blockThreads() * gridBlocks();
  float x = floatOf(l.args[0], i), turn = floatOf(l.args[1], i);
  put(l.args[3], i, exp(x));
  put(l.args[3], n + i, silu(x));
  CosSin both = cosSin(turn);
  put(l.args[3], 2 * n + i, both.cos);
  put(l.args[3], 3 * n + i, both.sin);
  u32 amax = asBits(turn) & 0x7fffffffu;
  GroupScale scale = groupScale(amax);
  put(l.args[3], 4 * n + i, scale.stored);
  put(l.args[3], 5 * n + i, static_cast<float>(quantize(mul(turn, floatOf(l.args[2], i)), scale)));
}

AXIOM_KERNEL(32, 1) norms(Launch l) {
  const u8 *row = l.args[0] + 4 * 1000 * blockIndex();
  put(l.args[1] + 128 * blockIndex(), laneIndex(),
      rmsScale<1000>(1e-5f, [&](u32 i) { return floatOf(row, i); }));
}

} // namespace axiom::device
