#!/usr/bin/env python3
"""Line 7: start to first token, peak memory, size of axiom-run."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import MEGABYTE, PROMPT, Line, axiom, first_token, peak_memory  # noqa: E402


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
        line.part("start to first token", first_token, line, artifact, 0.15)
        line.part("peak memory", peak_memory, line, artifact, PROMPT * 80, 64, 2048, 40)
    line.part("size", size, line)
    line.done()


if __name__ == "__main__":
    main()
