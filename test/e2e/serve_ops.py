#!/usr/bin/env python3
"""Running axiom-serve: API keys, whose turn it is, the log, a file of flags, steps that hang, sleep, TLS, the end. A tiny model; the only
time that is compared is that of the watchdog."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import axiom
import serve

ALICE, BOB, CAROL = "sk-alice-0123456789", "sk-bob-0123456789ab", "sk-carol-0123456789"


class Server(serve.Served):
    """A server whose standard error is read all the time, behind the command `before`; `ask` sends a key and other fields."""

    def __init__(self, *words, env=None, name="tiny", options=("--port", "0"), before=()):
        names = ["--served-model-name", name] if name else []
        words = [*before, axiom.binary("axiom-serve"), *words, *options, *names]
        self.process = subprocess.Popen([str(w) for w in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                                        env=dict(os.environ, **(env or {})),
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.lines, self.key, self.port, self.tls = [], None, None, None
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if not self.says(r"ready at \w+://\S+:(\d+)"):
            self.process.kill()
            raise axiom.Failed(f"axiom-serve does not start: {self.lines}")
        self.port = int(self.says(r"ready at \w+://\S+:(\d+)").group(1))

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line)

    def says(self, pattern, wait=serve.WAIT):
        """The first match in what was said, once it is there; None after a while, or when the server has ended without it."""
        end = time.monotonic() + wait
        while time.monotonic() < end:
            ended = self.process.poll() is not None
            if ended:
                self.reader.join()
            for line in list(self.lines):
                if found := re.search(pattern, line):
                    return found
            if ended:
                return None
            time.sleep(0.01)
        return None

    def ask(self, method, path, body=None, kind="application/json", key="", host=None, **fields):
        make = (lambda: http.client.HTTPSConnection("127.0.0.1", self.port, timeout=serve.WAIT, context=self.tls)) if self.tls else \
            (lambda: http.client.HTTPConnection("127.0.0.1", self.port, timeout=serve.WAIT))
        with contextlib.closing(make()) as connection:
            data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            headers = {"Content-Type": kind} if data is not None else {}
            key = self.key if key == "" else key
            headers |= {"Authorization": f"Bearer {key}"} if key else {}
            headers |= {"Host": host} if host else {}
            headers |= {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def stream(self, **request):
        """A socket on which an answer streams, after its first bytes."""
        body = json.dumps({"prompt": "a", "stream": True, "ignore_eos": True, "temperature": 0} | request).encode()
        client = socket.create_connection(("127.0.0.1", self.port), timeout=serve.WAIT)
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                       b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" % ((self.key or "").encode(), len(body)) + body)
        return client, client.recv(100)

    def wait(self):
        status = self.process.wait(timeout=serve.WAIT)
        self.reader.join()
        return status

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait()


@contextlib.contextmanager
def running(*words, **options):
    server = Server(*words, **options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()


def tiny(folder):
    artifact = folder / "tiny.axm"
    axiom.compile_model(axiom.TINY / "llama-odd", artifact)
    return artifact


def keys(check, folder):
    artifact, file = tiny(folder), folder / "keys"
    file.write_text(f"# clients\n{ALICE} alice\n{BOB}\n")
    file.chmod(0o600)
    with running(artifact, "--api-key-file", file, "--host", "0.0.0.0") as server:
        check(server.says("warning: keys and texts cross the network unencrypted", 5), "no warning about keys without TLS")
        for path in ("/health", "/health/live", "/health/ready", "/health/progress"):
            check(server.ask("GET", path)[0] == 200, f"{path} needs a key")
        for path in ("/v1/models", "/metrics", "/version", "/openapi.json", "/nowhere", "/health/../v1/models"):
            status, headers, text = server.ask("GET", path)
            error = json.loads(text)["error"]
            check(status == 401 and headers["WWW-Authenticate"] == "Bearer" and error["code"] == "missing_api_key"
                  and error["type"] == "invalid_request_error" and error["param"] is None, f"{path} without a key: {status} {text}")
        status, headers, text = server.ask("GET", "/v1/models", key=CAROL)
        check(status == 401 and "invalid_token" in headers["WWW-Authenticate"] and CAROL.encode() not in text, f"a wrong key: {text}")
        check(server.ask("GET", "/v1/models", key=ALICE)[0] == 200 and server.ask("GET", "/metrics", key=BOB)[0] == 200, "right keys")
        check(server.ask("GET", "/v1/models", key=ALICE, host="some.name:80")[0] == 200, "0.0.0.0 with keys answers one Host only")
        check(server.ask("POST", "/v1/completions", {"prompt": "a", "max_tokens": 2}, key=ALICE)[0] == 200, "an answer with a key")
        # Another file from SIGHUP on; a wrong file changes nothing.
        file.write_text(f"{BOB} bob\n{CAROL} carol\n")
        server.process.send_signal(signal.SIGHUP)
        check(server.says("2 API keys are read again"), "nothing said about SIGHUP")
        check([server.ask("GET", "/v1/models", key=k)[0] for k in (ALICE, BOB, CAROL)] == [401, 200, 200], "keys after SIGHUP")
        file.write_text("bad\n")
        server.process.send_signal(signal.SIGHUP)
        check(server.says("the API keys stay what they were: .*:1: a key of 3 characters"), "nothing said about a wrong file")
        check(server.ask("GET", "/v1/models", key=CAROL)[0] == 200, "a wrong file takes keys away")
        file.write_text(f"{BOB} bob\n")
        check(server.stop() == 0, "exit status")
        check(not any(k in line for k in (ALICE, BOB, CAROL) for line in server.lines), f"a key is told: {server.lines}")
    file.chmod(0o644)
    with running(artifact, "--api-key-file", file, "--open-metrics") as server:
        check(server.says("can be read by other users", 5), "no warning about a file that all can read")
        check(server.ask("GET", "/metrics")[0] == 200 and server.ask("GET", "/v1/models")[0] == 401, "--open-metrics")
        check(server.ask("GET", "/health", host="some.name")[0] == 403, "loopback answers any Host")
    for flags, says in ((["--host", "0.0.0.0"], "--api-key-file"), (["--host", "::"], "--api-key-file"),
                        (["--api-key-file", folder / "none"], "No such file")):
        wrong = axiom.run(axiom.binary("axiom-serve"), artifact, "--port", "0", *flags)
        check(wrong.status == 2 and says in wrong.err, f"{flags}: exit {wrong.status}: {wrong.err}")


def prefixes(check, folder):
    """Whose prefixes a client finds: everybody's, or with --prefix-caching-per-key its own."""
    file, body = folder / "keys", {"prompt": [5] * 200, "max_tokens": 1}
    file.write_text(f"{ALICE} alice\n{BOB} bob\n{CAROL} alice\n")
    for flags, expected in (((), [False, True, True, True]), (("--prefix-caching-per-key",), [False, True, False, True])):
        with running(tiny(folder), "--api-key-file", file, *flags) as server:
            found = []
            for key in (ALICE, ALICE, BOB, CAROL):
                usage = json.loads(server.ask("POST", "/v1/completions", body, key=key)[2])["usage"]
                found.append(usage["prompt_tokens_details"]["cached_tokens"] > 0)
            check(found == expected, f"{flags}: prefixes found: {found}")


