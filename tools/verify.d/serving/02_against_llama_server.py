#!/usr/bin/env python3
"""Line 2: throughput and waiting times against llama-server."""
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

ROUNDS = 3


def compare(line):
    gguf = axiom.gguf()
    peer = axiom.input_path("AXIOM_PEER", "models/peer", "llama.cpp's tools") / "llama-server"
    if not peer.is_file():
        raise axiom.Missing("llama-server: python3 test/bench/compare.py --build-peer models/peer --peer-tools llama-server builds it")
    artifact = axiom.cached_artifact(gguf, "smollm2")
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "result.json"
        text = axiom.run(axiom.ROOT / "test/bench/serve_compare.py", artifact, gguf, "--peer", peer, "--rounds", ROUNDS, "--json", out,
                         limit=7200).ok().out
        result = json.loads(out.read_text())
    for row in text.strip().splitlines():
        print("         " + row)
    ratios = result["ratios"]
    line.at_least("output tokens a second, axiom-serve / llama-server", ratios["output_throughput"], 3, "{:.2f}", "x")
    line.at_most("p99 TTFT, axiom-serve / llama-server", ratios["p99_ttft_ms"], 0.25, "{:.3f}", "x")
    line.at_most("p99 time between tokens, axiom-serve / llama-server", ratios["p99_itl_ms"], 1, "{:.2f}", "x")


def main():
    line = Line(2, "Against llama-server")
    line.part("comparison", compare, line)
    line.done()


if __name__ == "__main__":
    main()
