#!/usr/bin/env python3
"""axiom-serve on a tiny model: answers are axiom-run's, what is said of prompts is what generating says, streams are whole answers in pieces, wrong requests are told apart, a client that
hangs up frees its memory, a full queue says when to come again, SIGTERM lets streams end. No figure is compared with a time."""
import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import time

import axiom

WAIT = 60  # seconds, for what has to happen some time


class Served:
    """A running server; `get` and `post` give status, headers and body."""

    def __init__(self, artifact, *flags):
        words = [axiom.binary("axiom-serve"), artifact, "--port", "0", "--served-model-name", "tiny", *flags]
        # Whoever runs this in the background of a script has SIGINT ignored, and children inherit that.
        self.process = subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            if found := re.search(r"ready at http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found.group(1))
                return
        raise axiom.Failed(f"axiom-serve does not start: {self.said}")

    def ask(self, method, path, body=None, kind="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT)
        with contextlib.closing(connection):
            data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": kind} if data is not None else {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def post(self, path, **body):
        status, headers, text = self.ask("POST", path, body)
        return status, headers, json.loads(text)

    def events(self, path, **body):
        """The JSON of a stream's events, and whether it ended with [DONE]."""
        status, _, text = self.ask("POST", path, body | {"stream": True})
        lines = [line[6:] for line in text.decode().split("\n\n") if line.startswith("data: ")]
        return status, [json.loads(line) for line in lines if line != "[DONE]"], bool(lines) and lines[-1] == "[DONE]"

    def metric(self, name):
        text = self.ask("GET", "/metrics")[2].decode()
        found = re.search(rf"^axiom:{name}{{[^}}]*}} (\S+)$", text, re.M)
        return float(found.group(1)) if found else None

    def labelled(self, name, label):
        """A metric's values by one of its labels."""
        text = self.ask("GET", "/metrics")[2].decode()
        return {found[1]: float(found[2]) for found in re.finditer(rf'^axiom:{name}{{[^}}]*\b{label}="([^"]*)"[^}}]*}} (\S+)$', text, re.M)}

    def until(self, name, value):
        end = time.monotonic() + WAIT
        while not (held := self.metric(name) == value) and time.monotonic() < end:
            time.sleep(0.02)
        return held

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=WAIT)
        return self.process.returncode, out, err


@contextlib.contextmanager
def serving(artifact, *flags):
    server = Served(artifact, *flags)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


def answers(check, server, artifact):
    """Completions are what axiom-run writes."""
    prompt = "the quick brown fox"
    text = axiom.run(axiom.binary("axiom-run"), "generate", artifact, "--prompt", prompt, "--max-tokens", 20, "--temperature", 0,
                     "--ignore-eos").ok().out.removesuffix("\n")
    want = dict(model="tiny", prompt=prompt, max_tokens=20, temperature=0, ignore_eos=True)
    status, _, got = server.post("/v1/completions", **want)
    check(status == 200 and got["choices"][0]["text"].removesuffix("\n") == text, f"completion {got}, axiom-run {text!r}")
    check(got["usage"]["completion_tokens"] == 20 and got["choices"][0]["finish_reason"] == "length", f"usage or reason: {got}")
    status, events, done = server.events("/v1/completions", **want, stream_options={"include_usage": True})
    joined = "".join(c["text"] for e in events for c in e["choices"])
    check(status == 200 and done and joined == got["choices"][0]["text"], f"a stream's text {joined!r} is not {got['choices'][0]['text']!r}")
    check(events[-1]["choices"] == [] and events[-1]["usage"]["completion_tokens"] == 20, f"a stream's usage: {events[-1]}")
    status, _, two = server.post("/v1/completions", prompt=[prompt, "another"], n=2, max_tokens=3, logprobs=2, seed=5, ignore_eos=True)
    check(status == 200 and [c["index"] for c in two["choices"]] == [0, 1, 2, 3], f"two prompts, two samples: {two}")
    check(all(len(c["logprobs"]["tokens"]) == 3 and len(c["logprobs"]["top_logprobs"][0]) >= 2 for c in two["choices"]), f"logprobs: {two}")
    again = server.post("/v1/completions", prompt=[prompt, "another"], n=2, max_tokens=3, seed=5, ignore_eos=True)[2]
    check([c["text"] for c in again["choices"]] == [c["text"] for c in two["choices"]], "the same seed gives other text")
    status, _, stopped = server.post("/v1/completions", **(want | {"stop": [text[3:5]]}))
    check(status == 200 and stopped["choices"][0]["finish_reason"] == "stop" and stopped["choices"][0]["text"] == text[:text.index(text[3:5])],
          f"stop at {text[3:5]!r} of {text!r}: {stopped}")


def prefixes(check, server):
    """A prompt that was seen before is found again, with the same answer."""
    tokens = [40 + i % 50 for i in range(150)]
    want = dict(prompt=tokens, max_tokens=8, temperature=0, ignore_eos=True, logprobs=1)
    first = server.post("/v1/completions", **want)[2]
    second = server.post("/v1/completions", **want)[2]
    other = server.post("/v1/completions", **want, cache_salt="mine")[2]
    check(first["usage"]["prompt_tokens_details"]["cached_tokens"] == 0, f"found before it was there: {first['usage']}")
    check(second["usage"]["prompt_tokens_details"]["cached_tokens"] == 128, f"not found again: {second['usage']}")
    check(other["usage"]["prompt_tokens_details"]["cached_tokens"] == 0, "another salt finds it")
    check(first["choices"] == second["choices"] == other["choices"], "the answer depends on what was found")
    check(server.metric("prefix_cache_hits_total") == 128, "hits are miscounted")


def prompt_logprobs(check, server):
    """What is said of a prompt is the same whole, alone, streamed, found before and as vLLM's field; and it is what generating says."""
    own = server.post("/v1/completions", prompt="the quick", max_tokens=100, temperature=0, ignore_eos=True, logprobs=3, return_token_ids=True)[2]
    written, tokens = own["choices"][0]["logprobs"], own["choices"][0]["prompt_token_ids"] + own["choices"][0]["token_ids"]
    start = len(tokens) - 100
    want = dict(prompt=tokens, max_tokens=2, echo=True, logprobs=3, temperature=0, ignore_eos=True)
    status, _, echo = server.post("/v1/completions", **want)
    check(status == 200 and echo["usage"]["prompt_tokens_details"]["cached_tokens"] == 0, f"echo with logprobs: {status} {echo}")
    said = echo["choices"][0]["logprobs"]
    check(said["token_logprobs"][0] is None and len(said["tokens"]) == len(tokens) + 2, f"positions of {len(tokens)} + 2: {said}")
    for field in ("tokens", "token_logprobs", "top_logprobs"):
        check(said[field][start:-2] == written[field], f"{field} of a prompt differ from those it was written with")
    text = echo["choices"][0]["text"]
    check(all(text[at:].startswith(token) for at, token in zip(said["text_offset"], said["tokens"])
              if not token.startswith("bytes:") and not token.startswith("<|")),
          "text_offset is not where the token is")
    for n in (1, 2):
        status, events, done = server.events("/v1/completions", **want, n=n)
        for index in range(n):
            parts = [c["logprobs"] for e in events for c in e["choices"] if c["index"] == index and c["logprobs"]]
            joined = {field: sum((p[field] for p in parts), []) for field in said}
            check(status == 200 and done and joined == said, f"streamed, n = {n}: {[f for f in said if joined[f] != said[f]]} differ")
    alone = server.post("/v1/completions", **(want | {"max_tokens": 0}))[2]["choices"][0]
    check(alone["logprobs"]["token_logprobs"] == said["token_logprobs"][:-2] and alone["finish_reason"] == "length", f"max_tokens 0: {alone}")
    status, events, done = server.events("/v1/completions", **(want | {"max_tokens": 0}))
    check(done and len(events) == 1 and events[0]["choices"][0]["logprobs"] == alone["logprobs"], f"max_tokens 0, streamed: {events}")
    long = [[5] * 200] * 120
    status, _, refused = server.post("/v1/completions", prompt=long, max_tokens=0, echo=True, logprobs=20, n=1)
    check(status == 200, f"much is reported: {status}")
    status, _, refused = server.post("/v1/completions", prompt=long, max_tokens=1, echo=True, logprobs=20, n=5)
    check(status == 400 and refused["error"]["param"] == "logprobs", f"too much would be reported: {status} {str(refused)[:200]}")
    plain = server.post("/v1/completions", prompt="the quick", max_tokens=0, echo=True)[2]
    check(plain["choices"][0]["text"] == "the quick" and plain["usage"]["completion_tokens"] == 0, f"the echo alone: {plain}")
    field = server.post("/v1/completions", prompt=tokens, max_tokens=1, prompt_logprobs=2)[2]["choices"][0]["prompt_logprobs"]
    check(field[0] is None and [p[str(t)]["logprob"] for p, t in zip(field[1:], tokens[1:])] == said["token_logprobs"][1:-2], f"prompt_logprobs: {field}")
    check(all(p[str(t)]["rank"] == 1 for p, t in zip(field[start:], tokens[start:])), "a greedy token's rank")


def narrowed(check, server):
    """Which tokens may come, and special ones in the text."""
    want = dict(prompt="the quick", max_tokens=30, temperature=0, ignore_eos=True, return_token_ids=True)
    plain = server.post("/v1/completions", **want)[2]["choices"][0]
    allowed = sorted(set(plain["token_ids"]) | {70, 71})[1::2]
    got = server.post("/v1/completions", **want, allowed_token_ids=allowed)[2]["choices"][0]
    check(set(got["token_ids"]) <= set(allowed), f"allowed {allowed}, got {got['token_ids']}")
    text = plain["text"].lstrip()[:2]
    got = server.post("/v1/completions", **want, bad_words=[text])[2]["choices"][0]
    check(got["text"] != plain["text"], f"{text!r} comes first all the same: {got['text']!r}")
    status, _, none = server.post("/v1/completions", **want, allowed_token_ids=[70], min_tokens=2, stop_token_ids=[70])
    check(status == 400 and "no token may come" in none["error"]["message"], f"nothing is left: {status} {none}")
    special = server.special  # an id, its text
    for skip in (True, False):
        got = server.post("/v1/completions", **(want | {"max_tokens": 1}), allowed_token_ids=[special[0]], skip_special_tokens=skip)[2]
        check(got["choices"][0]["text"] == ("" if skip else special[1]), f"skip_special_tokens {skip}: {got}")


def mistakes(check, server):
    def refused(what, status, code, path="/v1/completions", body=None, **request):
        got, _, text = server.ask("POST", path, request if body is None else body)
        error = json.loads(text).get("error", {})
        check(got == status and error.get("code") == code and error.get("message"), f"{what}: {got} {text}")

    refused("no JSON", 400, "invalid_json", body=b"{")
    refused("a wrong type", 400, "invalid_type", prompt="a", max_tokens="x")
    refused("out of range", 400, "decimal_above_max_value", prompt="a", temperature=5)
    refused("another model", 404, "model_not_found", prompt="a", model="gpt-4")
    refused("too long", 400, "context_length_exceeded", prompt="a b c d e f", max_tokens=server.context)
    refused("chat without a template", 400, "invalid_value", path="/v1/chat/completions", messages=[{"role": "user", "content": "x"}])
    refused("a schema that the artifact does not have", 400, "unsupported_value", prompt="a",
            response_format={"type": "json_schema", "json_schema": {"name": "none"}})
    check(server.ask("GET", "/nowhere")[0] == 404 and server.ask("GET", "/v1/completions")[0] == 405, "unknown paths and methods")
    check(server.ask("POST", "/v1/completions", b"a=b", "application/x-www-form-urlencoded")[0] == 415, "another content type")
    for path in ("/health", "/health/live", "/health/ready", "/health/progress", "/version", "/v1/models", "/v1/models/tiny", "/openapi.json"):
        check(server.ask("GET", path)[0] == 200, f"GET {path}")
    ids = json.loads(server.ask("POST", "/tokenize", {"prompt": "the quick"})[2])["tokens"]
    check(json.loads(server.ask("POST", "/detokenize", {"tokens": ids})[2])["prompt"].strip() == "the quick", "tokenize and back")


def stream(server, **request):
    """A socket on which an answer streams, after its first bytes."""
    body = json.dumps({"prompt": "a", "stream": True, "ignore_eos": True, "temperature": 0} | request).encode()
    client = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)
    client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return client, client.recv(100)


