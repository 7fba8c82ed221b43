#!/usr/bin/env python3
"""Line 11: the installed library, from outside the tree."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402


def main():
    line = Line(11, "Install and embed")
    line.script("runtime-only install; C11 and C++20 examples by find_package and pkg-config", "test/e2e/install.py", "generated text")
    line.script("exported symbols are the listed ones", "tools/lint/binaries.py", "the list", "--build", axiom.BUILD)
    line.ctest("the ABI version is checked at open", "^AbiVersion", "checked")
    line.done()


if __name__ == "__main__":
    main()
