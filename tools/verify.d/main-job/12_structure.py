#!/usr/bin/env python3
"""Line 12: include graph, libraries, barriers."""
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402


def barriers(line):
    with tempfile.TemporaryDirectory() as folder:
        sources = [axiom.TINY / name for name in axiom.tiny_names()]
        try:
            sources.append(axiom.gguf())
        except axiom.Missing as reason:
            line.skip("barriers of SmolLM2", str(reason))
        for source in sources:
            axiom.compile_model(source, f"{folder}/m.axm")
            report = json.loads(axiom.run(axiom.binary("axiom-inspect"), f"{folder}/m.axm", "--json").ok().out)
            line.at_most(f"barriers a layer, {source.name}", report["barriers_per_layer"], 5)


def main():
    line = Line(12, "Structure")
    line.script("include graph", "tools/lint/include_graph.py", "clean")
    line.script("the include check finds seeded faults", "tools/lint/selftest.py", "all found")
    line.script("libraries of axiom-run", "tools/lint/binaries.py", "libc, libm, libstdc++, libgcc_s", "--build", axiom.BUILD)
    line.part("barriers", barriers, line)
    line.done()


if __name__ == "__main__":
    main()
