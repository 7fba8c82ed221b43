#!/usr/bin/env python3
"""Line 10: axiom-check names what was altered."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line  # noqa: E402


def main():
    line = Line(10, "axiom-check")
    line.script("altered scale, kernel, vocabulary entry and template, digests recomputed", "test/e2e/check_alterations.py",
                "exit 1, each named")
    line.done()


if __name__ == "__main__":
    main()
