#!/usr/bin/env python3
"""Line 1: SmolLM2 against llama.cpp and ik_llama.cpp in every regime; shares of the limits."""
from shared import NEAR, SMALL, Line, artifact, axiom, compare, kld, q4_0, second_engine, share_row, stream_share_row

ROWS = "prefill,decode,seq8,seq32"
RATIOS = {"prefill": 2.2, "seq8": 2.7, "seq32": 2.5}
IK_RATIOS = {"prefill": 1.5, "decode": 1.15, "seq8": 2.5, "seq32": 2.5}
# Name, axiomc's options, largest mean KLD against the file's f32, decode against the better of llama.cpp's Q4_0 and Q4_1.
DECODE = [("near", NEAR, 0.012, 1.4), ("small", SMALL, 0.06, 1.7)]


def speed(line, name, options, bound, decode):
    model = artifact(axiom.gguf(), f"smollm2-{name}", options)
    reference = axiom.cached_artifact(axiom.gguf(), "smollm2-f32", "--quant", "f32")
    quality = kld(model, reference)
    line.at_most(f"{name}: mean KLD against the file's f32 ({quality['bits_per_weight']:.2f} bits a weight)", quality["kld_mean"], bound)
    more = []
    try:
        more = ["--ik", second_engine(), "--ik-gguf", q4_0()]
    except axiom.Missing as reason:
        line.skip(f"{name}: ik_llama.cpp", str(reason))
    measures = compare(model, [axiom.gguf(), q4_0()], "--rows", ROWS, "--rounds", "3", "--limits", *more)
    for row, least in (RATIOS | {"decode": decode}).items():
        m = measures[row]
        line.at_least(f"{name}: {row}, {m['axiom']:.1f} against {m['llama.cpp']:.1f} tokens/s ({m['llama.cpp_best']})", m["ratio"], least, "{:.2f}", "x")
        if "ik_ratio" in m:
            line.at_least(f"{name}: {row}, against {m['ik_llama.cpp']:.1f} tokens/s ({m['ik_llama.cpp_best']})", m["ik_ratio"], IK_RATIOS[row], "{:.2f}", "x")
    stream_share_row(line, name, measures["decode"]["limits"], 0.85)
    limits = measures["prefill"]["limits"]
    share_row(line, f"{name}: linear kernels in prefill of vpmaddubsw + vpaddw, {limits['maddubs_g_s']:.0f} G multiply-adds/s",
              limits["linear_phases_maddubs_share"], 0.55)


def main():
    line = Line(1, "SmolLM2 against llama.cpp and ik_llama.cpp")
    for name, *rest in DECODE:
        line.part(f"{name}", speed, line, name, *rest)
    line.done()


if __name__ == "__main__":
    main()
