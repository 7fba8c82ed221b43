"""One numbered line of a job: rows of measured against required, and its verdict. Nothing passes without a measurement."""
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test/e2e"))
import axiom  # noqa: E402  (the path above is where it lies)

SKIP = 77
MEGABYTE = 1000 * 1000
PROMPT = "The capital of France is"  # 5 tokens


class Line:
    def __init__(self, number, title):
        self.number, self.failed, self.passed, self.skipped = number, 0, 0, 0
        print(f"{number}. {title}", flush=True)

    def row(self, verdict, what, measured, required):
        print(f"   {verdict:<4}  {what}: {measured}" + (f"   (required: {required})" if required else ""), flush=True)

    def check(self, what, measured, required, good):
        self.row("pass" if good else "FAIL", what, measured, required)
        if good:
            self.passed += 1
        else:
            self.failed += 1
        return good

    def at_most(self, what, value, bound, form="{:.4g}", unit=""):
        return self.check(what, form.format(value) + unit, f"at most {form.format(bound)}{unit}", value <= bound)

    def at_least(self, what, value, bound, form="{:.4g}", unit=""):
        return self.check(what, form.format(value) + unit, f"at least {form.format(bound)}{unit}", value >= bound)

    def skip(self, what, reason):
        self.skipped += 1
        self.row("skip", what, reason, "")

    def fail(self, what, reason, required=""):
        self.check(what, reason.strip().splitlines()[-1] if reason.strip() else "failed", required, False)

    def part(self, what, function, *args):
        """Runs one measurement; what is missing skips it, what breaks fails it."""
        try:
            return function(*args)
        except axiom.Missing as reason:
            self.skip(what, str(reason))
        except axiom.Failed as reason:
            self.fail(what, str(reason).replace("\n", " | ")[:400])
        except Exception as error:  # a broken measurement is a failed line, and the next lines still run
            self.fail(what, f"{type(error).__name__}: {error}"[:400])
        return None

    def script(self, what, path, required, *args, limit=3000):
        """A script with the 0 / 77 / other protocol; its last line is the measurement."""
        result = axiom.run(axiom.ROOT / path, *args, env={"AXIOM_BUILD": str(axiom.BUILD)}, limit=limit)
        text = (result.out + result.err).strip() or "no output"
        if result.status == SKIP:
            self.skip(what, text.splitlines()[-1])
        elif result.status == 0:
            self.check(what, text.splitlines()[-1], required, True)
        else:
            for line in text.splitlines()[-12:]:
                print(f"         {line}")
            self.check(what, f"exit {result.status}", required, False)
        return result

    def ctest(self, what, pattern, required, folder=None, least=1, show=None, limit=3000):
        """GoogleTests whose name matches; fails when there are fewer than `least`. `show`: a pattern of lines to repeat."""
        folder = folder or axiom.BUILD
        if not (folder / "CTestTestfile.cmake").is_file():
            self.fail(what, f"{folder.name} is not built with tests (tools/test builds it)", required)
            return
        env = {"AXIOM_TEST_LONG": "1"}
        try:
            env["AXIOM_TEST_GGUF"] = str(axiom.gguf())
        except axiom.Missing:
            pass  # tests that want the model skip and say so
        result = axiom.run("ctest", "--test-dir", folder, "-R", pattern, "-j", os.cpu_count(), "--verbose", "--timeout", "1500", limit=limit, env=env)
        total = re.search(r"(\d+)% tests passed, (\d+) tests failed out of (\d+)", result.out)
        if not total or int(total.group(3)) < least:
            self.fail(what, f"{total.group(3) if total else 0} tests match {pattern}, {least} wanted", required)
            return
        for line in result.out.splitlines() if show else []:
            if re.search(show, line):
                print("         " + re.sub(r"^\d+: ", "", line))
        skipped = len(re.findall(r"\*\*\*Skipped", result.out))
        failed = int(total.group(2))
        for name in re.findall(r"^\s*\d+ - (\S+) \((?!Skipped)", result.out, re.M):
            print(f"         failed: {name}")
        self.check(what, f"{int(total.group(3)) - failed - skipped} passed, {failed} failed, {skipped} skipped", required,
                   failed == 0 and int(total.group(3)) > skipped)

    def done(self):
        verdict = "FAIL" if self.failed else "pass" if self.passed and not self.skipped else "part" if self.passed else "skip"
        print(f"   line {self.number}: {verdict} ({self.passed} passed, {self.failed} failed, {self.skipped} skipped)\n", flush=True)
        sys.exit(1 if self.failed else 0 if self.passed and not self.skipped else SKIP)


def generate(artifact, prompt, tokens, *options):
    return axiom.run(axiom.binary("axiom-run"), "generate", artifact, "--prompt", prompt, "--max-tokens", tokens, "--temperature", "0",
                     *options).ok()


def first_token(line, artifact, bound):
    """Process start to one token, warm."""
    generate(artifact, PROMPT, 1)
    times = [generate(artifact, PROMPT, 1).seconds for _ in range(20)]
    line.at_most("start to first token, warm, median of 20", statistics.median(times), bound, "{:.3f}", " s")


def peak_memory(line, artifact, prompt, tokens, context, spare):
    """The planned workspace, and what a run really takes against weights + KV + workspace + `spare` MB."""
    plan = json.loads(axiom.run(axiom.binary("axiom-inspect"), artifact, "--json", "--batch", "1", "--context", context).ok().out)["memory"]
    line.at_most("planned workspace at 512 tokens a step", plan["workspace_bytes"] / MEGABYTE, 16, "{:.1f}", " MB")
    result = generate(artifact, prompt, tokens, "--ignore-eos", "--context", context)
    planned = plan["weights_bytes"] + plan["kv_bytes"] + plan["workspace_bytes"]
    line.at_most(f"peak memory (VmHWM), {tokens} tokens", result.peak / MEGABYTE, planned / MEGABYTE + spare, "{:.1f}", " MB")


def sha(folder=axiom.ROOT):
    run = subprocess.run(["git", "-C", str(folder), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return run.stdout.strip()
