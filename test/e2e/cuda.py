#!/usr/bin/env python3
"""The CUDA runtime with the stand-in driver: tiny models of every family give the CPU's bits, as graphs and kernel by kernel, in mixes
of requests and in tools; SmolLM2 does; what is missing is said; faults end requests and nothing else.

    cuda.py [--long] [families mixes smollm tools refusals faults]     long: 200 mixes, 8 prompts, every place of a fault
"""
import ctypes
import json
import os
import re
import sys

import axiom

STANDIN = axiom.BUILD / "test/standin"
LONG = "--long" in sys.argv or os.environ.get("AXIOM_TEST_LONG") is not None
PROMPTS = ["Once upon a time", "The capital of France is", "def f(x):", "2 + 2 =", "Dear Sir,", "The quick brown fox", "Il était une fois",
           "<html><body>"]
# Every weight format and KV type once. The quick form takes some.
QUICK = ["llama-h80", "mistral-window", "qwen2-bias"]
MODELS = {"llama-odd": ["--quant", "f32"], "llama-h80": ["--quant", "q4", "--kv", "int8"], "llama-rope3": ["--quant", "q4f16"],
          "llama-shards": ["--quant", "f16"], "mistral-window": ["--quant", "q6"], "qwen2-bias": ["--quant", "q8", "--kv", "f32"],
          "qwen3-norm": ["--quant", "bf16"]}


def env(**more):
    return {"LD_LIBRARY_PATH": str(STANDIN), "AXIOM_STANDIN_LEAKS": "fail"} | {f"AXIOM_STANDIN_{k.upper()}": v for k, v in more.items()}


def tool(name, *words, **more):
    return axiom.run(axiom.binary(name), *words, env=env(**more))


def compiled(model, folder, *options):
    path = folder / f"{model}.axm"
    axiom.compile_model(axiom.TINY / model, path, "--target", "cpu:native", "--target", "cuda:host", *options)
    return path


def families(check, folder):
    compared = 0
    models = {name: options for name, options in MODELS.items() if LONG or name in QUICK}
    for number, (model, options) in enumerate(models.items()):
        path = compiled(model, folder, *options)
        # Golden prompts: the hidden state after each layer (kernel by kernel), the logits.
        result = tool("axiom-check", path, "--device", "cuda")
        check(result.status == 0, f"{model}: axiom-check on the stand-in: {result.out}{result.err}")
        check("on cuda:0 (Axiom host twin), code for cuda:host" in result.err, f"{model}: axiom-check names no device: {result.err}")
        # As graphs, in chunks, work done late and in another order.
        ids, tokens = axiom.golden_ids(model), folder / "ids.txt"
        ids = (ids["ids"] if isinstance(ids, dict) else ids)[:70]
        tokens.write_text(",".join(map(str, ids)))
        outs = []
        for name, device, how in (("cpu", "cpu", {}), ("gpu", "cuda", {"mode": "eager" if number % 2 else "lazy",
                                                                       "order": "random" if number % 3 else "reverse"})):
            outs.append(folder / f"{name}.npy")
            tool("axiom-eval", "logits", path, "--tokens-file", tokens, "--out", outs[-1], "--device", device, **how).ok()
        check(outs[0].read_bytes() == outs[1].read_bytes(), f"{model}: logits differ from the CPU's")
        compared += len(ids)
    print(f"{len(models)} models: {compared} rows of logits and all golden answers are the CPU's")


def mixes(check, folder):
    for model, mode, short, options in (("llama-rope3", "lazy", 3, []), ("qwen3-norm", "eager", 3, ["--quant", "q8"]),
                                        ("mistral-window", "lazy", 3, ["--quant", "q4"])):
        if not LONG and model != "llama-rope3":
            continue
        path = compiled(model, folder, "--no-golden", *options)
        # The kernels run unchecked: families() has checked them, and here the mixes count.
        result = axiom.run(axiom.binary("BatchInvariance"), path, 67 if LONG else short, 1, "cuda", env=env(mode=mode, check="0"), limit=7200)
        check(result.status == 0, f"{model}, {mode}: {result.out}{result.err}")
        print(result.out.strip())