def hang_up(check, artifact):
    with serving(artifact, "--max-num-seqs", "1", "--max-queued", "2") as server:
        server.context = json.loads(server.ask("GET", "/v1/models")[2])["data"][0]["max_model_len"]
        room = server.context - 10
        clients = [stream(server, max_tokens=room)[0]]
        # The queue holds two more; the others are refused with a time.
        statuses = []
        for _ in range(6):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=WAIT)
            body = json.dumps({"prompt": "a", "ignore_eos": True, "max_tokens": room}).encode()
            client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                           % len(body) + body)
            clients.append(client)
        refused = 0
        for client in clients[1:]:
            client.settimeout(1)
            with contextlib.suppress(TimeoutError):
                head = client.recv(2000).decode()
                statuses.append(head.split(" ")[1])
                refused += " 429 " in head and "Retry-After: " in head
        finished_meanwhile = statuses.count("200")
        check(refused >= 1 and refused + finished_meanwhile >= 4 - finished_meanwhile, f"a full queue: {statuses}")
        for client in clients:
            client.close()
        check(server.until("num_requests_running", 0) and server.until("num_requests_waiting", 0) and server.until("kv_cache_usage_perc", 0),
              "requests of clients that hung up go on")
        check(server.post("/v1/completions", prompt="a", max_tokens=2)[0] == 200, "no answer after hang-ups")


