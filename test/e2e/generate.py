#!/usr/bin/env python3
"""axiom-run on tiny models: greedy text is what the logits of axiom-eval say, alone on stdout, the same for every thread count;
sampling repeats with its seed; chat needs a template and says so."""
import json
import tempfile

import axiom

STEPS = 12


def ids_of(artifact, text):
    found = json.loads(axiom.run(axiom.binary("axiom-run"), "tokenize", artifact, "--text", text).ok().out)
    return found if isinstance(found, list) else found["ids"]


def decode(name, ids):
    """Byte-level BPE backwards, from tokenizer.json; special tokens are hidden."""
    tokenizer = json.loads((axiom.TINY / name / "tokenizer.json").read_text())
    tokens = {i: token for token, i in tokenizer["model"]["vocab"].items()}
    special = {t["id"] for t in tokenizer["added_tokens"]}
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    alphabet = {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}
    data = bytes(alphabet[c] for i in ids if i not in special for c in tokens[i])
    return data.decode("utf-8", errors="replace")


def greedy(artifact, ids):
    """Greedy continuation by teacher-forced logits: one axiom-eval call for each step."""
    ids = list(ids)
    for _ in range(STEPS):
        table = axiom.logits(artifact, ids)
        ids.append(table.argmax(table.rows - 1))
    return ids[-STEPS:]


def main():
    problems = []
    run = axiom.binary("axiom-run")
    with tempfile.TemporaryDirectory() as folder:
        artifacts = {}
        for name in axiom.tiny_names():
            artifacts[name] = f"{folder}/{name}.axm"
            axiom.compile_model(axiom.TINY / name, artifacts[name])
        for name, prompt in (("llama-odd", "the quick"), ("qwen3-norm", "été"), ("llama-rope3", "sum += 12")):
            artifact = artifacts[name]
            words = [run, "generate", artifact, "--prompt", prompt, "--max-tokens", STEPS, "--ignore-eos"]
            text = axiom.run(*words, "--temperature", "0", "-t", "1").ok().out
            if axiom.run(*words, "--temperature", "0", "-t", "2").ok().out != text:
                problems.append(f"{name}: 1 and 2 threads give other text")
            expected = decode(name, greedy(artifact, ids_of(artifact, prompt)))
            if text.removesuffix("\n") != expected.removesuffix("\n"):
                problems.append(f"{name}: generate printed {text!r}, the logits choose {expected!r}")
            seeded = [axiom.run(*words, "--temperature", "1", "--seed", s).ok().out for s in ("7", "7", "8")]
            if seeded[0] != seeded[1]:
                problems.append(f"{name}: the same seed gives other text")
            if seeded[0] == seeded[2] == text:
                problems.append(f"{name}: sampling at temperature 1 is greedy for two seeds")
            print(f"{name}: {text[:40]!r}")
        chat = axiom.run(run, "chat", artifacts["llama-odd"], "--message", "hello", "--max-tokens", "4")
        if chat.status == 0 or "template" not in chat.err:
            problems.append(f"chat without a template: exit {chat.status}, {chat.err[-200:]!r}")
        axiom.run(run, "chat", artifacts["qwen2-bias"], "--message", "hello", "--max-tokens", "4").ok()
        long = axiom.run(run, "generate", artifacts["llama-odd"], "--prompt", "the " * 2000, "--max-tokens", "1")
        if long.status == 0 or "512" not in long.err:
            problems.append(f"a prompt beyond the context: exit {long.status}, {long.err[-200:]!r}")
    return problems


if __name__ == "__main__":
    axiom.main(main)
