#!/usr/bin/env python3
"""Line 6: structured output. The schemas are JSON-Schema-Test-Suite's for draft 2020-12 (MIT), as the source release of the PyPI package jsonschema
carries them; pip brings it, nothing of it is kept. Texts are drawn at random from each schema's grammar over SmolLM2's tokens, without the model."""
import collections
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

RELEASE, SCHEMAS, SAMPLES, TOKENS = "4.25.1", 300, 5, 120
MODEL = axiom.ROOT / "models/SmolLM2-135M-Instruct.Q4_1.axm"
KEYWORDS = set("""type enum const allOf anyOf oneOf not if then else $ref $dynamicRef dependentSchemas dependentRequired properties required
additionalProperties patternProperties propertyNames minProperties maxProperties unevaluatedProperties items prefixItems minItems maxItems uniqueItems
contains minContains maxContains unevaluatedItems minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf""".split())


def fetch(folder):
    """The package and its source release, through pip."""
    packages = f"{folder}/packages"
    for words in (["install", "--target", packages, f"jsonschema=={RELEASE}"],
                  ["download", "--no-deps", "--no-binary", ":all:", "--dest", folder, f"jsonschema=={RELEASE}"]):
        done = subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *words], capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise axiom.Missing(f"pip can't get jsonschema {RELEASE}: {done.stderr.strip().splitlines()[-1:]}")
    sys.path.insert(0, packages)
    schemas = []
    with tarfile.open(f"{folder}/jsonschema-{RELEASE}.tar.gz") as release:
        for name in sorted(m.name for m in release.getmembers() if "/json/tests/draft2020-12/" in m.name and m.name.endswith(".json")):
            schemas += [group["schema"] for group in json.load(io.TextIOWrapper(release.extractfile(name), "utf-8"))]
    return schemas


def keywords(schema, found):
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in KEYWORDS:
                found[key] += 1
            keywords(value, found)
    elif isinstance(schema, list):
        for value in schema:
            keywords(value, found)


def samples(line):
    if not MODEL.is_file():
        raise axiom.Missing(f"{MODEL.name} is not there")
    with tempfile.TemporaryDirectory() as folder:
        every = fetch(folder)
        import jsonschema
        # Every schema of the set, evenly until there are enough of those that a grammar can keep.
        text = "".join(json.dumps(s) + "\n" for s in every)
        run = subprocess.run([str(axiom.binary("grammar-sample")), str(MODEL), str(SAMPLES), str(TOKENS)], input=text, capture_output=True, text=True, timeout=3000)
        if run.returncode == 77:
            raise axiom.Missing(run.stderr.strip())
        rows = [json.loads(row) for row in run.stdout.splitlines()]
        if run.returncode or len(rows) != len(every):
            raise axiom.Failed(f"grammar-sample: exit {run.returncode} after {len(rows)} of {len(every)} schemas: {run.stderr[-200:]}")
        counted, wrong, masks, ended, open_, slowest = collections.Counter(), [], [], 0, 0, 0.0
        for schema in every:
            keywords(schema, counted)
        for schema, row in zip(every, rows):
            slowest = max(slowest, row["wrote"])
            if "refused" in row:
                continue
            if "error" in row:
                wrong.append((schema, row["error"]))
                continue
            masks += row["masks"]
            for sample in row["samples"]:
                if sample["error"]:
                    wrong.append((schema, sample["error"]))
                elif not sample["ended"]:
                    open_ += 1
                else:
                    ended += 1
                    try:
                        # An unfinished byte at the end of a text is the stream's affair, not the grammar's: texts are whole here.
                        jsonschema.Draft202012Validator(schema).validate(json.loads(sample["text"], strict=True))
                    except (ValueError, jsonschema.ValidationError) as problem:
                        wrong.append((schema, f"{sample['text'][:80]!r}: {str(problem)[:80]}"))
        taken = [r for r in rows if "refused" not in r]
        line.check("JSON-Schema-Test-Suite draft 2020-12, schemas", f"{len(every)}: {len(taken)} constrain, {len(every) - len(taken)} refused with a reason",
                   f"at least {SCHEMAS}, each one or the other", len(every) >= SCHEMAS and all(r.get("refused", "x") for r in rows))
        line.check("keywords in them", ", ".join(f"{k} {n}" for k, n in counted.most_common()), "", True)
        line.check(f"{len(taken) * SAMPLES} random texts: {ended} ended, {open_} cut after {TOKENS} tokens, wrong", len(wrong), "0", not wrong and ended > len(taken))
        for schema, problem in wrong[:10]:
            line.row("", json.dumps(schema)[:100], problem, "")
        masks.sort()
        line.at_most(f"time of a mask with its token, p99 of {len(masks)}", masks[int(len(masks) * 0.99)], 1.0, "{:.3f}", " ms")
        line.row("", "the longest, and the longest compilation", f"{masks[-1]:.1f} ms, {max(r.get('compile', 0) for r in taken):.0f} ms", "")


