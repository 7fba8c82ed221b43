#!/usr/bin/env python3
"""Runs the suites over what tools/test built, prints each failure and each skipped test with its reason, and ends with a
line `N passed, N failed, N skipped`. Exit 1 if anything failed.

    run_suites.py --build DIR --sanitized DIR [--long] [--suite NAME...]

Suites: lint, unit (ctest), lit, sanitized (ctest of the runtime under ASan and UBSan), fuzz (a target per parser, briefly), e2e,
gates (the machine code of CUDA kernels).
A lint check or an e2e script skips with exit code 77 and the reason as its last line; a GoogleTest with GTEST_SKIP().
"""
import argparse
import concurrent.futures
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

ROOT = pathlib.Path(__file__).resolve().parents[1]
SKIP = 77
SUITES = ["lint", "unit", "lit", "gates", "sanitized", "fuzz", "e2e"]
LINT = ["include_graph", "pass_pairs", "file_length", "machine_paths", "numerics", "docs_paths", "selftest", "format",
        "cli_docs", "serving_docs", "python_abi", "binaries"]
FUZZERS = ["ArtifactFuzz", "ConfigFuzz", "GgufFuzz", "GrammarFuzz", "HttpFuzz", "OpenAiFuzz", "ReplayFuzz", "SafetensorsFuzz", "TokenizerFuzz"]
LIT_TOOLS = ["lit", "/usr/lib/llvm-22/bin/lit", "llvm-lit"]


class Report:
    """Counts, and prints what is not a plain pass as it happens."""

    def __init__(self):
        self.passed, self.failures, self.skips = 0, [], []

    def passed_one(self):
        self.passed += 1

    def fail(self, name, text):
        self.failures.append(name)
        tail = "\n".join("    " + line for line in text.strip().splitlines()[-40:])
        print(f"FAIL {name}\n{tail}", flush=True)

    def skip(self, name, reason):
        reason = (reason.strip() or "no reason given").splitlines()[-1].strip()
        self.skips.append((name, reason))
        print(f"SKIP {name}: {reason}", flush=True)

    def script(self, name, run):
        """A finished process that follows the 0 / 77 / other protocol."""
        text = run.stdout + run.stderr
        if run.returncode == 0:
            self.passed_one()
        elif run.returncode == SKIP:
            self.skip(name, run.stdout or run.stderr)
        else:
            self.fail(name, f"{text}\nexit {run.returncode}")


def call(words, seconds, **options):
    """subprocess.run with a time limit that counts as a failure."""
    try:
        return subprocess.run([str(w) for w in words], capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, timeout=seconds, **options)
    except subprocess.TimeoutExpired as late:
        out = late.stdout.decode(errors="replace") if isinstance(late.stdout, bytes) else (late.stdout or "")
        return subprocess.CompletedProcess(words, 124, out, f"took longer than {seconds} s")


def together(jobs):
    """Runs {name: function}, as many at a time as there are cores; (name, result, seconds) in their order."""
    def timed(function):
        start = time.monotonic()
        return function(), time.monotonic() - start
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        running = [(name, pool.submit(timed, function)) for name, function in jobs.items()]
        for name, future in running:
            yield (name, *future.result())


def lint(report, args):
    for check in LINT:
        report.script(f"lint.{check}", call([sys.executable, ROOT / "tools/lint" / f"{check}.py", "--build", args.build], 300))


def skip_reason(text):
    found = re.search(r"^.*: Skipped\n(.*(?:\n(?!\[).*)*)", text, re.M)
    return found.group(1).strip().splitlines()[0] if found and found.group(1).strip() else "GTEST_SKIP without a reason"


def ctest(report, folder, prefix, environment):
    if not (folder / "CTestTestfile.cmake").is_file():
        report.fail(f"{prefix}.configure", f"{folder} has no tests")
        return
    with tempfile.TemporaryDirectory() as temporary:
        xml = pathlib.Path(temporary) / "junit.xml"
        jobs = len(os.sched_getaffinity(0))
        run = call(["ctest", "--test-dir", folder, "-j", jobs, "--output-junit", xml, "--timeout", "900",
                    "--test-output-size-passed", "20000", "--test-output-size-failed", "200000"], 3600, env=environment)
        if not xml.is_file():
            report.fail(f"{prefix}.ctest", run.stdout + run.stderr)
            return
        cases = ET.parse(xml).getroot().findall("testcase")
    if not cases:
        report.fail(f"{prefix}.ctest", "ctest knows no test")
    for case in cases:
        name, text = f"{prefix}.{case.get('name')}", case.findtext("system-out") or ""
        skipped = case.find("skipped")
        if case.get("status") == "run":
            report.passed_one()
        elif case.get("status") == "notrun" and skipped is not None and "SKIP" in (skipped.get("message") or ""):
            report.skip(name, skip_reason(text))
        elif case.get("status") == "disabled":
            report.skip(name, "disabled in its source (DISABLED_)")
        else:
            message = case.find("failure")
            why = message.get("message") if message is not None else (skipped.get("message") if skipped is not None else "")
            report.fail(name, f"{text}\n{why or ''}")


def unit(report, args):
    ctest(report, args.build, "unit", environment(args))


