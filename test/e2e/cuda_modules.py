#!/usr/bin/env python3
"""axiomc with NVRTC: a fat artifact is the CPU's and its CUDA code, the same bytes for any jobs and cache; what --emit and the dumps
show is what it carries; damaged cache entries; signals while NVRTC runs."""
import os
import pathlib
import signal
import subprocess
import time

import axiom
import cuda_image

SOURCE = axiom.TINY / "qwen3-norm"
OPTIONS = ["--quant=q4"]
FAT = ["--target=cpu:x86-64-v3,cuda:sm_90a,compute_80", *OPTIONS]


def axiomc(*words, cache):
    return axiom.run(axiom.binary("axiomc"), *words, env={"AXIOM_CACHE_DIR": str(cache)})


def names(folder):
    return sorted(path.name for path in pathlib.Path(folder).iterdir())


def whole(file):
    """What a file has apart from code, golden answers and metadata."""
    return {s["kind"]: cuda_image.bytes_of(file, s) for s in file.segments() if s["kind"] not in ("code", "golden")}


def padded(size):
    return -(-size // 65536) * 65536


def fat(check, folder):
    cache = folder / "cache"
    cpu, out = folder / "cpu.axm", folder / "fat.axm"
    axiomc(SOURCE, "-o", cpu, "--target=cpu:x86-64-v3", *OPTIONS, cache=cache).ok()
    check(not cache.exists(), "a compilation for CPUs makes a cache folder")
    first = axiomc(SOURCE, "-o", out, *FAT, "-j", "1", "--dump-ir-dir", folder / "dumps", cache=cache).ok()
    files = names(cache)
    check(len(files) == 2 and all(name.endswith(".module") for name in files), f"the cache holds {files}")
    expected = out.read_bytes()

    small, large = cuda_image.artifact(cpu), cuda_image.artifact(out)
    check([s["kind"] for s in large.segments()].count("weights") == 1, "there is not one weights segment")
    check(whole(small) == whole(large), "weights, tokenizer or template are not those of the CPU's artifact")
    check(cuda_image.golden_prompts(small) == cuda_image.golden_prompts(large), "the golden answers are not the CPU's")
    code = {s["target"]: s for s in large.segments() if s["kind"] == "code"}
    check(list(code) == ["cpu:x86-64-v3", "cuda:sm_90a", "cuda:compute_80"], f"code for {list(code)}")
    check(cuda_image.bytes_of(large, code["cpu:x86-64-v3"]) == cuda_image.bytes_of(small, small.segment("code")), "the CPU's code differs")
    added = sum(padded(s["size"]) for target, s in code.items() if target.startswith("cuda:"))
    more = len(expected) - cpu.stat().st_size
    check(added <= more < added + 1024, f"the fat artifact has {more} bytes more; its CUDA code has {added} with padding")

    kernels = []
    for target, suffix in (("sm_90a", "cubin"), ("compute_80", "ptx")):
        image = cuda_image.Image(cuda_image.bytes_of(large, code["cuda:" + target]))
        module = image.module
        if suffix == "ptx":
            check(module[-1:] == b"\0" and b"\0" not in module[:-1], "PTX does not end in the only zero")
            module = module[:-1]
        kernels.append([[vars(stage) for stage in kernel] for kernel in image.kernels])
        check((folder / f"dumps/kernels.{target}.{suffix}").read_bytes() == module, f"{target}: the dump is not what the artifact carries")
        shown = folder / f"shown.{suffix}"
        axiomc(SOURCE, "-o", shown, *OPTIONS, f"--emit={suffix}", f"--target=cpu,cuda:{target}", cache=cache).ok()
        check(shown.read_bytes() == module, f"{target}: --emit={suffix} is not what the artifact carries")
        for kernel in image.kernels:
            for stage in kernel:
                check(stage.symbol.encode() in module, f"{target}: no symbol {stage.symbol} in the module")
    check(kernels[0] == kernels[1], "the launches depend on the architecture")
    axiom.run(axiom.binary("axiom-inspect"), out, "--verify").ok()
    axiom.run(axiom.binary("axiom-check"), out).ok()
    recorded = axiom.run(axiom.binary("axiom-inspect"), out, "--provenance").ok().out
    check("nvrtc=" in recorded and "target=cuda:sm_90a" in recorded, f"the options are not recorded: {recorded}")

    def same(what, *words, cache=cache):
        again = folder / "again.axm"
        result = axiomc(SOURCE, "-o", again, *FAT, *words, cache=cache).ok()
        check(again.read_bytes() == expected, f"{what}: other bytes")
        return result

    warm = same("from the cache", "-j", "3", "--progress=plain")
    check(warm.err.count("(cached)") == 2, f"not from the cache: {warm.err}")
    check(warm.seconds < first.seconds / 2, f"{warm.seconds:.1f} s from the cache, {first.seconds:.1f} s without")
    damaged = cache / files[0]
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    check(same("a damaged entry", "--progress=plain").err.count("(cached)") == 1, "a damaged entry is taken")
    check(same("a mended entry", "--progress=plain").err.count("(cached)") == 2, "a damaged entry is not written again")
    same("without a cache, two jobs", "-j", "2", cache="/dev/null")
    print(f"{len(expected)} bytes with CUDA code, {cpu.stat().st_size} without; {first.seconds:.1f} s, {warm.seconds:.1f} s from the cache")


def signals(check, folder):
    """NVRTC puts its own handlers in the place of axiomc's while it runs."""
    for number in range(6):
        child = subprocess.Popen([str(axiom.binary("axiomc")), str(SOURCE), "-o", str(folder / "m.axm"), "-j", "2", *OPTIONS,
                                  "--target=cuda:sm_80,sm_90a"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 env=dict(os.environ, AXIOM_CACHE_DIR=str(folder / "cache")))
        time.sleep(0.3 + 0.2 * number)
        wanted = signal.SIGTERM if number % 2 else signal.SIGINT
        child.send_signal(wanted)
        start = time.monotonic()
        _, err = child.communicate(timeout=60)
        check(child.returncode == -wanted, f"{wanted.name}: exit {child.returncode}, {err.decode()}")
        check(time.monotonic() - start < 5, f"{wanted.name}: ends after {time.monotonic() - start:.1f} s")
        check(names(folder) == [], f"{wanted.name} left {names(folder)}")


def main():
    if axiom.run(axiom.binary("cuda-compile"), "--version").status != 0:
        raise axiom.Missing("there is no NVRTC: tools/install-cuda-tools brings it")
    axiom.main_of(fat, signals)


if __name__ == "__main__":
    axiom.main(main)
