#!/usr/bin/env python3
"""axiom-serve against llama-server: the same GGUF, threads, clients and prompts, in turn.

    serve_compare.py MODEL.axm MODEL.gguf --peer DIR/llama-server [--rounds 3] [--json OUT.json]

--clients users (32) send one request after another: --prompt tokens (272:512) of which the first --shared (256) are the same for all, --generate
greedy tokens (64) each, the model's end ignored. Both servers run all the time with the prefix warm in them; while one is measured the other
one is stopped (SIGSTOP). Each round loads each once, in turning order, with prompts that neither has seen. Figures are medians over the
rounds. `compare.py --build-peer DIR --peer-tools llama-server` builds the peer.

The ceiling is what the same model does without a server: the seconds of a request are its new prompt tokens at axiom-bench's prefill rate and
its tokens at the rate of as many sequences at that depth.

Exit 1 if --require (throughput=3,ttft=0.25,itl=1) does not hold: tokens a second at least, p99 TTFT and p99 ITL at most, as ratios.
"""
import argparse
import contextlib
import json
import os
import pathlib
import signal
import statistics
import sys

from servers import Axiom, Llama, axiom, load, running

FIGURES = [("output_throughput", "output tokens/s", "{:.1f}"), ("p99_ttft_ms", "TTFT p99, ms", "{:.0f}"),
           ("median_ttft_ms", "TTFT median, ms", "{:.0f}"), ("p99_itl_ms", "time between tokens p99, ms", "{:.1f}"),
           ("median_itl_ms", "time between tokens median, ms", "{:.1f}"), ("p99_tpot_ms", "TPOT p99, ms", "{:.1f}"),
           ("p99_e2el_ms", "whole request p99, ms", "{:.0f}"), ("total_cached_tokens", "prompt tokens found", "{:.0f}"),
           ("server_cpu_seconds", "server's CPU, s", "{:.1f}"), ("client_cpu_seconds", "client's CPU, s", "{:.2f}")]
REQUIRED = {"throughput": ("output_throughput", False), "ttft": ("p99_ttft_ms", True), "itl": ("p99_itl_ms", True)}


def shape(args, first, requests, tokens):
    low, high = (int(n) - args.shared for n in args.prompt.split(":"))
    return ["--num-prompts", requests, "--max-concurrency", args.clients, "--random-prefix-len", args.shared, "--random-input-len",
            f"{low}:{high}", "--random-output-len", tokens, "--random-token-ids", args.token_ids, "--seed", args.seed, "--first-prompt", first]


def peer_flags(args):
    # A slot of its own for each client, each with room for a whole request; caching of prompts is on by default and asked for all the same.
    room = int(args.prompt.split(":")[1]) + args.generate
    return ["-t", args.threads, "-tb", args.threads, "-np", args.clients, "-c", room * args.clients, "--cache-prompt", *args.peer_args.split()]


def own_flags(args):
    room = int(args.prompt.split(":")[1]) + args.generate
    return ["-t", args.threads, "--max-num-seqs", args.clients, "--kv-tokens", room * args.clients, *args.axiom_args.split()]


def resume(servers, one):
    for server in servers:
        server.process.send_signal(signal.SIGCONT if server is one else signal.SIGSTOP)


def one_load(args, server, first, requests, tokens):
    """Prompts from number `first` on: other ones than before, with the same prefix."""
    before = server.cpu_seconds()
    got = load(server, *shape(args, first, requests, tokens))
    if got["failed"] or got["total_output_tokens"] != requests * tokens:
        raise axiom.Failed(f"{server.words[0]}: {got['failed']} of {requests} requests failed, {got['total_output_tokens']} tokens: "
                           f"{got['error_counts']} {got['statuses']}")
    return got | {"server_cpu_seconds": server.cpu_seconds() - before}


def rate(args, row, *options):
    run = axiom.run(axiom.binary("axiom-bench"), args.axm, "-t", args.threads, "-r", 2, "-o", "json", *options, limit=600).ok()
    return next(r for r in json.loads(run.out) if r[row] > 0)["median_ts"]


def ceiling(args):
    """Tokens a second, of the same model without a server."""
    low, high = map(int, args.prompt.split(":"))
    new, depth = (low + high) / 2 - args.shared, (low + high) // 2
    prefill = rate(args, "n_prompt", "-p", 512, "-n", 0)
    decode = rate(args, "n_gen", "-p", 0, "-n", args.generate, "-npl", args.clients, "-d", depth)
    return {"prefill": prefill, "decode": decode, "ceiling": args.generate / (new / prefill + args.generate / decode)}


