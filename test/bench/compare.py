#!/usr/bin/env python3
"""Axiom against llama.cpp, and a fork of it, on the same machine and model, interleaved.

    compare.py MODEL.axm MODEL.gguf [MORE.gguf...] --peer DIR [--ik DIR] [--rows prefill,decode,...] [--rounds 5] [--json OUT.json]
    compare.py --build-peer DIR      downloads llama-cpp-python's source from PyPI and builds its tools into DIR (20 minutes), or only
                                     those that --peer-tools names; serve_compare.py needs llama-server

DIR holds llama-bench and llama-batched-bench; --ik those of a second engine, which runs the --ik-gguf files (default: all). With several
GGUFs a ratio is that to the fastest of llama.cpp's. Rows (--rows, default the first three):

    prefill       --prompt tokens (512)
    decode        --generate tokens (128) from one token
    batch8        8 sequences, each from one token
    seq8, seq32   8 and 32 sequences with a prompt of --batch-prompt tokens (128) each; the rate of generation alone
    long          a prompt of --context tokens (8192)
    deep          --deep-generate tokens (32) after --depth tokens (8064)
    start         process start to one token, in 1/s, and the peak memory

Each round runs every row once with each program, one after the other and in turning order, so that a slow minute of the machine
meets all; the ratio is that of the medians, its spread that of the rounds. --limits adds the shares of the machine's limits that
axiom-bench measures between. Exit 1 if a ratio is below what --require asks for (--require prefill=3,decode=1.5,batch8=3).
"""
import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = ["prefill", "decode", "batch8", "seq8", "seq32", "long", "deep", "start"]
DEFAULT_ROWS = ROWS[:3]
PEER_TOOLS = ("llama-bench", "llama-batched-bench", "llama-perplexity", "llama-quantize", "llama-imatrix", "llama-server")
START_PROMPT = "The capital of France is"  # 5 tokens


def peer_compiler():
    """CMake options. What g++ 12 makes of llama.cpp's AMX kernels ends with an illegal instruction; clang's runs."""
    flags = pathlib.Path("/proc/cpuinfo").read_text().split()
    if "amx_tile" in flags and (clang := shutil.which("clang++-22")):
        return [f"-DCMAKE_CXX_COMPILER={clang}", f"-DCMAKE_C_COMPILER={shutil.which('clang-22')}"]
    return []


def build_peer(folder, tools):
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
                        *peer_compiler(),
                        "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_UI=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DBUILD_SHARED_LIBS=OFF"], check=True)
        subprocess.run(["ninja", "-C", build, *tools], check=True)
        for name in tools:
            shutil.copy(build / "bin" / name, folder)
        shutil.rmtree(build)
    print(f"{archive.name}: tools in {folder}")


WRAP = []  # goes in front of each command


def command(words, wrapped=True, messages=False):
    """Output (with what it prints as errors, if `messages`), wall seconds and peak resident bytes of a command that must succeed."""
    words = [*(WRAP if wrapped else []), *(str(w) for w in words)]
    # Some tools leave a log where they run.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(words)}: exit {child.returncode}\n{texts[1][-2000:]}")
    return "".join(texts) if messages else texts[0], seconds, usage.ru_maxrss * 1024


def sequences_of(row):
    return int(row.removeprefix("batch").removeprefix("seq"))


def batched_rate(text, sequences):
    """Generation rate in llama-batched-bench's output, as JSON lines or as a table."""
    for line in text.splitlines():
        if line.startswith("{"):
            found = json.loads(line)
            if found.get("pl") == sequences:
                return found["speed_tg"]
    titles = None
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if "S_TG t/s" in cells:
            titles = cells
        elif titles and len(cells) == len(titles) and cells[titles.index("B")] == str(sequences):
            return float(cells[titles.index("S_TG t/s")])
    raise SystemExit(f"llama-batched-bench printed no row of {sequences} sequences:\n{text[-1000:]}")


