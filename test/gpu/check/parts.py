"""Parts 1 to 4 of tools/gpu-check: right or wrong. Part 5, how fast, is speed.py."""
import json
import os
import pathlib
import re
import shutil
import tempfile
import time

from common import ROOT, Failed, NoDevice, Skipped, read_json, run, sha256, tail

PROGRAMS = ["axiom-run", "axiom-check", "axiom-eval", "axiom-bench", "axiom-inspect", "BatchInvariance", "gpu-replay", "gpu-bench"]
PROMPTS = ["Once upon a time", "The capital of France is", "def f(x):", "2 + 2 =", "Dear Sir,", "The quick brown fox", "Il était une fois",
           "<html><body>"]
MIXED = ["llama-rope3", "mistral-window", "qwen3-norm"]
HINT = "g++ 12 or clang 16 or later, make or ninja, CMake 3.25 (python3 -m pip install cmake) are needed, nothing else"


class Work:
    """What the parts work with: the pack, the build, the device."""

    def __init__(self, pack, build, device, model, no_build):
        self.pack, self.build, self.number, self.no_build = pack, pathlib.Path(build).resolve(), device, no_build
        self.device, self.facts = f"cuda:{device}", None
        self.model = pathlib.Path(model).resolve() if model else None

    def program(self, name):
        path = self.build / "bin" / name
        if not path.is_file():
            raise Failed(f"{name} is not in {self.build.name}/bin: tools/gpu-check --run {self.pack.folder} --part 1 builds it")
        return path

    def run(self, part, name, *words, **more):
        env = {"AXIOM_STANDIN_CHECK": os.environ.get("AXIOM_STANDIN_CHECK", "0")} if self.pack.host else {}
        return run([self.program(name), *words], part.deadline, env=env, **more)


def cmake_version(deadline):
    try:
        said = run(["cmake", "--version"], deadline).ok().out
    except OSError:
        raise Failed(f"there is no cmake: {HINT}") from None
    found = re.search(r"(\d+)\.(\d+)", said)
    if not found or (int(found.group(1)), int(found.group(2))) < (3, 25):
        raise Failed(f"cmake is {said.splitlines()[0]}: {HINT}")


def build(work, part):
    """The runtime and its tools, with what this machine has; without LLVM."""
    if work.no_build:
        for name in PROGRAMS:
            work.program(name)
        raise Skipped(f"--no-build: the programs of {work.build.name} are used as they are")
    cmake_version(part.deadline)
    options = ["-DAXIOM_BUILD_COMPILER=OFF", "-DAXIOM_BUILD_TESTS=OFF", "-DAXIOM_WARNINGS_AS_ERRORS=OFF", *work.pack.build_options()]
    if not (work.build / "CMakeCache.txt").is_file() and "CMAKE_GENERATOR" not in os.environ and shutil.which("ninja"):
        options += ["-G", "Ninja"]
    if "CXX" not in os.environ and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise Failed(f"there is no C++ compiler: {HINT}, or set CXX")
    configured = run(["cmake", "-S", ROOT, "-B", work.build, *options], part.deadline)
    if configured.status != 0:
        raise Failed(f"cmake: exit {configured.status} ({HINT})\n{tail(configured.err + configured.out, 20)}")
    cores = len(os.sched_getaffinity(0))
    made = run(["cmake", "--build", work.build, "--parallel", cores, "--target", *PROGRAMS], part.deadline)
    if made.status != 0:
        raise Failed(f"the build failed:\n{tail(made.out + made.err, 30)}")
    libraries = "".join(run(["ldd", work.program(name)], part.deadline).ok().out for name in PROGRAMS)
    foreign = sorted(set(re.findall(r"lib(?:LLVM|MLIR|cuda|cublas|nvrtc)\S*", libraries)))
    if foreign:
        raise Failed(f"the runtime's programs need {', '.join(foreign)}")
    compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", (work.build / "CMakeCache.txt").read_text(), re.M)
    return f"{len(PROGRAMS)} programs in {work.build.name} with {pathlib.Path(compiler.group(1)).name}, no LLVM and nothing of CUDA in them"


