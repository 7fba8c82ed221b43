#!/usr/bin/env python3
"""axiomc --bits and --report on tiny models: the budget is kept and used, more bits are nearer, overrides come first, the same bytes for
any thread count; what must be refused."""
import hashlib
import json
import pathlib

import axiom

TEXT = axiom.ROOT / "tools/calibration/english.txt"
SOURCE = axiom.TINY / "llama-odd"
NATIVE = ["--target", "cpu:native"]  # what is tested does not depend on the levels
FEW = ["--calibrate", TEXT, "--calibrate-tokens", "1024"]


def report_of(path):
    return [t for t in json.loads(path.read_text())["tensors"] if t["format"] != "vector"]


def bits_of(tensors):
    return 8 * sum(t["bytes"] for t in tensors) / sum(t["rows"] * t["cols"] for t in tensors)


def difference(a, b):
    return sum((x - y) ** 2 for x, y in zip(a.values, b.values))


def budgets(check, folder):
    ids = axiom.golden_ids(SOURCE.name)
    ids = (ids["ids"] if isinstance(ids, dict) else ids)[:60]
    exact = folder / "f32.axm"
    axiom.compile_model(SOURCE, exact, "--quant", "f32", *NATIVE)
    wanted = axiom.logits(exact, ids)
    for extra in ([], FEW):
        errors = []
        for bits in (5.5, 7.0, 9.0):
            out, report = folder / "m.axm", folder / "report.json"
            said = axiom.compile_model(SOURCE, out, "--bits", bits, "--report", report, *extra, *NATIVE).out
            tensors = report_of(report)
            found = bits_of(tensors)
            check(bits - 0.35 < found <= bits, f"--bits {bits} stores {found:.3f} bits a weight")
            check(f"{found:.2f} stored" in said, f"the report has {found:.2f} bits a weight, axiomc says {said}")
            stored = {t["name"]: t for t in json.loads(axiom.run(axiom.binary("axiom-inspect"), out, "--json", "--tensors").ok().out)["tensors"]}
            check(all(stored[t["name"]]["format"] == t["format"] for t in tensors), "the report's formats are not the artifact's")
            known = [t["name"] for t in tensors if t["output_error"] is not None]
            check(len(known) == (len(tensors) - 1 if extra else 0), f"errors of outputs are known of {known}")
            errors.append(difference(axiom.logits(out, ids), wanted))
        print(f"{'calibrated' if extra else 'plain'}: errors of the logits at 5.5, 7, 9 bits: {', '.join(f'{e:.3g}' for e in errors)}")
        check(errors[2] < 0.3 * errors[0], "more bits do not show in the logits")


def overrides(check, folder):
    out, report = folder / "m.axm", folder / "report.json"
    axiom.compile_model(SOURCE, out, "--bits", "8", "--quant-override", r"mlp\.down=q4", "--quant-override", "embed=f16", "--report", report,
                        *NATIVE)
    tensors = report_of(report)
    check(bits_of(tensors) <= 8, f"with overrides {bits_of(tensors):.3f} bits a weight")
    for tensor in tensors:
        wanted = {"q4"} if "mlp.down" in tensor["name"] else {"f16"} if "embed" in tensor["name"] else {"q4", "q4f16", "q6", "q8"}
        check(tensor["format"] in wanted, f"{tensor['name']} is {tensor['format']}")
    options = json.loads(axiom.run(axiom.binary("axiom-inspect"), out, "--json", "--provenance").ok().out)["provenance"]["options"]
    check("bits=8" in options and r"quant-override=mlp\.down=q4" in options, f"options recorded: {options}")


def same_bytes(check, folder):
    digests = set()
    for jobs in (1, 2, 5):
        axiom.compile_model(SOURCE, folder / "m.axm", "--bits", "6", *FEW, *NATIVE, "-j", jobs)
        digests.add(hashlib.sha256((folder / "m.axm").read_bytes()).hexdigest())
    check(len(digests) == 1, f"{len(digests)} different artifacts for 1, 2 and 5 threads")


def refusals(check, folder):
    def refused(text, *options):
        result = axiom.run(axiom.binary("axiomc"), SOURCE, "-o", folder / "m.axm", "--progress=none", *options)
        check(result.status == 2 and text in result.err, f"{' '.join(options)}: exit {result.status}, {result.err}")

    refused("--bits 3 is not possible", "--bits", "3")
    refused("all that can be chosen is q4", "--bits", "5.4")
    refused("--bits 10 is not possible", "--bits", "10")
    refused("leave one of them out", "--bits", "6", "--quant", "q4")
    refused("decides every matrix", "--bits", "6", "--quant-override", ".=q4")
    refused("pack none", "--report", str(folder / "r.json"), "--dry-run")
    check(list(folder.iterdir()) == [], "refusals left something")
    dry = axiom.run(axiom.binary("axiomc"), SOURCE, "--bits", "6", "--dry-run").ok()
    check("stored" in dry.out, "--dry-run with --bits prints no sizes")
    text = axiom.run(axiom.binary("axiomc"), SOURCE, "--bits", "6", "--emit=mlir").ok().out
    check("plan.kernel" in text, "--emit with --bits writes no plan")


if __name__ == "__main__":
    axiom.main_of(budgets, overrides, same_bytes, refusals)
