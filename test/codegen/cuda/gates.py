#!/usr/bin/env python3
"""Gates on the machine code of the CUDA kernels of SmolLM2-135M's plan: a test for each kernel and architecture, over all formats.

    gates.py --build DIR [--long] [--table] [--json FILE]

Quick: sm_90a; --long: every architecture that artifacts are made for. --table prints what was found as Markdown.
A line `pass NAME`, or `FAIL NAME: why` for each test; exit 1 if one failed, 77 with the reason if the tools are not there.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import bounds
import probes
import sass

ROOT = pathlib.Path(__file__).resolve().parents[3]
QUICK = ["sm_90a"]
ARCHITECTURES = ["sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_120"]


def tools(build):
    """Paths of the programs and of NVRTC, or the reason why not."""
    installed = build / "cuda-tools/nvidia/cu13"
    found = {"nvdisasm": installed / "bin/nvdisasm", "cuobjdump": installed / "bin/cuobjdump",
             "nvrtc": installed / "lib/libnvrtc.so.13", "kernels": build / "bin/cuda-kernels", "compile": build / "bin/cuda-compile"}
    for name in ("nvdisasm", "cuobjdump", "nvrtc"):
        if not found[name].is_file():
            return None, f"there is no {name}: tools/install-cuda-tools brings it (needs PyPI)"
    return found, ""


def occupancy(arch, registers, shared, threads):
    """Warps of a multiprocessor that run this kernel at a time."""
    limits = bounds.LIMITS[arch]
    warps = threads // 32
    of_registers = limits.registers // (-(-registers * 32 // 256) * 256) // warps
    of_shared = limits.shared // (-(-(shared + 1024) // 128) * 128)
    return warps * min(limits.blocks, limits.warps // warps, of_registers, of_shared)


def weights_of(part, form, tokens):
    """Weights that a warp multiplies in this part, and the tokens that it multiplies each of them with."""
    products = 0
    for i in part.instructions:
        if i.name == "IMMA":
            # m16n8k32; q6 multiplies half of K at a time, with zeros for the other half.
            products += 16 * 8 * (32 if "16832" in i.op else 16) // (2 if form == "q6" and "16832" in i.op else 1)
        elif i.op.startswith("IDP.4A"):
            products += 4 * 32
        elif i.name == "FFMA" and form in bounds.FLOATS:
            products += 32
    return products / tokens


def measure(form, arch, launch, code, resources):
    """What the table shows of one kernel."""
    flat = [i for i in code if not isinstance(i, str)]
    found = {"format": form, "arch": arch, "registers": resources["REG"],
             "local": resources["LOCAL"] + resources["STACK"] + sum(i.name in ("LDL", "STL") for i in flat),
             "shared": resources["SHARED"] - (1024 if bounds.LIMITS[arch].reserves else 0) +
             launch["shared"],
             "instructions": len(flat), **launch}
    found["warps"] = occupancy(arch, found["registers"], found["shared"], launch["threads"])
    for name in ("IMMA", "HMMA", "IDP", "LDSM", "LDGSTS"):
        found[name] = sum(i.name == name and not i.op.startswith("IDP.2A") for i in flat)
    if not launch["weights"] or launch["stage"] == "prologue":
        return found
    # The recipes of float kernels multiply too; the products are where halves become floats.
    marks = ("HADD2",) if form in bounds.FLOATS else ("IMMA", "IDP.4A")
    parts = sass.parts(code, marks)
    if form in bounds.FLOATS:
        parts = [p for p in parts if "FFMA" in p.counts]
    if not parts:
        raise RuntimeError(f"{form} {arch} {launch['symbol']}: no part multiplies")
    for p in parts:
        if why := sass.check_waits(p):
            raise RuntimeError(f"{form} {arch} {launch['symbol']}: {why}")
    size = launch["weightBytes"] / launch["weights"] * sum(weights_of(p, form, launch["tokensPerTile"]) for p in parts)
    trips = sum(sass.round_trips(p) for p in parts)
    if trips < 0.05:
        raise RuntimeError(f"{form} {arch} {launch['symbol']}: the parts that multiply load nothing")
    found["integer"] = sum(p.count(sass.INTEGER) for p in parts) / size
    found["floats"] = sum(p.count(sass.FLOAT) for p in parts) / size
    found["matrix"] = sum(p.count(("IMMA",)) for p in parts) / size
    found["slots"] = sum(len(p.instructions) for p in parts) / size
    found["cycles"] = sum(p.cycles for p in parts) / size
    found["trip"] = size / trips
    found["flight"] = found["trip"] * found["warps"]
    return found


def costs(rows):
    """What axiom-inspect predicts with: a kernel's cost of a weight byte by format and tokens, the median over the linear kernels of
    sm_90a, as the lines of tools/axiom-inspect/KernelCosts.cpp."""
    kinds = {}
    for r in rows:
        if r["arch"] == "sm_90a" and "flight" in r:
            kinds.setdefault((r["format"], r["tokensPerTile"]), []).append(r)
    keys = ("slots", "integer", "floats", "matrix", "cycles", "trip", "warps")
    return {kind: [statistics.median(r[k] for r in group) for k in keys] for kind, group in sorted(kinds.items())}


def cost_line(kind, values):
    return f'{{"{kind[0]}", {kind[1]}, ' + ", ".join(f"{v:.0f}" if v >= 1000 else f"{v:.4g}" for v in values) + "},"


def stale_costs(rows):
    """Lines of KernelCosts.cpp that are more than 15 % away from the kernels, or not there."""
    text = (ROOT / "tools/axiom-inspect/KernelCosts.cpp").read_text()
    known = {(m[1], int(m[2])): [float(v) for v in m[3].split(",")]
             for m in re.finditer(r'\{"(\w+)", (\d+), ([\d., ]+)\},', text)}
    wrong = []
    for kind, values in costs(rows).items():
        if kind not in known or any(abs(a - b) > 0.15 * max(a, b) for a, b in zip(values, known[kind])):
            wrong.append("should be " + cost_line(kind, values))
    return wrong


def compile_and_measure(paths, folder, form, arch):
    """{symbol: what was measured} of a format on an architecture."""
    own = pathlib.Path(folder) / f"{form}-{arch}"
    own.mkdir()
    done = subprocess.run([paths["kernels"], own, form, arch], capture_output=True, text=True, timeout=600,
                          env=dict(os.environ, AXIOM_NVRTC=str(paths["nvrtc"])))
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    cubin = own / f"{form}-{arch}.cubin"
    code, resources = sass.kernels(paths["nvdisasm"], cubin), sass.resources(paths["cuobjdump"], cubin)
    return {launch["symbol"]: measure(form, arch, launch, code[launch["symbol"]], resources[launch["symbol"]])
            for launch in json.loads((own / f"{form}.json").read_text())}


def table(rows):
    text = "| kernel | format | registers | warps/SM | bytes in flight/SM | integer/byte | slots/byte | IMMA | IDP | LDGSTS |\n"
    text += "|---|---|---|---|---|---|---|---|---|---|\n"
    for r in rows:
        linear = f"{r['flight']:.0f} | {r['integer']:.3f} | {r['slots']:.3f}" if "flight" in r else "- | - | -"
        text += (f"| {r['symbol']} | {r['format']} | {r['registers']} | {r['warps']} | {linear} | {r['IMMA']} | {r['IDP']} | "
                 f"{r['LDGSTS']} |\n")
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=lambda p: pathlib.Path(p).resolve(), required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    paths, why = tools(args.build)
    if paths is None:
        print(why)
        sys.exit(77)
    architectures = ARCHITECTURES if args.long else QUICK
    results = {}  # (arch, symbol) -> list of what was measured
    failures = {}  # name -> reasons
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, why in probes.check(paths, folder, architectures, pool):
            failures[name] = why
        jobs = {(a, f): pool.submit(compile_and_measure, paths, folder, f, a) for a in architectures for f in bounds.FORMATS}
        for (arch, form), job in jobs.items():
            try:
                for symbol, found in job.result().items():
                    results.setdefault((arch, symbol), []).append(found)
            except (RuntimeError, subprocess.SubprocessError, KeyError, ValueError) as error:
                failures[f"{arch}.{form}"] = [f"{type(error).__name__}: {error}"]
    used = set()
    for (arch, symbol), group in results.items():
        failures[f"{arch}.{symbol}"] = [why for row in group for why in bounds.broken(row, used)]
    failures["bounds"] = [f"no kernel is held to: {b}" for b in bounds.unused(used, architectures)]
    rows = [r for group in results.values() for r in group]
    failures["costs"] = stale_costs(rows)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))
    if args.table:
        for arch in architectures:
            print(f"\n{arch}\n")
            print(table([r for r in rows if r["arch"] == arch]))
    for name, reasons in failures.items():
        print(f"FAIL {name}: " + "; ".join(reasons) if reasons else f"pass {name}")
    sys.exit(1 if any(failures.values()) else 0)


if __name__ == "__main__":
    main()