def device_facts(work, part):
    result = work.run(part, "gpu-bench", "facts", "--device", work.number)
    if result.status == 3:
        raise NoDevice(result.err.strip())
    return json.loads(result.ok().out)


def describe(facts):
    return (f"{facts['name']}, capability {facts['capability']}, {facts['multiprocessors']} multiprocessors, "
            f"{facts['memory_bytes'] / 1e9:.1f} GB ({facts['free_bytes'] / 1e9:.1f} free), driver for CUDA {facts['driver']}"
            + ("" if facts["silicon"] else "; this is the stand-in driver: nothing is proven for a GPU"))


def last_line(file, seen):
    """Of a command that runs; its own position in the file stays."""
    size = os.fstat(file.fileno()).st_size
    lines = os.pread(file.fileno(), 4096, max(0, size - 4096)).decode(errors="replace").splitlines()
    numbered = [line for line in lines if re.match(r"\[\d+/\d+\]", line)]
    if numbered and numbered[-1] != seen[0] and time.monotonic() - seen[1] > 20:
        seen[:] = numbered[-1], time.monotonic()
        print(f"        {numbered[-1]}", flush=True)


def replay_once(work, part, kind, first, seen):
    """Cases from number `first` on. Gives what gpu-replay wrote, and keeps it if we are stopped."""
    data = part.data[f"replay {kind}"]
    with tempfile.TemporaryDirectory() as folder:
        out, found = pathlib.Path(folder) / "replay.json", None
        try:
            result = work.run(part, "gpu-replay", work.pack.folder / "replay" / kind, "--device", work.number, "--from", first, "--json", out,
                              watch=lambda file: last_line(file, seen))
        finally:
            if out.is_file():
                found = read_json(out, "gpu-replay's results")
                data.update(next=found["next"], passed=data["passed"] + found["passed"], failed=data["failed"] + found["failed"])
    if result.status not in (0, 1) or found is None:
        raise Failed(f"gpu-replay: exit {result.status}: {tail(result.err + result.out)}")
    return found, result.err


def replay(work, part, kind):
    """Recorded cases, from where the last run of this part stopped. Failures of all runs count until the cases have been gone through."""
    key = f"replay {kind}"
    data = part.data.setdefault(key, {"next": 0, "passed": 0, "failed": []})
    begin, seen = data["next"], [None, time.monotonic()]
    while True:  # a kernel that does not end ends gpu-replay
        first = data["next"]
        try:
            found, said = replay_once(work, part, kind, first, seen)
        except Failed:
            part.data.pop(key)
            raise
        total = first + found["cases"]
        if data["next"] >= total:
            break
        if data["next"] <= first:
            part.data.pop(key)
            raise Failed(f"gpu-replay does not get beyond case {first} of {total}: {tail(said)}")
    part.data.pop(key)  # it has come to its end
    if data["failed"]:
        lines = [f"{case['name']}: {case['why']}" for case in data["failed"][:10]]
        raise Failed("\n".join([f"{len(data['failed'])} of {total} cases differ or failed", *lines]))
    if data["passed"] != total:
        raise Failed(f"{data['passed']} of {total} cases were made")
    return f"{total} cases, code for {found['target']}" + (f"; the first {begin} in earlier runs" if begin else "")


def wrappers(work, part):
    part.check("wrappers against the host twin", lambda: replay(work, part, "wrappers"))


def kernels(work, part):
    part.check("kernels against the interpreter", lambda: replay(work, part, "kernels"))


def golden(work, part, path):
    result = work.run(part, "axiom-check", path, "--device", work.device)
    if result.status != 0:
        raise Failed(tail(result.out + result.err))
    if f"on {work.device} (" not in result.err:
        raise Failed(f"axiom-check did not say that it ran on {work.device}: {tail(result.err)}")
    return tail(result.out, 1)


