"""What the end-to-end scripts and tools/verify share: our binaries, models, artifacts, npy files. Standard library only.

Environment: AXIOM_BUILD (build folder, default build/), AXIOM_GGUF (SmolLM2-135M-Instruct.Q4_1.gguf, default in models/).
"""
import array
import ast
import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("AXIOM_BUILD", ROOT / "build")).resolve()
GOLDEN = ROOT / "test/golden"
TINY = GOLDEN / "tiny"
GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SKIP = 77


class Missing(Exception):
    """A model or text that this measurement needs is not there; the text says which."""


class Failed(Exception):
    """A command ended in a way that the test did not expect."""


def binary(name):
    path = BUILD / "bin" / name
    if not path.is_file():
        raise Failed(f"{name} is not built in {BUILD.name}/bin")
    return path


def input_path(variable, default, what):
    path = pathlib.Path(os.environ.get(variable, ROOT / default))
    if not path.exists():
        raise Missing(f"{what}: set {variable} or put it at {default}")
    return path.resolve()


def gguf():
    return input_path("AXIOM_GGUF", f"models/{GGUF_NAME}", "the GGUF that tools/quickstart downloads")


class Result:
    """A finished command: exit status (negative: signal), output, wall seconds, peak resident bytes."""

    def __init__(self, words, status, out, err, seconds, peak):
        self.words, self.status, self.out, self.err, self.seconds, self.peak = words, status, out, err, seconds, peak

    def ok(self):
        if self.status != 0:
            raise Failed(f"{' '.join(map(str, self.words))}: exit {self.status}\n{self.err[-2000:]}")
        return self


def run(*words, env=None, cwd=None, limit=600):
    """Runs a command without input. Peak memory is the kernel's VmHWM of the process (mapped pages included)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                                 env=dict(os.environ, LC_ALL="C.UTF-8", **(env or {})))
        timer = None
        if limit:
            import threading
            timer = threading.Timer(limit, child.kill)
            timer.start()
        _, raw, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(raw)
        if timer:
            timer.cancel()
        seconds = time.monotonic() - start
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", errors="replace"))
    return Result(words, child.returncode, texts[0], texts[1], seconds, usage.ru_maxrss * 1024)


def engine_thread(pid):
    """The thread of a process that runs the engine's steps."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == "axiom-engine":
            return int(task.name)
    raise Failed(f"process {pid} has no thread axiom-engine")


class Stopped:
    """A thread of a child process that stands still meanwhile, and nothing else of it, as under a debugger (ptrace).

    `in_kernel`: it stands in a kernel of the model, as a step that hangs does. Elsewhere it can hold a lock that other threads want:
    a debugger stops a thread most often where it leaves a system call, and events are handed over with one under a lock.
    """
    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, thread, in_kernel=False):
        self.thread, self.in_kernel, self.libc = thread, in_kernel, ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        self.libc.ptrace.restype = ctypes.c_long

    def __enter__(self):
        end = time.monotonic() + 60
        while True:
            self.stop()
            if not self.in_kernel or self.stands_in_kernel():
                return self
            self.let_go()
            if time.monotonic() > end:
                raise Failed(f"in 60 s thread {self.thread} was never met in a kernel")
            time.sleep(0.002)

    def stop(self):
        if self.libc.ptrace(self.SEIZE, self.thread, None, None) != 0:
            raise Missing(f"threads can't be stopped here (ptrace: {os.strerror(ctypes.get_errno())})")
        self.libc.ptrace(self.INTERRUPT, self.thread, None, None)
        os.waitpid(self.thread, self.WALL)

    def stands_in_kernel(self):
        """Kernels are the only machine code of a process that lies in memory without a name."""
        where = pathlib.Path(f"/proc/{self.thread}/syscall").read_text().split()
        if where[0] != "-1":  # in a system call
            return False
        for line in pathlib.Path(f"/proc/{self.thread}/maps").read_text().splitlines():
            pages, access, *_, name = [*line.split(maxsplit=5), ""][:6]
            begin, end = (int(x, 16) for x in pages.split("-"))
            if begin <= int(where[-1], 16) < end:
                return "x" in access and not name
        return False

    def __exit__(self, *_):
        self.let_go()

    def let_go(self):
        if self.libc.ptrace(self.DETACH, self.thread, None, None) != 0:  # the process has ended: its thread waits to be seen
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.thread, self.WALL)


