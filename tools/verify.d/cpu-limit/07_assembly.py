#!/usr/bin/env python3
"""Line 7: the machine code of the inner loops is counted; the speed history is compared."""
import sys

from shared import WRAP, Line, axiom


def history(line):
    script = axiom.ROOT / "test/bench/history.py"
    peer = axiom.input_path("AXIOM_PEER", "models/peer", "llama.cpp's tools (test/bench/compare.py --build-peer)")
    model = axiom.cached_artifact(axiom.gguf(), "smollm2")
    result = axiom.run(sys.executable, script, "check", "--run", model, axiom.gguf(), "--peer", peer, "--axiom-bench",
                       axiom.binary("axiom-bench"), f"--wrap={' '.join(WRAP)}", limit=7200)
    text = (result.out + result.err).strip()
    for row in text.splitlines():
        print("         " + row)
    verdict = (result.out.strip() or text).splitlines()[-1]
    if result.status == 77:
        line.skip("a run against test/bench/history.json", verdict)
    else:
        line.check("a run against test/bench/history.json", verdict, "no share or ratio fell below its tolerance", result.status == 0)


def main():
    line = Line(7, "Counted machine code; history")
    line.ctest("multiplies of each inner loop counted, no stack access in it, for each level", "^Assembly\\.", "as counted", least=8)
    line.part("history", history, line)
    line.done()


if __name__ == "__main__":
    main()
