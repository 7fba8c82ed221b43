#!/usr/bin/env python3
"""Compares our chat template engine with Python jinja2 on templates, contexts and random programs.

  differential.py --tool build/bin/template-render [--templates DIR]... [--random N] [--seed S]

Renders every template of the folders (default: families/ beside this script) with every context,
then N random templates. Exit 1 if any result differs. With --goldens FILE writes the results of
the oracle for the committed templates as JSON for the unit test.
"""
import argparse
import collections
import json
import pathlib
import random
import re
import subprocess
import sys
import warnings

import contexts
import expressions
import oracle

HERE = pathlib.Path(__file__).resolve().parent
warnings.simplefilter("ignore", SyntaxWarning)  # about the Python that jinja2 makes of random templates


class Tool:
    """Our renderer, one request a line."""

    def __init__(self, path):
        self.path = path
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def render(self, source, context):
        request = {"template": source, "context": context, "now": oracle.NOW}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.start()
            return {"error": f"the renderer ended with {code}", "code": "crash"}
        return json.loads(line)


def verdict(want, got):
    """'equal', 'both fail', or what is wrong."""
    if got.get("code") == "crash":
        return "CRASH"
    if "text" in want and "text" in got:
        return "equal" if want["text"] == got["text"] else "DIFFERENT TEXT"
    if "error" in want and "error" in got:
        if want["kind"] == "TemplateRefusal" and not got["error"].endswith(want["error"]):
            return "DIFFERENT REFUSAL"
        return "both fail"
    if "error" in got and re.search(r" at 0x[0-9a-f]+>", want["text"]):
        return "prints an address"
    if "error" in got:
        return "unsupported here" if got["code"] == "unsupported" else "ONLY OURS FAILS"
    return "ONLY ORACLE FAILS"


class Report:
    def __init__(self, limit):
        self.counts = collections.Counter()
        self.shown = 0
        self.limit = limit

    def add(self, name, source, context, want, got):
        result = verdict(want, got)
        self.counts[result] += 1
        if result.isupper() and self.shown < self.limit:
            self.shown += 1
            print(f"--- {result}: {name}")
            if len(source) < 400:
                print(f"template: {source!r}")
                print(f"context:  {json.dumps(context)[:600]}")
            if "text" in want and "text" in got:
                a, b = want["text"], got["text"]
                at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
                print(f"oracle: ...{a[max(0, at - 60):at + 80]!r}")
                print(f"ours:   ...{b[max(0, at - 60):at + 80]!r}")
            else:
                print(f"oracle: {json.dumps(want, ensure_ascii=False)[:300]}")
                print(f"ours:   {json.dumps(got, ensure_ascii=False)[:300]}")

    def failed(self):
        return any(k.isupper() for k in self.counts)


def run_templates(folder, environment, tool, report, goldens):
    for path in sorted(folder.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        for name, context in contexts.all_contexts().items():
            want = oracle.render(environment, source, context)
            got = tool.render(source, context)
            report.add(f"{path.name} / {name}", source, context, want, got)
            goldens.append({"template": path.name, "context": name, **want})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tool", required=True)
    parser.add_argument("--templates", action="append", type=pathlib.Path)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=20)
    parser.add_argument("--goldens", type=pathlib.Path)
    args = parser.parse_args()

    environment = oracle.make_environment()
    tool = Tool(args.tool)
    report = Report(args.show)
    goldens = []
    for folder in args.templates or [HERE / "families"]:
        run_templates(folder, environment, tool, report, goldens)
    snippets = []
    for name, source, context in expressions.fixed_cases():
        want = oracle.render(environment, source, context)
        got = tool.render(source, context)
        report.add(f"case {name}", source, context, want, got)
        if verdict(want, got) in ("equal", "both fail"):
            snippets.append({"source": source, **want})
    rng = random.Random(args.seed)
    for i in range(args.random):
        source, context = expressions.random_template(rng)
        want = oracle.render(environment, source, context)
        report.add(f"random {i}", source, context, want, tool.render(source, context))
        if "text" in want and len(want["text"]) < 500 and " at 0x" not in want["text"]:
            snippets.append({"source": source, **want})
    if args.goldens:
        out = {
            "now": oracle.NOW,
            "contexts": contexts.all_contexts(),
            "data": expressions.DATA,
            "renders": goldens,
            "snippets": snippets,
        }
        args.goldens.write_text(
            json.dumps(out, ensure_ascii=False, indent=0) + "\n", encoding="utf-8"
        )
    for key, count in sorted(report.counts.items()):
        print(f"{key}: {count}")
    print(f"{sum(report.counts.values())} renders, of these equal or refused by both: "
          f"{sum(n for k, n in report.counts.items() if not k.isupper())}")
    return 1 if report.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
