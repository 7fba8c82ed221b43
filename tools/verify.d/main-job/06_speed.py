#!/usr/bin/env python3
"""Line 6: speed, interleaved with llama.cpp."""
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

REQUIRED = {"prefill": 3.0, "decode": 1.5, "batch8": 3.0}


def speed(line):
    peer = axiom.input_path("AXIOM_PEER", "models/peer", "llama-bench and llama-batched-bench (test/bench/compare.py --build-peer)")
    artifact = axiom.cached_artifact(axiom.gguf(), "smollm2")
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "speed.json"
        axiom.run(axiom.ROOT / "test/bench/compare.py", artifact, axiom.gguf(), "--peer", peer, "--json", out, "--axiom-bench",
                  axiom.binary("axiom-bench"), limit=3600).ok()
        measures = json.loads(out.read_text())["measures"]
    for name, bound in REQUIRED.items():
        row = measures[name]
        line.at_least(f"{name}: {row['axiom']:.1f} against {row['llama.cpp']:.1f} tokens/s", row["ratio"], bound, "{:.2f}", "x")


def main():
    line = Line(6, "Speed against llama.cpp, 2 threads, the same GGUF")
    line.part("interleaved benchmark", speed, line)
    line.done()


if __name__ == "__main__":
    main()
