#!/usr/bin/env python3
"""Line 6: start to first token, peak memory, compiling a 1B."""
import tempfile

from shared import MEGABYTE, PROMPT, Line, axiom, first_token, one_b, peak_memory


def warm(path):
    """Reads a file once: the disk's speed is not ours."""
    with open(path, "rb") as file:
        while file.read(1 << 24):
            pass


def compiling(line):
    source = one_b("bf16")
    with tempfile.TemporaryDirectory(dir=axiom.BUILD / "verify") as folder:
        for quant in ("q4", "q8"):
            warm(source / "model.safetensors")
            result = axiom.compile_model(source, f"{folder}/1b.axm", "--quant", quant)
            line.at_most(f"1B from bf16 safetensors to {quant}: time", result.seconds, 30, "{:.1f}", " s")
            line.at_most(f"1B from bf16 safetensors to {quant}: peak memory", result.peak / MEGABYTE, 700, "{:.0f}", " MB")


def main():
    line = Line(6, "Start, memory, compiling")
    model = line.part("SmolLM2 compiles", lambda: axiom.cached_artifact(axiom.gguf(), "smollm2"))
    if model:
        line.part("start to first token", first_token, line, model, 0.05)
        line.part("peak memory", peak_memory, line, model, PROMPT, 16, 64, 20)
    line.part("compiling", compiling, line)
    line.done()


if __name__ == "__main__":
    main()
