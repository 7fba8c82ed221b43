#!/usr/bin/env python3
"""Line 3: bad clients leave nothing behind; ten times too much load costs at most a tenth."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402


def main():
    line = Line(3, "Bad clients and overload")

    def parts():
        artifact = axiom.cached_artifact(axiom.gguf(), "smollm2")
        line.script("256 clients x 40 requests, 30 % hang up, 10 % read slowly, 10 % fall silent", "test/bench/serve_load.py",
                    "free blocks, descriptors and threads as before", "abuse", artifact, limit=7200)
        line.script("10x overload for 5 minutes", "test/bench/serve_load.py",
                    "goodput 90 % of the peak, p99 TTFT twice the limit, rejections p99 50 ms, memory 5 %", "overload", artifact, limit=1200)

    line.part("SmolLM2", parts)
    line.done()


if __name__ == "__main__":
    main()