def same(work, part, what, words, out=None):
    """A command's output, or the file it writes, on the CPU and on the GPU."""
    found = []
    for device in ("cpu", work.device):
        result = work.run(part, *words, *(["--out", out] if out else []), "--device", device).ok()
        if device != "cpu" and f"on {device} (" not in result.err:
            raise Failed(f"{words[0]} did not say that it ran on {device}: {tail(result.err)}")
        found.append(out.read_bytes() if out else result.out.encode())
        if out:
            out.unlink()
    cpu, gpu = found
    if not cpu:
        raise Failed(f"{what}: the CPU gave nothing")
    if cpu != gpu:
        first = next((i for i, (a, b) in enumerate(zip(cpu, gpu)) if a != b), min(len(cpu), len(gpu)))
        count = sum(a != b for a, b in zip(cpu, gpu)) + abs(len(cpu) - len(gpu))
        raise Failed(f"{what} differ from the CPU's: {count} of {len(cpu)} bytes, the first at {first}")
    return len(cpu)


def compare_model(work, part, path, name, prompts, tokens):
    """Golden answers, logits at all positions, tokens: greedy and drawn."""
    part.check(f"{name}, golden answers", lambda: golden(work, part, path))

    def logits():
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "logits.npy"
            size = sum(same(work, part, f"logits of {prompt!r}", ["axiom-eval", "logits", path, "--text", prompt], out) for prompt in prompts)
        return f"{len(prompts)} prompts, {size} bytes equal the CPU's"

    def generated():
        for prompt in prompts:
            for temperature in ("0", "0.8"):
                same(work, part, f"tokens after {prompt!r} at temperature {temperature}",
                     ["axiom-run", "generate", path, "--prompt", prompt, "--temperature", temperature, "-n", tokens])
        return f"{len(prompts)} prompts, greedy and drawn, {tokens} tokens each"

    part.check(f"{name}, logits", logits)
    part.check(f"{name}, tokens", generated)


def mixes(work, part, path, count):
    result = work.run(part, "BatchInvariance", path, count, 1, work.device)
    if result.status != 0:
        raise Failed(tail(result.out + result.err))
    return tail(result.out, 1)


def tiny(work, part):
    models = work.pack.models()
    if not models:
        raise Failed("the pack has no artifacts")
    prompts = ["the quick brown fox jumps over the lazy dog", "lazy dogs " * (3 if work.pack.host else 12)]
    for path in models:
        compare_model(work, part, path, path.stem, prompts, 5 if work.pack.host else 40)
    for path in models:
        if path.stem in MIXED:
            part.check(f"{path.stem}, mixes of requests, graphs and eager by turns, some preempted",
                       lambda path=path: mixes(work, part, path, 3 if work.pack.host else 67))


def real_model(work):
    note = work.pack.notes["model"]
    path = work.model
    if path is None and note:
        path = next((p for p in (work.pack.folder.parent / note["file"], ROOT / "models" / note["file"]) if p.is_file()), None)
    if path is None:
        raise Skipped(f"no real model: give --model {note['file'] if note else 'FILE.axm'}")
    if not path.is_file():
        raise Failed(f"there is no file {path}")
    if note and sha256(path) != note["sha256"]:
        raise Failed(f"{path.name} is not the model that the pack was made with ({note['file']}, {note['bytes']} bytes): copy it again")
    return path


def model(work, part):
    found = []

    def look():
        found.append(real_model(work))
        return f"{found[0].name}, {found[0].stat().st_size / 1e6:.1f} MB"

    if part.check("the real model", look, always=True):
        for prompt in PROMPTS if not work.pack.host else PROMPTS[:1]:
            compare_prompt(work, part, found[0], prompt)
        part.check("golden answers", lambda: golden(work, part, found[0]))
        if not work.pack.host:
            part.check("mixes of requests, graphs and eager by turns, some preempted", lambda: mixes(work, part, found[0], 8))


def compare_prompt(work, part, path, prompt):
    tokens = 64 if not work.pack.host else 2

    def function():
        with tempfile.TemporaryDirectory() as folder:
            size = same(work, part, "logits", ["axiom-eval", "logits", path, "--text", prompt], pathlib.Path(folder) / "logits.npy")
        for temperature in ("0", "0.8"):
            same(work, part, f"tokens at temperature {temperature}",
                 ["axiom-run", "generate", path, "--prompt", prompt, "--temperature", temperature, "-n", tokens])
        return f"{size} bytes of logits and {tokens} tokens, greedy and drawn, are the CPU's"

    part.check(f"prompt {prompt!r}", function)