class Axiom:
    """Our own tools."""

    name = "axiom"

    def __init__(self, args):
        self.args = args

    def bench(self, *options, repetitions=1, **wanted):
        args = self.args
        rows = json.loads(command([args.axiom_bench, args.axm, "-t", args.threads, "-r", repetitions, "-o", "json",
                                   *args.axiom_args.split(), *options])[0])
        found = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
        if len(found) != 1:
            raise SystemExit(f"axiom-bench gave {len(found)} rows with {wanted}: {rows}")
        return found[0]

    def options(self, row):
        args = self.args
        if row in ("prefill", "long"):
            tokens = args.prompt if row == "prefill" else args.context
            return ["-p", tokens, "-n", 0], {"n_prompt": tokens, "n_gen": 0}
        count = sequences_of(row) if row.startswith(("batch", "seq")) else 1
        depth = args.batch_prompt if row.startswith("seq") else args.depth if row == "deep" else 0
        tokens = args.deep_generate if row == "deep" else args.generate
        return (["-p", 0, "-n", tokens, "-npl", count, "-d", depth],
                {"n_gen": tokens, "n_parallel": count, "n_depth": depth})

    def measure(self, row):
        if row == "start":
            words = [self.args.axiom_run, "generate", self.args.axm, "--prompt", START_PROMPT, "--max-tokens", 1, "--temperature", 0,
                     "-t", self.args.threads]
            _, seconds, peak = command(words, wrapped=False)
            return {"rate": 1 / seconds, "peak": peak}
        options, wanted = self.options(row)
        return {"rate": self.bench(*options, **wanted)["avg_ts"]}

    def limits(self, row):
        options, wanted = self.options(row)
        # The limits are measured between the repetitions: medians of both, where a repetition takes a second and not many.
        repetitions = 3 if row in ("prefill", "decode") else 1
        return self.bench(*options, "--limits", "--profile", repetitions=repetitions, **wanted)["limits"]


class Peer:
    """llama.cpp's tools, or a fork's, with one GGUF."""

    def __init__(self, engine, folder, gguf, args):
        self.engine, self.folder, self.gguf, self.args = engine, folder, gguf, args
        self.name = f"{engine} {gguf_label(gguf)}"
        self.extra = (args.peer_args if engine == "llama.cpp" else args.ik_args).split()

    def bench(self, *options, wrapped=True):
        return command([self.folder / "llama-bench", "-m", self.gguf, "-t", self.args.threads, "-r", 1, "-o", "json", *options,
                        *self.extra], wrapped)

    def deep(self):
        args = self.args
        if self.engine == "llama.cpp":
            text, _, _ = self.bench("-p", 0, "-n", args.deep_generate, "-d", args.depth)
        else:  # an older command line
            text, _, _ = self.bench("-p", 0, "-n", 0, "-gp", f"{args.depth},{args.deep_generate}")
        rows = json.loads(text)
        return rows[-1]["avg_ts"]

    def measure(self, row):
        args = self.args
        if row == "start":
            cold = ("--no-warmup",) if self.engine == "llama.cpp" else ("-w", 0)
            _, seconds, peak = self.bench("-p", 5, "-n", 0, *cold, wrapped=False)
            return {"rate": 1 / seconds, "peak": peak}
        if row == "deep":
            return {"rate": self.deep()}
        if row in ("prefill", "long", "decode"):
            tokens = {"prefill": args.prompt, "long": args.context, "decode": args.generate}[row]
            text, _, _ = self.bench(*(("-p", 0, "-n", tokens) if row == "decode" else ("-p", tokens, "-n", 0)))
            return {"rate": json.loads(text)[0]["avg_ts"]}
        count = sequences_of(row)
        prompt = args.batch_prompt if row.startswith("seq") else 1
        context = max(4096, (prompt + args.generate) * count)
        words = [self.folder / "llama-batched-bench", "-m", self.gguf, "-npp", prompt, "-ntg", args.generate, "-npl", count,
                 "-t", args.threads, "-tb", args.threads, "-c", context]
        if self.engine == "llama.cpp":
            words += ["--output-format", "jsonl"]
        # ik_llama.cpp prints its table among the messages.
        return {"rate": batched_rate(command([*words, *self.extra], messages=True)[0], count)}


def gguf_label(path):
    found = re.search(r"(I?Q\d\w*|BF16|F16|F32)(?=\.gguf$)", path.name, re.I)
    return found.group(1) if found else path.stem


def machine():
    """What the figures depend on, without names of hosts or people."""
    text = pathlib.Path("/proc/cpuinfo").read_text() if pathlib.Path("/proc/cpuinfo").is_file() else ""
    found = {key: re.search(rf"^{key}\s*: (.*)$", text, re.M) for key in ("model name", "cpu family", "model", "flags")}
    flags = set(found["flags"].group(1).split()) if found["flags"] else set()
    return {"architecture": platform.machine(), "cpu": found["model name"].group(1) if found["model name"] else "unknown",
            "family": found["cpu family"].group(1) if found["cpu family"] else None, "model": found["model"].group(1) if found["model"] else None,
            "cores": len(os.sched_getaffinity(0)),
            "features": sorted(flags & {"avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16"})}


