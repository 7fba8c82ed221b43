#!/usr/bin/env python3
"""Line 4: the end cuts no stream, a hanging step shows, slow-loris connections do not slow others down."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402


def main():
    line = Line(4, "Drain, stall, slow-loris")

    def parts():
        artifact = axiom.cached_artifact(axiom.gguf(), "smollm2")
        line.script("SIGTERM with 64 live streams", "test/bench/serve_load.py", "none truncated, exit 0", "drain", artifact)
        line.script("a step that hangs", "test/bench/serve_load.py", "/health/progress 503 within 11 s", "stall", artifact)
        line.script("2,000 slow-loris connections", "test/bench/serve_load.py", "a canary's p99 TTFT grows by at most 10 %", "loris", artifact)

    line.part("SmolLM2", parts)
    line.done()


if __name__ == "__main__":
    main()
