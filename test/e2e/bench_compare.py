#!/usr/bin/env python3
"""test/bench/compare.py on programs that print given speeds: medians, ratios to the fastest GGUF, spread, a second engine's other
output, --require; test/bench/history.py on given shares. test/tools' model makers: what they write compiles (with AXIOM_PYTHON, a Python that has numpy and gguf)."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import axiom

# Speeds by engine and file; each call of a tool takes the next one of its list, the last one stays.
SPEEDS = {"axiom": [100, 300, 200], "Q4_0": [50, 50, 100], "Q4_1": [20], "ik": [40]}
FAKE = """#!{python}
import json, pathlib, sys
words = sys.argv[1:]
def after(flag, default=None):
    return words[words.index(flag) + 1] if flag in words else default
name = "{who}"
if name == "peer":
    name = "Q4_0" if "Q4_0" in after("-m") else "Q4_1"
row = "|".join(after(f, "") for f in ("-p", "-n", "-npl", "-d", "-gp"))
state = pathlib.Path("{state}")
counts = json.loads(state.read_text()) if state.exists() else {{}}
n = counts.get(name + row, 0)
counts[name + row] = n + 1
state.write_text(json.dumps(counts))
rates = {speeds}[name]
rate = rates[min(n, len(rates) - 1)]
if pathlib.Path(sys.argv[0]).name == "llama-batched-bench":
    pl = int(after("-npl"))
    if name == "ik":
        print("|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |")
        print("|-------|--------|------|--------|----------|----------|----------|----------|")
        print(f"|   128 |    128 |    {{pl}} |   2048 |    1.000 |   999.00 |    1.000 |   {{rate}} |")
    else:
        print("loading"); print(json.dumps({{"pl": pl, "speed_tg": rate, "speed_pp": 1}}))
else:
    print(json.dumps([{{"n_prompt": int(after("-p", 0)), "n_gen": int(after("-n", 0)), "n_parallel": int(after("-npl", 1)),
                       "n_depth": int(after("-d", 0)), "avg_ts": rate}}]))