def engines_of(args):
    engines = [Axiom(args)]
    engines += [Peer("llama.cpp", args.peer, gguf, args) for gguf in args.gguf]
    if args.ik:
        engines += [Peer("ik_llama.cpp", args.ik, gguf, args) for gguf in args.ik_gguf or args.gguf]
    names = [e.name for e in engines]
    if len(set(names)) != len(names):
        raise SystemExit(f"two GGUFs of the same name: {names}")
    return engines


def against(ours, theirs):
    """Ratio of the medians, with the spread over the rounds."""
    ratios = [a / b for a, b in zip(ours, theirs)]
    return {"ratio": statistics.median(ours) / statistics.median(theirs), "ratio_low": min(ratios), "ratio_high": max(ratios)}


def summarize(rounds, rows, engines):
    """Medians of each row; `llama.cpp` and the plain ratio are of its fastest GGUF."""
    measures = {}
    for row in rows:
        rates = {e: [r[row][e]["rate"] for r in rounds] for e in engines}
        entry = {"axiom": statistics.median(rates["axiom"]), "engines": {}}
        for engine, values in rates.items():
            entry["engines"][engine] = {"median": statistics.median(values), "low": min(values), "high": max(values)}
            if engine != "axiom":
                entry["engines"][engine] |= against(rates["axiom"], values)
            peaks = [r[row][engine]["peak"] for r in rounds if "peak" in r[row][engine]]
            if peaks:
                entry["engines"][engine]["peak_bytes"] = statistics.median(peaks)
        for family in ("llama.cpp", "ik_llama.cpp"):
            ones = [e for e in engines if e.startswith(family + " ")]
            if not ones:
                continue
            best = max(ones, key=lambda e: entry["engines"][e]["median"])
            ratios = against(rates["axiom"], rates[best])
            entry[family], entry[f"{family}_best"] = entry["engines"][best]["median"], best
            entry |= ratios if family == "llama.cpp" else {f"ik_{k}": v for k, v in ratios.items()}
        limits = [r[row]["limits"] for r in rounds if "limits" in r[row]]
        if limits:
            entry["limits"] = median_limits(limits)
        measures[row] = entry
    return measures


def median_limits(limits):
    """The shares of one row, median over the rounds, and their spread."""
    def of(key, inner=None):
        values = [one[key] if inner is None else (one[key] or {}).get(inner) for one in limits]
        return [v for v in values if v is not None]

    def pick(*keys):
        values = of(*keys)
        return statistics.median(values) if values else None
    shares = {"stream_share": "of_stream", "maddubs_share": "of_maddubs", "linear_phases_maddubs_share": "linear_phases_of_maddubs"}
    spread = {name: [min(values), max(values)] for name, key in shares.items() if (values := of(key, "share"))}
    share = pick("of_stream", "share")
    return {"bytes_per_step": pick("bytes_per_step"), "weight_bytes_per_step": pick("weight_bytes_per_step"),
            "stream_share": share, "helped_by_cache": share is not None and share > 1, "maddubs_share": pick("of_maddubs", "share"),
            "linear_phases_maddubs_share": pick("linear_phases_of_maddubs", "share"), "spread": spread, "gb_s": pick("gb_s"),
            "linear_g_multiply_adds_s": pick("linear_g_multiply_adds_s"),
            "stream_gb_s": statistics.median(one["stream_gb_s"][one["stream_pages"]]["best"] or 0 for one in limits),
            "maddubs_g_s": statistics.median((one["g_multiply_adds_s"].get("maddubs") or {}).get("all_threads") or 0 for one in limits)}


def measure(args):
    engines, rounds = engines_of(args), []
    load = os.getloadavg()[0]
    for number in range(args.rounds):
        results = {}
        for row in args.rows:
            turn = number % len(engines)
            order = engines[turn:] + engines[:turn]
            results[row] = {e.name: e.measure(row) for e in order}
            if args.limits and row != "start":
                results[row]["limits"] = engines[0].limits(row)
        rounds.append(results)
        text = " ".join(f"{row} " + "/".join(f"{results[row][e.name]['rate']:.1f}" for e in engines) for row in args.rows)
        print("round", number + 1, text, file=sys.stderr, flush=True)
    return {"machine": machine(), "threads": args.threads, "load_before": load, "rows": args.rows,
            "engines": [e.name for e in engines], "rounds": rounds,
            "measures": summarize(rounds, args.rows, [e.name for e in engines])}


