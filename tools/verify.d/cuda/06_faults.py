#!/usr/bin/env python3
"""Line 6: faults of the driver under a serving engine."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line  # noqa: E402


def main():
    line = Line(6, "Faults")
    line.script("every call failing, memory running out, kernels failing, a lost device, slow copies", "test/e2e/cuda.py", "reasons, no leak, later requests right", "--long", "faults", limit=3600)
    line.ctest("every call failing once and for good, without the stand-in", "^(CudaFaults|GpuEngine)", "reasons, no leak, later requests right")
    line.done()


if __name__ == "__main__":
    main()
