#!/usr/bin/env python3
"""Line 9: the server adds nothing to libaxiom and axiom-run, and stays up for hours of mixed load with flat memory and descriptors.

AXIOM_SOAK_MINUTES: how long (default 120).
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

FILES = ("bin/axiom-run", "lib/libaxiom.so")
LIBRARIES = {"libc.so.6", "libm.so.6", "libstdc++.so.6", "libgcc_s.so.1"}
# Stripped, by clang 22 with -O2 on x86-64: commit 116e4ef, the last before the server. The room above is for what the engine itself learns
# (log probabilities of prompts took 8 kB of libaxiom, 4 kB of axiom-run).
BEFORE = {"bin/axiom-run": 1_482_560, "lib/libaxiom.so": 1_055_848}
GROWTH = 1.05
MINUTES = float(os.environ.get("AXIOM_SOAK_MINUTES", "120"))


def stripped(path):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "copy"
        shutil.copy(path.resolve(), copy)
        subprocess.run(["strip", copy], check=True)
        return copy.stat().st_size


def without_server(line):
    """The same tree, configured without the server."""
    cache = (axiom.BUILD / "CMakeCache.txt").read_text()
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache, re.M).group(1)
    with tempfile.TemporaryDirectory() as folder:
        axiom.run("cmake", "-S", axiom.ROOT, "-B", folder, "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}", "-DAXIOM_BUILD_SERVER=OFF",
                  "-DAXIOM_BUILD_COMPILER=OFF", "-DAXIOM_BUILD_TESTS=OFF").ok()
        axiom.run("ninja", "-C", folder, "AxiomRuntime", "axiom-run", limit=3000).ok()
        for name in FILES:
            here, there = stripped(axiom.BUILD / name), stripped(pathlib.Path(folder) / name)
            line.check(f"{name}, stripped, in a build with the server and in one without", f"{here} and {there} bytes", "equal but for a page",
                       abs(here - there) <= 4096)


def sizes(line):
    for name in FILES:
        path = axiom.BUILD / name
        if not path.is_file():
            raise axiom.Missing(f"{name} is not built")
        # DT_NEEDED, and what these need
        out = axiom.run("ldd", path).ok().out
        found = {word.split()[0] for word in out.splitlines() if word.strip()} - {"linux-vdso.so.1"}
        found = {f for f in found if "ld-linux" not in f}
        line.check(f"{name}: libraries", ", ".join(sorted(found)), "libc, libm, libstdc++, libgcc_s", found <= LIBRARIES)
        line.at_most(f"{name}, stripped, against {BEFORE[name]} bytes before the server", stripped(path), BEFORE[name] * GROWTH, "{:.0f}", " bytes")


def main():
    line = Line(9, "Unchanged library, hours of load")
    line.part("sizes", sizes, line)
    line.part("without the server", without_server, line)
    line.script(f"axiom-serve under mixed load, {MINUTES:g} min", "test/e2e/serve_soak.long.py",
                "no wrong answer, no 5xx; memory within 5 % or 4 MiB, descriptors and threads as at the first pause", "--minutes", MINUTES,
                limit=MINUTES * 60 + 900)
    line.done()


if __name__ == "__main__":
    main()
