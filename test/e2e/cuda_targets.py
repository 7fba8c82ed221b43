#!/usr/bin/env python3
"""axiomc's CUDA targets without NVRTC: names and lists of targets, cuda:host artifacts, what is shown and what is refused, signals."""
import os
import pathlib
import signal
import subprocess
import time

import axiom
import cuda_image

SOURCE = axiom.TINY / "qwen3-norm"
NO_NVRTC = {"AXIOM_NVRTC": "/nowhere/libnvrtc.so"}


def axiomc(*words, env=None):
    return axiom.run(axiom.binary("axiomc"), *words, env=NO_NVRTC | {"AXIOM_CACHE_DIR": "/dev/null"} | (env or {}))


def names(folder):
    return sorted(path.name for path in pathlib.Path(folder).iterdir())


def lists(check, folder):
    listed = axiomc("--print-targets").ok().out.splitlines()
    for target in ("cpu:x86-64-v3", "cuda:sm_80", "cuda:sm_86", "cuda:sm_89", "cuda:sm_90a", "cuda:sm_100a", "cuda:sm_120",
                   "cuda:compute_80"):
        check(target in listed, f"--print-targets misses {target}")
    check(any(line.startswith("cuda:host ") and "for tests" in line for line in listed), "--print-targets does not say what cuda:host is")
    out = folder / "m.axm"
    for option, env, wanted in [(["--target=cpu:x86-64-v3,x86-64-v3-vnni"], {}, ["cpu:x86-64-v3", "cpu:x86-64-v3-vnni"]),
                                ([], {"AXIOM_TARGET": "cuda:host,cpu:x86-64-v3"}, ["cpu:x86-64-v3", "cuda:host"]),
                                ([], {}, [line for line in listed if line.startswith("cpu:")])]:
        axiomc(SOURCE, "-o", out, "--quant=q4", "--progress=none", "--no-golden", *option, env=env).ok()
        found = [s["target"] for s in cuda_image.artifact(out).segments() if s["kind"] == "code"]
        check(found == wanted, f"{option} {env}: code for {found}, expected {wanted}")
    for bad in ("sm_80", "cuda:sm_75", "cuda:sm_90", "cuda:sm_80,,cpu", "gpu"):
        result = axiomc(SOURCE, "-o", out, f"--target={bad}")
        check(result.status == 2 and "unknown target" in result.err and "cuda:sm_90a" in result.err, f"--target={bad}: exit {result.status}, {result.err}")


def refusals(check, folder):
    """Nothing takes time before NVRTC is missed; what does not need it works."""
    out = folder / "m.axm"
    for words in (["--target=cpu,cuda:sm_80"], ["--target=cuda"], ["--emit=ptx"], ["--emit=cubin"]):
        result = axiomc(SOURCE, "-o", out, "--progress=none", *words)
        check(result.status == 3 and len(result.err.splitlines()) == 1, f"{words} without NVRTC: exit {result.status}, {result.err}")
        for part in ("NVRTC", "/nowhere/libnvrtc.so", "AXIOM_NVRTC", "nvidia-cuda-nvrtc"):
            check(part in result.err, f"{words} without NVRTC does not say {part}: {result.err}")
        check(result.seconds < 5, f"{words} without NVRTC takes {result.seconds:.1f} s")
    result = axiomc(SOURCE, "-o", out, "--target=cuda:host", "--progress=none", env={"CXX": "/nowhere/c++"})
    check(result.status == 3 and "/nowhere/c++" in result.err and "CXX" in result.err, f"no host compiler: exit {result.status}, {result.err}")
    for words, part in ((["--emit=llvm", "--target=cuda:sm_80"], "cuda:sm_80 only"), (["--emit=cubin", "--target=cuda:compute_80"], "is PTX"),
                        (["--emit=cu", "--target=cpu"], "--emit=llvm"), (["--emit=ptx", "--target=cuda:host"], "a library")):
        result = axiomc(SOURCE, "-o", out, *words)
        check(result.status == 2 and part in result.err, f"{words}: exit {result.status}, {result.err}")
    check(names(folder) == [], f"refusals left {names(folder)}")


