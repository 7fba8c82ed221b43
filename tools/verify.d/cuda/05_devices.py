#!/usr/bin/env python3
"""Line 5: what a machine without a driver, or an artifact without the code, is told."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line  # noqa: E402


def main():
    line = Line(5, "Devices")
    line.script("tools on the CPU and the GPU, ldd of axiom-run", "test/e2e/cuda.py", "the same output, no libcuda", "tools")
    line.script("no driver, an old one, no device, no code, no memory; a fat artifact has its weights once", "test/e2e/cuda.py", "one clear line each", "refusals")
    line.done()


if __name__ == "__main__":
    main()
