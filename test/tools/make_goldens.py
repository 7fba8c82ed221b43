#!/usr/bin/env python3
"""Makes the committed goldens of SmolLM2 with float32 transformers. Outside CI: needs torch and transformers.

    make_goldens.py HF_FOLDER OUT.json

HF_FOLDER comes from gguf_to_hf.py. The weights are widened to float32 whatever the folder stores. OUT.json holds

  prompts[8]   text, prompt ids, 64 greedy ids, and for each greedy step the gap between the two largest logits;
               at some positions the logits of fixed ids and of the largest ones
  quickstart   the question of tools/quickstart with the chat template applied, and the greedy answer's ids

A runtime is compared by feeding prompt + answer (axiom-eval logits --tokens-file) and reading the same positions.
"""
import argparse
import hashlib
import json
import os

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

STEPS = 64
ANSWER_LIMIT = 160
QUESTION = "Why is the sky blue?"
# No digits: the Hugging Face tokenizer of this model splits them unlike the GGUF's pre-tokenizer.
PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village by the sea, there lived an old clockmaker who",
    "def fibonacci(n):\n    if n < ",
    "Water boils when",
    "The three most important ideas of the theory of evolution are",
    "Dear Sir or Madam,\n\nI am writing to",
    "Le petit chat noir",
    "Photosynthesis is the process by which green plants, algae and some bacteria turn light into chemical "
    "energy. In the first stage,",
]


def greedy(model, ids, steps, eos):
    """Greedy continuation; stops after eos when one is given."""
    out, past, feed = [], None, ids
    while len(out) < steps:
        result = model(torch.tensor([feed]), past_key_values=past, use_cache=True)
        past = result.past_key_values
        token = int(result.logits[0, -1].argmax())
        out.append(token)
        if token in eos:
            break
        feed = [token]
    return out


def forced(model, ids, first):
    """Logits of positions first.. of one teacher-forced pass, as float32."""
    return model(torch.tensor([ids]), use_cache=False).logits[0, first:].float().numpy()


def margins(logits):
    top = np.sort(logits, axis=1)[:, -2:]
    return [round(float(b - a), 6) for a, b in top]


def selected(logits, position):
    row = logits[position]
    fixed = list(range(0, row.size, row.size // 32))[:32]
    best = [int(i) for i in np.argsort(-row, kind="stable")[:8]]
    ids = sorted(set(fixed + best))
    return {"step": position, "ids": ids, "logits": [round(float(row[i]), 6) for i in ids]}


def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        for part in iter(lambda: f.read(1 << 20), b""):
            h.update(part)
    return h.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("out")
    args = parser.parse_args()
    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(args.folder)
    model = AutoModelForCausalLM.from_pretrained(args.folder, dtype=torch.float32).eval()
    stored = json.load(open(os.path.join(args.folder, "config.json")))
    golden = {
        "model": "SmolLM2-135M-Instruct",
        "dtype_stored": stored.get("dtype") or stored.get("torch_dtype"),
        "weights_sha256": digest(os.path.join(args.folder, "model.safetensors")),
        "torch": torch.__version__,
        "prompts": [],
    }
    with torch.no_grad():
        for text in PROMPTS:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            tokens = greedy(model, ids, STEPS, eos=())
            logits = forced(model, ids + tokens[:-1], len(ids) - 1)
            assert [int(i) for i in logits.argmax(axis=1)] == tokens, text
            golden["prompts"].append({
                "text": text,
                "prompt_ids": ids,
                "greedy_ids": tokens,
                "greedy_text": tokenizer.decode(tokens, skip_special_tokens=True,
                                                clean_up_tokenization_spaces=False),
                "margins": margins(logits),
                "selected": [selected(logits, p) for p in (0, 15, 47)],
            })
            print(len(ids), repr(golden["prompts"][-1]["greedy_text"][:60]), min(margins(logits)), flush=True)
        ids = tokenizer.apply_chat_template([{"role": "user", "content": QUESTION}], add_generation_prompt=True,
                                            tokenize=True, return_dict=False)
        answer = greedy(model, list(ids), ANSWER_LIMIT, eos=(tokenizer.eos_token_id,))
        logits = forced(model, list(ids) + answer[:-1], len(ids) - 1)
        golden["quickstart"] = {
            "question": QUESTION,
            "prompt_ids": list(ids),
            "answer_ids": answer,
            "answer_text": tokenizer.decode(answer, skip_special_tokens=True, clean_up_tokenization_spaces=False),
            "margins": margins(logits),
        }
    with open(args.out, "w") as f:
        f.write(compact(golden))
    print(args.out, os.path.getsize(args.out), "bytes,", len(answer), "answer tokens")


def compact(value):
    """JSON with one line per top-level entry and per prompt, so that diffs are readable."""
    lines = []
    for key, entry in value.items():
        if key == "prompts":
            body = ",\n".join("  " + json.dumps(p, separators=(",", ":")) for p in entry)
            lines.append(f' "prompts": [\n{body}\n ]')
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(entry, separators=(',', ':'))}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
