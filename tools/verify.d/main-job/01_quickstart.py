#!/usr/bin/env python3
"""Line 1: quickstart from a fresh clone, the answer's tokens, tools/test."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom, sha  # noqa: E402

FRESH = {"CCACHE_DISABLE": "1", "AXIOM_BUILD": "", "AXIOM_BUILD_DIR": "build", "AXIOM_SANITIZED_DIR": "build-sanitized"}


def clone(folder):
    target = pathlib.Path(folder) / "axiom"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", str(axiom.ROOT), str(target)], check=True)
    return target


def quickstart(line, target, golden):
    result = axiom.run(target / "tools/quickstart", env=FRESH, limit=1500)
    if result.status != 0:
        return line.fail("tools/quickstart in a fresh clone", result.err[-300:] or result.out[-300:], "an answer")
    answer = result.out.split("ask: ", 1)[-1]
    line.at_most("tools/quickstart in a fresh clone, ccache off", result.seconds / 60, 12, "{:.1f}", " min")
    line.check("it ends with an answer", repr(answer.split("\n", 1)[-1][:60]), "text", len(answer.split("\n", 1)[-1].split()) > 8)


def same_top(line, golden):
    artifact = axiom.cached_artifact(axiom.gguf(), "smollm2")
    ids, answer = golden["prompt_ids"], golden["answer_ids"]
    table = axiom.logits(artifact, ids + answer[:-1])
    same = sum(table.argmax(len(ids) - 1 + i) == token for i, token in enumerate(answer))
    line.at_least(f"same top token on transformers' float32 answer, {len(answer)} positions", 100 * same / len(answer), 93, "{:.1f}", " %")


def suite(line, target):
    result = axiom.run(target / "tools/test", env=FRESH, limit=3600)
    last = result.out.strip().splitlines()[-1] if result.out.strip() else ""
    found = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
    line.at_most("tools/test in a fresh clone, ccache off", result.seconds / 60, 30, "{:.1f}", " min")
    for text in re.findall(r"^FAIL .*", result.out, re.M):
        print("         " + text)
    line.check("tools/test", last or result.err[-200:], "0 failed", bool(found) and int(found.group(2)) == 0 and int(found.group(1)) > 0)
    for suite_name in ("-- unit", "-- lit", "-- sanitized"):
        line.check(f"it runs the suite {suite_name[3:]}", "seen" if suite_name in result.out else "not seen", "seen", suite_name in result.out)


def main():
    line = Line(1, "Set-up: an answer within 12 minutes, tools/test within 30")
    golden = json.loads((axiom.GOLDEN / "smollm2/f32.json").read_text())["quickstart"]
    line.part("teacher-forced top tokens", same_top, line, golden)
    line.ctest("the answer's tokens equal the interpreter's on the same artifact", "^(WholeModel|TinyModels?).*(Answer|SmolLM2)", "equal")
    with tempfile.TemporaryDirectory() as folder:
        target = clone(folder)
        print(f"   clone of {sha()}")
        line.part("quickstart", quickstart, line, target, golden)
        line.part("tools/test", suite, line, target)
    line.done()


if __name__ == "__main__":
    main()
