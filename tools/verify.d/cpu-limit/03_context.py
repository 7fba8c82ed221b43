#!/usr/bin/env python3
"""Line 3: 8k tokens of context."""
from shared import Line, axiom, bench, compare, q4_0

DEPTH = 8000


def slowing(line, model):
    # Short and deep in turn, so that a slow minute meets both.
    times, sizes = {0: [], DEPTH: []}, {}
    for _ in range(3):
        for row in bench(model, "-p", "0", "-n", "32", "-d", f"0,{DEPTH}", "-r", "1", "--limits", "--limit-bytes", "64MiB"):
            times[row["n_depth"]].append(1 / row["median_ts"])
            sizes[row["n_depth"]] = row["limits"]["bytes_per_step"]
    short, deep = (sorted(times[d])[1] for d in (0, DEPTH))
    explained = sizes[DEPTH] / sizes[0]
    line.at_most(f"decode after {DEPTH} tokens, time a token against the bytes' {explained:.2f}x ({sizes[0] / 1e6:.1f} to {sizes[DEPTH] / 1e6:.1f} MB)",
                 deep / short, 1.15 * explained, "{:.2f}", "x")


def prefill(line, model):
    m = compare(model, [axiom.gguf(), q4_0()], "--rows", "long", "--rounds", "1")["long"]
    line.at_least(f"prefill of 8192 tokens, {m['axiom']:.1f} against {m['llama.cpp']:.1f} tokens/s ({m['llama.cpp_best']})", m["ratio"], 2.0, "{:.2f}", "x")


def main():
    line = Line(3, "8k context")
    model = line.part("SmolLM2 compiles", lambda: axiom.cached_artifact(axiom.gguf(), "smollm2"))
    if model:
        line.part("decode", slowing, line, model)
        line.part("prefill", prefill, line, model)
    line.done()


if __name__ == "__main__":
    main()
