"""What several lines of cpu-limit share: inputs, the artifacts they measure, and the interleaved comparison."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import MEGABYTE, PROMPT, Line, axiom, first_token, peak_memory  # noqa: E402,F401  (for the lines)

WRAP = os.environ.get("AXIOM_WRAP", "").split()  # in front of each benchmark, for example numactl -C 0,1
# What axiomc is given for SmolLM2's GGUF: the nearest to its f32 values, and the fastest within the larger bound.
TEXT = pathlib.Path(os.environ.get("AXIOM_CALIBRATION", axiom.ROOT / "tools/calibration/english.txt"))
NEAR, SMALL = [], ["--bits", "4.7", "--calibrate", TEXT]


def wikitext():
    return axiom.input_path("AXIOM_WIKITEXT", "models/wikitext-2-test.txt", "the WikiText-2 test text")


def calibration():
    return axiom.input_path("AXIOM_CALIBRATION", "tools/calibration/english.txt", "text to calibrate with, never the evaluation's (docs/testing.md)")


def offgrid():
    return axiom.input_path("AXIOM_OFFGRID", "models/smollm2-offgrid", "the twin made by test/tools/make_offgrid.py")


def q4_0():
    return axiom.input_path("AXIOM_GGUF_Q4_0", "models/SmolLM2-135M-Instruct.Q4_0.gguf", "the GGUF again in Q4_0 (test/tools/requantize_gguf.py)")


def peer():
    return axiom.input_path("AXIOM_PEER", "models/peer", "llama.cpp's tools (test/bench/compare.py --build-peer)")


def second_engine():
    return axiom.input_path("AXIOM_IK", "models/ik", "llama-bench and llama-batched-bench of ik_llama.cpp, built from its repository")


def needs_option(tool, option):
    """Fails where a tool does not have an option yet: what it would measure is not built."""
    words = axiom.run(axiom.binary(tool), "--help").ok().out.replace(",", " ").split()
    if option not in words:
        raise axiom.Failed(f"{tool} has no {option}: not built yet")


def artifact(source, name, options):
    for option in options:
        if str(option).startswith("--"):
            needs_option("axiomc", option)
    return axiom.cached_artifact(source, name, *[str(o) for o in options])


def model_python():
    """A Python that can run test/tools/make_1b.py."""
    python = os.environ.get("AXIOM_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import numpy, gguf"], capture_output=True).returncode != 0:
        raise axiom.Missing("a random model in a 1B's shape: set AXIOM_PYTHON to a Python that has numpy and gguf")
    return python


def one_b(form):
    """The random-weight 1B in a form of make_1b.py, kept in the build folder."""
    script = axiom.ROOT / "test/tools/make_1b.py"
    path = axiom.BUILD / "verify" / ("1b" if form == "bf16" else f"1b.{form}.gguf")
    path.parent.mkdir(parents=True, exist_ok=True)
    last = path / "model.safetensors" if form == "bf16" else path
    if not last.is_file() or last.stat().st_mtime < script.stat().st_mtime:
        axiom.run(model_python(), script, path, "--form", form, limit=900).ok()
    return path


def compare(model, ggufs, *options):
    """test/bench/compare.py's measures; the whole result stays beside the artifact, for test/bench/history.py."""
    out = model.with_suffix(".compare.json")
    result = axiom.run(sys.executable, axiom.ROOT / "test/bench/compare.py", model, *ggufs, "--peer", peer(), "--json", out,
                       "--axiom-bench", axiom.binary("axiom-bench"), f"--wrap={' '.join(WRAP)}", *options, limit=7200).ok()
    for text in result.out.strip().splitlines():
        print("         " + text)
    return json.loads(out.read_text())["measures"]


def bench(model, *options, threads=2):
    return json.loads(axiom.run(*WRAP, axiom.binary("axiom-bench"), model, "-t", threads, "-o", "json", *options, limit=1800).ok().out)


def kld(model, reference):
    """Mean KL divergence of 8 chunks against a model's f32 form."""
    result = axiom.run(axiom.binary("axiom-eval"), "compare", model, "--against", reference, "--file", wikitext(), "--context", "512",
                       "--chunks", "8", "-o", "json", limit=3600).ok()
    return json.loads(result.out)[0]


def share_row(line, what, share, least, shown="{:.1f} %"):
    if share is None:
        return line.skip(what, "this CPU or machine does not give the limit (axiom-bench --limits)")
    return line.check(what, shown.format(share * 100), f"at least {least * 100:.0f} %", share >= least)


def stream_share_row(line, what, limits, least):
    """The share of stream that decode reaches; more than all of it is the cache's help."""
    share = limits["stream_share"]
    shown = "{:.1f} %, helped by cache" if share and share > 1 else "{:.1f} %"
    share_row(line, f"{what}: decode of stream, {limits['bytes_per_step'] / 1e6:.1f} MB a token by the plan, {limits['stream_gb_s']:.1f} GB/s",
              share, least, shown)
