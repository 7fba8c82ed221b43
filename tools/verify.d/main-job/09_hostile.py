#!/usr/bin/env python3
"""Line 9: hostile inputs, under the sanitizers where they are parsed at run time."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

SANITIZED = axiom.ROOT / "build-sanitized"


def main():
    line = Line(9, "Hostile inputs")
    line.ctest("60 safetensors, verdicts as PyPI safetensors or stricter", "^SafetensorsCorrupt", "every case")
    line.ctest("40 GGUF and config files", "^(GgufCorrupt|ConfigCorrupt)", "every case")
    for what, pattern in (("a tiny artifact truncated and with every byte flipped", "^CorruptArtifact.(CutShort|EveryByteFlipped)"),
                          ("500 single-field mutants, digests recomputed", "^CorruptArtifact.(SingleFields|Surgery)"),
                          ("100,000 random metadata mutations, digests recomputed", "^CorruptArtifact.RandomMetadata")):
        line.ctest(f"{what}, under ASan and UBSan", pattern, "rejected or harmless", folder=SANITIZED, show=r"mutat|reject|harmless")
    line.script("fuzz targets, run briefly (build-sanitized)", "test/run_suites.py", "no finding", "--build", axiom.BUILD, "--sanitized",
                SANITIZED, "--suite", "fuzz")
    line.script("20 kill -9 of axiomc", "test/e2e/killed.py", "absent, old or complete")
    line.script("exit codes and messages of every tool", "test/e2e/exit_codes.py", "2 usage, 3 bad file")
    line.done()


if __name__ == "__main__":
    main()
