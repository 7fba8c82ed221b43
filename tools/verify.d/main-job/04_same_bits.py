#!/usr/bin/env python3
"""Line 4: kernels equal the interpreter byte for byte; the same bits in every mix."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line  # noqa: E402


def main():
    line = Line(4, "Same bits")
    line.ctest("kernels against the interpreter over the shape sweep, guarded operands", "(LinearKernel|Attention(Kernels|Contexts)|EmbedKernel)", "byte for byte",
               show=r"shapes|cases|extremes")
    line.ctest("whole tiny models in every format against the interpreter", "^(WholeModel|TinyModels?)", "byte for byte")
    line.ctest("500 random mixes equal each request alone", "^(Mixes|Engine.Mixes)", "bit-equal", show=r"mixes|steps|preempted")
    line.ctest("20 seeded kernel faults are caught", "^KernelFaults", "all caught", show=r"faults reported|places, one in|harmless:")
    line.script("tiny models, 1 and 2 threads, every format", "test/e2e/tiny_formats.py", "equal bits, bounded error")
    line.done()


if __name__ == "__main__":
    main()
