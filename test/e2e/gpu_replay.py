#!/usr/bin/env python3
"""gpu-record and gpu-replay with the stand-in driver: every device function is in the recorded kernels; all cases give the expected
bytes; a changed byte, a wrong kernel, a write where none belongs and a case that does not end are found; what is missing is said.

    gpu_replay.py [--long] [covered equal planted faults refusals]     long: all kernels
"""
import hashlib
import json
import os
import re
import shutil
import struct
import sys

import axiom

STANDIN = axiom.BUILD / "test/standin"
LONG = "--long" in sys.argv or os.environ.get("AXIOM_TEST_LONG") is not None
WRAPPERS = axiom.ROOT / "test/gpu/wrappers.cuh"
HEAD = 8 + 4 + 32


def record(folder, *words):
    axiom.run(axiom.binary("gpu-record"), folder, "--arch", "host", *words, limit=3600).ok()


def replay(folder, *words, limit=3600, **more):
    env = {"LD_LIBRARY_PATH": str(STANDIN), "AXIOM_STANDIN_LEAKS": "fail"} | {f"AXIOM_STANDIN_{k.upper()}": v for k, v in more.items()}
    return axiom.run(axiom.binary("gpu-replay"), folder, *words, env=env, limit=limit)


def cases(text):
    """{name: whether it is ok} of the lines of gpu-replay."""
    return {name: word == "ok" for name, word in re.findall(r"^\[\d+/\d+\] (.*) (ok|FAIL)$", text, re.M)}


class Pack:
    """cases.pack by the words of test/gpu/Replay.h: where the blobs' bytes and the segments' fields are."""

    def __init__(self, path):
        self.path, self.data, self.at = path, bytearray(path.read_bytes()), HEAD
        self.names = [self.text() for _ in range(2) for _ in range(self.u32())]
        self.blobs = [self.blob() for _ in range(self.u32())]
        self.cases = {}
        for _ in range(self.u32()):
            name, _ = self.text(), self.u32()
            segments, launches = self.u32(), self.u32()
            self.cases[name] = [self.segment() for _ in range(segments)]
            for _ in range(launches):
                self.text()
                self.skip(12)
                self.skip(self.u32())
                self.skip(16 * self.u32())

    def skip(self, size):
        self.at += size

    def u32(self):
        self.at += 4
        return struct.unpack_from("<I", self.data, self.at - 4)[0]

    def text(self):
        size = self.u32()
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def blob(self):
        kind, size = struct.unpack_from("<BQ", self.data, self.at)
        self.at += 9
        begin = self.at
        self.skip((size, 1, 0)[kind])
        if kind == 2:
            self.skip(self.u32())
        return begin

    def segment(self):
        name, at = self.text(), self.at
        self.at += 10
        return name, at, *struct.unpack_from("<BBII", self.data, at)

    def write(self):
        self.data[12:HEAD] = hashlib.sha256(self.data[HEAD:]).digest()
        self.path.write_bytes(self.data)


def covered(check, _):
    header = (axiom.ROOT / "codegen/cuda/device/Device.h").read_text()
    functions = set(re.findall(r"^(?:template <[^>]*> )?AXIOM_DEVICE [\w ]+?\b(\w+)\(", header, re.M))
    # Comments do not call anything.
    kernels = re.sub(r"//.*", "", WRAPPERS.read_text())
    missing = sorted(f for f in functions if not re.search(rf"\b{f}(<[^;()]*>)?\(", kernels))
    check(len(functions) >= 44 and functions >= {"threadIndex", "copyWait", "mmaS8U8", "pickBytes"}, f"Device.h is read wrongly: {functions}")
    check(not missing, f"no kernel of {WRAPPERS.name} calls {', '.join(missing)}")
    sizes = {f: len(set(re.findall(rf"\b{f}As<(\w+)>\(", kernels))) for f in ("move", "once", "pass")}
    check(sizes == {"move": 7, "once": 4, "pass": 7}, f"types that are loaded and stored: {sizes}")
    print(f"{len(functions)} device functions are called")