def drains(check, artifact):
    with serving(artifact) as server:
        context = json.loads(server.ask("GET", "/v1/models")[2])["data"][0]["max_model_len"]
        streams = [stream(server, max_tokens=context - 10) for _ in range(4)]
        server.process.send_signal(signal.SIGTERM)
        for client, data in streams:
            while part := client.recv(65536):
                data += part
            check(b"data: [DONE]" in data and data.endswith(b"0\r\n\r\n"), f"a stream was cut by SIGTERM: {data[-200:]}")
        err = server.process.communicate(timeout=WAIT)[1]
        check(server.process.returncode == 0, f"SIGTERM: exit {server.process.returncode}: {err}")
    with serving(artifact) as server:
        check(server.stop(signal.SIGINT)[0] == 0, "SIGINT without work is no clean end")
    wrong = axiom.run(axiom.binary("axiom-serve"), artifact, "--host", "0.0.0.0", "--port", "0")
    check(wrong.status == 2 and "API key" in wrong.err, f"--host 0.0.0.0: exit {wrong.status}: {wrong.err}")
    with serving(artifact) as server:
        taken = axiom.run(axiom.binary("axiom-serve"), artifact, "--port", server.port)
        check(taken.status == 4 and str(server.port) in taken.err, f"a port that is taken: exit {taken.status}: {taken.err}")


