#!/usr/bin/env python3
"""Embeddings of the server: the same numbers whatever else runs, all forms of input and output, mistakes; and, where Python has torch and
transformers (this one, or the one that AXIOM_PYTHON names), what transformers computes from the same weights, within a bound."""
import base64
import concurrent.futures
import json
import math
import os
import socket
import struct
import subprocess
import sys
import time

import axiom
from serve import serving

# Largest difference of an element of a unit vector from transformers in float32, for weights in float32.
BOUND = 1e-5
# What a Q4_1 model's int8 activations may turn its embeddings by: 1 - cosine.
TURN = 0.003
TEXTS = ["The cat sits on the mat.", "Interest rates rose by half a percent.", "x"]

REFERENCE = """
import json, sys, torch, transformers
ask = json.load(sys.stdin)
model = transformers.AutoModel.from_pretrained(ask["model"], dtype=torch.float32).eval()
out = []
for tokens in ask["tokens"]:
    with torch.no_grad():
        hidden = model(torch.tensor([tokens])).last_hidden_state[0]
    for row in (hidden.mean(0), hidden[-1]):
        out.append((row / row.norm()).tolist())
json.dump(out, sys.stdout)
"""


def vectors(answer):
    return [entry["embedding"] for entry in answer["data"]]


def floats(text):
    raw = base64.b64decode(text)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def f32(vector):
    return list(struct.unpack(f"<{len(vector)}f", struct.pack(f"<{len(vector)}f", *vector)))


def forms(check, server):
    tokens = [json.loads(server.ask("POST", "/tokenize", {"prompt": t})[2])["tokens"] for t in TEXTS]
    status, _, listed = server.post("/v1/embeddings", input=TEXTS)
    check(status == 200 and [e["index"] for e in listed["data"]] == [0, 1, 2] and listed["object"] == "list", f"a list: {status} {listed}")
    check(listed["usage"] == {"prompt_tokens": sum(map(len, tokens)), "total_tokens": sum(map(len, tokens))}, f"usage: {listed['usage']}")
    own = vectors(listed)
    check(all(abs(math.hypot(*v) - 1) < 1e-6 for v in own), "an embedding is not of length 1")
    check(vectors(server.post("/v1/embeddings", input=tokens)[2]) == own, "lists of tokens give other numbers")
    for text, ids, vector in zip(TEXTS, tokens, own):
        check(vectors(server.post("/v1/embeddings", input=text)[2]) == [vector], f"{text!r} alone gives other numbers")
        check(vectors(server.post("/v1/embeddings", input=ids)[2]) == [vector], f"the tokens of {text!r} give other numbers")
    coded = server.post("/v1/embeddings", input=TEXTS, encoding_format="base64")[2]
    check([floats(v) for v in vectors(coded)] == [f32(v) for v in own], "base64 has other numbers")
    raw = vectors(server.post("/v1/embeddings", input=TEXTS, normalize=False)[2])
    for v, unit in zip(raw, own):
        check(all(abs(x / math.hypot(*v) - y) < 1e-6 for x, y in zip(v, unit)), "normalize changes the direction")
    last = vectors(server.post("/v1/embeddings", input=TEXTS, pooling="last")[2])
    check(last[0] != own[0] and len(last[0]) == len(own[0]), "pooling is ignored")
    size = len(own[0])
    check(vectors(server.post("/v1/embeddings", input=TEXTS, dimensions=size)[2]) == own, "dimensions of the model's size")
    many = vectors(server.post("/v1/embeddings", input=TEXTS * 40)[2])
    check(many == own * 40, "a long list gives other numbers")
    return tokens, own, last


def mistakes(check, server):
    def refused(what, param, **request):
        status, _, answer = server.post("/v1/embeddings", **request)
        check(status == 400 and answer["error"]["param"] == param, f"{what}: {status} {answer}")

    refused("an empty text", "input", input="")
    refused("no texts", "input", input=[])
    refused("an empty text among others", "input", input=["a", ""])
    refused("another size", "dimensions", input="a", dimensions=3)
    refused("another pooling", "pooling", input="a", pooling="max")
    refused("too long", "input", input=[[1] * 5000])