def compile_model(source, out, *options, env=None, limit=900):
    return run(binary("axiomc"), source, "-o", out, "--progress=none", *options, env=env, limit=limit).ok()


def cached_artifact(source, name, *options):
    """The artifact of a big model, kept in the build folder while source and compiler stay."""
    folder = BUILD / "verify"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.axm"
    newest = max(binary("axiomc").stat().st_mtime, pathlib.Path(source).stat().st_mtime)
    if not path.is_file() or path.stat().st_mtime < newest:
        compile_model(source, path, *options)
    return path


class Table:
    """A two-dimensional float32 array."""

    def __init__(self, rows, cols, values):
        self.rows, self.cols, self.values = rows, cols, values

    def row(self, r):
        return self.values[r * self.cols:(r + 1) * self.cols]

    def argmax(self, r):
        row = self.row(r)
        return row.index(max(row))

    def margin(self, r):
        best, second = sorted(self.row(r))[-1:-3:-1]
        return best - second


def read_npy(path):
    with open(path, "rb") as f:
        magic = f.read(8)
        if magic[:6] != b"\x93NUMPY":
            raise Failed(f"{path}: not an npy file")
        size = struct.unpack("<H", f.read(2))[0] if magic[6] == 1 else struct.unpack("<I", f.read(4))[0]
        head = ast.literal_eval(f.read(size).decode("latin1"))
        if head["descr"] != "<f4" or head["fortran_order"] or len(head["shape"]) != 2:
            raise Failed(f"{path}: expected float32 [tokens, vocab], found {head}")
        values = array.array("f")
        values.frombytes(f.read())
    rows, cols = head["shape"]
    if len(values) != rows * cols:
        raise Failed(f"{path}: {len(values)} values, expected {rows} x {cols}")
    return Table(rows, cols, values)


def logits(artifact, ids, *options, program=None):
    """Teacher-forced logits of every position, by axiom-eval or the words of `program`."""
    with tempfile.TemporaryDirectory() as folder:
        tokens, out = os.path.join(folder, "ids.txt"), os.path.join(folder, "out.npy")
        with open(tokens, "w") as f:
            f.write(",".join(map(str, ids)))
        run(*(program or [binary("axiom-eval")]), "logits", artifact, "--tokens-file", tokens, "--out", out, *options).ok()
        table = read_npy(out)
    if table.rows != len(ids):
        raise Failed(f"axiom-eval logits gave {table.rows} rows for {len(ids)} tokens")
    return table


def largest_difference(a, b):
    if (a.rows, a.cols) != (b.rows, b.cols):
        raise Failed(f"logits {a.rows} x {a.cols} against {b.rows} x {b.cols}")
    return max(abs(x - y) if x == x and y == y else float("inf") for x, y in zip(a.values, b.values))


def tiny_names():
    return sorted(p.name for p in TINY.iterdir() if p.is_dir())


def tiny_source(name, folder, spelling):
    """A copy of a tiny model in `folder` whose config.json is written in the spelling `config` or `config.alt`."""
    target = pathlib.Path(folder) / f"{name}-{spelling}"
    shutil.copytree(TINY / name, target, ignore=shutil.ignore_patterns("config*.json", "golden_*"))
    shutil.copy(TINY / name / f"{spelling}.json", target / "config.json")
    return target


def golden_ids(name):
    return json.loads((TINY / name / "golden_ids.json").read_text())


def golden_logits(name):
    return read_npy(TINY / name / "golden_logits.npy")


def main_of(*parts):
    """main() of a script whose parts check things, each in a folder of its own: part(check, folder), check(good, problem)."""

    def function():
        problems = []

        def check(good, problem):
            if not good:
                problems.append(problem)

        for part in parts:
            with tempfile.TemporaryDirectory() as name:
                part(check, pathlib.Path(name))
        return problems

    main(function)


def main(function):
    """Runs a script's function: it returns problems; a missing input skips, a missing binary fails."""
    try:
        problems = function() or []
    except Missing as reason:
        print(reason)
        sys.exit(SKIP)
    except Failed as reason:
        print(reason)
        sys.exit(1)
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
