#!/usr/bin/env python3
"""What the built runtime depends on and exports.

axiom-run and libaxiom need libc, libm, libstdc++ and libgcc_s only; libaxiom.so exports exactly the names in
exported-symbols.txt; axiom-run is at most 3 MB stripped.

    binaries.py [--build DIR] [--write-symbols]
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import repo

ALLOWED = re.compile(r"^(libc|libm|libstdc\+\+|libgcc_s|ld-linux-[\w-]+|linux-vdso)\.so")
LIMIT = 3 * 1000 * 1000
SYMBOLS = pathlib.Path(__file__).with_name("exported-symbols.txt")


def needed(path):
    """Every library the loader would map, not only the direct ones."""
    out = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
    return [line.split()[0].split("/")[-1] for line in out.splitlines() if line.strip()]


def exported(path):
    out = subprocess.run(["nm", "-D", "--defined-only", "-C", str(path)], capture_output=True, text=True, check=True)
    names = {line.split(maxsplit=2)[2] for line in out.stdout.splitlines() if len(line.split(maxsplit=2)) == 3}
    return sorted(names)


def stripped_size(path):
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / path.name
        shutil.copy(path, copy)
        subprocess.run(["strip", str(copy)], check=True)
        return copy.stat().st_size


def main():
    build = repo.build_folder(sys.argv)
    run = build / "bin/axiom-run"
    if not run.is_file():
        repo.skip("axiom-run is not built")
    libraries = sorted(p for p in build.rglob("libaxiom.so*") if not p.is_symlink())
    problems = []
    for path in [run, *libraries]:
        for library in needed(path):
            if not ALLOWED.match(library):
                problems.append(f"{path.name} needs {library}: only libc, libm, libstdc++ and libgcc_s are allowed")
    size = stripped_size(run)
    print(f"axiom-run stripped: {size} bytes")
    if size > LIMIT:
        problems.append(f"axiom-run is {size} bytes stripped, at most {LIMIT}")
    if not libraries:
        problems.append("libaxiom.so is not built: its exported symbols can't be checked")
    for path in libraries:
        names = exported(path)
        if "--write-symbols" in sys.argv:
            SYMBOLS.write_text("\n".join(names) + "\n")
        listed = SYMBOLS.read_text().split("\n")[:-1] if SYMBOLS.is_file() else []
        problems += [f"{path.name} exports {n}, which exported-symbols.txt does not list" for n in names if n not in listed]
        problems += [f"{path.name} does not export {n}, which exported-symbols.txt lists" for n in listed if n not in names]
    repo.finish(problems, f"binaries, axiom-run and {len(libraries)} libraries")


if __name__ == "__main__":
    main()