def equal(check, folder):
    record(folder, *([] if LONG else ["--quick"]))
    for number, how in enumerate([{"mode": "eager"}, {"mode": "lazy", "order": "random"}]):
        if number and LONG:
            continue
        report = folder / "report.json"
        result = replay(folder, "--json", report, **how)
        check(result.status == 0, f"{how}: exit {result.status}: {[l for l in result.out.splitlines() if ' ok' not in l][:20]} {result.err[-2000:]}")
        found = json.loads(report.read_text())
        count = len(cases(result.out))
        check(found["cases"] == found["passed"] == found["next"] == count > 40 and found["failed"] == [] and found["finished"] is True,
              f"{found} for {count} lines")
        check("host twin" in found["device"] and found["target"] == "cuda:host", f"device {found}")
    listed = replay(folder, "--list").ok().out.splitlines()
    check(len(listed) == count, f"{len(listed)} cases are listed, {count} run")
    some = replay(folder, "--from", count - 3).ok()
    check(list(cases(some.out)) == [re.sub(r"^\S+ ", "", line) for line in listed[-3:]], f"--from: {some.out}")
    only = replay(folder / "wrappers", "--only", "products").ok()
    check(list(cases(only.out)) == ["products, random", "products, extreme"], f"--only: {only.out}")
    print(f"{count} cases equal")


def wrong(folder, name, *changes):
    """A folder of the wrappers whose module is compiled from changed kernels."""
    text = WRAPPERS.read_text()
    for old, new in changes:
        if text.count(old) != 1:
            raise axiom.Failed(f"{WRAPPERS.name} has {old!r} {text.count(old)} times")
        text = text.replace(old, new)
    source, made, out = folder / f"{name}.cuh", folder / f"{name}-made", folder / name
    source.write_text(text)
    record(made, "--wrappers", source)
    shutil.copytree(folder / "good/wrappers", out)
    shutil.copy(made / "wrappers/wrappers.host.so", out)
    return out


def planted(check, folder):
    record(folder / "good", "--part", "wrappers")
    total = len(Pack(folder / "good/wrappers/cases.pack").cases)

    def failing(what, words, result, expected):
        found = cases(result.out)
        check(result.status == 1 and len(found) == total and {n for n, ok in found.items() if not ok} == set(expected),
              f"{what}: exit {result.status}, failed {[n for n, ok in found.items() if not ok]} of {len(found)}")
        for word in words:
            check(word in result.out, f"{what}: {word!r} is not said: {[l for l in result.out.splitlines() if ' ok' not in l]}")

    # One byte of what is expected, one bit of it.
    shutil.copytree(folder / "good/wrappers", folder / "byte")
    pack = Pack(folder / "byte/cases.pack")
    after = next(s for s in pack.cases["barriers, 8 rounds"] if s[0] == "output 0")[5]
    at = pack.blobs[after] + 77
    was, pack.data[at] = pack.data[at], pack.data[at] ^ 1
    pack.write()
    report = folder / "byte.json"
    failing("a changed byte", [f"output 0: 1 of 4096 bytes differ, the first at byte 77: found {was:02x}, expected {was ^ 1:02x}"],
            replay(folder / "byte", "--json", report), ["barriers, 8 rounds"])
    failed = json.loads(report.read_text())["failed"]
    check(len(failed) == 1 and failed[0]["name"] == "barriers, 8 rounds" and "byte 77" in failed[0]["why"], f"JSON: {failed}")
    # An output that is said to be an input.
    shutil.copytree(folder / "good/wrappers", folder / "input")
    pack = Pack(folder / "input/cases.pack")
    for name, at, *_ in pack.cases["tickets, 4 blocks"]:
        if name == "output 1":
            pack.data[at] = 0
            pack.data[at + 6:at + 10] = b"\xff" * 4
    pack.write()
    failing("a written input", ["output 1 is an input that was written to: 508 of 508 bytes"], replay(folder / "input"), ["tickets, 4 blocks"])
    # Kernels: another product, a rounding less, a store behind the end, a barrier missing (which the twin takes for a fault that
    # spoils the context: the cases behind it run in a new one).
    failing("another product", ["bytes differ"],
            replay(wrong(folder, "product", ("mmaU8S8(sums, a, b);", "mmaS8S8(sums, a, b);"))), ["products, random", "products, extreme"])
    failing("a rounding less", ["numbers differ"], replay(wrong(folder, "rounding", ("a * b + c); //", "fma(a, b, c)); //"))),
            ["arithmetic, floats"])
    failing("a store behind the end", ["output 0: bytes behind its end ("],
            replay(wrong(folder, "behind", ("l.args[1] + 2 * gridThread(), floatToHalf", "l.args[1] + 2 * gridThread() + 2, floatToHalf"))),
            ["toHalf, around halves"])
    failing("a missing barrier", ["the context is broken"],
            replay(wrong(folder, "barrier", ("    value = value * 3 + loadShared<u32>(4 * ((i + 37 * round) % 256));\n    blockSync();",
                                             "    value = value * 3 + loadShared<u32>(4 * ((i + 37 * round) % 256));"))), ["barriers, 8 rounds"])
    print("a changed byte, a written input and four wrong kernels are found")


