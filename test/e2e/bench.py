#!/usr/bin/env python3
"""axiom-bench --profile and --limits: the fields are there, times add up, bytes and multiply-adds are those of axiom-inspect
--roofline, and what can't be measured is refused or null. No figure is compared with a time."""
import json
import tempfile

import axiom

LIMITS = {"samples", "stream_bytes", "stream_gb_s", "g_multiply_adds_s", "bytes_per_step", "weight_bytes_per_step", "gb_s",
          "stream_pages", "of_stream", "linear_g_multiply_adds_s", "of_maddubs", "linear_phases_g_multiply_adds_s",
          "linear_phases_of_maddubs", "notes"}
PHASE = {"name", "ms", "share", "wait_ms", "skew_ms", "weight_bytes", "kv_bytes", "linear_multiply_adds",
         "attention_multiply_adds", "gb_s", "g_multiply_adds_s"}


def bench(artifact, *options):
    return json.loads(axiom.run(axiom.binary("axiom-bench"), artifact, "-r", "2", "-o", "json", *options).ok().out)


def check_row(row, problems):
    name = f"pp{row['n_prompt']}" if row["n_prompt"] else f"tg{row['n_gen']} x{row['n_parallel']} @ d{row['n_depth']}"
    profile, limits = row["profile"], row["limits"]
    if not LIMITS <= set(limits) or any(not PHASE <= set(p) for p in profile["phases"]):
        problems.append(f"{name}: fields are missing: {row}")
        return
    share = sum(p["share"] for p in profile["phases"]) + sum(profile[k]["share"] for k in ("barriers", "dispatch", "outside"))
    if abs(share - 1) > 0.001:
        problems.append(f"{name}: the shares add up to {share}")
    total = sum(p["weight_bytes"] + p["kv_bytes"] for p in profile["phases"])
    if abs(total - limits["bytes_per_step"]) > len(profile["phases"]):  # a phase's bytes a step are rounded down
        problems.append(f"{name}: {total} bytes in the phases, {limits['bytes_per_step']} in the limits")
    stream = limits["stream_gb_s"][limits["stream_pages"]]["best"]
    expected = limits["gb_s"] / stream
    if abs(limits["of_stream"]["share"] - expected) > 1e-9 or limits["of_stream"]["helped_by_cache"] != (expected > 1):
        problems.append(f"{name}: share {limits['of_stream']}, {expected} by its own figures")
    if limits["samples"] != 2 or len(row["samples_ts"]) != 2:
        problems.append(f"{name}: {limits['samples']} limit samples for {len(row['samples_ts'])} runs")


def check_against_roofline(artifact, row, problems, **shape):
    report = json.loads(axiom.run(axiom.binary("axiom-inspect"), artifact, "--json", "--context", shape["context"]).ok().out)
    step = next(s for s in report["roofline"] if s["sequences"] == shape["sequences"] and s["tokens_each"] == shape["tokens"])
    ours = [(p["name"].split(" x")[0], p["weight_bytes"], p["kv_bytes"], p["linear_multiply_adds"], p["attention_multiply_adds"])
            for p in row["profile"]["phases"]]
    theirs = [(t["name"], t["weight_bytes"], t["kv_read_bytes"] + t["kv_write_bytes"], t["linear_multiply_adds"],
               t["attention_multiply_adds"]) for t in step["tasks"]]
    if ours != theirs:
        problems.append(f"{shape}: axiom-bench counts {ours}, axiom-inspect --roofline {theirs}")


def main():
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        artifact = f"{folder}/q4.axm"
        axiom.compile_model(axiom.TINY / "llama-rope3", artifact, "--quant", "q4")
        common = ["-t", "2", "--profile", "--limits", "--limit-bytes", "4MiB"]
        rows = bench(artifact, "-p", "40", "-n", "8", "-npl", "1,3", "-d", "0,20", "--max-num-batched-tokens", "16", *common)
        if len(rows) != 5:
            problems.append(f"{len(rows)} rows, 5 expected")
        for row in rows:
            check_row(row, problems)
        # One step each, so that nothing is an average: a prompt, a token, a token of 8 sequences, one after 31 others.
        one = bench(artifact, "-p", "32", "-n", "1", "-npl", "1,8", "-d", "0,31", *common)
        check_against_roofline(artifact, one[0], problems, sequences=1, tokens=32, context="32")
        check_against_roofline(artifact, one[1], problems, sequences=1, tokens=1, context="1")
        check_against_roofline(artifact, one[2], problems, sequences=1, tokens=1, context="32")
        check_against_roofline(artifact, one[3], problems, sequences=8, tokens=1, context="1")
        if any("profile" in row or "limits" in row for row in bench(artifact, "-p", "8", "-n", "0")):
            problems.append("a profile or limits that nobody asked for")
        for row in bench(artifact, "-p", "0", "-n", "4", "-d", "0,31", "--evict-bytes", "64MiB"):
            if row["evict_bytes"] < 1 << 26 or row["n_gen"] != 4 or not row["median_ts"] > 0:
                problems.append(f"--evict-bytes: {row}")
        got = axiom.run(axiom.binary("axiom-bench"), artifact, "-p", "8", "-n", "0", "--evict-bytes", "1000T")
        if got.status != 4 or "--evict-bytes" not in got.err:
            problems.append(f"--evict-bytes that don't fit: exit {got.status}, 4 expected: {got.err}")
        huge = bench(artifact, "-p", "8", "-n", "0", "--limits", "--limit-bytes", "1000T")[0]["limits"]
        if huge["of_stream"] is not None or len(huge["notes"]) != 2:
            problems.append(f"limits that don't fit: {huge}")
        for how in ("map", "copy", "huge"):
            row = bench(artifact, "-p", "8", "-n", "0", "--load", how, "--limits", "--limit-bytes", "4MiB")[0]
            if row["load"] != how or row["limits"]["stream_pages"] != ("file_mapped" if how == "map" else "anonymous_huge"):
                problems.append(f"--load {how}: {row}")
            got = axiom.run(axiom.binary("axiom-bench"), artifact, "-p", "8", "-n", "0", "--load", how, "--memory", "20K")
            if got.status != 4 or "--memory" not in got.err:
                problems.append(f"--load {how} with too little memory: exit {got.status}, 4 expected: {got.err}")
        text = axiom.run(axiom.binary("axiom-bench"), artifact, "-p", "8", "-n", "2", "-r", "1", *common).ok().out
        for part in ("vpmaddubsw + vpaddw", "| file_mapped |", "| barrier wait |", "| attention x3 |"):
            if part not in text:
                problems.append(f"{part!r} is not in the tables:\n{text}")
        for wrong, status in ((["--limits", "--limit-bytes", "much"], 2), (["-p", "0", "-n", "0", "--profile"], 2)):
            got = axiom.run(axiom.binary("axiom-bench"), artifact, *wrong)
            if got.status != status or not got.err.strip():
                problems.append(f"{wrong}: exit {got.status}, {status} expected: {got.err}")
    return problems


if __name__ == "__main__":
    axiom.main(main)
