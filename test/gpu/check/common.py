"""What the parts of tools/gpu-check share: commands with a deadline, the state file, checks. Standard library only."""
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
PART_SECONDS = float(os.environ.get("AXIOM_GPU_CHECK_SECONDS", 470))  # the variable is for tests
# What decides what is built and what the pack holds.
SOURCES = ["CMakeLists.txt", "runtime", "dialects", "passes", "codegen", "compiler", "tools", "test/e2e", "test/gpu"]


class Failed(Exception):
    """A check did not pass; the text says why."""


class Skipped(Exception):
    """A check could not be made; the text says why. It is never counted as passed."""


class OutOfTime(Exception):
    """The part's time is over."""


class Usage(Exception):
    """What was asked for can't be done."""


class NoDevice(Exception):
    """No driver or no device."""


class Result:
    def __init__(self, words, status, out, err, seconds):
        self.words, self.status, self.out, self.err, self.seconds = words, status, out, err, seconds

    def ok(self):
        if self.status != 0:
            name = pathlib.Path(str(self.words[0])).name
            raise Failed(f"{name}: exit {self.status}: {tail(self.err + self.out)}")
        return self


def tail(text, lines=12):
    return "\n".join(text.strip().splitlines()[-lines:]) or "no output"


def run(words, deadline=None, cwd=None, env=None, watch=None):
    """Runs a command without input, in a process group of its own that ends with us or with the deadline. `watch` is called with the
    file of its output now and then."""
    left = None if deadline is None else deadline - time.monotonic()
    if left is not None and left <= 0:
        raise OutOfTime()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd,
                                 env=dict(os.environ, LC_ALL="C.UTF-8", **(env or {})), start_new_session=True)
        try:
            while True:
                try:
                    child.wait(1 if left is None else max(0.01, min(1, deadline - time.monotonic())))
                    break
                except subprocess.TimeoutExpired:
                    if watch:
                        watch(out)
                    if left is not None and time.monotonic() >= deadline:
                        raise OutOfTime() from None
        except BaseException:
            stop(child)
            if watch:
                watch(out)
            raise
        seconds = time.monotonic() - start
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", errors="replace"))
    return Result(words, child.returncode, texts[0], texts[1], seconds)


def stop(child):
    """Ends a child and what it has started: its own process group."""
    for sign, seconds in ((signal.SIGTERM, 3), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, sign)
            child.wait(seconds)
            return
        except ProcessLookupError:
            child.wait()
            return
        except subprocess.TimeoutExpired:
            continue


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def sources_id():
    """A digest of the sources, which a copy without git has too."""
    digest = hashlib.sha256()
    for top in SOURCES:
        path = ROOT / top
        for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
            if "__pycache__" not in file.parts:
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + bytes.fromhex(sha256(file)))
    return digest.hexdigest()


def commit():
    """For people; "unknown" without git."""
    try:
        words = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        found = subprocess.run(words, capture_output=True, text=True, timeout=30)
        return found.stdout.strip() if found.returncode == 0 else "unknown"
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"


def read_json(path, what):
    try:
        return json.loads(pathlib.Path(path).read_text())
    except OSError as reason:
        raise Failed(f"{what} can't be read: {reason}") from None
    except ValueError as reason:
        raise Failed(f"{what} ({path}) is damaged: {reason}") from None


def write_json(path, value):
    """All or nothing, so that a stop leaves the old file."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(value, indent=1) + "\n")
    os.replace(new, path)


class State:
    """What passed already, in a file: of the same sources, pack and device."""

    def __init__(self, path, key):
        self.path, self.note = pathlib.Path(path), None
        self.data = {"key": dict(key, device=None), "parts": {}}
        if self.path.is_file():
            old = read_json(self.path, "the state file; delete it to start anew:")
            known = old.get("key", {})
            other = [name for name in key if known.get(name) != key[name]]
            if other:
                self.note = f"earlier results are of other {' and '.join(other)}: everything is open"
            else:
                self.data = old

    def device(self, facts):
        """Sets the device; results of another one don't count. Gives a note, or None."""
        name = f"{facts['name']}, capability {facts['capability']}, driver for CUDA {facts['driver']}"
        known = self.data["key"]["device"]
        self.data["key"]["device"] = name
        if known not in (None, name):
            self.data["parts"] = {}
            return f"earlier results are of another device ({known}): everything is open"
        return None

    def part(self, number):
        return self.data["parts"].setdefault(str(number), {"checks": {}, "seconds": 0})

    def save(self):
        write_json(self.path, self.data)


class Part:
    """One part's checks. A check that passed before is not made again."""

    def __init__(self, number, title, state, again):
        self.number, self.title, self.state = number, title, state
        self.deadline = time.monotonic() + PART_SECONDS
        self.start = time.monotonic()
        self.before = 0
        if again:
            state.data["parts"].pop(str(number), None)

    @property
    def data(self):
        return self.state.part(self.number)

    def done(self, name):
        return self.data["checks"].get(name, {}).get("result") == "passed"

    def check(self, name, function, always=False):
        """`function` gives a line about what it found, or raises. `always`: it is made again even if it passed."""
        if self.done(name) and not always:
            self.before += 1
            return True
        start = time.monotonic()
        entry = {"result": "open", "detail": "it was stopped"}
        try:
            entry = {"result": "passed", "detail": function() or ""}
        except Skipped as reason:
            entry = {"result": "skipped", "detail": str(reason)}
        except (Failed, OSError) as reason:
            entry = {"result": "failed", "detail": str(reason)}
        except OutOfTime:
            entry["detail"] = f"the part's {PART_SECONDS:.0f} seconds were over"
            raise
        except NoDevice:
            raise
        except Exception as error:  # a broken measurement is a failed check, and the next ones are still made
            entry = {"result": "failed", "detail": f"{type(error).__name__}: {error}"}
        finally:
            entry["seconds"] = round(time.monotonic() - start, 2)
            self.data["checks"][name] = entry
            self.state.save()
            word = {"passed": "ok", "skipped": "skip", "failed": "FAIL", "open": "open"}[entry["result"]]
            first, *more = entry["detail"].splitlines() or [""]
            print(f"  {word:<4}  {name}{': ' if first else ''}{first} ({entry['seconds']:.1f} s)", flush=True)
            for line in more:
                print(f"          {line}", flush=True)
        return entry["result"] == "passed"

    def count(self, result):
        return sum(entry["result"] == result for entry in self.data["checks"].values())

    def finish(self, over=False):
        """Whether the part passed: all checks that it has were made, none failed, some passed."""
        data = self.data
        data["seconds"] = round(time.monotonic() - self.start, 1)
        passed, failed, skipped = (self.count(r) for r in ("passed", "failed", "skipped"))
        data["verdict"] = ("failed" if failed else "out of time" if over else "open" if self.count("open") or not passed + skipped else
                           "skipped" if not passed else "passed")
        self.state.save()
        return data["verdict"] == "passed"
