#!/usr/bin/env python3
"""axiom-bench serve against axiom-serve with a tiny model: each way to load it gives the counts that it must, spoiled clients leave nothing
behind in the server, Ctrl-C prints what was measured, mistakes are told. No figure is compared with a time."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import axiom
from serve import WAIT, serving

FIELDS = ["completed", "failed", "total_input_tokens", "total_output_tokens", "request_throughput", "request_goodput", "output_throughput",
          "total_token_throughput", "rejected", "client_cpu_seconds", "statuses"] + [
              f"{what}_{name}_ms" for name in ("ttft", "tpot", "itl", "e2el") for what in ("mean", "median", "std", "p50", "p90", "p99")]
IDS = ["--random-token-ids", "5:120"]  # tiny models have 131 tokens


def words(server, *options):
    url = [] if "--base-url" in options else ["--base-url", f"http://127.0.0.1:{server.port}"]
    return [axiom.binary("axiom-bench"), "serve", *url, "--ignore-eos", *IDS, *options]


def bench(folder, server, *options):
    out = folder / "result.json"
    run = axiom.run(*words(server, "--save-result", out, *options), limit=WAIT)
    if run.status != 0:
        raise axiom.Failed(f"axiom-bench serve {options}: exit {run.status}: {run.err}")
    return json.loads(out.read_text()), run.out


def resources(server):
    process = f"/proc/{server.process.pid}"
    return len(os.listdir(f"{process}/fd")), len(os.listdir(f"{process}/task"))


def loads(check, folder, server):
    shape = ["--random-prefix-len", "64", "--random-input-len", "4:20", "--random-output-len", "6", "--num-prompts", "24"]
    got, table = bench(folder, server, *shape, "--max-concurrency", "6", "--num-warmups", "1", "--goodput", "ttft:60000")
    check(all(name in got for name in FIELDS), f"fields are missing: {sorted(set(FIELDS) - set(got))}")
    check(got["completed"] == 24 and got["failed"] == 0 and got["total_output_tokens"] == 24 * 6, f"closed loop: {got}")
    check(24 * 68 <= got["total_input_tokens"] <= 24 * 84, f"prompt lengths: {got['total_input_tokens']}")
    check(got["total_cached_tokens"] == 24 * 64, f"the warm prefix is not found: {got['total_cached_tokens']}")
    check(got["request_goodput"] == got["request_throughput"] and got["max_concurrent_requests"] <= 6, f"goodput, concurrency: {got}")
    check(0 < got["mean_ttft_ms"] <= got["mean_e2el_ms"] and "P99 ITL (ms):" in table, f"times: {got}")
    again, _ = bench(folder, server, *shape, "--request-rate", "200", "--seed", "0")
    check(again["completed"] == 24 and again["total_input_tokens"] == got["total_input_tokens"], f"open loop, the same seed: {again}")
    text, _ = bench(folder, server, "--prompt-form", "text", "--random-input-len", "8", "--random-output-len", "3", "--num-prompts", "5",
                    "--extra-body", '{"n": 2}', "--save-detailed")
    check(text["completed"] == 5 and text["total_output_tokens"] == 5 * 2 * 3 and len(text["ttfts"]) == 5, f"text, two samples: {text}")


def spoiled(check, folder, server):
    before = resources(server)
    got, _ = bench(folder, server, "--num-prompts", "120", "--max-concurrency", "24", "--random-input-len", "10:40", "--random-output-len", "20",
                   "--hang-ups", "0.3", "--slow-readers", "0.1", "--slow-bytes", "20000", "--half-open", "0.1", "--half-open-time", "1")
    check(got["failed"] == 0 and got["spoiled"] >= 20 and got["slow_readers"] >= 2, f"spoiled clients: {got}")
    check(server.until("num_requests_running", 0) and server.until("num_requests_waiting", 0) and server.until("kv_cache_usage_perc", 0),
          "something of spoiled clients is left over")
    end = time.monotonic() + WAIT
    while resources(server)[0] > before[0] and time.monotonic() < end:
        time.sleep(0.05)
    check(resources(server)[0] <= before[0] and resources(server)[1] == before[1],
          f"descriptors and threads: {before} before, {resources(server)} after")


def interrupted(check, server):
    before = server.metric("generation_tokens_total")
    run = subprocess.Popen([str(w) for w in words(server, "--num-prompts", "1000000", "--max-concurrency", "4", "--random-input-len", "8",
                                                  "--random-output-len", "4")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    end = time.monotonic() + WAIT
    while server.metric("generation_tokens_total") < before + 100 and time.monotonic() < end:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=WAIT)
    check(run.returncode == 130 and re.search(r"Successful requests: +[1-9]", out) and re.search(r"Failed requests: +0\n", out),
          f"Ctrl-C: exit {run.returncode}: {out} {err}")


def mistakes(check, server):
    def refused(what, status, part, *options):
        run = axiom.run(*words(server, *options), limit=WAIT)
        check(run.status == status and part in run.err, f"{what}: exit {run.status}: {run.err}")

    refused("no URL", 2, "http://HOST:PORT", "--base-url", "localhost:80")
    refused("a length", 2, "--random-input-len", "--random-input-len", "9:3")
    refused("a rate", 2, "--request-rate", "--request-rate", "-1")
    refused("shares above 1", 2, "together", "--hang-ups", "0.7", "--half-open", "0.7")
    refused("a bound", 2, "--goodput", "--goodput", "ttfb:3")
    with socket.create_server(("127.0.0.1", 0)) as unused:
        free = unused.getsockname()[1]
    refused("no server", 1, "refused", "--base-url", f"http://127.0.0.1:{free}")
    refused("every request fails", 1, "no request succeeded", "--num-prompts", "3", "--model", "another")
    refused("a warm-up fails", 1, "is not served here", "--num-warmups", "1", "--model", "another")
    run = axiom.run(axiom.binary("axiom-bench"))
    check(run.status == 2 and "no model is given" in run.err, f"neither model nor serve: exit {run.status}: {run.err}")


def everything(check, folder):
    artifact = folder / "tiny.axm"
    axiom.compile_model(axiom.TINY / "llama-odd", artifact)
    with serving(artifact, "--kv-tokens", "2048") as server:
        loads(check, folder, server)
        spoiled(check, folder, server)
        interrupted(check, server)
        mistakes(check, server)
        status, _, err = server.stop()
        check(status == 0, f"the server ends with {status}: {err}")
    with serving(artifact, "--max-num-seqs", "1", "--max-queued", "2") as server:
        got, table = bench(folder, server, "--num-prompts", "40", "--random-input-len", "10", "--random-output-len", "30")
        check(got["rejected"] >= 20 and got["failed"] == got["rejected"] and got["statuses"].get("429") == got["rejected"]
              and got["completed"] == 40 - got["rejected"] and got["p99_rejection_ms"] > 0, f"a full queue: {got}")
        check("of these rejected (429, 503):" in table, f"a full queue's table: {table}")


if __name__ == "__main__":
    axiom.main_of(everything)
