#!/usr/bin/env python3
"""axiom-serve under bad clients, too much load, and at its end: lines 3 and 4 of tools/verify serving.

    serve_load.py PART MODEL.axm [--short] [--json OUT.json]

    abuse      256 clients x 40 requests, 30 % hang up, 10 % read slowly, 10 % fall silent: afterwards free KV blocks, descriptors and threads
               are what they were
    overload   the peak of a closed loop, then 10 times as many requests as it served, for 5 minutes: goodput at least 90 % of the peak, p99
               TTFT of the admitted at most twice --max-queue-time, p99 time to a rejection at most 50 ms, memory within 5 %
    drain      SIGTERM with 64 live streams: none is cut, exit 0
    stall      the engine's thread is stopped in a step (by ptrace, from outside): /health/progress says 503 within its limit + 1 s, and 200 again
    loris      2,000 connections that send a header byte by byte: p99 TTFT of a canary grows by at most 10 %

--short is a form for tests: smaller, and with no bound on times but those of stall. Exit 1 if something does not hold; the last line says
what was measured.
"""
import argparse
import json
import pathlib
import select
import signal
import socket
import statistics
import sys
import threading
import time

from servers import Axiom, Load, axiom, load, running

PROGRESS_LIMIT = 10  # seconds; axiom-serve's own


class Checks:
    def __init__(self):
        self.problems, self.figures = [], {}

    def __call__(self, good, problem):
        if not good:
            self.problems.append(problem)

    def at_most(self, name, value, bound):
        self.figures[name] = value
        self(value <= bound, f"{name}: {value:.4g}, at most {bound:.4g} wanted")

    def at_least(self, name, value, bound):
        self.figures[name] = value
        self(value >= bound, f"{name}: {value:.4g}, at least {bound:.4g} wanted")


def ids(args):
    return ["--random-token-ids", args.token_ids]


def settled(server, limit=90):
    """Nothing runs, waits or is held."""
    return (server.until("num_requests_running", 0, limit) and server.until("num_requests_waiting", 0, limit)
            and server.until("kv_cache_usage_perc", 0, limit))


def resources(server):
    return {"descriptors": server.descriptors(), "threads": server.threads()}


def at_rest(server):
    """What a server has in hand once the connections that asked it before are closed: the same for half a second."""
    last, since = resources(server), time.monotonic()
    while time.monotonic() < since + 0.5:
        time.sleep(0.05)
        if resources(server) != last:
            last, since = resources(server), time.monotonic()
    return last


def abuse(check, args):
    clients, each = (32, 6) if args.short else (256, args.each)
    with running(Axiom(args.model, "--max-num-seqs", "32")) as server:
        load(server, "--num-prompts", 8, "--max-concurrency", 4, "--random-input-len", 16, "--random-output-len", 4, *ids(args))
        check(settled(server), "it does not come to rest after a few requests")
        before = at_rest(server)
        got = load(server, "--num-prompts", clients * each, "--max-concurrency", clients, "--random-prefix-len", 64, "--random-input-len", "4:64",
                   "--random-output-len", "4:32", "--hang-ups", 0.3, "--slow-readers", 0.1, "--half-open", 0.1, "--slow-bytes", 4000,
                   "--half-open-time", 2 if args.short else 20, *ids(args))
        # The load's process has ended, and its connections with it.
        check(settled(server), "requests or KV blocks of clients that are gone are left over")
        end = time.monotonic() + 30
        while resources(server) != before and time.monotonic() < end:
            time.sleep(0.1)
        after = resources(server)
        check(after == before, f"descriptors and threads: {before} before, {after} after")
        check(got["failed"] == 0, f"{got['failed']} requests of well-behaved clients failed: {got['error_counts']} {got['statuses']}")
        for name in ("completed", "spoiled", "slow_readers"):
            check(got[name] > 0, f"no client was of the kind '{name}'")
        check.figures |= {name: got[name] for name in ("completed", "spoiled", "slow_readers", "duration")} | after
        check(server.stop() == 0, f"the end: exit {server.process.returncode}")


