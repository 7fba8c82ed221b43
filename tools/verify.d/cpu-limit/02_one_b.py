#!/usr/bin/env python3
"""Line 2: a random-weight model in the shape of Llama-3.2-1B."""
from shared import Line, axiom, compare, one_b, stream_share_row


def fresh(source, name):
    """Written just now, as the stream's file is: a file that was read back from the disk was slower to read (docs/performance.md)."""
    (axiom.BUILD / "verify" / f"{name}.axm").unlink(missing_ok=True)
    return axiom.cached_artifact(source, name)


def q4_0(line):
    source = one_b("Q4_0")
    model = fresh(source, "1b-q4_0")
    measures = compare(model, [source], "--rows", "prefill,decode", "--prompt", "256", "--generate", "32", "--rounds", "5", "--limits")
    for row, least in (("prefill", 1.8), ("decode", 1.05)):
        m = measures[row]
        line.at_least(f"Q4_0: {row}, {m['axiom']:.1f} against {m['llama.cpp']:.1f} tokens/s", m["ratio"], least, "{:.2f}", "x")
    stream_share_row(line, "Q4_0", measures["decode"]["limits"], 0.88)


def q4_k_m(line):
    source = one_b("Q4_K_M")
    model = fresh(source, "1b-q4_k_m")
    m = compare(model, [source], "--rows", "decode", "--generate", "32", "--rounds", "3")["decode"]
    line.at_least(f"Q4_K_M: decode, {m['axiom']:.1f} against {m['llama.cpp']:.1f} tokens/s", m["ratio"], 1.0, "{:.2f}", "x")


def main():
    line = Line(2, "A 1B's shape")
    line.part("Q4_0", q4_0, line)
    line.part("Q4_K_M", q4_k_m, line)
    line.done()


if __name__ == "__main__":
    main()
