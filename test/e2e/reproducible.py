#!/usr/bin/env python3
"""The same input gives the same bytes: for any thread count, folder and run, and with AVX2 and FMA masked in libc."""
import hashlib
import pathlib
import shutil
import sys
import tempfile

import axiom

MASKED = "glibc.cpu.hwcaps=-AVX2_Usable,-FMA_Usable,-AVX2,-FMA"


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def variants(source, folder, options):
    """(what differs, digest of the artifact)."""
    moved = pathlib.Path(folder) / "another place" / pathlib.Path(source).name
    moved.parent.mkdir()
    if pathlib.Path(source).is_dir():
        shutil.copytree(source, moved)
    else:
        shutil.copy(source, moved)
    out = f"{folder}/out.axm"
    for what, path, extra, env in [
            ("first run", source, ["-j", "1"], {}), ("second run", source, ["-j", "1"], {}), ("-j 2", source, ["-j", "2"], {}),
            ("-j 5", source, ["-j", "5"], {}), ("another folder", moved, [], {}),
            ("GLIBC_TUNABLES", source, [], {"GLIBC_TUNABLES": MASKED})]:
        axiom.compile_model(path, out, *options, *extra, env=env)
        yield what, digest(out)


def main():
    sources = [(axiom.TINY / name, q) for name in ("llama-odd", "qwen3-norm") for q in ("q4", "f16")]
    if len(sys.argv) > 1:
        sources = [(pathlib.Path(sys.argv[1]), q) for q in sys.argv[2:] or ["q4"]]
    problems = []
    for number, (source, quant) in enumerate(sources):
        # All levels once: they go the same way.
        target = ["--target", "cpu:native"] if number > 0 and len(sys.argv) == 1 else []
        with tempfile.TemporaryDirectory() as folder:
            found = list(variants(source, folder, ["--quant", quant, *target]))
        other = [what for what, value in found if value != found[0][1]]
        print(f"{source.name} {quant}: {len(found)} builds, {len(other)} differ")
        problems += [f"{source.name} {quant}: {what} gives other bytes" for what in other]
    return problems


if __name__ == "__main__":
    axiom.main(main)