def turns(check, folder):
    """A client with one request is not last behind another's many: it has its answer while most of theirs still wait."""
    file, many = folder / "keys", {"n": 40, "max_tokens": 500}
    file.write_text(f"{ALICE} alice\n{BOB} bob\n")
    flags = ("-t", "1", "--max-num-seqs", "1", "--no-enable-prefix-caching")
    with running(tiny(folder), "--api-key-file", file, *flags) as server:
        statuses = []
        server.key = ALICE

        def begin(key, wanted):
            body = {"prompt": "a", "max_tokens": 9, "ignore_eos": True} | wanted
            thread = threading.Thread(target=lambda: statuses.append(server.ask("POST", "/v1/completions", body, key=key)[0]))
            thread.start()
            return thread

        threads = [begin(ALICE, many)]
        with axiom.Stopped(axiom.engine_thread(server.process.pid), in_kernel=True):  # they come while nothing goes on
            before = server.metric("num_requests_waiting")

            def come(sequences):
                check(until(lambda: server.metric("num_requests_waiting") == before + sequences), f"{sequences} sequences don't come to wait")

            threads += [begin(ALICE, many) for _ in range(3)]
            come(120)
            threads.append(begin(BOB, {}))
            come(121)
        # In the order of their coming nothing would be left, however soon that is asked. In turns nearly all are, for seconds.
        threads[-1].join()
        left = server.metric("num_requests_waiting")
        check(left > 0, "one client's queue is not shared: when the other has its answer none of the 120 sequences is left")
        for thread in threads:
            thread.join()
        check(statuses == [200] * 5, f"statuses: {statuses}")


