#!/usr/bin/env python3
"""Bytes against quality: formats and mixes of axiomc on the off-grid twin, with and without calibration, beside llama.cpp's types.

    quality_curve.py [--source MODEL] [--text FILE] [--evaluate FILE] [--chunks 8] [--rows NAME...] [--peer DIR --gguf F32.gguf]

Prints a table (Markdown): bits over all matrices with head and embedding, perplexity, mean KL divergence to the source's own f32 logits.
Artifacts are kept in the build folder while axiomc and the source stay (AXIOM_BUILD names it). llama.cpp's rows need its
llama-quantize, llama-imatrix and llama-perplexity (compare.py --build-peer) and the source as an f32 GGUF (test/tools/hf_to_gguf.py);
without them they are said to be skipped. Their bits count the whole file, the tokenizer too.
The inputs' defaults are those of tools/verify (docs/testing.md).
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import axiom  # noqa: E402

ALL_Q4 = ["--quant-override", ".=q4"]
CALIBRATED = {"q4": ALL_Q4, "q4f16": ["--quant-override", ".=q4f16"], "4.7": ["--bits", "4.7"], "5.0": ["--bits", "5.0"],
              "5.5": ["--bits", "5.5"], "6.05": ["--bits", "6.05"], "q6": ["--quant", "q6"], "7.5": ["--bits", "7.5"],
              "q8": ["--quant", "q8"]}
PLAIN = {"q4": ALL_Q4, "q4f16": ["--quant-override", ".=q4f16"], "6.05": ["--bits", "6.05"], "q6": ["--quant", "q6"], "q8": ["--quant", "q8"]}
# Type, and whether with an importance matrix of the calibration text.
PEER_TYPES = [("Q4_0", False), ("Q4_0", True), ("Q4_1", False), ("Q4_1", True), ("Q4_K_M", False), ("Q4_K_M", True), ("Q5_K_M", True),
              ("Q6_K", True), ("Q8_0", False)]


def rows_of(args):
    """(name, what axiomc is given)."""
    for name, options in CALIBRATED.items():
        yield f"{name} calibrated", [*options, "--calibrate", args.text]
    for name, options in PLAIN.items():
        yield f"{name} plain", options


def describe(name, options):
    words = [word.name if isinstance(word, pathlib.Path) else word for word in options]
    return f"`{' '.join(words)}`" if words else name


def measure(args, model, reference):
    result = axiom.run(axiom.binary("axiom-eval"), "compare", model, "--against", reference, "--file", args.evaluate, "--context", "512",
                       "--chunks", str(args.chunks), "-o", "json", limit=3600).ok()
    return json.loads(result.out)[0]


def peer_rows(args):
    """llama.cpp's pure types against the same f32 weights, in its own arithmetic."""
    tools = {name: args.peer / name for name in ("llama-quantize", "llama-perplexity", "llama-imatrix")}
    missing = [name for name, path in tools.items() if not path.is_file()]
    if missing or not args.gguf:
        print(f"llama.cpp's types: skipped, {', '.join(missing) or 'an f32 GGUF of the source (--gguf)'} not given")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        base, words = folder / "base", ["-f", args.evaluate, "-c", "512", "--chunks", str(args.chunks)]
        run(tools["llama-perplexity"], "-m", args.gguf, *words, "--kl-divergence-base", base)
        weights = json.loads(axiom.run(axiom.binary("axiom-inspect"), args.reference, "--json", "--tensors").ok().out)["tensors"]
        count = sum(t["rows"] * t["cols"] for t in weights if not t["vector"])
        importance = folder / "imatrix.gguf"
        run(tools["llama-imatrix"], "-m", args.gguf, "-f", args.text, "-o", importance, "-c", "512")
        for kind, weighted in PEER_TYPES:
            model = folder / "model.gguf"
            run(tools["llama-quantize"], *(["--imatrix", importance] if weighted else []), args.gguf, model, kind)
            text = run(tools["llama-perplexity"], "-m", model, *words, "--kl-divergence-base", base, "--kl-divergence")
            mean = re.search(r"Mean\s+KLD:\s+([\d.]+)", text)
            ppl = re.search(r"Mean PPL\(Q\)\s*:\s*([\d.]+)", text)
            name = f"llama.cpp {kind}" + (", imatrix" if weighted else "")
            print(f"| {name} | {8 * model.stat().st_size / count:.2f} | {float(ppl[1]) if ppl else float('nan'):.2f} | "
                  f"{float(mean[1]) if mean else float('nan'):.4f} |", flush=True)


def run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        raise axiom.Failed(f"{words[0]}: exit {done.returncode}\n{done.stderr[-1500:]}")
    return done.stdout + done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=pathlib.Path, help="a model with float weights; default: the off-grid twin")
    parser.add_argument("--text", type=pathlib.Path, default=axiom.ROOT / "tools/calibration/english.txt", help="to calibrate with")
    parser.add_argument("--evaluate", type=pathlib.Path, help="to measure with, never the text above; default: WikiText-2's test text")
    parser.add_argument("--chunks", type=int, default=8)
    parser.add_argument("--rows", nargs="*", help="names of rows, as 'q4' or 'q4 plain'; default: all")
    parser.add_argument("--peer", type=pathlib.Path, default=pathlib.Path(os.environ.get("AXIOM_PEER", axiom.ROOT / "models/peer")))
    parser.add_argument("--gguf", type=pathlib.Path, help="the source as an f32 GGUF, for llama.cpp's types")
    args = parser.parse_args()
    args.source = args.source or axiom.input_path("AXIOM_OFFGRID", "models/smollm2-offgrid", "the twin made by test/tools/make_offgrid.py")
    args.evaluate = args.evaluate or axiom.input_path("AXIOM_WIKITEXT", "models/wikitext-2-test.txt", "the WikiText-2 test text")
    args.reference = axiom.cached_artifact(args.source, f"{args.source.name}-curve-f32", "--quant", "f32")
    print("| axiomc | bits a weight | PPL | mean KLD |\n|---|---|---|---|")
    for name, options in rows_of(args):
        if args.rows and name not in args.rows and name.split()[0] not in args.rows:
            continue
        model = axiom.cached_artifact(args.source, f"{args.source.name}-curve-{name.replace(' ', '-')}", *options)
        row = measure(args, model, args.reference)
        print(f"| {describe(name, options)} | {row['bits_per_weight']:.2f} | {row['ppl']:.2f} | {row['kld_mean']:.4f} |", flush=True)
    peer_rows(args)


if __name__ == "__main__":
    axiom.main(main)
