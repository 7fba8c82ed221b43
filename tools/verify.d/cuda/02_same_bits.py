#!/usr/bin/env python3
"""Line 2: the runtime on the stand-in driver gives the CPU's bits."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line  # noqa: E402


def main():
    line = Line(2, "The CPU's bits with the stand-in driver")
    line.script("tiny models of every family, weight format and KV type, as graphs and kernel by kernel", "test/e2e/cuda.py", "bit-equal", "families")
    line.script("200 random mixes against the CPU's requests alone, graphs and eager by turns", "test/e2e/cuda.py", "bit-equal", "--long", "mixes", limit=7200)
    line.script("SmolLM2, 8 prompts", "test/e2e/cuda.py", "the CPU's logits bit for bit", "--long", "smollm")
    line.done()


if __name__ == "__main__":
    main()
