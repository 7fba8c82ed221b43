#!/usr/bin/env python3
"""axiom-serve under a mixed load for a long time: answers stay right, memory, descriptors and threads stay flat.

    serve_soak.long.py [--minutes N] [--clients N] [--model MODEL.axm]     default: 10 minutes, 8 clients, a tiny model

Clients send chats, completions, streams that they leave, requests that they break off, slow reads, wrong requests, embeddings, constrained output,
log probabilities of prompts and the small endpoints, in an order that a seed gives. Every minute they pause: what the process holds then is compared with the first pause. Memory is
read every 10 s. `tools/verify serving 9` runs it for two hours.
"""
import argparse
import collections
import contextlib
import json
import pathlib
import random
import socket
import statistics
import sys
import threading
import time

import axiom
import serve

CLIENTS = 8
FLAT_SHARE, FLAT_BYTES = 0.05, 4 << 20  # growth after the warm-up: at most so much of the whole, or so many bytes
CANARY = dict(prompt="the quick brown fox", max_tokens=12, temperature=0, ignore_eos=True)
WORDS = "the quick brown fox jumps over a lazy dog and 12 more words é 東京 \n".split(" ")
WRONG = [("/v1/completions", b"{"), ("/v1/completions", b'{"prompt": 5}'), ("/v1/completions", b'{"prompt": "a", "temperature": 9}'),
         ("/v1/chat/completions", b'{"messages": []}'), ("/v1/chat/completions", b'{"messages": [{"role": "x"}]}'),
         ("/v1/completions", b'{"prompt": "a", "max_tokens": 99999999}'), ("/v1/completions", b"[" * 3000), ("/tokenize", b'{"prompt": "\xff"}'),
         ("/v1/completions", b'{"prompt": "a", "model": "none"}'), ("/detokenize", b'{"tokens": [-1]}'), ("/v1/nothing", b"{}")]

# A title of its own makes another schema for the cache of grammars; there are few, so that it is full when memory is first looked at.
SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}, "count": {"type": "integer", "minimum": -3, "maximum": 120}},
          "required": ["count"], "additionalProperties": False}