def smollm(check, folder):
    try:
        model = axiom.gguf()
    except axiom.Missing as reason:
        print(f"SmolLM2 is left out: {reason}")
        return
    path, outs = folder / "smollm.axm", [folder / "cpu.npy", folder / "gpu.npy"]
    axiom.compile_model(model, path, "--target", "cpu:native", "--target", "cuda:host", "--no-golden")
    prompts = PROMPTS if LONG else PROMPTS[:1]
    for prompt in prompts:
        for out, device in zip(outs, ("cpu", "cuda")):
            tool("axiom-eval", "logits", path, "--text", prompt, "--out", out, "--device", device, mode="lazy").ok()
        check(outs[0].read_bytes() == outs[1].read_bytes(), f"SmolLM2's logits of {prompt!r} differ from the CPU's")
    print(f"SmolLM2, {len(prompts)} prompts: the CPU's logits")


def tools(check, folder):
    path = compiled("llama-odd", folder, "--quant", "q8", "--no-golden")
    words = ["generate", path, "--prompt", "the quick", "--temperature", "0.8", "-n", "9"]
    cpu, gpu = tool("axiom-run", *words).ok(), tool("axiom-run", *words, "--device", "cuda:0").ok()
    check(cpu.out == gpu.out and len(cpu.out) > 0, f"axiom-run: {cpu.out!r} on the CPU, {gpu.out!r} on the GPU")
    check(cpu.err == "", f"axiom-run speaks on the CPU: {cpu.err}")
    check(gpu.err == "axiom-run: on cuda:0 (Axiom host twin), code for cuda:host\n", f"axiom-run says {gpu.err!r}")
    said = tool("axiom-run", *words, "--verbose").ok().err
    check(re.search(r"on CPU, code for cpu:", said), f"axiom-run --verbose says {said!r}")
    by_variable = axiom.run(axiom.binary("axiom-run"), *words, env=env() | {"AXIOM_DEVICE": "cuda"}).ok()
    check(by_variable.err == gpu.err, f"AXIOM_DEVICE=cuda: {by_variable.err!r}")
    said = tool("axiom-run", *words, "--verbose", "--device", "cuda", memory="64M").ok().err
    check("of 65.0 MB" in said, f"memory of a device of 64 MiB less 1/32: {said!r}")
    for extra in ([], ["--eager"]):
        rows = json.loads(tool("axiom-bench", path, "-p", "9", "-n", "3", "-r", "1", "--no-warmup", "-o", "json", "--device", "cuda", *extra).ok().out)
        check({row["backend"] for row in rows} == {"cuda:host"}, f"axiom-bench: {rows}")
    text = folder / "text.txt"
    text.write_text("the quick brown fox jumps over the lazy dog " * 8)
    words = ["perplexity", path, "--file", text, "--context", "32", "--chunks", "2"]
    check(tool("axiom-eval", *words).ok().out == tool("axiom-eval", *words, "--device", "cuda").ok().out, "perplexity differs")
    words = ["compare", path, "--against", path, "--file", text, "--context", "32", "--chunks", "1", "--output", "csv"]
    tool("axiom-eval", *words, "--device", "cuda").ok()
    needed = axiom.run("ldd", axiom.binary("axiom-run")).ok().out
    check("libcuda" not in needed, f"axiom-run needs {needed}")
    print("axiom-run, axiom-bench and axiom-eval say on the GPU what they say on the CPU; axiom-run needs no libcuda")


