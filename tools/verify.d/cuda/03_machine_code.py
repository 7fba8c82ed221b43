#!/usr/bin/env python3
"""Line 3: all cubins and PTX for SmolLM2, the gates on the machine code of every architecture, the prediction against published results."""
import os
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402


def compile_all(line):
    if axiom.run(axiom.binary("cuda-compile"), "--version").status != 0:
        line.skip("all cubins and PTX for SmolLM2", "there is no NVRTC: tools/install-cuda-tools brings it")
        return
    model = axiom.gguf()
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory() as folder:
        def seconds(*options):
            words = (axiom.binary("axiomc"), model, "-o", pathlib.Path(folder) / f"out{'.mlir' if '--stop-after' in options else '.axm'}", "--no-golden", "-j",
                     len(cores), *options)
            return axiom.run("taskset", "-c", ",".join(map(str, cores)), *words, env={"AXIOM_CACHE_DIR": folder}, limit=1200).ok().seconds
        plan = seconds("--stop-after", "plan")
        line.at_most(f"axiomc --target=cuda of SmolLM2 on {len(cores)} cores, nothing cached", seconds("--target=cuda"), 120, "{:.1f}", " s")
        line.at_most("the same cached, without import and passes", seconds("--target=cuda") - plan, 2, "{:.1f}", " s")


def gates(line):
    run = axiom.run(sys.executable, axiom.ROOT / "test/codegen/cuda/gates.py", "--build", axiom.BUILD, "--long", limit=1800)
    if run.status == axiom.SKIP:
        line.skip("gates on the machine code", run.out.strip().splitlines()[-1])
        return
    failed = re.findall(r"^FAIL (\S+): (.*)$", run.out, re.M)
    for name, why in failed:
        print(f"         failed: {name}: {why[:200]}")
    passed = len(re.findall(r"^pass ", run.out, re.M))
    line.check("kernels and architectures within the bounds of test/codegen/cuda/bounds.py, spills among them",
               f"{passed} passed, {len(failed)} failed", "all", run.status == 0 and passed > 0)


def main():
    line = Line(3, "Machine code of the CUDA kernels, and the prediction")
    line.part("all cubins and PTX for SmolLM2", compile_all, line)
    line.part("gates on the machine code", gates, line)
    line.ctest("published results by the prediction's formula, within 15 %", "^Gpu.ReproducesPublishedResults", "3 results", show="published")
    line.done()


if __name__ == "__main__":
    main()