def chats(check, folder):
    """A model with a template: whole and streamed answers agree; without one, the client is told."""
    artifact = folder / "chat.axm"
    axiom.compile_model(axiom.TINY / "qwen2-bias", artifact)
    with serving(artifact) as server:
        want = dict(messages=[{"role": "user", "content": "hello"}], max_tokens=12, temperature=0, ignore_eos=True)
        status, _, got = server.post("/v1/chat/completions", **want, logprobs=True, top_logprobs=2)
        check(status == 200 and got["choices"][0]["message"]["role"] == "assistant", f"chat: {got}")
        check(len(got["choices"][0]["logprobs"]["content"]) == 12, f"chat's logprobs: {got}")
        prompt = server.post("/v1/chat/completions", **want, prompt_logprobs=1, return_token_ids=True)[2]
        said = prompt["prompt_logprobs"]
        check(said[0] is None and len(said) == len(prompt["prompt_token_ids"]) == prompt["usage"]["prompt_tokens"], f"a chat's prompt_logprobs: {said}")
        status, events, done = server.events("/v1/chat/completions", **want)
        joined = "".join(c["delta"].get("content") or "" for e in events for c in e["choices"])
        check(status == 200 and done and joined == got["choices"][0]["message"]["content"], f"chat, streamed: {joined!r}, {got}")
        check(events[0]["choices"][0]["delta"].get("role") == "assistant", f"the first event: {events[0]}")
        text = axiom.run(axiom.binary("axiom-run"), "chat", artifact, "-m", "hello", "-n", 12, "--temperature", 0, "--ignore-eos").ok().out
        check(text.removesuffix("\n") == joined.removesuffix("\n"), f"axiom-run chat says {text!r}, the server {joined!r}")


def everything(check, folder):
    artifact = folder / "tiny.axm"
    axiom.compile_model(axiom.TINY / "llama-odd", artifact)
    with serving(artifact, "--kv-tokens", "2048") as server:
        server.context = json.loads(server.ask("GET", "/v1/models")[2])["data"][0]["max_model_len"]
        special = next(t for t in json.loads((axiom.TINY / "llama-odd/tokenizer.json").read_text())["added_tokens"] if t["special"])
        server.special = special["id"], special["content"]
        prefixes(check, server)
        prompt_logprobs(check, server)
        narrowed(check, server)
        answers(check, server, artifact)
        mistakes(check, server)
        status, out, err = server.stop()
        check(status == 0 and out == "", f"exit {status}, stdout {out!r}: {err}")
    hang_up(check, artifact)
    drains(check, artifact)
    print("answers, streams, mistakes, hang-ups, a full queue, draining")


if __name__ == "__main__":
    axiom.main_of(everything, chats)
