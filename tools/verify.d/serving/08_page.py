#!/usr/bin/env python3
"""Line 8: the web page in a browser, and the HTTP surface under a fuzzer whose every input ends with a canary request."""
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

SECONDS = 300
EXECUTIONS = 20_000


def fuzz(line):
    folder = axiom.ROOT / "build-sanitized"
    program, maker = folder / "bin/HttpFuzz", folder / "bin/HttpSeeds"
    if not (program.is_file() and maker.is_file()):
        raise axiom.Missing("HttpFuzz is not built: tools/test --suite fuzz builds it in build-sanitized")
    with tempfile.TemporaryDirectory() as fresh:
        seeds = pathlib.Path(fresh) / "seeds"
        seeds.mkdir()
        axiom.run(maker, seeds).ok()
        found = pathlib.Path(fresh) / "found"
        found.mkdir()
        result = axiom.run(program, f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0",
                           f"-artifact_prefix={folder}/HttpFuzz-", found, seeds / "Http", limit=SECONDS + 300)
    executed = re.search(r"number_of_executed_units:\s*(\d+)", result.err)
    count = int(executed.group(1)) if executed else 0
    if result.status != 0:
        print("         " + "\n         ".join(result.err.strip().splitlines()[-8:]))
    line.check(f"HttpFuzz under ASan and UBSan for {SECONDS} s", f"{count} inputs, each with its canary; exit {result.status}",
               f"none fails, at least {EXECUTIONS}", result.status == 0 and count >= EXECUTIONS)


def main():
    line = Line(8, "Web page and HTTP surface")
    line.script("a conversation in headless Chromium", "test/e2e/page.py", "sends, streams, stops, answers again, settings, colours; pictures kept")
    line.part("HttpFuzz", fuzz, line)
    line.done()


if __name__ == "__main__":
    main()