def logs(check, folder):
    """A JSON line for each request, with what it cost and without what it said."""
    artifact, file, log = tiny(folder), folder / "keys", folder / "log"
    file.write_text(f"{ALICE} alice\n")
    secret = "xylophone"

    def line(number, **has):
        """The request lines so far; the last one, once there are `number` of them, has these fields."""
        end = time.monotonic() + serve.WAIT
        while True:
            lines = [json.loads(text) for text in log.read_text().splitlines() if text.endswith("}")]
            requests = [entry for entry in lines if entry["message"] == "request"]
            if len(requests) >= number or time.monotonic() > end:
                break
            time.sleep(0.01)
        check(len(requests) == number, f"{len(requests)} lines, expected {number}")
        last = requests[-1]
        check(all(last.get(name) == value for name, value in has.items()), f"expected {has}, found {last}")
        return last

    with running(artifact, "--api-key-file", file, options=("--port", "0", "--log-format", "json")) as server:
        check(server.says('^{"time":"20[^"]*Z","level":"info","message":"ready at'), f"stderr is not JSON: {server.lines}")
        check(all(json.loads(text)["level"] for text in server.lines), "stderr is not JSON")
    flags = ["--api-key-file", file, "--log-format", "json", "--log-file", log]
    with Logged(artifact, *flags, log=log) as server:
        server.key = ALICE
        ask = {"prompt": secret, "max_tokens": 4, "ignore_eos": True}
        status, headers, answer = server.ask("POST", "/v1/completions", ask, X_Request_Id="my-id.7")
        check(status == 200 and headers["X-Request-Id"] == "my-id.7", f"X-Request-Id is not taken over: {headers}")
        usage = json.loads(answer)["usage"]
        got = line(1, request_id="my-id.7", client="alice", method="POST", path="/v1/completions", status=200, stream=False,
                   prompt_tokens=usage["prompt_tokens"], output_tokens=4, cached_tokens=0, finish_reason="length", level="info")
        check(0 <= got["ttft_ms"] <= got["total_ms"] and got["queue_ms"] >= 0, f"times: {got}")
        status, headers, _ = server.ask("GET", "/v1/models", X_Request_Id="not a good one!")
        got = line(2, path="/v1/models", request_id=headers["X-Request-Id"])
        check("finish_reason" not in got and got["request_id"].startswith("req-"), f"an odd X-Request-Id: {got}")
        trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
        headers = server.ask("POST", "/v1/completions", ask, traceparent=f"00-{trace}-{parent}-01")[1]
        got = line(3, trace_id=trace, parent_span_id=parent)
        check(headers["traceparent"] == f"00-{trace}-{got['span_id']}-01" and got["span_id"] != parent, f"traceparent: {headers} {got}")
        headers = server.ask("GET", "/v1/models", traceparent=f"00-{'0' * 32}-{parent}-01")[1]
        check(headers["traceparent"] is None and "trace_id" not in line(4), "a wrong traceparent is taken")
        server.ask("GET", "/v1/models", key=BOB, traceparent=f"00-{trace}-{parent}-00")
        got = line(5, status=401, refused="gate", trace_id=trace)
        check("client" not in got, f"a refused one's client: {got}")
        client = server.stream(max_tokens=10)[0]
        while b"[DONE]" not in client.recv(65536):
            pass
        line(6, stream=True, output_tokens=10, finish_reason="length")
        client.close()
        room = json.loads(server.ask("GET", "/v1/models")[2])["data"][0]["max_model_len"] - 10
        client = server.stream(max_tokens=room)[0]
        client.close()
        got = line(8, stream=True, refused="client_gone", finish_reason="abort")
        check(got["output_tokens"] < room, f"a hang-up: {got}")
        server.ask("GET", "/health")
        # The file is moved away and opened again.
        moved = folder / "log.1"
        log.rename(moved)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: log.exists())
        server.ask("GET", "/version")
        line(1, path="/version", client="alice")
        text = moved.read_text() + log.read_text()
        check(secret not in text and ALICE not in text and "/health" not in text, "prompts, keys or probes in the log")
        check(server.metric("log_lines_dropped_total") == 0, "dropped lines")
        check(server.stop() == 0 and server.lines == [], f"exit, or something on stderr: {server.lines}")
    # Nobody reads standard error: requests go on.
    with Logged(artifact, "--log-level", "debug", log=None) as server:
        for _ in range(900):  # more than a pipe holds
            server.ask("GET", "/health", X_Request_Id="x" * 100)
        check(server.ask("POST", "/v1/completions", ask)[0] == 200, "a log that nobody reads holds requests up")
        check(server.stop() == 0, "a log that nobody reads holds the end up")