class Load:
    """Clients that work until told to pause or stop."""

    def __init__(self, server, clients):
        self.server, self.counts, self.problems = server, collections.Counter(), []
        self.lock, self.over = threading.Lock(), False
        self.resume = threading.Event()
        self.paused = threading.Semaphore(0)
        self.resume.set()
        self.threads = [threading.Thread(target=self.client, args=(seed,), daemon=True) for seed in range(clients)]
        for thread in self.threads:
            thread.start()

    def client(self, seed):
        dice = random.Random(seed)
        jobs = [self.completion] * 5 + [self.chat] * 4 + [self.stream] * 4 + [self.leave] * 4 + [self.break_off] * 2 + [self.wrong] * 3 + [
            self.small] * 3 + [self.embed, self.slow, self.prompt_logprobs] + [self.constrained] * 2
        while not self.over:
            if not self.resume.is_set():
                self.paused.release()
                self.resume.wait()
                continue
            job = dice.choice(jobs)
            try:
                job(dice)
                self.count(job.__name__)
            except Exception as error:  # a client that dies would make the load smaller
                if self.server.process.poll() is not None:
                    self.problem("the server has ended")
                    return
                self.problem(f"{job.__name__}: {type(error).__name__}: {error}")

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def problem(self, text):
        with self.lock:
            self.problems.append(text)

    def pause(self):
        self.resume.clear()
        for thread in self.threads:
            while thread.is_alive() and not self.paused.acquire(timeout=1):
                pass

    def go_on(self):
        while self.paused.acquire(blocking=False):
            pass
        self.resume.set()

    def text(self, dice, most):
        return " ".join(dice.choice(WORDS) for _ in range(dice.randint(1, most)))

    def sampling(self, dice):
        return dict(max_tokens=dice.randint(1, 60), seed=dice.randint(0, 99), temperature=dice.choice([0, 0.7, 1]), ignore_eos=dice.random() < 0.8,
                    **dice.choice([{}, {"top_p": 0.9}, {"top_k": 5}, {"min_p": 0.1}, {"presence_penalty": 1}, {"repetition_penalty": 1.2},
                                   {"logit_bias": {"5": 3}}, {"stop": ["e", "xyz"]}, {"n": 3}, {"cache_salt": "mine"}, {"priority": 3}]))

    def expect(self, status, allowed, body, what):
        if status not in allowed:
            self.problem(f"{what}: {status}, expected {allowed}: {body[:300]}")

    def post(self, path, allowed, **body):
        status, _, text = self.server.ask("POST", path, body)
        self.expect(status, allowed, text, f"{path} {json.dumps(body)[:200]}")
        return status, text

    def completion(self, dice):
        if dice.random() < 0.2:
            status, text = self.post("/v1/completions", (200, 429), **CANARY)
            if status == 200 and json.loads(text)["choices"][0]["text"] != self.server.canary:
                self.problem(f"the canary's answer has changed: {text}")
            return
        prompt = self.text(dice, 40) if dice.random() < 0.7 else [self.text(dice, 5), self.text(dice, 5)]
        extra = {"logprobs": 3} if dice.random() < 0.2 else {}
        self.post("/v1/completions", (200, 429), prompt=prompt, **self.sampling(dice), **extra)

    def chat(self, dice):
        messages = [{"role": "user", "content": self.text(dice, 20)}]
        extra = {"logprobs": True, "top_logprobs": 2} if dice.random() < 0.2 else {}
        self.post("/v1/chat/completions", (200, 429), messages=messages, **self.sampling(dice), **extra)

    def stream(self, dice):
        status, events, done = self.server.events("/v1/chat/completions", messages=[{"role": "user", "content": self.text(dice, 20)}],
                                                  stream_options={"include_usage": True}, **self.sampling(dice))
        if status == 200 and not (done and events[-1].get("usage")):
            self.problem(f"a stream does not end as it should: {events[-1:]}")
        self.expect(status, (200, 429), b"", "a stream")

    def leave(self, dice):
        with contextlib.suppress(ConnectionError, TimeoutError):
            client, _ = serve.stream(self.server, max_tokens=300)
            for _ in range(dice.randint(0, 3)):
                client.recv(1000)
            if dice.random() < 0.3:  # a reset instead of an orderly end
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()

    def break_off(self, dice):
        whole = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400\r\n\r\n" + b'{"prompt": "' + b"a" * 300
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=serve.WAIT) as client:
            client.sendall(whole[:dice.randint(1, len(whole))])

    def slow(self, dice):
        client, _ = serve.stream(self.server, max_tokens=100)
        with client:
            for _ in range(10):
                time.sleep(0.02)
                if not client.recv(500):
                    break

    def wrong(self, dice):
        path, body = dice.choice(WRONG)
        status, _, text = self.server.ask("POST", path, body)
        self.expect(status, (400, 404), text, f"{path} {body[:60]}")

    def small(self, dice):
        path = dice.choice(["/", "/metrics", "/v1/models", "/health", "/health/progress", "/version", "/openapi.json"])
        status, _, text = self.server.ask("GET", path)
        self.expect(status, (200,), text, path)
        tokens = json.loads(self.post("/tokenize", (200,), prompt=self.text(dice, 30))[1])["tokens"]
        self.post("/detokenize", (200,), tokens=tokens)

    def embed(self, dice):
        # 400: a server or model that gives none
        self.post("/v1/embeddings", (200, 400, 429), input=self.text(dice, 20))

    def constrained(self, dice):
        asked = dice.choice([{"structured_outputs": {"json": SCHEMA | {"title": str(dice.randint(0, 40))}}}, {"guided_regex": "[a-f]{2}-[0-9]{1,3}"},
                             {"structured_outputs": {"choice": ["yes", "no"]}}])
        # 400: a server without structured output
        status, text = self.post("/v1/completions", (200, 400, 429), prompt=self.text(dice, 20), **(self.sampling(dice) | asked))
        if status == 400 and b"built without" not in text:
            self.problem(f"constrained: {text[:300]}")

    def prompt_logprobs(self, dice):
        self.post("/v1/completions", (200, 429), prompt=self.text(dice, 20), max_tokens=dice.randint(1, 5), prompt_logprobs=2)


