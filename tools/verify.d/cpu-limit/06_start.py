#!/usr/bin/env python3
"""Line 6: start to first token, peak memory, compiling a 1B."""
import json
import statistics
import tempfile

from shared import MEGABYTE, Line, axiom, one_b

PROMPT = "The capital of France is"  # 5 tokens


def run_words(model, tokens, *options):
    return [axiom.binary("axiom-run"), "generate", model, "--prompt", PROMPT, "--max-tokens", str(tokens), "--temperature", "0", *options]


def start(line, model):
    words = run_words(model, 1)
    axiom.run(*words).ok()
    times = [axiom.run(*words).ok().seconds for _ in range(20)]
    line.at_most("start to first token, warm, median of 20", statistics.median(times), 0.05, "{:.3f}", " s")


def memory(line, model):
    words = [axiom.binary("axiom-inspect"), model, "--json", "--batch", "1", "--context", "64"]
    plan = json.loads(axiom.run(*words).ok().out)["memory"]
    line.at_most("planned workspace at 512 tokens a step", plan["workspace_bytes"] / MEGABYTE, 16, "{:.1f}", " MB")
    result = axiom.run(*run_words(model, 16, "--ignore-eos", "--context", "64")).ok()
    planned = plan["weights_bytes"] + plan["kv_bytes"] + plan["workspace_bytes"]
    line.at_most("peak memory, one sequence of 16 tokens", result.peak / MEGABYTE, planned / MEGABYTE + 20, "{:.1f}", " MB")


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
        line.part("start to first token", start, line, model)
        line.part("peak memory", memory, line, model)
    line.part("compiling", compiling, line)
    line.done()


if __name__ == "__main__":
    main()