def refusals(check, folder):
    path = compiled("llama-odd", folder, "--quant", "q8", "--no-golden")
    only, cpu = folder / "only.axm", folder / "cpu.axm"
    axiom.compile_model(axiom.TINY / "llama-odd", only, "--quant", "q8", "--no-golden", "--target", "cuda:host")
    axiom.compile_model(axiom.TINY / "llama-odd", cpu, "--quant", "q8", "--no-golden", "--target", "cpu:native")

    def refused(status, parts, *words, environment=None):
        result = axiom.run(axiom.binary(words[0]), *words[1:], env=env() if environment is None else environment)
        # One line; before it, at most, which device it is.
        said = "\n".join(line for line in result.err.strip().splitlines() if ": on cuda:0 (" not in line)
        check(result.status == status and said.count("\n") == 0 and all(p in said for p in parts),
              f"{' '.join(map(str, words))}: exit {result.status}, expected {status} and {parts}: {said}")

    def run(model, *more):
        return ["axiom-run", "generate", model, "--prompt", "a", "-n", "1", *more]

    try:
        ctypes.CDLL("libcuda.so.1")
        print("this machine has a driver: what is said without one is not looked at")
    except OSError:
        refused(3, ["no NVIDIA driver", "libcuda.so.1", "--device=cpu"], *run(path, "--device", "cuda"), environment={})
        refused(3, ["code for CUDA only ('cuda:host')", "--device=cuda"], *run(only), environment={})
    refused(3, ["code for CUDA only ('cuda:host')", "--device=cuda"], *run(only))
    refused(3, ["no code for CUDA", "--target=cuda"], *run(cpu, "--device", "cuda"))
    refused(3, ["no device cuda:1"], *run(path, "--device", "cuda:1"))
    refused(2, ["'gpu' is no device", "cuda:N"], *run(path, "--device", "gpu"))
    refused(2, ["ISA level", "leave it out"], *run(path, "--device", "cuda", "--isa", "x86-64-v3"))
    refused(3, ["capability 9.0", "CUDA 13.0", "'cuda:host'", "--target=cuda:sm_90"], *run(path, "--device", "cuda"),
            environment=env(capability="9.0"))
    refused(3, ["driver here is for CUDA 11.4", "12.0"], *run(path, "--device", "cuda"), environment=env(driver="11040"))
    refused(3, ["cuInit on cuda:0", "nvidia-smi"], *run(path, "--device", "cuda"), environment=env(devices="0"))
    refused(4, ["not enough memory", "free memory of cuda:0"], *run(path, "--device", "cuda"), environment=env(memory="8M"))
    refused(4, ["not enough memory", "--memory"], *run(path, "--device", "cuda", "--memory", "1M"))
    refused(2, ["--limits"], "axiom-bench", path, "--device", "cuda", "--limits")
    refused(2, ["--profile"], "axiom-bench", path, "--device", "cuda", "--profile")
    tool("axiom-run", *run(only, "--device", "cuda")[1:]).ok()
    # A fat artifact has its weights once.
    fat = json.loads(tool("axiom-inspect", path, "--json").ok().out)
    image = next(s["bytes"] for s in fat["segments"] if s["target"] == "cuda:host")
    check([s["kind"] for s in fat["segments"]].count("weights") == 1, "weights twice")
    grown = path.stat().st_size - cpu.stat().st_size
    check(image <= grown < image + 2 * 65536 + 4096, f"CUDA code of {image} bytes makes the file {grown} bytes larger")
    print(f"each refusal is one clear line; CUDA code of {image} bytes makes the file {grown} bytes larger, with one weights segment")


def faults(check, folder):
    path = compiled("llama-odd", folder, "--quant", "q8", "--no-golden")
    result = axiom.run(axiom.binary("CudaFaults"), path, *(["long"] if LONG else []), env={"LD_LIBRARY_PATH": str(STANDIN), "AXIOM_STANDIN_CHECK": "0"}, limit=3600)
    check(result.status == 0, f"CudaFaults: {result.out[-2000:]}{result.err[-2000:]}")
    print(result.out.strip())


if __name__ == "__main__":
    parts = [families, mixes, smollm, tools, refusals, faults]
    wanted = [w for w in sys.argv[1:] if w != "--long"]
    axiom.main_of(*[p for p in parts if not wanted or p.__name__ in wanted])