class Memory(threading.Thread):
    """Resident bytes of a server, each half second."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.samples, self.over = server, [], threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.5):
            self.samples.append(self.server.resident())

    def growth(self):
        """The most of the last half over the most of the first quarter."""
        self.over.set()
        self.join()
        n = len(self.samples)
        return max(self.samples[n // 2:]) / max(self.samples[:max(1, n // 4)])


def overload(check, args):
    # A tiny model answers faster than HTTP could be asked ten times as often: its answers are longer.
    shape = ["--random-prefix-len", 32, "--random-input-len", "4:32", "--random-output-len", args.long_output if args.short else 16, *ids(args)]
    limit, peak_seconds, seconds = (1, 4, 8) if args.short else (args.queue_seconds, args.seconds / 5, args.seconds)
    with running(Axiom(args.model, "--max-num-seqs", "32", "--max-queue-time", limit, "--max-queued", "0")) as server:
        # Warm, with each page of the KV memory touched once: whole blocks stay in the prefix cache, so that others are taken.
        blocks = 16384 // 64
        load(server, "--num-prompts", blocks // 2 + 16, "--max-concurrency", 32, "--random-input-len", 128, "--random-output-len", 1, *ids(args))
        many = 10_000_000
        peak = load(server, "--num-prompts", many, "--max-concurrency", 64, "--duration", peak_seconds, "--first-prompt", 1000, *shape)
        memory = Memory(server)
        got = load(server, "--num-prompts", many, "--request-rate", 10 * peak["request_throughput"], "--duration", seconds, "--first-prompt", 10**6,
                   "--goodput", f"ttft:{2000 * limit}", *shape)
        growth = memory.growth()
        check(settled(server), "it does not come to rest after the overload")
        check(got["rejected"] > 0, "nothing was rejected")
        check(got["failed"] == got["rejected"], f"requests failed otherwise than by 429: {got['error_counts']} {got['statuses']}")
        check(set(got["statuses"]) <= {"200", "429"}, f"statuses: {got['statuses']}")
        check.figures |= {"peak_requests_s": peak["request_throughput"], "peak_tokens_s": peak["output_throughput"],
                          "offered_s": (got["completed"] + got["failed"]) / got["duration"], "rejected": got["rejected"],
                          "median_ttft_ms": got["median_ttft_ms"], "client_cpu_share": got["client_cpu_seconds"] / got["duration"]}
        loose = 1000 if args.short else 1  # a short form checks that it works, not how fast
        check.at_least("goodput_of_peak", got["good_output_throughput"] / peak["output_throughput"], 0.9 / loose)
        check.at_most("p99_ttft_ms", got["p99_ttft_ms"], 2000 * limit * loose)
        check.at_most("p99_rejection_ms", got["p99_rejection_ms"], 50 * loose)
        check.at_most("memory_growth", growth, 1.05 if not args.short else 1.5)
        check(server.stop() == 0, f"the end: exit {server.process.returncode}")


def drain(check, args):
    streams = 64
    # How long the streams may take is not what is measured.
    with running(Axiom(args.model, "--max-num-seqs", streams, "--kv-tokens", 64 * 128 * 4, "--drain-time", 300)) as server:
        run = Load(server, "--num-prompts", streams, "--max-concurrency", streams, "--random-input-len", 8, "--random-output-len", args.long_output,
                   *ids(args))
        check(server.until("num_requests_running", streams), "64 streams do not run at a time")
        check(run.running(), "the streams ended before SIGTERM: raise --long-output")
        server.process.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        got = run.result(limit=320)
        status = server.process.wait(60)
        check(status == 0, f"SIGTERM: exit {status}: {server.said()[-500:]}")
        check(got["completed"] == streams and got["total_output_tokens"] == streams * args.long_output, f"streams were cut: {got}")
        check.figures |= {"streams": streams, "completed": got["completed"], "seconds_after_sigterm": time.monotonic() - begin, "exit": status}


def stall(check, args):
    with running(Axiom(args.model, "-t", "1", "--kv-tokens", 64 * 128 * 2)) as server:
        run = Load(server, "--num-prompts", 10_000_000, "--max-concurrency", 8, "--duration", PROGRESS_LIMIT + 3, "--random-input-len", 8,
                   "--random-output-len", args.long_output, *ids(args))
        check(server.until_at_least("num_requests_running", 4), "no 4 streams run at a time")
        check(server.get("/health/progress")[0] == 200, "/health/progress is not 200 while all goes well")
        with axiom.Stopped(axiom.engine_thread(server.process.pid), in_kernel=True):
            begin, first = time.monotonic(), None
            while time.monotonic() < begin + PROGRESS_LIMIT + 5:
                if server.get("/health/progress", timeout=1)[0] == 503:
                    first = time.monotonic() - begin
                    break
                time.sleep(0.02)
            live = server.get("/health/live")[0]  # the step hangs until the answer is there
            check(live == 200, f"/health/live says {live} while a step hangs")
        check(first is not None, "/health/progress never says 503")
        check.at_least("seconds_to_503", first or 0, PROGRESS_LIMIT - 1)
        check.at_most("seconds_to_503", first or 1e9, PROGRESS_LIMIT + 1)
        end = time.monotonic() + 10
        while (after := server.get("/health/progress")[0]) != 200 and time.monotonic() < end:
            time.sleep(0.02)
        check(after == 200, f"/health/progress says {after} after the step went on")
        got = run.result(limit=120)
        check(got["completed"] >= 8 and got["failed"] == 0, f"requests that a stall held up do not end: {got['error_counts']} {got['statuses']}")


class Loris(threading.Thread):
    """Connections that send a header, a byte now and then, and come again when they are closed."""

    HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"

    def __init__(self, port, count, every=3.0):
        super().__init__(daemon=True)
        self.port, self.count, self.every, self.over = port, count, every, threading.Event()
        self.open, self.closed = {}, 0
        self.poll = select.epoll()
        self.start()

    def connect(self):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", self.port))
        self.poll.register(client.fileno(), select.EPOLLRDHUP | select.EPOLLIN)
        self.open[client.fileno()] = [client, 0]

    def drop(self, number):
        self.open.pop(number)[0].close()
        self.closed += 1

    def run(self):
        turn, ticks = 0, 50
        while not self.over.is_set():
            for _ in range(max(1, self.count // ticks)):
                if len(self.open) < self.count:
                    self.connect()
            for number in [n for n in self.open if n % ticks == turn % ticks]:
                entry = self.open[number]
                at = entry[1]
                byte = self.HEAD[at:at + 1] if at < len(self.HEAD) else b"x: y\r\n"
                try:
                    entry[0].send(byte)
                    entry[1] += 1
                except BlockingIOError:
                    pass
                except OSError:
                    self.drop(number)
            turn += 1
            for number, _ in self.poll.poll(0):
                if number in self.open:
                    self.drop(number)
            self.over.wait(self.every / ticks)
        for client, _ in self.open.values():
            client.close()

    def stop(self):
        self.over.set()
        self.join()


def loris(check, args):
    count, requests, rounds = (300, 20, 1) if args.short else (2000, 200, 5)
    canary = ["--num-prompts", requests, "--max-concurrency", 1, "--random-input-len", 64, "--random-output-len", 4, *ids(args)]
    with running(Axiom(args.model)) as server:
        load(server, *canary)
        quiet, loud, held, closed = [], [], [], 0
        for number in range(rounds):
            quiet.append(load(server, *canary, "--first-prompt", 10_000 * (2 * number + 1)))
            crowd = Loris(server.port, count)
            end = time.monotonic() + 60
            while server.descriptors() < count * 0.95 and time.monotonic() < end:
                time.sleep(0.1)
            loud.append(load(server, *canary, "--first-prompt", 10_000 * (2 * number + 2)))
            held.append(server.descriptors())
            crowd.stop()
            closed += crowd.closed
            while server.descriptors() > 200 and time.monotonic() < end:
                time.sleep(0.1)
        check(min(held) >= count * 0.8, f"{min(held)} connections were open, of {count}")
        for name, runs in (("alone", quiet), ("beside them", loud)):
            check(all(r["failed"] == 0 for r in runs), f"a canary {name} failed: {[r['error_counts'] for r in runs]}")
        p99 = [statistics.median(r["p99_ttft_ms"] for r in runs) for runs in (quiet, loud)]
        check.figures |= {"connections": min(held), "closed_by_the_server": closed, "p99_ttft_alone_ms": p99[0], "p99_ttft_ms": p99[1]}
        check.at_most("growth_of_p99", p99[1] / p99[0], 1000 if args.short else 1.1)


PARTS = {"abuse": abuse, "overload": overload, "drain": drain, "stall": stall, "loris": loris}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--token-ids", default="1000:40000", help="prompts are made of these")
    parser.add_argument("--long-output", type=int, default=200, help="tokens of a stream that is to be long")
    parser.add_argument("--seconds", type=float, default=300, help="overload: how long; the peak is measured a fifth of it")
    parser.add_argument("--each", type=int, default=40, help="abuse: requests of a client")
    parser.add_argument("--queue-seconds", type=float, default=2, help="overload: --max-queue-time")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    check = Checks()

    def part():
        PARTS[args.part](check, args)
        for problem in check.problems:
            print(problem)
        if args.json:
            args.json.write_text(json.dumps(check.figures, indent=1) + "\n")
        print(f"{args.part}: " + ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in check.figures.items()))
        sys.exit(1 if check.problems else 0)

    axiom.main(part)


if __name__ == "__main__":
    main()
