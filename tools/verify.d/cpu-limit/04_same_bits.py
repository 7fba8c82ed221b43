#!/usr/bin/env python3
"""Line 4: the same bits on every ISA level, in every mix, on aarch64; a core taken by someone else."""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from shared import Line, axiom, bench

MIXES = "40"


def mixes(line):
    """Random mixes of up to 64 sequences and 8 threads on each level that runs here, against single requests on the chosen one."""
    program = axiom.binary("BatchInvariance")
    targets = axiom.run(axiom.binary("axiomc"), "--print-targets").ok().out.split()
    with tempfile.TemporaryDirectory() as folder:
        for kv in ("f16", "int8"):
            for name, quant in (("llama-rope3", "q4"), ("qwen3-norm", "q8"), ("mistral-window", "q4f16")):
                model = f"{folder}/{name}-{kv}.axm"
                axiom.compile_model(axiom.TINY / name, model, "--quant", quant, "--kv", kv)
                for level in (t.removeprefix("cpu:") for t in targets if t.startswith("cpu:x86")):
                    what = f"{name}, {quant}, KV {kv}, {level}"
                    result = axiom.run(program, model, MIXES, "1", level, limit=1800)
                    text = (result.out + result.err).strip().splitlines()[-1]
                    if result.status == 0:
                        line.check(what, text.split(": ", 1)[1], "bit-equal", True)
                    elif "does not have what" in text:
                        line.skip(what, text.rsplit("': ", 1)[-1])
                    else:
                        line.fail(what, text, "bit-equal")


def aarch64(line):
    line.script("aarch64 under qemu-user against x86, tiny models of every family", "test/e2e/aarch64.long.py", "byte-equal logits")


def taken_core(line):
    """Decode alone and beside a process that spins on one of the cores, in turn."""
    model = axiom.cached_artifact(axiom.gguf(), "smollm2")
    cores = sorted(os.sched_getaffinity(0))
    rates = {False: [], True: []}
    for _ in range(5):
        for busy in rates:
            spinner = None
            if busy:
                words = [sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{cores[-1]}}})\nwhile True: pass"]
                spinner = subprocess.Popen(words)
            try:
                rates[busy].append(bench(model, "-p", "0", "-n", "64", "-r", "3", threads=len(cores))[0]["median_ts"])
            finally:
                if spinner:
                    spinner.kill()
                    spinner.wait()
    alone, beside = (statistics.median(rates[b]) for b in (False, True))
    line.at_least(f"decode with one of {len(cores)} cores taken, {beside:.1f} of {alone:.1f} tokens/s", beside / alone, 0.4, "{:.2f}")


def main():
    line = Line(4, "Same bits everywhere; a core taken")
    line.part("mixes", mixes, line)
    line.ctest("kernels of every level against the interpreter", "(^|/)Levels\\.", "byte for byte")
    line.part("aarch64", aarch64, line)
    line.part("a core taken", taken_core, line)
    line.done()


if __name__ == "__main__":
    main()
