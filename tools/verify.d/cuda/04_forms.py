#!/usr/bin/env python3
"""Line 4: the generated CUDA and the PTX of each device function are pinned; the twin against figures by hand; what nothing executes is listed."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402


def lit(line, what, pattern, least):
    """lit tests whose name matches; a test that is not run does not count."""
    run = axiom.run("/usr/bin/python3", "/usr/lib/llvm-22/bin/lit", "-v", "--filter", pattern, axiom.BUILD / "test", limit=1200)
    passed = run.out.count("PASS: ")
    line.check(what, f"{passed} passed, {run.out.count('FAIL: ')} failed, {run.out.count('UNSUPPORTED: ')} not run", f"at least {least}, all",
               run.status == 0 and passed >= least and "UNSUPPORTED: " not in run.out)


def main():
    line = Line(4, "Generated CUDA, PTX, the twin")
    line.part("PTX of each device function", lit, line, "PTX of each device function (FileCheck)", "codegen/cuda/wrappers", 1)
    line.part("generated CUDA", lit, line, "generated CUDA (FileCheck)", "codegen/cuda/emit", 1)
    line.ctest("the twin: fragments by hand, races, copies, barriers, counts", "^Twin", "all", least=20)
    text = (axiom.ROOT / "docs/cuda.md").read_text()
    line.check("docs/cuda.md lists what nothing executes", "a section" if "\n## What nothing executes here\n" in text else "missing", "a section",
               "\n## What nothing executes here\n" in text)
    line.done()


if __name__ == "__main__":
    main()
