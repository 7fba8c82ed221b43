#!/usr/bin/env python3
"""Part 1 of tools/gpu-check as on a GPU's machine: the runtime is built with g++ and make from a copy of the sources, without LLVM, flatc or
the headers of others, and gives the parts' answers on the stand-in driver."""
import json
import shutil
import subprocess

import axiom

PROGRAMS = ["cmake", "c++", "cc", "g++", "gcc", "make", "as", "ld", "ar", "ranlib", "ldd", "sh", "bash", "python3", "env", "uname", "cat", "sed"]


def build(check, folder):
    pack, copy, path = folder / "pack", folder / "copy", folder / "bin"
    axiom.run(axiom.ROOT / "tools/gpu-check", "--pack", pack, "--arch", "host", "--tiny", "llama-rope3", "--quick", limit=900).ok()
    tracked = subprocess.run(["git", "-C", str(axiom.ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True)
    for name in tracked.stdout.decode().split("\0"):
        if name and (axiom.ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(axiom.ROOT / name, copy / name)
    path.mkdir()
    for name in PROGRAMS:  # nothing else is in reach: no ninja, no flatc, no clang
        found = shutil.which(name)
        if found:
            (path / name).symlink_to(found)
    result = axiom.run("python3", copy / "tools/gpu-check", "--run", pack, "--part", "1,3", "--json", folder / "out.json", cwd=copy, limit=1200,
                       env={"PATH": str(path), "LD_LIBRARY_PATH": str(axiom.BUILD / "test/standin"), "AXIOM_GPU_CHECK_SECONDS": "1100"})
    check(result.status == 0, f"exit {result.status}\n{result.out}{result.err}")
    if result.status == 0:
        built = json.loads((folder / "out.json").read_text())["parts"]["1"]["checks"]["the runtime without LLVM"]
        check(built["result"] == "passed", f"the build: {built}")
        cache = (copy / "build-gpu/CMakeCache.txt").read_text()
        check("CMAKE_GENERATOR:INTERNAL=Unix Makefiles" in cache and "MLIR_DIR" not in cache and "/usr/share/cmake/" not in cache,
              "the build has found what it should not look for")
        print(f"{built['detail']}, {built['seconds']:.0f} s")


if __name__ == "__main__":
    axiom.main_of(build)
