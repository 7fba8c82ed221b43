#!/usr/bin/env python3
"""axiomc's flags on a tiny model: every --emit and phase, dumps, dry run, overrides, progress; what it must refuse or clean up."""
import json
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import time

import axiom

SOURCE = axiom.TINY / "llama-odd"
PHASES = ["import", "normalize", "quantize", "fuse", "outline", "plan"]


def axiomc(*words, **options):
    return axiom.run(axiom.binary("axiomc"), *words, **options)


def names(folder):
    return sorted(path.name for path in pathlib.Path(folder).iterdir())


def stages(check, folder):
    for kind, sign in [("mlir", "plan."), ("llvm", "define "), ("asm", ".text"), ("obj", "\x7fELF")]:
        out = folder / f"out.{kind}"
        result = axiomc(SOURCE, f"--emit={kind}", "-o", out)
        check(result.status == 0 and sign in out.read_bytes().decode("latin1"), f"--emit={kind} does not write a {kind}")
        check(not result.out, f"--emit={kind} -o FILE also writes to stdout")
    for phase in PHASES:
        result = axiomc(SOURCE, f"--stop-after={phase}")
        check(result.status == 0 and "module" in result.out, f"--stop-after={phase} prints no module")
        check(("plan.kernel" in result.out) == (phase == "plan"), f"--stop-after={phase} stops somewhere else")
    dumps = folder / "dumps"
    axiomc(SOURCE, "--dump-ir-dir", dumps, "-o", folder / "m.axm").ok()
    expected = {f"{i}-{phase}.mlir" for i, phase in enumerate(PHASES)} | {"kernels.mlir", "kernels.ll", "kernels.s"}
    check(set(names(dumps)) == expected, f"--dump-ir-dir wrote {names(dumps)}")
    check(axiomc(SOURCE, "--stop-after=nowhere").status == 2, "an unknown phase is not a usage error")


def choices(check, folder):
    result = axiomc(SOURCE, "--dry-run", "--quant", "q4", cwd=folder)
    check(result.status == 0 and "weights" in result.out and "KV cache" in result.out, "--dry-run prints no sizes")
    check(names(folder) == [], "--dry-run wrote something")

    out = folder / "m.axm"
    axiomc(SOURCE, "-o", out, "--quant", "q8", "--quant-override", r"mlp\.up=q4", "--quant-override", "mlp=f16").ok()
    tensors = json.loads(axiom.run(axiom.binary("axiom-inspect"), out, "--json", "--tensors").ok().out)["tensors"]
    for tensor in tensors:
        name, found = tensor["name"], tensor["format"]
        if tensor["vector"]:
            continue
        wanted = "q4" if "mlp.up" in name else "f16" if ".mlp." in name else "q8"
        check(found == wanted, f"{name} is {found}, expected {wanted}")
    check(any("mlp.up" in t["name"] for t in tensors), "no tensor list to look at")

    result = axiomc(SOURCE, "-o", out, "--progress=json").ok()
    events = [json.loads(line) for line in result.err.splitlines() if line.startswith("{")]
    check({"import", "passes", "codegen", "weights", "golden"} <= {e["phase"] for e in events}, "--progress=json misses a phase")
    check(len(result.out.splitlines()) == 1, "stdout holds more than the one line")
    check(not axiomc(SOURCE, "-o", out, "--progress=none").ok().err, "--progress=none is not silent")
    axiomc(SOURCE, "-o", folder / "n.axm", "--no-golden").ok()
    check((folder / "n.axm").stat().st_size < out.stat().st_size, "--no-golden stores golden answers")


def refusals(check, folder):
    model = folder / "model"
    shutil.copytree(SOURCE, model)
    weights = model / "model.safetensors"
    before = weights.read_bytes()
    for target in ("model.safetensors", "config.json"):
        check(axiomc(model, "-o", model / target).status == 2, f"{target} of the input may be overwritten")
    check(weights.read_bytes() == before, "the input was changed")
    other = folder / "notes.txt"
    other.write_text("mine")
    check(axiomc(model, "-o", other).status == 2 and other.read_text() == "mine", "a foreign file was overwritten")
    check(axiomc(model, "-o", folder / "absent" / "m.axm").status == 2, "a missing output folder is not a usage error")
    check(axiomc(model, "--quant-override", "mlp").status == 2, "an override without a format is not a usage error")
    check(axiomc(model, "--quant-override", "(=q4", "-o", folder / "m.axm").status != 0, "a broken pattern is accepted")
    check(axiomc(model, "--target", "cpu:abacus").status == 2, "an unknown target is not a usage error")

    size = struct.unpack("<Q", before[:8])[0]
    header = json.loads(before[8:8 + size])
    name, entry = next((n, e) for n, e in header.items() if n.endswith("down_proj.weight"))
    at = 8 + size + entry["data_offsets"][0]
    nan = {"F32": b"\0\0\xc0\x7f", "BF16": b"\xc0\x7f", "F16": b"\0\x7e"}[entry["dtype"]]
    weights.write_bytes(before[:at] + nan + before[at + len(nan):])
    result = axiomc(model, "-o", folder / "m.axm")
    check(result.status == 3 and name in result.err, f"a NaN weight: exit {result.status}, {result.err[-200:]}")
    check(names(folder) == ["model", "notes.txt"], f"refusals left {names(folder)}")


def limit_file_size():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))


def interruptions(check, folder):
    out = folder / "m.axm"
    # One level: where the signal falls, while the file is written, is the same.
    words = [str(axiom.binary("axiomc")), str(SOURCE), "-o", str(out), "--progress=none", "--target", "cpu:native"]
    full = subprocess.run(words, preexec_fn=limit_file_size, capture_output=True)
    check(full.returncode == 4, f"no room for the output: exit {full.returncode}")
    check(names(folder) == [], f"no room for the output: left {names(folder)}")
    interrupted = 0
    for number in (signal.SIGINT, signal.SIGTERM):
        for _ in range(5):
            child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while child.poll() is None and not names(folder):
                time.sleep(0.0005)
            child.send_signal(number)
            status = child.wait()
            check(status in (0, -number), f"{number.name}: exit {status}")
            check(names(folder) == (["m.axm"] if out.exists() else []), f"{number.name} left {names(folder)}")
            interrupted += status == -number
            out.unlink(missing_ok=True)
    print(f"10 signals: {interrupted} ended axiomc while it wrote")
    check(interrupted > 0, "no signal came in time")


if __name__ == "__main__":
    axiom.main_of(stages, choices, refusals, interruptions)