def host(check, folder):
    """An artifact for the host twin alone: one weights segment, golden answers by code that is not in it, its kernels as shown."""
    out, cpu, dumps = folder / "host.axm", folder / "cpu.axm", folder / "dumps"
    result = axiomc(SOURCE, "-o", out, "--quant=q4", "--target=cuda:host", "--dump-ir-dir", dumps).ok()
    check("not quantized" not in result.err, f"a note about quantized weights: {result.err}")
    axiomc(SOURCE, "-o", cpu, "--quant=q4", "--progress=none").ok()
    one, other = cuda_image.artifact(out), cuda_image.artifact(cpu)
    check([s["kind"] for s in one.segments()] == ["tokenizer", "template", "code", "weights", "golden"],
          f"the segments are {[(s['kind'], s['target']) for s in one.segments()]}")
    image = cuda_image.Image(cuda_image.bytes_of(one, one.segment("code")))
    check(image.module[:4] == b"\x7fELF" and image.module == (dumps / "kernels.host.so").read_bytes(), "the module is not the library that was dumped")
    text = (dumps / "kernels.cu").read_text()
    check(text == axiomc(SOURCE, "--quant=q4", "--emit=cu").ok().out, "--dump-ir-dir and --emit=cu show different kernels")
    for kernel in image.kernels:
        for stage in kernel:
            check(f" {stage.symbol}(Launch launch)" in text, f"no entry {stage.symbol} in the generated code")
    check(not any(name in names(dumps) for name in ("kernels.ll", "kernels.s", "kernels.mlir")), "the CPU code that is not asked for is dumped")
    check(cuda_image.golden_prompts(one) == cuda_image.golden_prompts(other), "the golden answers are not the CPU's")
    parts = [part for part in cuda_image.golden_parts(one) if part.startswith(b"\x03")]
    check(len(parts) == 1 and b"cuda:host" in parts[0], f"the golden parts name code that is not in the file: {parts}")
    axiom.run(axiom.binary("axiom-inspect"), out, "--verify").ok()
    result = axiom.run(axiom.binary("axiom-check"), out)
    check(result.status == 3 and "cuda:host" in result.err and len(result.err.splitlines()) == 1, f"no CPU code: exit {result.status}, {result.err}")

    result = axiomc(SOURCE, "-o", folder / "f.axm", "--target=cuda:host", "--progress=json").ok()
    check("matrices are not quantized" in result.err and result.err.count("note: ") == 1, f"float weights on CUDA: {result.err}")
    check('"part":"cuda:host"' in result.err, f"--progress=json does not name the target that is done: {result.err}")


def signals(check, folder):
    """A signal to all, as from a terminal, and one to axiomc alone while the host's compiler runs."""
    temporary, output = folder / "tmp", folder / "out"
    for path in (temporary, output):
        path.mkdir()
    interrupted = 0
    for number in range(4):
        child = subprocess.Popen([str(axiom.binary("axiomc")), str(SOURCE), "-o", str(output / "m.axm"), "--target=cuda:host", "--no-golden"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                 env=dict(os.environ, TMPDIR=str(temporary)))
        while child.poll() is None and not names(temporary):
            time.sleep(0.0005)
        time.sleep(0.2 * number)
        if number % 2:
            child.send_signal(signal.SIGTERM)
        else:
            os.killpg(child.pid, signal.SIGINT)
        status = child.wait()
        interrupted += status < 0
        check(status in (0, -signal.SIGINT, -signal.SIGTERM), f"signal {number}: exit {status}")
        check(names(temporary) == [], f"signal {number} left {names(temporary)}")
        check(names(output) in ([], ["m.axm"]), f"signal {number} left {names(output)}")
    print(f"4 signals: {interrupted} ended axiomc while the host's compiler ran")
    check(interrupted > 0, "no signal came in time")


if __name__ == "__main__":
    axiom.main_of(lists, refusals, host, signals)