def until(holds):
    end = time.monotonic() + serve.WAIT
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.01)
    return held


def config(check, folder):
    """Flags from a file: the command line wins, mistakes are told with their line, variables are not read silently."""
    artifact, file = tiny(folder), folder / "serve.toml"

    def says(text, *words, **env):
        file.write_text(text)
        got = axiom.run(axiom.binary("axiom-serve"), "--config", file, *words, "--print-config", env=env)
        return got.status, got.out, got.err

    good = f"""# a server
model = '{artifact}'
port=0   # any
served-model-name = ["one",
  "two # words", ] # two
no-enable-prefix-caching = true
verbose = false
max-queue-time = 1.5
metrics-prefix = "a\\"b\\\\c"
"""
    status, out, err = says(good, "--max-num-seqs", "3", AXIOM_DRAFT_TOKENS="2", AXIOM_PORT="5")
    check(status == 0 and err == "", f"a good file: {status} {err}")
    for line in (f'model = "{artifact}" # file', "port = 0 # file", 'served-model-name = ["one", "two # words"] # file',
                 "no-enable-prefix-caching = true # file", "verbose = false # file", "max-queue-time = 1.5 # file",
                 'metrics-prefix = "a\\"b\\\\c" # file', "max-num-seqs = 3 # command line", "draft-tokens = 2 # environment",
                 'host = "127.0.0.1" # default', "# api-key-file is not given"):
        check(line in out.splitlines(), f"{line!r} is not in {out}")
    again = says(out)[1]
    without = [re.sub(" # .*", "", text) for text in (out, again)]
    check(without[0] == without[1], f"what is printed is not read back: {again}")
    check("port = 7 # command line" in says(good, "--port", "7")[1], "the command line does not win")
    for text, line, problem in (("model = 'm'\nprot = 1\n", 2, "'prot' is no flag"), ("port = 1\n\nport = 2", 3, "'port' is given twice"),
                                ("[server]\nport = 1", 1, "tables"), ("port 1", 1, "= and a value"), ("host = a", 1, "in quotes"),
                                ('host = "a', 1, "closing quote"), ("help = true", 1, "can't be set"), ("config = 'x'", 1, "can't be set"),
                                ("port = 1 2", 1, "more than one value"), ("served-model-name = ['a' 'b']", 1, "has to be"),
                                ("served-model-name = []", 1, "empty"), ('host = "\\x"', 1, "behind"), ("t = 4", 1, "'t' is no flag")):
        status, out, err = says(text, artifact)
        check(status == 2 and f"line {line}:" in err and problem in err, f"{text!r}: {status} {err}")
    status, _, err = says("port = 'x'", artifact)
    check(status == 2 and "port" in err, f"a value that is no number: {status} {err}")
    missing = axiom.run(axiom.binary("axiom-serve"), "--config", folder / "none", artifact)
    check(missing.status == 2 and "none" in missing.err, f"a file that is not there: {missing.status} {missing.err}")
    file.write_text(good.replace('metrics-prefix = "a\\"b\\\\c"', ""))
    with running("--config", file, "--draft-tokens", "0", env={"AXIOM_MAX_QUEUED": "9"}, name=None, options=()) as server:
        check(server.says("from the environment: AXIOM_MAX_QUEUED$"), f"variables are read silently: {server.lines}")
        names = [model["id"] for model in json.loads(server.ask("GET", "/v1/models")[2])["data"]]
        check(names == ["one", "two # words"], f"several names: {names}")
        for name in names:
            status, _, text = server.ask("POST", "/v1/completions", {"model": name, "prompt": "a", "max_tokens": 1})
            check(status == 200 and json.loads(text)["model"] == name, f"{name}: {status} {text}")
        check(server.ask("POST", "/v1/completions", {"model": "three", "prompt": "a"})[0] == 404, "a name that is not served")


