#!/usr/bin/env python3
"""The same artifacts on this machine and, under qemu-user, on aarch64: byte-equal logits at every position for tiny models of every
family in every weight format, the same rows and tokens in random mixes, and tools/cpu-check for the level (kernel sweep, golden
answers, mixes).

The runtime is built for aarch64 in BUILD/aarch64 first. Skipped where qemu or the cross libraries are missing
(tools/install-deps --aarch64)."""
import pathlib
import shutil
import tempfile

import axiom

CROSS = pathlib.Path("/usr/aarch64-linux-gnu")
LEVEL = "aarch64-dotprod"
QEMU = ["qemu-aarch64", "-L", CROSS]
MIXES = "8"


def build():
    """The folder of the cross build."""
    for found, what in ((shutil.which("qemu-aarch64"), "qemu-aarch64"), (shutil.which("clang++-22"), "clang 22"),
                        ((CROSS / "lib/libstdc++.so.6").exists(), "C++ library for aarch64")):
        if not found:
            raise axiom.Missing(f"no {what} here: tools/install-deps --aarch64")
    folder = axiom.BUILD / "aarch64"
    options = ["-DAXIOM_BUILD_COMPILER=OFF", "-DAXIOM_BUILD_TESTS=ON"]
    if shutil.which("ccache"):
        options += [f"-DCMAKE_{language}_COMPILER_LAUNCHER=ccache" for language in ("C", "CXX")]
    axiom.run("cmake", "-S", axiom.ROOT, "-B", folder, "-G", "Ninja", "--toolchain", axiom.ROOT / "tools/cmake/aarch64-linux-gnu.cmake",
              "-Wno-dev", *options).ok()
    axiom.run("ninja", "-C", folder, "axiom-eval", "axiom-check", "BatchInvariance", "KernelSweep", limit=1500).ok()
    return folder


def main():
    cross = build()
    problems, compared, models = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        check = axiom.ROOT / "tools/cpu-check"
        axiom.run(check, "--pack", folder, LEVEL, env={"AXIOM_GGUF": "/none"}, limit=1500).ok()
        for artifact in sorted(pathlib.Path(folder).glob("*.axm")):
            ids = axiom.golden_ids(artifact.name.split(".")[0])
            here = axiom.logits(artifact, ids)
            there = axiom.logits(artifact, ids, "--isa", LEVEL, program=[*QEMU, cross / "bin/axiom-eval"])
            compared, models = compared + len(here.values), models + 1
            if here.values.tobytes() != there.values.tobytes():
                problems.append(f"{artifact.stem}: logits differ by up to {axiom.largest_difference(here, there):.3e}")
        for name in ("llama-rope3.q4.f16", "qwen3-norm.q8.int8"):
            words = (f"{folder}/{name}.axm", MIXES, "1")
            here = axiom.run(axiom.binary("BatchInvariance"), *words).ok().out
            there = axiom.run(*QEMU, cross / "bin/BatchInvariance", *words, LEVEL, limit=1200).ok().out
            # The digest is of what every request must see; how many tokens are guessed depends on times.
            here, there = (text.rsplit("digest ", 1)[1].strip() for text in (here, there))
            if here != there:
                problems.append(f"{name}: mixes differ: {here} | {there}")
        result = axiom.run(check, "--run", folder, env={"AXIOM_BUILD": str(cross), "AXIOM_EMULATOR": f"qemu-aarch64 -L {CROSS}"}, limit=1500)
        print(result.out.strip())
        if result.status != 0:
            problems.append(f"tools/cpu-check --run: exit {result.status} {result.err.strip()}")
    if not problems:
        print(f"{compared} logits of {models} models, mixes, kernel sweep and golden answers: byte-equal on x86-64 and aarch64")
    return problems


if __name__ == "__main__":
    axiom.main(main)
