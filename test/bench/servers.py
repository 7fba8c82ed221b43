"""Servers under test and the load on them: start, look at their resources, stop; a run of axiom-bench serve as its JSON.
Standard library only; test/e2e/axiom.py has the rest."""
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import axiom  # noqa: E402  (the path above is where it lies)

START = 120  # seconds that a server may take to be ready

# Whoever ends a measurement ends its servers, too: SIGTERM unwinds like an exception.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Server:
    """A process that listens at `port`. Its output goes to a file, so that it is never blocked by a full pipe."""

    health = "/health"

    def __init__(self, words):
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        self.words = [str(w) for w in words]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.await_ready()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def await_ready(self):
        end = time.monotonic() + START
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise axiom.Failed(f"{self.words[0]} ends with {self.process.returncode}: {self.said()[-2000:]}")
            if self.listens() and self.get(self.health)[0] == 200:
                return
            time.sleep(0.05)
        self.kill()
        raise axiom.Failed(f"{self.words[0]} is not ready within {START} s: {self.said()[-2000:]}")

    def listens(self):
        return True

    def get(self, path, timeout=30):
        """Status and text; status 0: no answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    # What the system knows of it.
    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def resident(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) * 1024

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()  # ends a stopped one, too
        self.process.wait()

    def stop(self, number=signal.SIGTERM, limit=60):
        self.process.send_signal(number)
        return self.process.wait(limit)


class Axiom(Server):
    def __init__(self, artifact, *flags):
        self.port = None
        super().__init__([axiom.binary("axiom-serve"), artifact, "--port", "0", *flags])

    def listens(self):
        if found := re.search(r"ready at http://127\.0\.0\.1:(\d+)", self.said()):
            self.port = int(found.group(1))
        return self.port is not None

    def metric(self, name):
        """The value of one time series, or the sum of those that differ in labels."""
        found = re.findall(rf"^axiom:{name}(?:{{[^}}]*}})? (\S+)$", self.get("/metrics")[1], re.M)
        return sum(map(float, found)) if found else None

    def until(self, name, value, limit=60):
        return self.wait_for(lambda: self.metric(name) == value, limit)

    def until_at_least(self, name, value, limit=60):
        return self.wait_for(lambda: self.metric(name) >= value, limit)

    @staticmethod
    def wait_for(holds, limit):
        end = time.monotonic() + limit
        while not holds():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True


class Llama(Server):
    def __init__(self, program, gguf, *flags):
        self.port = free_port()
        super().__init__([program, "-m", gguf, "--host", "127.0.0.1", "--port", self.port, *flags])


@contextlib.contextmanager
def running(server):
    try:
        yield server
    finally:
        server.kill()


def load_words(server, out, options):
    return [axiom.binary("axiom-bench"), "serve", "--base-url", f"http://127.0.0.1:{server.port}", "--ignore-eos", "--save-result", out, *options]


def load(server, *options, limit=3600):
    """A load's figures. A run in which no request succeeds is a failure."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "result.json"
        axiom.run(*load_words(server, out, options), limit=limit).ok()
        return json.loads(out.read_text())


class Load:
    """A load that runs beside what the caller does; result() waits for it."""

    def __init__(self, server, *options):
        self.folder = tempfile.TemporaryDirectory()
        self.out = pathlib.Path(self.folder.name) / "result.json"
        self.process = subprocess.Popen([str(w) for w in load_words(server, self.out, options)], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)

    def running(self):
        return self.process.poll() is None

    def result(self, limit=3600):
        try:
            err = self.process.communicate(timeout=limit)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise axiom.Failed(f"a load does not end within {limit} s") from None
        if not self.out.is_file():
            raise axiom.Failed(f"axiom-bench serve: exit {self.process.returncode}: {err[-1000:]}")
        got = json.loads(self.out.read_text())
        self.folder.cleanup()
        return got