def company(check, server, tokens, own):
    """While others generate, and in prompts of several steps, not a bit changes."""
    long = [40 + i % 50 for i in range(150)]
    alone = vectors(server.post("/v1/embeddings", input=[long])[2])
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        others = [pool.submit(server.post, "/v1/completions", prompt=[50 + i] * 20, max_tokens=100, ignore_eos=True, temperature=1) for i in range(3)]
        asked = [pool.submit(server.post, "/v1/embeddings", input=[*tokens, long]) for _ in range(5)]
        check(all(vectors(a.result()[2]) == own + alone for a in asked), "in company the numbers change")
        check(all(o.result()[0] == 200 for o in others), "the others fail")
    check(server.post("/v1/completions", prompt=long, max_tokens=1)[2]["usage"]["prompt_tokens_details"]["cached_tokens"] == 0,
          "an embedding's prompt is found by others")
    check(server.until("num_requests_running", 0) and server.until("kv_cache_usage_perc", 0), "memory is not given back")


def crowded(check, artifact, last):
    """A long list goes through a short queue, other requests are told to come again; who hangs up gives all back."""
    with serving(artifact, "--embedding-pooling", "last", "--max-num-seqs", "1", "--max-queued", "1", "--kv-tokens", "1024") as server:
        status, _, got = server.post("/v1/embeddings", input=TEXTS * 10)
        check(status == 200 and vectors(got) == last * 10, f"--embedding-pooling last, a queue of one: {status} {str(got)[:200]}")
        body = json.dumps({"input": [[40 + i % 50 for i in range(500)]] * 2000}).encode()
        client = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        client.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        end, before = time.monotonic() + 60, server.metric("prompt_tokens_total")
        while server.metric("prompt_tokens_total") == before and time.monotonic() < end:
            time.sleep(0.01)
        client.close()
        check(server.until("num_requests_running", 0) and server.until("num_requests_waiting", 0) and server.until("kv_cache_usage_perc", 0),
              "a list of a client that hung up goes on")
        done = server.metric("prompt_tokens_total")
        check(done is not None and done < 1000 * 500, f"{done} tokens were computed for nobody")


def reference(model, tokens):
    python = os.environ.get("AXIOM_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import torch, transformers"], capture_output=True).returncode != 0:
        return None
    run = subprocess.run([python, "-c", REFERENCE], input=json.dumps({"model": str(model), "tokens": tokens}), capture_output=True, text=True,
                         timeout=600, env=dict(os.environ, HF_HUB_OFFLINE="1"))
    if run.returncode != 0:
        raise axiom.Failed(f"transformers: {run.stderr[-1000:]}")
    return json.loads(run.stdout)


def compare(check, what, got, wanted):
    turn = max(1 - sum(a * b for a, b in zip(x, y)) for x, y in zip(got, wanted))
    furthest = max(abs(a - b) for x, y in zip(got, wanted) for a, b in zip(x, y))
    print(f"{what}: an element differs from transformers by up to {furthest:.2g}, a vector is turned by {turn:.2g} (1 - cosine)")
    return furthest, turn


def everything(check, folder):
    artifact = folder / "tiny.axm"
    axiom.compile_model(axiom.TINY / "llama-odd", artifact, "--quant", "f32")
    compared = False
    with serving(artifact, "--kv-tokens", "2048", "--max-num-batched-tokens", "48") as server:
        tokens, own, last = forms(check, server)
        mistakes(check, server)
        company(check, server, tokens, own)
        wanted = reference(axiom.TINY / "llama-odd", tokens)
        if wanted:
            compared = True
            furthest, _ = compare(check, "llama-odd, f32", [v for pair in zip(own, last) for v in pair], wanted)
            check(furthest <= BOUND, f"llama-odd: {furthest} from transformers, at most {BOUND}")
        status, _, err = server.stop()
        check(status == 0, f"exit {status}: {err}")
    crowded(check, artifact, last)
    try:
        source, weights = axiom.gguf(), axiom.input_path("AXIOM_HF", "models/smollm2-hf", "SmolLM2 as safetensors")
    except axiom.Missing as reason:
        print(f"without SmolLM2: {reason}")
        source = None
    if source and compared:
        with serving(axiom.cached_artifact(source, "smollm2")) as server:
            tokens = [json.loads(server.ask("POST", "/tokenize", {"prompt": t})[2])["tokens"] for t in TEXTS[:2]]
            got = [vectors(server.post("/v1/embeddings", input=tokens, pooling=p)[2]) for p in ("mean", "last")]
            _, turn = compare(check, "SmolLM2 Q4_1", [v for pair in zip(*got) for v in pair], reference(weights, tokens))
            check(turn <= TURN, f"SmolLM2: turned by {turn}, at most {TURN}")
    print("forms, mistakes, company" + ("" if compared else "; Python has no torch and transformers to compare with (AXIOM_PYTHON)"))


if __name__ == "__main__":
    axiom.main_of(everything)
