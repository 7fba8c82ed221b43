#!/usr/bin/env python3
"""Line 8: time and memory of axiomc, growth with layers, reproducibility."""
import json
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

MEGABYTE = 1000 * 1000


def real(line):
    source = axiom.input_path("AXIOM_HF", "models/smollm2-hf", "SmolLM2 saved by test/tools/gguf_to_hf.py")
    with tempfile.TemporaryDirectory() as folder:
        for quant in ([], ["--quant", "q4"]):
            result = axiom.compile_model(source, f"{folder}/m.axm", *quant)
            what = f"SmolLM2 from bf16 safetensors {' '.join(quant) or '(kept)'}"
            line.at_most(f"{what}: time", result.seconds, 15, "{:.1f}", " s")
            line.at_most(f"{what}: peak memory", result.peak / MEGABYTE, 600, "{:.0f}", " MB")


def code(path):
    """Bytes of code, from axiom-inspect."""
    return json.loads(axiom.run(axiom.binary("axiom-inspect"), path, "--json").ok().out)["code_bytes"]


def growth(line):
    with tempfile.TemporaryDirectory() as folder:
        seconds, sizes = {}, {}
        for layers in (4, 32):
            axiom.run(axiom.ROOT / "test/tools/make_narrow.py", f"{folder}/{layers}", "--layers", layers).ok()
            times = []
            for _ in range(5):
                out = f"{folder}/{layers}.axm"
                result = axiom.run(axiom.binary("axiomc"), f"{folder}/{layers}", "-o", out, "--progress=json", "--quant", "q4").ok()
                events = [json.loads(text) for text in (result.err + result.out).splitlines() if text.startswith("{")]
                times.append(sum(e["seconds"] for e in events if e.get("phase") == "codegen" and "seconds" in e))
            seconds[layers], sizes[layers] = statistics.median(times), code(f"{folder}/{layers}.axm")
    if not seconds[4]:
        return line.fail("code generation time", "axiomc --progress=json reports no phase codegen with seconds")
    line.at_most(f"code generation, 32 layers against 4 ({seconds[32]:.3f} s, {seconds[4]:.3f} s)", seconds[32] / seconds[4], 1.1, "{:.3f}", "x")
    line.at_most(f"code bytes, 32 layers against 4 ({sizes[32]}, {sizes[4]})", sizes[32] / sizes[4], 1.1, "{:.3f}", "x")


def main():
    line = Line(8, "Compiling")
    line.part("SmolLM2", real, line)
    line.part("32 narrow layers against 4", growth, line)
    line.script("tiny models: threads, folder, run, masked CPU", "test/e2e/reproducible.py", "equal bytes")
    line.part("SmolLM2 reproducible", lambda: line.script("SmolLM2: threads, folder, run, masked CPU", "test/e2e/reproducible.py",
                                                           "equal bytes", axiom.gguf(), "q4"))
    line.done()


if __name__ == "__main__":
    main()
