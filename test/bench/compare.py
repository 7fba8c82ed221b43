#!/usr/bin/env python3
"""Axiom against llama.cpp on the same machine and GGUF, interleaved: prefill 512, decode 128, decode with 8 sequences.

    compare.py MODEL.axm MODEL.gguf --peer DIR [--rounds 5] [--threads 2] [--json OUT.json]
    compare.py --build-peer DIR      downloads llama-cpp-python's source from PyPI and builds its tools into DIR (20 minutes)

DIR holds llama-bench and llama-batched-bench. Each round runs every measurement once with each program, one after the
other, so that a slow minute of the machine meets both; the ratio is that of the medians, its spread that of the rounds.
Exit 1 if a ratio is below what --require asks for (--require prefill=3,decode=1.5,batch8=3).
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEASURES = ["prefill", "decode", "batch8"]
SEQUENCES = 8
PROMPT, GENERATE = 512, 128
BATCH_PROMPT = 1  # as axiom-bench and llama-bench: generation starts from one token


def build_peer(folder):
    folder = pathlib.Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "llama-cpp-python", "-d", temporary,
                        "llama-cpp-python"], check=True)
        archive = next(pathlib.Path(temporary).glob("llama_cpp_python-*.tar.gz"))
        with tarfile.open(archive) as tar:
            tar.extractall(temporary)
        source = archive.with_name(archive.name.removesuffix(".tar.gz")) / "vendor/llama.cpp"
        build = folder / "build"
        subprocess.run(["cmake", "-G", "Ninja", "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON",
                        "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DBUILD_SHARED_LIBS=OFF"], check=True)
        subprocess.run(["ninja", "-C", build, "llama-bench", "llama-batched-bench", "llama-perplexity"], check=True)
        for name in ("llama-bench", "llama-batched-bench", "llama-perplexity"):
            shutil.copy(build / "bin" / name, folder)
        shutil.rmtree(build)
    print(f"{archive.name}: tools in {folder}")


def output(words):
    run = subprocess.run([str(w) for w in words], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if run.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, words))}: exit {run.returncode}\n{run.stderr[-2000:]}")
    return run.stdout


def peer_round(args):
    bench = json.loads(output([args.peer / "llama-bench", "-m", args.gguf, "-p", PROMPT, "-n", GENERATE, "-t", args.threads,
                               "-r", 1, "-o", "json"]))
    rows = {("prefill" if row["n_prompt"] else "decode"): row["avg_ts"] for row in bench}
    lines = output([args.peer / "llama-batched-bench", "-m", args.gguf, "-npp", BATCH_PROMPT, "-ntg", GENERATE, "-npl", SEQUENCES,
                    "-t", args.threads, "-tb", args.threads, "-c", 4096, "--output-format", "jsonl"])
    row = [json.loads(line) for line in lines.splitlines() if line.startswith("{")][-1]
    assert row["pl"] == SEQUENCES, row
    return rows | {"batch8": row["speed_tg"]}


def axiom_round(args):
    rows = json.loads(output([args.axiom_bench, args.axm, "-p", PROMPT, "-n", GENERATE, "-npl", f"1,{SEQUENCES}", "-t", args.threads,
                              "-r", 1, "-o", "json"]))
    found = {}
    for row in rows:
        if row["n_prompt"] == PROMPT and row["n_gen"] == 0 and row["n_parallel"] == 1:
            found["prefill"] = row["avg_ts"]
        elif row["n_gen"] == GENERATE and row["n_prompt"] == 0:
            found["decode" if row["n_parallel"] == 1 else "batch8"] = row["avg_ts"]
    missing = [m for m in MEASURES if m not in found]
    if missing:
        raise SystemExit(f"axiom-bench gave no row for {', '.join(missing)}: {rows}")
    return found


def measure(args):
    rounds = []
    for number in range(args.rounds):
        order = [("axiom", axiom_round), ("peer", peer_round)]
        if number % 2:
            order.reverse()
        rounds.append({name: function(args) for name, function in order})
        print("round", number + 1, " ".join(f"{m} {rounds[-1]['axiom'][m]:.1f}/{rounds[-1]['peer'][m]:.1f}" for m in MEASURES),
              file=sys.stderr, flush=True)
    result = {"threads": args.threads, "rounds": rounds, "load_before": os.getloadavg()[0], "measures": {}}
    for name in MEASURES:
        ours = [r["axiom"][name] for r in rounds]
        theirs = [r["peer"][name] for r in rounds]
        ratios = [a / b for a, b in zip(ours, theirs)]
        result["measures"][name] = {"axiom": statistics.median(ours), "llama.cpp": statistics.median(theirs),
                                    "ratio": statistics.median(ours) / statistics.median(theirs),
                                    "ratio_low": min(ratios), "ratio_high": max(ratios)}
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("axm", nargs="?", type=pathlib.Path)
    parser.add_argument("gguf", nargs="?", type=pathlib.Path)
    parser.add_argument("--peer", type=pathlib.Path)
    parser.add_argument("--build-peer", metavar="DIR")
    parser.add_argument("--axiom-bench", type=pathlib.Path, default=ROOT / "build/bin/axiom-bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--require", default="")
    args = parser.parse_args()
    if args.build_peer:
        build_peer(args.build_peer)
        return
    if not (args.axm and args.gguf and args.peer):
        parser.error("MODEL.axm MODEL.gguf and --peer DIR are needed")
    result = measure(args)
    print("| tokens/s, %d threads, median of %d | axiom | llama.cpp | ratio | rounds |\n|---|---|---|---|---|" %
          (args.threads, args.rounds))
    for name, row in result["measures"].items():
        print(f"| {name} | {row['axiom']:.1f} | {row['llama.cpp']:.1f} | {row['ratio']:.2f} | "
              f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f} |")
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    required = dict(part.split("=") for part in args.require.split(",") if part)
    short = [f"{n}: {result['measures'][n]['ratio']:.2f} < {v}" for n, v in required.items() if result["measures"][n]["ratio"] < float(v)]
    if short:
        print("below what is required: " + ", ".join(short))
        sys.exit(1)


if __name__ == "__main__":
    main()
