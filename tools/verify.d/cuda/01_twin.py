#!/usr/bin/env python3
"""Line 1: every CUDA kernel on the host twin equals the interpreter; generated mutants are killed."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line  # noqa: E402


def main():
    line = Line(1, "Kernels on the host twin")
    line.ctest("every kernel, form and epilogue in three orders of threads", "^((All|Quantized)Formats/CudaLinear|Cuda(LinearEdges|LinearFloats|Tables|Heads|Contexts)\\.)",
               "byte-equal to the interpreter", least=15, limit=10800)
    line.ctest("mutants made from the kernels' text", "^(Headers/CudaMutants|CudaMutantList)", "killed, or listed as harmless with the reason", least=20, show=r"mutants;|nothing shows",
               limit=10800)
    line.done()


if __name__ == "__main__":
    main()