def stalls(check, folder):
    """A step that hangs: 503 within its limit and a second, a line in the log, exit code 5 if wanted."""
    limit = 0.5
    flags = ["-t", "1", "--step-timeout", limit, "--kv-tokens", "65536", "--max-num-seqs", "4"]
    artifact = tiny(folder)
    ask = {"prompt": [[1, 2, 3]] * 4, "n": 1, "ignore_eos": True}

    def keep_busy(server):
        """Requests without end, so that there is always a step."""
        def work():
            with contextlib.suppress(OSError, http.client.HTTPException):
                while True:
                    server.ask("POST", "/v1/completions", ask | {"max_tokens": room})
        room = json.loads(server.ask("GET", "/v1/models")[2])["data"][0]["max_model_len"] - 10
        for _ in range(3):
            threading.Thread(target=work, daemon=True).start()

    with running(artifact, *flags) as server:
        keep_busy(server)
        thread = axiom.engine_thread(server.process.pid)
        check(server.ask("GET", "/health/progress")[0] == 200, "progress before a stall")
        with axiom.Stopped(thread, in_kernel=True):
            # Not when the answer is there, but when it was asked for counts: the machine may stand still between the two.
            begin, good = time.monotonic(), 0
            while True:
                asked = time.monotonic() - begin
                status, _, text = server.ask("GET", "/health/progress")
                if status != 200 or asked > serve.WAIT:
                    break
                good = asked
                time.sleep(0.02)
            check(status == 503 and b"stalled" in text and good <= limit + 1, f"asked after {good:.2f} s: 200; after {asked:.2f} s: {status} {text}")
            check(server.ask("GET", "/health/live")[0] == 200, "the process is not alive")
            check(server.says(r"error: the engine is at a standstill phase=(model|plan|\"sampling) "), f"the log: {server.lines}")
        check(server.says("the engine goes on"), "nothing said of the stall's end")
        check(until(lambda: server.ask("GET", "/health/progress")[0] == 200), "no progress after a stall")
        told = sum("the engine is at a standstill" in line for line in server.lines)  # a machine that stands still makes more of them
        check(server.metric("engine_stalls_total") == told, f"stalls are miscounted: {server.lines}")
        print(f"a stalled step is told after {asked:.2f} s, its limit is {limit} s")
    with running(artifact, *flags, "--watchdog", "abort", "--watchdog-time", "1") as server:
        keep_busy(server)
        with axiom.Stopped(axiom.engine_thread(server.process.pid), in_kernel=True):
            check(server.says("this process ends", 20), f"no last line: {server.lines}")
            time.sleep(1)  # until it has
        check(server.wait() == 5, "exit code of the watchdog")