def table(result):
    measures = result["measures"]
    ik = any("ik_ratio" in row for row in measures.values())
    lines = [f"| tokens/s, {result['threads']} threads, median of {len(result['rounds'])} | axiom | llama.cpp | ratio | rounds |"
             + (" ik_llama.cpp | ratio | rounds |" if ik else ""), "|---|---|---|---|---|" + ("---|---|---|" if ik else "")]
    for name, row in measures.items():
        line = (f"| {name} | {row['axiom']:.1f} | {row['llama.cpp']:.1f} ({row['llama.cpp_best'].split(' ', 1)[1]}) | {row['ratio']:.2f} | "
                f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f} |")
        if "ik_ratio" in row:
            line += (f" {row['ik_llama.cpp']:.1f} ({row['ik_llama.cpp_best'].split(' ', 1)[1]}) | {row['ik_ratio']:.2f} | "
                     f"{row['ik_ratio_low']:.2f} to {row['ik_ratio_high']:.2f} |")
        lines.append(line)
    for name, row in measures.items():
        if name == "start":
            lines += ["", "start to one token: " + ", ".join(f"{e} {1 / v['median']:.3f} s, {v['peak_bytes'] / 1e6:.0f} MB"
                                                            for e, v in row["engines"].items())]
        if "limits" in row:
            one = row["limits"]
            parts = [f"{one['bytes_per_step'] / 1e6:.1f} MB a step", f"{one['gb_s']:.1f} GB/s"]
            for key, what in (("stream_share", "stream"), ("maddubs_share", "vpmaddubsw + vpaddw"),
                              ("linear_phases_maddubs_share", "it in the linear phases")):
                if one[key] is not None:
                    parts.append(f"{one[key] * 100:.1f} % of {what}" + (" (helped by cache)" if key == "stream_share" and one[key] > 1 else ""))
            lines += ["", f"{name}: " + ", ".join(parts)]
    return "\n".join(lines)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def path(text):
        return pathlib.Path(text).resolve()

    parser.add_argument("axm", nargs="?", type=path)
    parser.add_argument("gguf", nargs="*", type=path)
    parser.add_argument("--peer", type=path)
    parser.add_argument("--peer-args", default="", help="more arguments for llama.cpp's tools")
    parser.add_argument("--ik", type=path)
    parser.add_argument("--ik-gguf", type=path, action="append")
    parser.add_argument("--ik-args", default="")
    parser.add_argument("--build-peer", metavar="DIR")
    parser.add_argument("--peer-tools", default=",".join(PEER_TOOLS), help="with --build-peer: which of them")
    parser.add_argument("--axiom-bench", type=path, default=ROOT / "build/bin/axiom-bench")
    parser.add_argument("--axiom-run", type=path)
    parser.add_argument("--axiom-args", default="", help="more arguments for axiom-bench, for example --load=huge")
    parser.add_argument("--rows", default=",".join(DEFAULT_ROWS))
    parser.add_argument("--limits", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    for name, value in (("prompt", 512), ("generate", 128), ("batch-prompt", 128), ("context", 8192), ("depth", 8064),
                        ("deep-generate", 32)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--wrap", default="", help="a command in front of each measurement but start, for example 'numactl -C 0,1'")
    parser.add_argument("--json", type=path)
    parser.add_argument("--require", default="")
    args = parser.parse_args()
    if args.build_peer:
        return args
    if not (args.axm and args.gguf and args.peer):
        parser.error("MODEL.axm MODEL.gguf and --peer DIR are needed")
    args.rows = args.rows.split(",")
    if unknown := [r for r in args.rows if r not in ROWS]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    args.axiom_run = args.axiom_run or args.axiom_bench.with_name("axiom-run")
    WRAP[:] = args.wrap.split()
    args.required = {}
    for part in filter(None, args.require.split(",")):
        name, _, value = part.partition("=")
        if name not in args.rows:
            parser.error(f"--require {part}: {name} is not measured")
        args.required[name] = float(value)
    return args


def main():
    args = arguments()
    if args.build_peer:
        build_peer(args.build_peer, args.peer_tools.split(","))
        return
    result = measure(args)
    print(table(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    short = [f"{n}: {result['measures'][n]['ratio']:.2f} < {v}" for n, v in args.required.items() if result["measures"][n]["ratio"] < v]
    if short:
        print("below what is required: " + ", ".join(short))
        sys.exit(1)


if __name__ == "__main__":
    main()
