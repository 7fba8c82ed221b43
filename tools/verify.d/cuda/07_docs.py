#!/usr/bin/env python3
"""Line 7: the page of the CUDA target and the checklist for a new one."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402


def main():
    line = Line(7, "Documents")
    for page, title in (("docs/cuda.md", "# The CUDA target"), ("docs/extending/cuda-target.md", "# A CUDA target")):
        text = (axiom.ROOT / page).read_text() if (axiom.ROOT / page).is_file() else ""
        line.check(page, f"{len(text.splitlines())} lines", f"begins with {title!r}", text.startswith(title + "\n"))
    line.script("paths and commands that the pages name", "tools/lint/docs_paths.py", "exist")
    line.script("pages of the command line", "tools/lint/cli_docs.py", "what --help prints")
    line.done()


if __name__ == "__main__":
    main()
