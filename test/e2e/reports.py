#!/usr/bin/env python3
"""What the measuring tools print can be read by programs: axiom-inspect --json, axiom-bench -o json and md, axiom-eval
perplexity's last line, axiom-eval compare as json and md; a comparison of a model with itself is exactly 0."""
import json
import re
import tempfile

import axiom

BENCH_FIELDS = {"n_prompt", "n_gen", "n_parallel", "avg_ts", "stddev_ts"}


def main():
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        source = axiom.TINY / "llama-rope3"
        fine, coarse = f"{folder}/f32.axm", f"{folder}/q4.axm"
        axiom.compile_model(source, fine, "--quant", "f32")
        axiom.compile_model(source, coarse, "--quant", "q4")
        text = f"{folder}/text.txt"
        with open(text, "w") as f:
            f.write("the quick brown fox jumps over the lazy dog and then the dog sleeps in the sun\n" * 40)

        report = json.loads(axiom.run(axiom.binary("axiom-inspect"), coarse, "--json").ok().out)
        if not 1 <= report.get("barriers_per_layer", 99) <= 5:
            problems.append(f"axiom-inspect --json: barriers_per_layer is {report.get('barriers_per_layer')}, 1 to 5 expected")
        rows = json.loads(axiom.run(axiom.binary("axiom-bench"), coarse, "-p", "32", "-n", "8", "-npl", "1,4", "-t", "2", "-r", "2",
                                    "-o", "json").ok().out)
        if len(rows) < 3 or any(not BENCH_FIELDS <= set(row) or not row["avg_ts"] > 0 for row in rows):
            problems.append(f"axiom-bench -o json: {rows}")
        table = axiom.run(axiom.binary("axiom-bench"), coarse, "-p", "32", "-n", "8", "-t", "2", "-r", "2", "-o", "md").ok().out
        if not re.search(r"^\|.*t/s.*\|$", table, re.M):
            problems.append(f"axiom-bench -o md has no t/s column: {table[:200]}")
        last = axiom.run(axiom.binary("axiom-eval"), "perplexity", fine, "--file", text, "--context", "64").ok().out.strip().splitlines()[-1]
        if not re.fullmatch(r"PPL = \d+\.\d+", last):
            problems.append(f"axiom-eval perplexity ends with {last!r}")
        words = [axiom.binary("axiom-eval"), "compare", fine, coarse, "--against", fine, "--file", text, "--context", "64"]
        rows = json.loads(axiom.run(*words, "-o", "json").ok().out)
        print(f"{last}; KLD of itself {rows[0]['kld_mean']}, of q4 {rows[1]['kld_mean']:.3f}")
        if rows[0]["kld_mean"] != 0 or not rows[1]["kld_mean"] > 1e-4:
            problems.append(f"axiom-eval compare: {rows}")
        if not axiom.run(*words, "-o", "md").ok().out.startswith("|"):
            problems.append("axiom-eval compare -o md prints no table")
    return problems


if __name__ == "__main__":
    axiom.main(main)