"""


def fakes(folder):
    for name, who, tools in (("ours", "axiom", ["axiom-bench", "axiom-run"]), ("peer", "peer", ["llama-bench", "llama-batched-bench"]),
                             ("ik", "ik", ["llama-bench", "llama-batched-bench"])):
        (folder / name).mkdir()
        for tool in tools:
            path = folder / name / tool
            path.write_text(FAKE.format(python=sys.executable, who=who, state=folder / "state.json", speeds=repr(SPEEDS)))
            path.chmod(0o755)


def compare(folder, *options):
    (folder / "state.json").unlink(missing_ok=True)
    out = folder / "out.json"
    run = axiom.run(sys.executable, axiom.ROOT / "test/bench/compare.py", folder / "m.axm", folder / "m.Q4_1.gguf", folder / "m.Q4_0.gguf",
                    "--peer", folder / "peer", "--axiom-bench", folder / "ours/axiom-bench", "--rounds", 3, "--json", out, *options)
    return run, json.loads(out.read_text()) if out.is_file() else None


def check_compare(folder, problems):
    run, result = compare(folder, "--ik", folder / "ik", "--rows", "prefill,decode,seq8,deep,start", "--require", "prefill=3.9")
    if run.status != 0:
        problems.append(f"compare.py: exit {run.status}: {run.out}{run.err}")
        return
    for row in ("prefill", "decode", "seq8", "deep"):
        m = result["measures"][row]
        # Medians 200, 50 (Q4_0), 20 (Q4_1), 40 (ik); rounds 100/50, 300/50, 200/100.
        got = (m["axiom"], m["llama.cpp"], m["llama.cpp_best"], m["ratio"], m["ratio_low"], m["ratio_high"], m["ik_llama.cpp"], m["ik_ratio"])
        if got != (200, 50, "llama.cpp Q4_0", 4, 2, 6, 40, 5):
            problems.append(f"compare.py, {row}: {got}")
        if m["engines"]["llama.cpp Q4_1"]["ratio"] != 10:
            problems.append(f"compare.py, {row}: {m['engines']}")
    if not result["measures"]["start"]["engines"]["axiom"]["peak_bytes"] > 0 or "llama.cpp Q4_0" not in run.out + str(result["engines"]):
        problems.append(f"compare.py, start: {result['measures']['start']}")
    for require, status in (("prefill=4.1", 1), ("deep=1", 2), ("prefill=4", 0)):
        run, _ = compare(folder, "--rows", "prefill", "--require", require)
        if run.status != status:
            problems.append(f"compare.py --require {require}: exit {run.status}, {status} expected: {run.out}{run.err}")
    run, _ = compare(folder, "--rows", "nothing")
    if run.status != 2 or "nothing" not in run.err:
        problems.append(f"compare.py --rows nothing: exit {run.status}: {run.err}")


def check_history(folder, problems):
    """Shares fall, by more or less than rounds differ; machines differ; nothing to compare with."""
    script, history, result = axiom.ROOT / "test/bench/history.py", folder / "history.json", folder / "result.json"

    def write(share, ratio, cores="7", spread=0.02):
        def around(value):
            return [value * (1 - spread), value * (1 + spread)]
        limits = {"stream_share": share, "maddubs_share": share / 2, "linear_phases_maddubs_share": share / 2, "bytes_per_step": 1e6}
        if spread:  # an older compare.py wrote none
            limits["spread"] = {name: around(value) for name, value in limits.items() if name != "bytes_per_step"}
        machine = {"architecture": "x86_64", "cpu": "a cpu", "family": "25", "model": cores, "cores": 2, "features": ["avx2"]}
        row = {"axiom": 100.0, "ratio": ratio, "ratio_low": around(ratio)[0], "ratio_high": around(ratio)[1], "limits": limits}
        result.write_text(json.dumps({"machine": machine, "threads": 2, "engines": ["axiom", "llama.cpp Q4_1"], "rounds": [1],
                                      "measures": {"prefill": row, "decode": row}}))

    def call(*words):
        return axiom.run(sys.executable, script, "--history", history, *words)

    write(0.8, 2.0)
    if (first := call("check", result)).status != 77:
        problems.append(f"history.py check without a history: exit {first.status}: {first.out}")
    call("add", result, "--note", "the first").ok()
    for share, ratio, cores, spread, status in (
            (0.8, 2.0, "7", 0.02, 0), (0.75, 1.8, "7", 0.02, 0), (0.6, 2.0, "7", 0.02, 1), (0.8, 1.5, "7", 0.02, 1), (0.9, 3, "7", 0.02, 0),
            (0.6, 2.0, "7", 0.4, 0), (0.6, 2.0, "7", 0.2, 1), (0.75, 2.0, "7", 0, 0), (0.6, 2.0, "7", 0, 1), (0.1, 0.1, "8", 0.02, 77)):
        write(share, ratio, cores, spread)
        got = call("check", result)
        if got.status != status:
            problems.append(f"history.py check with share {share}, ratio {ratio}, spread {spread}, machine {cores}: exit {got.status}, {status} expected: {got.out}{got.err}")
    for spread, status in ((0.45, 1), (0.35, 0)):
        write(0.8, 2.0, "9", spread)
        got = call("add", result, "--note", f"spread {spread}")
        if got.status != status or (f"spread {spread}" in call("show").out) == bool(status):
            problems.append(f"history.py add with spread {spread}: exit {got.status}, {status} expected: {got.out}{got.err}")
    if "the first" not in call("show").ok().out or "decode tokens_s 100, ratio 2, share 0.8\n" not in call("show").out:
        problems.append(f"history.py show: {call('show').out}")


def check_makers(folder, python, problems):
    """A small model in each form that make_1b.py knows, and requantized; all compile."""
    tools = axiom.ROOT / "test/tools"
    shape = ["--layers", "4", "--hidden", "256", "--intermediate", "512", "--vocab", "1024"]
    for form, out in (("bf16", "hf"), ("Q4_0", "a.Q4_0.gguf"), ("Q4_K_M", "a.Q4_K_M.gguf")):
        axiom.run(python, tools / "make_1b.py", folder / out, "--form", form, *shape).ok()
        axiom.compile_model(folder / out, folder / f"{form}.axm")
    axiom.run(python, tools / "requantize_gguf.py", folder / "a.Q4_0.gguf", folder / "b.gguf", "Q8_0").ok()
    axiom.compile_model(folder / "b.gguf", folder / "b.axm")
    for name, formats in (("bf16", {"bf16"}), ("Q4_0", {"q4f16"}), ("Q4_K_M", {"q4", "q6"}), ("b", {"q8"})):
        report = json.loads(axiom.run(axiom.binary("axiom-inspect"), folder / f"{name}.axm", "--json").ok().out)
        found = {t["format"] for t in report["tensors"] if not t["vector"] and ".layers." in t["name"]}
        if found != formats or report["config"]["layers"] != 4:
            problems.append(f"make_1b.py {name}: {found} in {report['config']['layers']} layers, {formats} expected")


def main():
    problems = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        fakes(folder)
        check_compare(folder, problems)
        check_history(folder, problems)
        python = os.environ.get("AXIOM_PYTHON", sys.executable)
        if subprocess.run([python, "-c", "import numpy, gguf"], capture_output=True).returncode == 0:
            check_makers(folder, python, problems)
        elif not problems:
            raise axiom.Missing("the model makers: set AXIOM_PYTHON to a Python that has numpy and gguf (compare.py was checked)")
    return problems


if __name__ == "__main__":
    axiom.main(main)