def sanitized(report, args):
    env = environment(args) | {"ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1:detect_stack_use_after_return=1:"
                               "handle_sigbus=0",
                               "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    ctest(report, args.sanitized, "sanitized", env)


def fuzz(report, args):
    seconds = 120 if args.long else 6
    binaries = args.sanitized / "bin"
    seeds = args.sanitized / "seeds"
    for maker in ("ImportSeeds", "ArtifactSeeds", "HttpSeeds", "OpenAiSeeds", "ReplaySeeds"):
        if (binaries / maker).is_file():
            seeds.mkdir(exist_ok=True)
            made = call([binaries / maker, seeds], 120)
            if made.returncode != 0:
                report.fail(f"fuzz.{maker}", made.stdout + made.stderr)
    corpora = {"TokenizerFuzz": [ROOT / "test/unit/text/data"], "GrammarFuzz": [ROOT / "test/fuzz/grammar"]}

    def explore(name):
        known = corpora.get(name, []) + [seeds / name.removesuffix("Fuzz")]
        with tempfile.TemporaryDirectory() as fresh:  # what it finds on the way goes here, the seeds stay as they are
            return call([binaries / name, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0",
                         f"-artifact_prefix={args.sanitized}/{name}-", fresh, *[k for k in known if k.is_dir()]], seconds + 120,
                        env=environment(args))

    jobs = {}
    for name in FUZZERS:
        if (binaries / name).is_file():
            jobs[f"fuzz.{name}"] = functools.partial(explore, name)
        else:
            report.fail(f"fuzz.{name}", f"{name} is not built in {args.sanitized.name}/bin")
    for name, run, _ in together(jobs):
        report.script(name, run)


def lit(report, args):
    tool = next((t for t in LIT_TOOLS if shutil.which(t)), None)
    suite = next((p for p in (args.build / "test", args.build / "test/lit", ROOT / "test") if
                  (p / "lit.site.cfg.py").is_file() or (p / "lit.cfg.py").is_file()), None)
    if tool is None or suite is None:
        report.fail("lit.configure", "no lit found" if tool is None else "no lit.site.cfg.py in the build and no test/lit.cfg.py")
        return
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary) / "lit.json"
        run = call([tool, "-q", "-o", out, suite], 1800, env=environment(args))
        if not out.is_file():
            report.fail("lit.run", run.stdout + run.stderr)
            return
        tests = json.loads(out.read_text())["tests"]
    if not tests:
        report.fail("lit.run", f"{suite}: no test")
    for test in tests:
        code, name, text = test["code"], "lit." + test["name"].replace(" :: ", "."), test.get("output", "")
        if code in ("PASS", "XFAIL", "FLAKYPASS"):
            report.passed_one()
        elif code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED"):
            report.skip(name, text or f"lit: {code.lower()}")
        else:
            report.fail(name, text or code)


def gates(report, args):
    run = call([sys.executable, ROOT / "test/codegen/cuda/gates.py", "--build", args.build, *(["--long"] if args.long else [])], 1800,
               env=environment(args))
    tests = re.findall(r"^(pass|FAIL) ([\w.]+)(?:: (.*))?$", run.stdout, re.M)
    if run.returncode not in (0, 1) or not tests:
        report.script("gates", run)
        return
    for word, name, why in tests:
        if word == "pass":
            report.passed_one()
        else:
            report.fail(f"gates.{name}", why)


def e2e(report, args):
    scripts = sorted(p for p in (ROOT / "test/e2e").glob("*") if p.suffix in (".sh", ".py") and os.access(p, os.X_OK))
    if not scripts:
        report.fail("e2e", "test/e2e holds no executable script")
    jobs = {}
    for script in scripts:
        name = f"e2e.{script.name}"
        if ".long." in script.name and not args.long:
            report.skip(name, "long: tools/test --long runs it")
        else:
            jobs[name] = functools.partial(call, [script], 1800, env=environment(args))
    for name, run, seconds in together(jobs):
        report.script(name, run)
        print(f"     {name}: {seconds:.1f} s", flush=True)


def environment(args):
    env = dict(os.environ, AXIOM_BUILD=str(args.build), AXIOM_BIN=str(args.build / "bin"), LC_ALL="C.UTF-8")
    env.pop("AXIOM_TEST_LONG", None)
    model = ROOT / "models/SmolLM2-135M-Instruct.Q4_1.gguf"
    if model.is_file():  # tools/quickstart puts it there; tests that want it say so when it is absent
        env.setdefault("AXIOM_TEST_GGUF", str(model))
        env.setdefault("AXIOM_GGUF", str(model))
    return env | ({"AXIOM_TEST_LONG": "1"} if args.long else {})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=lambda p: pathlib.Path(p).resolve(), required=True)
    parser.add_argument("--sanitized", type=lambda p: pathlib.Path(p).resolve(), required=True)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--suite", nargs="*", choices=SUITES, default=SUITES)
    parser.add_argument("--failed-build", nargs="*", default=[], help="builds that failed: each counts as a failed test")
    args = parser.parse_args()
    report = Report()
    for build in args.failed_build:
        report.fail(f"build.{build}", "it does not build: see above")
    for suite in args.suite:
        print(f"-- {suite}", flush=True)
        globals()[suite](report, args)
    if report.skips:
        print(f"\nskipped ({len(report.skips)}):")
        for name, reason in report.skips:
            print(f"  {name}: {reason}")
    if report.failures:
        print(f"\nfailed ({len(report.failures)}):")
        for name in report.failures:
            print(f"  {name}")
    print(f"{report.passed} passed, {len(report.failures)} failed, {len(report.skips)} skipped", flush=True)
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