def holds(pid):
    """Anonymous resident bytes, descriptors, threads."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    value = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if len(line.split()) > 1}
    return int(value["RssAnon"]) * 1024, len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir())), int(value["Threads"])


def quiet(server):
    """What the process holds once nothing runs and no connection is open: waits for descriptors to come down."""
    server.until("num_requests_running", 0)
    server.until("num_requests_waiting", 0)
    least, end = holds(server.process.pid), time.monotonic() + 10
    while time.monotonic() < end and least[1] > getattr(server, "descriptors", 0):
        time.sleep(0.1)
        now = holds(server.process.pid)
        least = now if now[1] <= least[1] else least
    return least


def slope(points):
    """Bytes a second through (seconds, bytes), by least squares."""
    middle_x, middle_y = (statistics.fmean(p[i] for p in points) for i in (0, 1))
    below = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / below if below else 0


def soak(check, folder, options):
    artifact = options.model or folder / "model.axm"
    if not options.model:
        axiom.compile_model(axiom.TINY / "qwen2-bias", artifact, "--no-golden", "--target", "cpu:native")
    with serve.serving(artifact, "--kv-tokens", "4096", "--max-num-seqs", "8", "--max-queued", "64") as server:
        server.canary = json.loads(server.ask("POST", "/v1/completions", CANARY)[2])["choices"][0]["text"]
        load, begin = Load(server, options.clients), time.monotonic()
        memory, pauses, first = [], [], None
        warm = min(300, options.minutes * 60 / 5)  # KV memory, caches and the allocator's arenas fill
        while (now := time.monotonic() - begin) < options.minutes * 60 and server.process.poll() is None and len(load.problems) < 20:
            time.sleep(max(0.1, min(10, options.minutes * 60 - now)))
            now = time.monotonic() - begin
            memory.append((now, holds(server.process.pid)[0]))
            if now > warm and (first is None or now - pauses[-1][0] > min(60, options.minutes * 6)):
                load.pause()
                held = quiet(server)
                first = first or held
                server.descriptors = first[1]
                pauses.append((now, *held))
                check(held[1] <= first[1] and held[2] == first[2], f"after {now:.0f} s: descriptors {held[1]} (first {first[1]}), threads {held[2]} "
                      f"(first {first[2]})")
                load.go_on()
        load.pause()
        held = quiet(server)
        load.over = True
        load.go_on()
        check(load.problems == [], f"{len(load.problems)} problems, the first: {load.problems[:3]}")
        check(server.process.poll() is None, f"the server ended with {server.process.returncode}")
        warmed = [m for m in memory if m[0] > warm]
        check(len(warmed) >= 4 and len(pauses) >= 2, f"{len(warmed)} samples of memory and {len(pauses)} pauses are too few: a longer run is needed")
        if len(warmed) < 4 or not pauses:
            return
        base = statistics.median(b for _, b in warmed[:max(2, len(warmed) // 4)])
        last = statistics.median(b for _, b in warmed[-max(2, len(warmed) // 4):])
        bound = max(FLAT_SHARE * base, FLAT_BYTES)
        growth = slope(warmed) * (warmed[-1][0] - warmed[0][0])
        check(last - base <= bound and growth <= bound, f"memory grows: {base / 1e6:.1f} MB to {last / 1e6:.1f} MB, by the slope {growth / 1e6:.1f} MB; "
              f"at most {bound / 1e6:.1f} MB")
        check(server.metric("kv_cache_usage_perc") == 0, "KV blocks are still in use")
        status, _, err = server.stop()
        check(status == 0, f"SIGTERM after the load: exit {status}: {err}")
        total = sum(load.counts.values())
        print(f"{dict(sorted(load.counts.items()))}")
        print(f"{total} requests in {options.minutes:g} min; memory {base / 1e6:.1f} to {last / 1e6:.1f} MB (slope {growth / 1e3:+.0f} kB over the run), "
              f"descriptors {first[1]} to {held[1]}, threads {first[2]} to {held[2]}, {len(pauses)} pauses")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--model", type=lambda p: pathlib.Path(p).resolve())
    arguments = parser.parse_args(sys.argv[1:])
    axiom.main_of(lambda check, folder: soak(check, folder, arguments))