def hostile(line):
    from serve import Served
    deep = "[" * 100000
    bombs = {
        "a schema 100,000 deep": {"structured_outputs": {"json": '{"items":' * 100000}},
        "a body 100,000 deep": deep.encode(),
        "a body of 50 MB": b'{"prompt": "' + b"a" * 50_000_000 + b'"}',
        "references in a circle": {"structured_outputs": {"json": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}}},
        "2^40 alternatives": {"structured_outputs": {"json": {"$defs": {f"d{i}": {"anyOf": [
            {"required": [f"{x}{i}"], "allOf": [{"$ref": f"#/$defs/d{i + 1}"}]} for x in "xy"]} for i in range(40)} | {"d40": {}}, "$ref": "#/$defs/d0"}}},
        "long strings": {"structured_outputs": {"json": {"type": "string", "minLength": 4_000_000_000}}},
        "a regex in a regex": {"structured_outputs": {"regex": "((" * 20 + "a" + "{999})*{999})" * 10}},
        "a regex of brackets": {"structured_outputs": {"regex": "(" * 16000}},
        "a large repetition": {"structured_outputs": {"regex": "((.{1000}){1000}){1000}"}},
        "a grammar without an end": {"structured_outputs": {"grammar": "root ::= a\na ::= b a\nb ::= a b"}},
        "a grammar that doubles 1500 times": {"structured_outputs": {"grammar": "root ::= r0\n" + "".join(
            f'r{i} ::= r{i + 1} | r{i + 1} r{i + 1} | "x"\n' for i in range(1500)) + 'r1500 ::= "z"'}},
        "a grammar of endless ways": {"structured_outputs": {"grammar": 'root ::= a a a a a\na ::= (a | [^z]) (a | [^y]) | "" | [^x]* a'}},
        "500 optional letters": {"structured_outputs": {"regex": "[a-z]?" * 500}},
        "a grammar of brackets": {"structured_outputs": {"grammar": "root ::= " + "(" * 60000}},
        "a grammar of repetitions": {"structured_outputs": {"grammar": "root ::= ((([a-z]{4000}){4000}){4000}){4000}"}},
    }
    server = Served(MODEL)
    try:
        status = lambda: next(int(x.split()[1]) for x in open(f"/proc/{server.process.pid}/status") if x.startswith("VmHWM"))  # noqa: E731
        before = status()
        for what, body in bombs.items():
            start = time.monotonic()
            got, _, text = server.ask("POST", "/v1/completions", body if isinstance(body, bytes) else body | {"prompt": "a", "max_tokens": 5})
            took = time.monotonic() - start
            line.check(f"hostile: {what}", f"{got} in {took:.2f} s", "400 (413 for the size) within 1 s", got in (400, 413) and took < 1)
        grown = (status() - before) / 1024
        line.at_most("memory for all of them", grown, 300, "{:.0f}", " MiB")
        got = server.ask("POST", "/v1/completions", {"prompt": "a", "max_tokens": 3})[0]
        line.check("the server after them", got, "200", got == 200)
    finally:
        server.process.kill()
        server.process.wait()


def main():
    line = Line(6, "Structured output")
    line.part("random texts of public schemas", samples, line)
    line.part("hostile requests", hostile, line)
    line.done()


if __name__ == "__main__":
    main()