def measure(args):
    with contextlib.ExitStack() as stack:
        servers = {"axiom-serve": stack.enter_context(running(Axiom(args.axm, *own_flags(args)))),
                   "llama-server": stack.enter_context(running(Llama(args.peer, args.gguf, *peer_flags(args))))}
        flags = {name: server.words[1:] for name, server in servers.items()}
        for name, server in servers.items():  # each slot of llama-server has its own copy of the prefix
            resume(servers.values(), server)
            one_load(args, server, 0, args.clients, 4)
        rounds, ceilings = [], []
        for number in range(args.rounds):
            order = list(servers) if number % 2 == 0 else list(servers)[::-1]
            results = {}
            for name in order:
                resume(servers.values(), servers[name])
                results[name] = one_load(args, servers[name], args.clients + number * args.requests, args.requests, args.generate)
            resume(servers.values(), None)
            ceilings.append(ceiling(args))
            rounds.append(results)
            print(f"round {number + 1}: " + ", ".join(f"{n} {r['output_throughput']:.1f} tokens/s, p99 TTFT {r['p99_ttft_ms']:.0f} ms"
                                                      for n, r in results.items()), file=sys.stderr, flush=True)
        resume(servers.values(), servers["axiom-serve"])
        servers["llama-server"].process.send_signal(signal.SIGCONT)
    medians = {name: {key: statistics.median(r[name][key] for r in rounds) for key, _, _ in FIGURES} for name in servers}
    ours, theirs = medians["axiom-serve"], medians["llama-server"]
    ratios = {key: ours[key] / theirs[key] for key, _, _ in FIGURES if theirs[key]}
    return {"flags": flags, "load_average": os.getloadavg()[0], "requests": args.requests, "medians": medians, "ratios": ratios,
            "ceiling": {key: statistics.median(c[key] for c in ceilings) for key in ceilings[0]}, "rounds": rounds}


def table(result):
    ours, theirs = result["medians"]["axiom-serve"], result["medians"]["llama-server"]
    lines = [f"| median of {len(result['rounds'])} rounds of {result['requests']} requests | axiom-serve | llama-server | ratio |",
             "|---|---|---|---|"]
    for key, what, form in FIGURES:
        ratio = f"{result['ratios'][key]:.2f}" if key in result["ratios"] else "-"
        lines.append(f"| {what} | {form.format(ours[key])} | {form.format(theirs[key])} | {ratio} |")
    top = result["ceiling"]
    lines += ["", f"ceiling {top['ceiling']:.0f} tokens/s (prefill {top['prefill']:.0f}, decode {top['decode']:.0f} tokens/s without a server): "
              f"axiom-serve reaches {ours['output_throughput'] / top['ceiling'] * 100:.0f} %", ""]
    lines += [f"{name}: {' '.join(words)}" for name, words in result["flags"].items()]
    return "\n".join(lines)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("axm", type=pathlib.Path)
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("--peer", type=pathlib.Path, required=True, help="llama-server")
    parser.add_argument("--peer-args", default="", help="more flags for llama-server")
    parser.add_argument("--axiom-args", default="", help="more flags for axiom-serve")
    for name, value in (("rounds", 3), ("threads", 2), ("clients", 32), ("shared", 256), ("generate", 64), ("requests", 128), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--prompt", default="272:512", help="least and most tokens of a prompt")
    parser.add_argument("--token-ids", default="1000:40000", help="prompts are made of these")
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--require", default="")
    args = parser.parse_args()
    args.required = {}
    for part in filter(None, args.require.split(",")):
        name, _, value = part.partition("=")
        if name not in REQUIRED:
            parser.error(f"--require {part}: give throughput=, ttft= or itl=")
        args.required[name] = float(value)
    return args


def main():
    args = arguments()
    result = measure(args)
    print(table(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    missed = []
    for name, bound in args.required.items():
        key, most = REQUIRED[name]
        got = result["ratios"][key]
        if got > bound if most else got < bound:
            missed.append(f"{name} {got:.2f}, {bound} {'at most' if most else 'at least'}")
    if missed:
        print("not as required: " + "; ".join(missed))
        sys.exit(1)


if __name__ == "__main__":
    main()
