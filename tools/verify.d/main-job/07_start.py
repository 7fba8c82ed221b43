#!/usr/bin/env python3
"""Line 7: start to first token, peak memory, size of axiom-run."""
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

PROMPT = "The capital of France is"  # 5 tokens
MEGABYTE = 1000 * 1000


def start(line, artifact):
    words = [axiom.binary("axiom-run"), "generate", artifact, "--prompt", PROMPT, "--max-tokens", "1", "--temperature", "0"]
    axiom.run(*words).ok()
    times = [axiom.run(*words).ok().seconds for _ in range(20)]
    line.at_most("start to first token, median of 20", statistics.median(times), 0.15, "{:.3f}", " s")


def memory(line, artifact):
    plan = json.loads(axiom.run(axiom.binary("axiom-inspect"), artifact, "--json", "--batch", "1", "--context", "2048").ok().out)["memory"]
    line.at_most("planned workspace at 512 tokens a step", plan["workspace_bytes"] / MEGABYTE, 16, "{:.1f}", " MB")
    result = axiom.run(axiom.binary("axiom-run"), "generate", artifact, "--prompt", PROMPT * 80, "--max-tokens", "64",
                       "--temperature", "0", "--ignore-eos", "--context", "2048").ok()
    planned = plan["weights_bytes"] + plan["kv_bytes"] + plan["workspace_bytes"]
    line.at_most("peak memory (VmHWM)", result.peak / MEGABYTE, planned / MEGABYTE + 40, "{:.1f}", " MB")


def size(line):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "axiom-run"
        shutil.copy(axiom.binary("axiom-run"), copy)
        subprocess.run(["strip", str(copy)], check=True)
        line.at_most("axiom-run stripped", copy.stat().st_size / MEGABYTE, 3, "{:.2f}", " MB")


def main():
    line = Line(7, "Start, memory, size")
    artifact = line.part("SmolLM2 compiles", lambda: axiom.cached_artifact(axiom.gguf(), "smollm2"))
    if artifact:
        line.part("start to first token", start, line, artifact)
        line.part("peak memory", memory, line, artifact)
    line.part("size", size, line)
    line.done()


if __name__ == "__main__":
    main()
