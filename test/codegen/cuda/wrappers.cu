// REQUIRES: nvrtc
// RUN: cuda-compile %s compute_80 | FileCheck %s
// What each device function becomes. The twin executes the other body of each; this is all that
// says what the GPU gets.
#include "codegen/cuda/device/Device.h"

namespace axiom::device {

// CHECK: .target sm_80
// CHECK-LABEL: .entry place(
// CHECK-DAG: mov.u32 %{{r[0-9]+}}, %tid.x;
// CHECK-DAG: mov.u32 %{{r[0-9]+}}, %ntid.x;
// CHECK-DAG: mov.u32 %{{r[0-9]+}}, %ctaid.x;
// CHECK-DAG: mov.u32 %{{r[0-9]+}}, %nctaid.x;
AXIOM_KERNEL(64, 2) place(u32 *out) {
  store(out + threadIndex(), threadIndex());
  store(out + 64, blockThreads());
  store(out + 65, blockIndex());
  store(out + 66, gridBlocks());
}

// CHECK-LABEL: .entry loads(
// CHECK-DAG: ld.global.v4.{{.}}32
// CHECK-DAG: ld.global.nc.v4.u32
// CHECK-DAG: ld.global.nc.v2.u32
// CHECK-DAG: ld.global.nc.u32
// CHECK-DAG: ld.global.nc.u16
// CHECK-DAG: ld.global.nc.u8
// CHECK-DAG: ld.global.nc.L1::no_allocate.v4.u32
// CHECK-DAG: ld.global.nc.L1::no_allocate.v2.u32
// CHECK-DAG: ld.global.nc.L1::no_allocate.u32
AXIOM_KERNEL(32, 1) loads(const u8 *from, Words4 *to) {
  from += 16 * threadIndex();
  to += 16 * threadIndex();
  Words4 a = load<Words4>(to + 15), b = loadConstant<Words4>(from);
  Words2 c = loadConstant<Words2>(from + 512);
  float d = loadConstant<float>(from + 1024);
  u16 e = loadConstant<u16>(from + 1536);
  i8 f = loadConstant<i8>(from + 2048);
  store(to, a);
  store(to + 1, b);
  store(to + 2, c);
  store(to + 3, d);
  store(to + 4, e);
  store(to + 5, f);
  store(to + 6, loadOnce<Words4>(from + 2560));
  store(to + 7, loadOnce<Words2>(from + 3072));
  store(to + 8, loadOnce<u32>(from + 3584));
}

// CHECK-LABEL: .entry shared(
// CHECK: st.shared.v4.{{.}}32
// CHECK: bar.sync 0;
// CHECK: ld.shared.v2.{{.}}32
AXIOM_KERNEL(32, 1) shared(const Words4 *from, Words2 *to) {
  storeShared(16 * threadIndex(), loadConstant<Words4>(from + threadIndex()));
  blockSync();
  store(to + threadIndex(), loadShared<Words2>(8 * threadIndex()));
}

// CHECK-LABEL: .entry copies(
// CHECK: cp.async.cg.shared.global [%{{r[0-9]+}}], [%{{rd[0-9]+}}], 16;
// CHECK: cp.async.commit_group;
// CHECK: cp.async.cg.shared.global [%{{r[0-9]+}}], [%{{rd[0-9]+}}], 16, %{{r[0-9]+}};
// CHECK: cp.async.commit_group;
// CHECK: cp.async.ca.shared.global [%{{r[0-9]+}}], [%{{rd[0-9]+}}], 16, %{{r[0-9]+}};
// CHECK: cp.async.commit_group;
// CHECK: cp.async.wait_group 1;
// CHECK: cp.async.wait_group 0;
AXIOM_KERNEL(32, 1) copies(const Words4 *from, Words4 *to, u32 valid) {
  u32 at = 16 * threadIndex();
  copyAsync(at, from + threadIndex());
  copyCommit();
  copyAsyncOrZero(512 + at, from + threadIndex(), threadIndex() < valid);
  copyCommit();
  copyAsyncCached(1024 + at, from + threadIndex(), threadIndex() < valid);
  copyCommit();
  copyWait<1>();
  store(to + threadIndex(), loadShared<Words4>(at));
  copyWait<0>();
  store(to + 32 + threadIndex(), loadShared<Words4>(512 + at));
  store(to + 64 + threadIndex(), loadShared<Words4>(1024 + at));
}

// CHECK-LABEL: .entry lanes(
// CHECK: bar.warp.sync
// CHECK: shfl.sync.idx.b32
// CHECK: shfl.sync.bfly.b32
// CHECK: vote.sync.ballot.b32
// CHECK: redux.sync.max.u32
// CHECK: redux.sync.add.s32
AXIOM_KERNEL(32, 1) lanes(u32 *out, u32 mask) {
  warpSync(mask);
  u32 v = shuffle(mask, threadIndex(), 3);
  v ^= asBits(shuffleXor(mask, asFloat(v), 8));
  v ^= ballot(mask, v > 7);
  v ^= warpMax(mask, v);
  v ^= static_cast<u32>(warpAdd(mask, static_cast<i32>(v)));
  store(out + threadIndex(), v);
}

// CHECK-LABEL: .entry matrices(
// CHECK: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// CHECK: ldmatrix.sync.aligned.m8n8.x2.shared.b16
// CHECK: mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32
// CHECK: mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32
// CHECK: mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32
AXIOM_KERNEL(32, 1) matrices(Words4 *out) {
  storeShared(16 * threadIndex(), Words4{threadIndex(), 1, 2, 3});
  warpSync(kAllLanes);
  Words4 a = loadMatrix4(16 * threadIndex());
  Words2 b = loadMatrix2(16 * (threadIndex() % 16));
  i32 c[4] = {0, 0, 0, 0x4b400000};
  mmaS8S8(c, a, b);
  mmaU8S8(c, a, b);
  mmaS8U8(c, a, b);
  store(out + threadIndex(), Words4{static_cast<u32>(c[0]), static_cast<u32>(c[1]),
                                    static_cast<u32>(c[2]), static_cast<u32>(c[3])});
}

// CHECK-LABEL: .entry dots(
// CHECK: dp4a.s32.s32
// CHECK: dp4a.u32.s32
AXIOM_KERNEL(32, 1) dots(i32 *out, u32 a, u32 b) {
  store(out + threadIndex(), dotU8S8(a, b, dotS8S8(a, b, static_cast<i32>(threadIndex()))));
}

// CHECK-LABEL: .entry tickets(
// CHECK: atom.acq_rel.gpu.global.add.u32
// CHECK: ld.acquire.gpu.global.u32
AXIOM_KERNEL(32, 1) tickets(u32 *counter) {
  takeTicket(counter, 1);
  waitFor(counter, gridBlocks());
}

// One rounding each: no multiply-add but where fma() stands.
// CHECK-LABEL: .entry arithmetic(
// CHECK-NOT: fma
// CHECK: mul.rn.f32
// CHECK-NOT: fma
// CHECK: add.rn.f32
// CHECK-NOT: fma
// CHECK: sub.rn.f32
// CHECK: fma.rn.f32
// CHECK: div.rn.f32
// CHECK: sqrt.rn.f32
// CHECK: cvt.rn.f32.s32
// CHECK: cvt.f32.f16
// CHECK: cvt.rn.f16.f32
// CHECK: prmt.b32
AXIOM_KERNEL(32, 1) arithmetic(const float *in, float *out, u32 which) {
  float a = loadConstant<float>(in), b = loadConstant<float>(in + 1);
  float c = sub(add(mul(a, b), a), b);
  c = div(fma(a, b, c), a);
  c = mul(sqrt(c), toFloat(static_cast<i32>(which)));
  c = mul(c, halfToFloat(static_cast<u16>(which)));
  store(out, c);
  store(reinterpret_cast<u16 *>(out + 1), floatToHalf(c));
  store(reinterpret_cast<u32 *>(out + 2), pickBytes(asBits(a), asBits(b), which));
}

// A product and a sum stay two roundings where CUDA's own operators are used as well.
// CHECK-LABEL: .entry operators(
// CHECK-NOT: fma
// CHECK: ret;
AXIOM_KERNEL(32, 1) operators(const float *in, float *out) {
  store(out, loadConstant<float>(in) * loadConstant<float>(in + 1) + loadConstant<float>(in + 2));
}

} // namespace axiom::device
