#!/usr/bin/env python3
"""Line 3: perplexity of the GGUF as it is; quantizer quality on the off-grid twin."""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

# format: (largest mean KLD against f32, largest bits a weight)
QUALITY = {"q8": (0.004, 8.55), "q4": (0.37, 4.70), "q4f16": (0.37, 5.02)}


def text():
    return axiom.input_path("AXIOM_WIKITEXT", "models/wikitext-2-test.txt", "the WikiText-2 test text")


def perplexity(line):
    artifact = axiom.cached_artifact(axiom.gguf(), "smollm2")
    result = axiom.run(axiom.binary("axiom-eval"), "perplexity", artifact, "--file", text(), "--context", "512", "--chunks", "8",
                       limit=1800).ok()
    last = result.out.strip().splitlines()[-1]
    found = re.fullmatch(r"PPL = (\d+\.\d+)", last)
    value = float(found.group(1)) if found else float("nan")
    line.check("perplexity of the GGUF as it is, 8 chunks", last, "24.6 ± 0.3", abs(value - 24.6) <= 0.3)


def off_grid(line):
    source = axiom.input_path("AXIOM_OFFGRID", "models/smollm2-offgrid", "the twin made by test/tools/make_offgrid.py")
    reference = axiom.cached_artifact(source, "offgrid-f32", "--quant", "f32")
    artifacts = {quant: axiom.cached_artifact(source, f"offgrid-{quant}", "--quant", quant) for quant in QUALITY}
    result = axiom.run(axiom.binary("axiom-eval"), "compare", *artifacts.values(), "--against", reference, "--file", text(),
                       "--context", "512", "--chunks", "8", "-o", "json", limit=3600).ok()
    rows = {pathlib.Path(row["model"]).stem.removeprefix("offgrid-"): row for row in json.loads(result.out)}
    for quant, (bound, bits) in QUALITY.items():
        row = rows[quant]
        line.at_most(f"{quant}: mean KLD against f32", row["kld_mean"], bound)
        line.at_most(f"{quant}: bits a weight", row["bits_per_weight"], bits)
        print(f"         {quant}: PPL {row['ppl']:.3f}, same top {row['same_top']}")


def main():
    line = Line(3, "Perplexity, and quality of the quantizers on an off-grid source")
    line.part("perplexity", perplexity, line)
    line.part("off-grid twin", off_grid, line)
    line.done()


if __name__ == "__main__":
    main()
