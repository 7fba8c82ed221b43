#!/usr/bin/env python3
"""axiomc --calibrate on tiny models: nearer to the f32 logits than without, the same bytes for any thread count, said in the
artifact; what it must refuse, and nothing left behind."""
import hashlib
import json
import pathlib
import re
import signal
import subprocess
import time

import axiom

TEXT = axiom.ROOT / "tools/calibration/english.txt"
NATIVE = ["--target", "cpu:native"]  # what is tested does not depend on the levels
FEW = ["--calibrate-tokens", "4096"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def error_power(a, b):
    return sum((x - y) ** 2 for x, y in zip(a.values, b.values))


def quality(check, folder):
    """On tokens that the model was not calibrated with."""
    words = re.sub(r"\s+", " ", TEXT.read_text())[-3000:]
    ratios = []
    for name in axiom.tiny_names():
        source = axiom.TINY / name
        files = {}
        for what, options in [("f32", ["--quant", "f32"]), ("plain", ["--quant", "q4"]),
                              ("calibrated", ["--quant", "q4", "--calibrate", TEXT, *FEW])]:
            files[what] = folder / f"{name}-{what}.axm"
            axiom.compile_model(source, files[what], *options, "--no-golden", *NATIVE)
        ids = json.loads(axiom.run(axiom.binary("axiom-run"), "tokenize", files["f32"], "--text", words).ok().out)[:400]
        found = {what: axiom.logits(path, ids) for what, path in files.items()}
        plain, calibrated = (error_power(found[what], found["f32"]) for what in ("plain", "calibrated"))
        ratios.append(calibrated / plain)
        print(f"{name}: error of the logits, calibrated over plain: {ratios[-1]:.3f}")
        check(ratios[-1] < 1.05, f"{name}: calibration makes the error of the logits {ratios[-1]:.3f} times as large")
    # Random weights have little to gain, and linears of 32 inputs hardly any.
    check(sum(ratios) / len(ratios) < 0.85, f"calibration lowers the error of the logits to {sum(ratios) / len(ratios):.3f} only")


def same_bytes(check, folder):
    source, digests = axiom.TINY / "llama-odd", set()
    out = folder / "m.axm"
    for jobs in (1, 2, 5):
        axiom.compile_model(source, out, "--quant", "q4", "--calibrate", TEXT, *FEW, *NATIVE, "-j", jobs)
        digests.add(hashlib.sha256(out.read_bytes()).hexdigest())
    check(len(digests) == 1, f"{len(digests)} different artifacts for 1, 2 and 5 threads")
    check(names(folder) == ["m.axm"], f"left {names(folder)}")
    said = json.loads(axiom.run(axiom.binary("axiom-inspect"), out, "--json", "--provenance").ok().out)["provenance"]
    check({"calibrate=english.txt", "calibrate-tokens=4096"} <= set(said["options"]), f"options recorded: {said['options']}")
    digest = hashlib.sha256(TEXT.read_bytes()).hexdigest()
    check(any(i["name"] == "english.txt" and i["sha256"] == digest and i["bytes"] == TEXT.stat().st_size for i in said["inputs"]),
          "the text is not among the artifact's inputs")
    axiom.run(axiom.binary("axiom-check"), out).ok()
    result = axiom.run(axiom.binary("axiomc"), source, "-o", out, "--quant", "q4", "--calibrate", TEXT, *FEW, *NATIVE,
                       "--progress=plain").ok()
    check(re.search(r"^calibrate: 100 %", result.err, re.M), "no progress of the calibration")


def refusals(check, folder):
    source, out = axiom.TINY / "llama-odd", folder / "m.axm"
    short, other = folder / "short.txt", folder / "latin1.txt"
    short.write_text("A few words.")
    other.write_bytes(b"caf\xe9 " * 2000)

    def refused(status, text, *options):
        result = axiom.run(axiom.binary("axiomc"), source, "-o", out, "--progress=none", *options)
        check(result.status == status and text in result.err, f"{' '.join(map(str, options))}: exit {result.status}, {result.err}")

    refused(2, "at least 256 are needed", "--quant", "q4", "--calibrate", short)
    refused(2, "has 0 tokens", "--quant", "q4", "--calibrate", empty(folder))
    refused(2, "is not UTF-8", "--quant", "q4", "--calibrate", other)
    refused(3, "absent.txt", "--quant", "q4", "--calibrate", folder / "absent.txt")
    refused(2, "stored in a float format", "--quant", "f16", "--calibrate", TEXT)
    refused(2, "stored in a float format", "--calibrate", TEXT)
    refused(2, "leave one of them out", "--quant", "q4", "--calibrate", TEXT, "--emit=mlir")
    refused(2, "needs --calibrate", "--quant", "q4", "--calibrate-tokens", "1000")
    check(names(folder) == ["empty.txt", "latin1.txt", "short.txt"], f"refusals left {names(folder)}")


def empty(folder):
    path = folder / "empty.txt"
    path.write_text("")
    return path


def interruptions(check, folder):
    out = folder / "m.axm"
    words = [str(w) for w in (axiom.binary("axiomc"), axiom.TINY / "llama-odd", "-o", out, "--progress=none", "--quant", "q4",
                              "--calibrate", TEXT, *NATIVE)]
    start = time.monotonic()
    axiom.run(*words).ok()
    seconds = time.monotonic() - start
    out.unlink()
    interrupted = 0
    for number in range(8):
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds * (number + 1) / 9)
        child.send_signal(signal.SIGINT)
        status = child.wait()
        check(status in (0, -signal.SIGINT), f"SIGINT: exit {status}")
        check(names(folder) == (["m.axm"] if out.exists() else []), f"SIGINT left {names(folder)}")
        interrupted += status != 0
        out.unlink(missing_ok=True)
    check(interrupted > 0, "no signal came in time")


if __name__ == "__main__":
    axiom.main_of(quality, same_bytes, refusals, interruptions)