def faults(check, folder):
    record(folder, "--part", "wrappers")
    total, report = len(Pack(folder / "wrappers/cases.pack").cases), folder / "report.json"
    # A kernel fails: its case does, the others run in a new context.
    result = replay(folder, "--json", report, fault="kernel@3")
    found = cases(result.out)
    check(result.status == 1 and len(found) == total and [n for n, ok in found.items() if not ok] == ["shared, all sizes"],
          f"a kernel that fails: {result.status}, {found}")
    # The device is gone: the end, with what was not run.
    result = replay(folder, "--json", report, fault="lost@200")
    check(result.status == 1 and not result.out.rstrip().split(", ")[2].startswith("0 not run") and "cuCtxCreate" in result.err,
          f"a lost device: {result.status}, {result.out[-300:]}{result.err}")
    found = json.loads(report.read_text())
    check(0 < found["next"] < total and found["finished"] is False, f"a lost device: {found}")
    # A case that does not end in its time.
    result = replay(folder, "--json", report, "--seconds", 1, fault="copy@8=5000")
    found = json.loads(report.read_text())
    check(result.status == 1 and "no end after 1 seconds; go on with --from" in result.out and result.seconds < 5
          and found["next"] == len(cases(result.out)) and found["finished"] is False, f"no end: {result.status}, {result.out[-300:]}{found}")
    rest = replay(folder, "--from", found["next"])
    check(rest.status == 0 and len(cases(rest.out)) == total - found["next"], f"going on: {rest.status}, {rest.out[-300:]}")
    print("a failed kernel, a lost device and a case without an end are told")


def refusals(check, folder):
    record(folder, "--part", "wrappers")
    wrappers = folder / "wrappers"

    def refused(status, words, *arguments, **how):
        result = replay(*arguments, **how)
        check(result.status == status and all(w in result.out + result.err for w in words), f"{arguments} {how}: {result.status} {result.err}")

    refused(2, ["--frum"], folder, "--frum", 3)
    refused(2, ["--device = x"], folder, "--device", "x")
    refused(2, ["--from", "missing"], folder, "--from")
    refused(2, ["holds no cases.pack"], folder / "nowhere")
    refused(2, ["none of the"], folder, "--from", 1000)
    refused(2, ["none of the"], folder, "--only", "nothing")
    refused(3, ["no device cuda:1"], folder, "--device", 1)
    refused(3, ["nvidia-smi"], folder, devices="0")
    refused(3, ["12.0"], folder, driver="11040")
    refused(3, ["capability 9.0", "cuda:host"], folder, capability="9.0")
    pack = (wrappers / "cases.pack").read_bytes()
    (wrappers / "cases.pack").write_bytes(pack[:-1])
    refused(2, ["SHA-256"], folder)
    (wrappers / "cases.pack").write_bytes(b"x" + pack[1:])
    refused(2, ["no file of gpu-record"], folder)
    (wrappers / "cases.pack").write_bytes(pack)
    (wrappers / "wrappers.host.so").rename(folder / "away")
    refused(2, ["wrappers.host.so", "missing"], folder)
    (wrappers / "wrappers.host.so").write_bytes(b"no library")
    refused(1, ["cuModuleLoadDataEx", "wrappers.host.so"], folder)
    result = axiom.run(axiom.binary("gpu-record"), folder, "--arch", "sm_10")
    check(result.status == 2 and "sm_10" in result.err, f"gpu-record: {result.status} {result.err}")
    print("each refusal is told")


if __name__ == "__main__":
    parts = [covered, equal, planted, faults, refusals]
    wanted = [w for w in sys.argv[1:] if w != "--long"]
    axiom.main_of(*[p for p in parts if not wanted or p.__name__ in wanted])