def sleeps(check, folder):
    """An idle server gives memory back; the next answer is the same to the bit."""
    artifact = tiny(folder)
    with running(artifact, "--idle-sleep", "1", "--kv-tokens", "65536", "--metrics-prefix", "axiom") as server:
        room = json.loads(server.ask("GET", "/v1/models")[2])["data"][0]["max_model_len"]
        ask = {"max_tokens": 12, "temperature": 0, "ignore_eos": True, "logprobs": 5, "prompt": [30 + i % 40 for i in range(130)]}

        def resident():
            return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{server.process.pid}/status").read_text()).group(1)) * 1024

        first = json.loads(server.ask("POST", "/v1/completions", ask)[2])
        length = min(room - 20, 400)
        for start in range(0, 120, 8):  # KV memory that stays behind as prefixes
            prompts = [[20 + (start + k) % 60, 20 + (start + k) // 60] + [20 + i % 60 for i in range(length)] for k in range(8)]
            check(server.ask("POST", "/v1/completions", {"prompt": prompts, "max_tokens": 1})[0] == 200, "filling the KV memory")
        before = resident()
        check(server.metric("engine_sleeps_total") == 0 or server.says("asleep"), "sleeps are miscounted")
        check(server.says("info: asleep.* resident_bytes=\\d+"), f"it does not sleep: {server.lines}")
        after = resident()
        check(until(lambda: server.metric("engine_sleeps_total") >= 1), "no sleep is counted")
        text = server.ask("GET", "/metrics")[2].decode()
        check(re.search(r'sleep_state="discard_all"} 1.0$', text, re.M) and re.search(r'sleep_state="awake"} 0.0$', text, re.M), "asleep, by metric")
        check(after < before - 3 * 2**20, f"resident memory: {before} before sleep, {after} after")
        second = json.loads(server.ask("POST", "/v1/completions", ask)[2])
        text = server.ask("GET", "/metrics")[2].decode()
        check(first["choices"] == second["choices"], f"another answer after sleep: {first} {second}")
        check(second["usage"]["prompt_tokens_details"]["cached_tokens"] == 0, "a prefix outlives the memory it was in")
        print(f"resident memory {before / 1e6:.1f} MB before sleep, {after / 1e6:.1f} MB after")


def encrypted(check, folder):
    """HTTPS with keys."""
    if not shutil.which("openssl"):
        raise axiom.Missing("openssl is not installed: no certificate can be made")
    artifact, certificate, private, file = tiny(folder), folder / "certificate.pem", folder / "key.pem", folder / "keys"
    axiom.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=test",
              "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", private, "-out", certificate).ok()
    file.write_text(f"{ALICE} alice\n")
    with running(artifact, "--ssl-certfile", certificate, "--ssl-keyfile", private, "--api-key-file", file, "--host", "0.0.0.0") as server:
        check(not server.says("unencrypted", 0.1), "a warning about TLS although it is on")
        plain = server.ask
        try:
            check(plain("GET", "/health")[0] >= 400, "plain HTTP on the port of HTTPS")
        except (OSError, http.client.HTTPException):
            pass
        server.tls = ssl.create_default_context(cafile=certificate)
        check(server.ask("GET", "/v1/models")[0] == 401 and server.ask("GET", "/health")[0] == 200, "keys with TLS")
        server.key = ALICE
        status, events, done = server.events("/v1/completions", prompt="a", max_tokens=5, ignore_eos=True)
        check(status == 200 and done and len(events) >= 1, f"a stream with TLS: {status} {events}")
        old = ssl.create_default_context(cafile=certificate)
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
        server.tls = old
        check(server.ask("GET", "/v1/models")[0] == 200, "TLS 1.2")
        server.tls = ssl.create_default_context()
        try:
            server.ask("GET", "/health")
            check(False, "a certificate that nobody signed is trusted")
        except ssl.SSLCertVerificationError:
            pass
        check(server.stop() == 0, "exit with TLS")
    for flags in (["--ssl-certfile", certificate], ["--ssl-certfile", certificate, "--ssl-keyfile", file]):
        wrong = axiom.run(axiom.binary("axiom-serve"), artifact, "--port", "0", *flags)
        check(wrong.status in (2, 3) and "error: " in wrong.err, f"{flags[2:]}: exit {wrong.status}: {wrong.err}")


def ends(check, folder):
    """SIGTERM: first not ready, then nothing new, streams end whole; a second signal stops at once."""
    artifact = tiny(folder)
    with running(artifact, "--drain-delay", "60") as server:
        server.process.send_signal(signal.SIGTERM)
        check(server.says("not ready any more"), "nothing said of SIGTERM")
        status, _, text = server.ask("GET", "/health/ready")
        check(status == 503 and b"draining" in text and server.ask("GET", "/health/live")[0] == 200, f"ready: {status} {text}")
        check(server.ask("POST", "/v1/completions", {"prompt": "a", "max_tokens": 1})[0] == 200, "requests are refused while balancers look")
        room = json.loads(server.ask("GET", "/v1/models")[2])["data"][0]["max_model_len"] - 10
        client, data = server.stream(max_tokens=room)
        server.process.send_signal(signal.SIGTERM)  # ends the delay
        check(server.says("draining for up to 30 s"), "nothing said of draining")
        try:
            server.ask("GET", "/health/live")
            check(server.process.poll() is not None, "a new connection while draining")
        except OSError:
            pass
        while part := client.recv(65536):
            data += part
        check(b"data: [DONE]" in data and data.endswith(b"0\r\n\r\n"), f"a stream is cut: {data[-100:]}")
        check(server.wait() == 0, "exit after draining")
    with running(artifact) as server:
        with contextlib.closing(socket.create_connection(("127.0.0.1", server.port))) as client:  # a request that does not come whole
            client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
            check(until(lambda: server.metric("http_open_connections") == 2), "the connection is not there")
            server.process.send_signal(signal.SIGTERM)
            check(server.says("draining for up to 30 s"), "nothing said of draining")
            time.sleep(0.3)
            check(server.process.poll() is None, "it does not wait for what is open")
            begin = time.monotonic()
            check(server.stop() == 130 and time.monotonic() - begin < 10, "a second signal does not end it at once")


class Logged(Server):
    """A server whose log is a file, or standard error that nobody reads."""

    def __init__(self, *words, log):
        self.lines, self.key, self.tls, self.log = [], None, None, log
        words = [axiom.binary("axiom-serve"), *words, "--port", "0", "--served-model-name", "tiny"]
        self.process = subprocess.Popen([str(w) for w in words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        found = None

        def ready():
            nonlocal found
            text = log.read_text() if log and log.exists() else ""
            found = re.search(r"ready at http://127.0.0.1:(\d+)", text)
            return found

        if log:
            until(ready)
        else:
            while not found:
                found = re.search(r"ready at http://127.0.0.1:(\d+)", self.process.stderr.readline())
        self.port = int(found.group(1))
        self.reader = threading.Thread(target=self.read, daemon=True)
        if log:
            self.reader.start()

    def wait(self):
        status = self.process.wait(timeout=serve.WAIT)
        if self.log:
            self.reader.join()
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    axiom.main_of(keys, prefixes, turns, logs, config, stalls, sleeps, encrypted, ends)
