#!/usr/bin/env python3
"""Line 7: prefix hits, speculation and preemption change no bit."""
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

MIXES = {"llama-rope3": 400, "qwen3-norm": 300, "mistral-window": 300}


def mixes(line, name, count):
    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/{name}.axm"
        axiom.compile_model(axiom.TINY / name, model, "--quant", "q4")
        result = axiom.run(axiom.binary("BatchInvariance"), model, count, limit=3600)
        text = (result.out + result.err).strip().splitlines()[-1]
        line.check(f"{name}, {count} random mixes against requests alone", text, "bit-equal, each of these happening", result.status == 0)


def main():
    line = Line(7, "Same bits")
    for name, count in MIXES.items():
        line.part(name, mixes, line, name, count)
    line.done()


if __name__ == "__main__":
    main()
