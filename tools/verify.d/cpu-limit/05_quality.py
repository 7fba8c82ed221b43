#!/usr/bin/env python3
"""Line 5: quality for each byte on off-grid weights, with calibration text that is never the evaluation's."""
from shared import Line, artifact, axiom, calibration, kld, needs_option, offgrid, wikitext

# Name, axiomc's options, most bits over all weights, largest mean KLD. 0.076: llama.cpp's Q4_K_M with imatrix.
BUDGETS = [("4.7 bits", ["--bits", "4.7"], 4.7, 0.20), ("6.05 bits", ["--bits", "6.05"], 6.05, 0.076)]


def apart(line):
    """No long piece of the calibration text stands in the evaluation's."""
    evaluation = " ".join(wikitext().read_text(errors="replace").split())
    words = calibration().read_text(errors="replace").split()
    pieces = [" ".join(words[i:i + 12]) for i in range(0, len(words) - 12, 12)]
    shared = sum(piece in evaluation for piece in pieces)
    line.check(f"calibration text, {len(pieces)} pieces of 12 words: in the evaluation text", shared, "none", shared == 0 and len(pieces) > 100)


def budget(line, name, options, bits, bound):
    needs_option("axiomc", "--calibrate")
    source = offgrid()
    model = artifact(source, f"offgrid-{name.split()[0]}", [*options, "--calibrate", calibration()])
    row = kld(model, axiom.cached_artifact(source, "offgrid-f32", "--quant", "f32"))
    line.at_most(f"{name}: bits a weight", row["bits_per_weight"], bits, "{:.3f}")
    line.at_most(f"{name}: mean KLD against f32", row["kld_mean"], bound)


def q8(line):
    source = offgrid()
    row = kld(axiom.cached_artifact(source, "offgrid-q8", "--quant", "q8"), axiom.cached_artifact(source, "offgrid-f32", "--quant", "f32"))
    line.at_most(f"q8 ({row['bits_per_weight']:.2f} bits): mean KLD against f32", row["kld_mean"], 0.0036)


def main():
    line = Line(5, "Quality for each byte, the rotated SmolLM2, 8 chunks")
    line.part("calibration text", apart, line)
    for name, *rest in BUDGETS:
        line.part(name, budget, line, name, *rest)
    line.part("q8", q8, line)
    line.done()


if __name__ == "__main__":
    main()
