#!/usr/bin/env python3
"""Line 3: 8k tokens of context."""
from shared import Line, axiom, bench, compare, q4_0

DEPTH = 8000
EVICT = "1GiB"  # several times a last cache


def times_at(model, *options):
    """Seconds a token and bytes a step, short and deep in turn, so that a slow minute meets both."""
    times, sizes = {0: [], DEPTH: []}, {}
    for _ in range(3):
        for row in bench(model, "-p", "0", "-n", "32", "-d", f"0,{DEPTH}", "-r", "1", "--limits", "--limit-bytes", "64MiB", *options):
            times[row["n_depth"]].append(1 / row["median_ts"])
            sizes[row["n_depth"]] = row["limits"]["bytes_per_step"]
    return [sorted(times[d])[1] for d in (0, DEPTH)], [sizes[d] for d in (0, DEPTH)]


def slowing(line, model):
    """A large cache holds a short step's bytes but not a deep one's: then more than bytes are compared. So other memory is read between
    steps, outside of their time; what the cache gives is printed beside it."""
    (short, deep), sizes = times_at(model, "--evict-bytes", EVICT)
    explained = sizes[1] / sizes[0]
    line.at_most(f"decode after {DEPTH} tokens, from memory: time a token against the bytes' {explained:.2f}x "
                 f"({sizes[0] / 1e6:.1f} to {sizes[1] / 1e6:.1f} MB)", deep / short, 1.15 * explained, "{:.2f}", "x")
    (short, deep), _ = times_at(model)
    print(f"         with what the caches keep from step to step: {short * 1e3:.2f} and {deep * 1e3:.2f} ms, {deep / short:.2f}x")


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
