#!/usr/bin/env python3
"""The speeds of earlier commits, as shares of limits measured in the same run, so that a slow minute or a neighbour cancels out.

    history.py show
    history.py add RESULT.json --note TEXT       takes what compare.py --limits --json wrote into test/bench/history.json
    history.py check RESULT.json                 against the last entry of the same kind of machine and model
    history.py check --run COMPARE-ARGUMENTS     runs compare.py --limits first (MODEL.axm MODEL.gguf --peer DIR ...)

Compared are a share for each row (decode: of the stream by the bytes that the plan names; others: of the vpmaddubsw + vpaddw peak by
linear multiply-adds), for prefill that of the linear phases too, and the ratio to llama.cpp where both runs have one. One has fallen
if its median is lower by more than --tolerance (0.15) and its best round is below the worst one of the history: what the rounds of one
run differ by says nothing of a change; so add refuses a run with a round below 0.6 of its median. Exit 1 if one fell, 77 if there is nothing to compare with.
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SKIP = 77
MEMORY_BOUND = ("decode", "deep")
ROWS = "prefill,decode,seq8,seq32"
COMPARED = ("ratio", "share", "linear_phases_share")
LOUD = 0.6  # of the median


def figures(measures):
    """What is kept and compared of a run, by row."""
    rows = {}
    for name, measure in measures.items():
        found = {"tokens_s": measure["axiom"], "ratio": measure.get("ratio"), "ratio_rounds": [measure.get("ratio_low"), measure.get("ratio_high")]}
        if limits := measure.get("limits"):
            keys = {"share": "stream_share" if name in MEMORY_BOUND else "maddubs_share"}
            if name == "prefill":
                keys["linear_phases_share"] = "linear_phases_maddubs_share"
            for key, share in keys.items():
                found[key], found[f"{key}_rounds"] = limits[share], limits.get("spread", {}).get(share)
            found["bytes_per_step"] = limits["bytes_per_step"]
        rows[name] = {k: rounded(v) for k, v in found.items() if v is not None and v != [None, None]}
    return rows


def rounded(value):
    return [rounded(v) for v in value] if isinstance(value, list) else float(f"{value:.4g}")


def kind(result):
    """Machines and models whose shares can be compared."""
    m = result["machine"]
    return [m["architecture"], m["family"], m["model"], m["features"], result["threads"], result["engines"][1:]]


def entry(result, note):
    commit = subprocess.run(["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return {"date": datetime.date.today().isoformat(), "commit": commit, "note": note, "machine": result["machine"],
            "threads": result["threads"], "engines": result["engines"], "rounds": len(result["rounds"]),
            "rows": figures(result["measures"])}


def loud(rows):
    """Rounds so far below their median that no later fall could be told from them."""
    return [f"{name} {key}: worst round {row[f'{key}_rounds'][0]:g}, median {row[key]:g}" for name, row in rows.items() for key in COMPARED
            if f"{key}_rounds" in row and row[f"{key}_rounds"][0] < LOUD * row[key]]


def compare(old, new, tolerance):
    """Lines of a report, and what fell too far."""
    lines, fallen = [], []
    for row, before in old["rows"].items():
        after = new.get(row)
        if after is None:
            continue
        for key in COMPARED:
            if key not in before or key not in after:
                continue
            change = after[key] / before[key] - 1
            worst, best = before.get(f"{key}_rounds", [before[key]])[0], after.get(f"{key}_rounds", [after[key]])[-1]
            text = f"{row} {key}: {before[key]:.3f} -> {after[key]:.3f} ({change * 100:+.1f} %; worst round {worst:.3f} -> best {best:.3f})"
            lines.append(text)
            if change < -tolerance and best < worst:
                fallen.append(text)
    return lines, fallen


def run_compare(words, out):
    run = subprocess.run([sys.executable, str(HERE / "compare.py"), *words, "--rows", ROWS, "--limits", "--json", str(out)])
    if run.returncode != 0:
        raise SystemExit(f"compare.py: exit {run.returncode}")


def check(history, result, tolerance):
    same = [e for e in history if kind(e) == kind(result)]
    if not same:
        print("the history has no entry of this kind of machine and model: history.py add makes one")
        return SKIP
    lines, fallen = compare(same[-1], figures(result["measures"]), tolerance)
    if not lines:
        print("the run and the history have no row in common")
        return SKIP
    print(f"against {same[-1]['commit']} of {same[-1]['date']}: {same[-1]['note']}")
    for text in lines:
        print("  " + text)
    print(f"fell by more than {tolerance * 100:.0f} % and below the history's rounds: " + "; ".join(fallen) if fallen else
          f"{len(lines)} shares and ratios, none fell by more than {tolerance * 100:.0f} % and below the history's rounds")
    return 1 if fallen else 0


def show(history):
    for one in history:
        rows = "; ".join(f"{name} " + ", ".join(f"{k} {v:g}" for k, v in row.items() if k in ("tokens_s", *COMPARED)) for name, row in one["rows"].items())
        print(f"{one['date']} {one['commit']} {one['machine']['cpu']}, {one['threads']} threads: {one['note']}\n  {rows}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--history", type=pathlib.Path, default=HERE / "history.json")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("show")
    add = commands.add_parser("add")
    add.add_argument("result", type=pathlib.Path)
    add.add_argument("--note", required=True)
    checking = commands.add_parser("check")
    checking.add_argument("result", type=pathlib.Path, nargs="?")
    checking.add_argument("--tolerance", type=float, default=0.15)
    checking.add_argument("--run", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    history = json.loads(args.history.read_text()) if args.history.is_file() else []
    if args.command == "show":
        show(history)
        return 0
    if args.command == "add":
        new = entry(json.loads(args.result.read_text()), args.note)
        if problems := loud(new["rows"]):
            raise SystemExit(f"not added, a later fall would not show against such rounds (less than {LOUD:g} of the median); measure in a quieter hour: "
                             + "; ".join(problems))
        history.append(new)
        args.history.write_text(json.dumps(history, indent=1) + "\n")
        return 0
    if (args.result is None) == (not args.run):
        parser.error("check takes either RESULT.json or --run")
    if args.result is None:
        with tempfile.TemporaryDirectory() as folder:
            args.result = pathlib.Path(folder) / "result.json"
            run_compare(args.run, args.result)
            return check(history, json.loads(args.result.read_text()), args.tolerance)
    return check(history, json.loads(args.result.read_text()), args.tolerance)


if __name__ == "__main__":
    sys.exit(main())
