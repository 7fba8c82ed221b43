#!/usr/bin/env python3
"""Reports C++ files that clang-format 22 (.clang-format) would change.

    format.py [--fix FILE...]
"""
import shutil
import subprocess
import sys

import repo


def main():
    tool = shutil.which("clang-format-22")
    if not tool:
        repo.skip("clang-format-22 is not installed (tools/install-deps installs it where it can)")
    if "--fix" in sys.argv:
        names = sys.argv[sys.argv.index("--fix") + 1:]
        subprocess.run([tool, "-i", *names], check=True)
        return
    names = repo.files("*.cpp", "*.h")
    wrong = []
    for first in range(0, len(names), 64):
        part = names[first:first + 64]
        run = subprocess.run([tool, "--dry-run", "-Werror", *part], cwd=repo.ROOT, capture_output=True, text=True)
        wrong += sorted({line.split(":")[0] for line in run.stderr.splitlines() if "clang-format-violations" in line})
    for name in wrong:
        print(f"{name}: clang-format would change it")
    if wrong:
        print("tools/lint/format.py --fix FILE... rewrites them")
    repo.finish(wrong, f"format, {len(names)} files")


if __name__ == "__main__":
    main()
