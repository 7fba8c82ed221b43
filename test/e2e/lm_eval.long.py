#!/usr/bin/env python3
"""lm-eval scores the served model through /v1/completions as transformers scores the same weights, within the score's own error.

The task is made here from the test text of WikiText-2, the same each time: which of four endings follows a passage; three are from elsewhere.
Needs the model and the text (docs/testing.md), the PyPI packages lm-eval[api] and transformers in this Python or in the one that
AXIOM_PYTHON names or that tools/verify makes, and for the reference one with torch and transformers. AXIOM_ITEMS: questions (default 40).
"""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import axiom
from serve import serving

TASK, SEED, CONTEXT, ENDING = "axiom_endings", 7, 32, 10  # the last two in words
YAML = """task: {task}
dataset_path: json
dataset_kwargs:
  data_files:
    validation: {data}
output_type: multiple_choice
validation_split: validation
doc_to_text: "{{{{context}}}}"
doc_to_target: "{{{{label}}}}"
doc_to_choice: "{{{{endings}}}}"
metric_list:
  - metric: acc
  - metric: acc_norm
metadata:
  version: 1
"""

# Log likelihoods of (context, continuation) by transformers, split into tokens as lm-eval does.
REFERENCE = """
import json, sys, torch, transformers
ask = json.load(sys.stdin)
tokenizer = transformers.AutoTokenizer.from_pretrained(ask["model"])
model = transformers.AutoModelForCausalLM.from_pretrained(ask["model"], dtype=torch.float32).eval()
out = []
for i in range(0, len(ask["pairs"]), 4):  # the endings of a question; the padding behind a row changes nothing in it
    wholes = [tokenizer(c + e, add_special_tokens=False)["input_ids"] for c, e in ask["pairs"][i:i + 4]]
    starts = [len(tokenizer(c, add_special_tokens=False)["input_ids"]) for c, _ in ask["pairs"][i:i + 4]]
    longest = max(map(len, wholes))
    with torch.no_grad():
        hidden = model.model(torch.tensor([w + [0] * (longest - len(w)) for w in wholes])).last_hidden_state
        for k, (whole, start) in enumerate(zip(wholes, starts)):
            rows = torch.log_softmax(model.lm_head(hidden[k, start - 1:len(whole) - 1]), -1)
            out.append([sum(rows[j, t].item() for j, t in enumerate(whole[start:])), len(whole) - start])
json.dump(out, sys.stdout)
"""


def python_with(*modules):
    """The first of this Python, AXIOM_PYTHON and the one that tools/verify makes that has the modules."""
    made = axiom.BUILD / "verify/clients/bin/python"
    for python in dict.fromkeys([sys.executable, os.environ.get("AXIOM_PYTHON") or sys.executable, str(made)]):
        if not pathlib.Path(python).is_file():
            continue
        run = subprocess.run([python, "-c", "import importlib.util, sys; sys.exit(not all(importlib.util.find_spec(m) for m in sys.argv[1:]))",
                              *modules], capture_output=True, cwd="/")
        if run.returncode == 0:
            return python
    raise axiom.Missing(f"no Python with {', '.join(modules)}: pip install, or set AXIOM_PYTHON")


def questions(text, count):
    passages = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= CONTEXT + ENDING and not line.startswith(" ="):
            passages.append((" ".join(words[:CONTEXT]), " ".join(words[CONTEXT:CONTEXT + ENDING])))
    dice = random.Random(SEED)
    dice.shuffle(passages)
    items = []
    for i in range(count):
        context, ending = passages[i]
        # An ending that begins like the right one would be no question of the whole.
        others = [e for _, e in dice.sample(passages[count:], 12) if e.split()[0] != ending.split()[0]][:3]
        label = dice.randrange(4)
        items.append({"context": context, "endings": others[:label] + [ending] + others[label:], "label": label})
    return items


def scores(items, likelihoods):
    """Shares of questions answered rightly: by log likelihood, and by that divided by the ending's length."""
    right = by_length = 0
    chosen = []
    for i, item in enumerate(items):
        own = likelihoods[4 * i:4 * i + 4]
        chosen.append(max(range(4), key=lambda k: own[k]))
        right += chosen[-1] == item["label"]
        by_length += max(range(4), key=lambda k: own[k] / len(item["endings"][k])) == item["label"]
    return right / len(items), by_length / len(items), chosen


def evaluate(python, folder, port, tokenizer):
    words = [python, "-m", "lm_eval", "--model", "local-completions", "--include_path", folder, "--tasks", TASK, "--output_path", f"{folder}/out",
             "--log_samples", "--batch_size", "1", "--model_args",
             f"model=smollm2,base_url=http://127.0.0.1:{port}/v1/completions,num_concurrent=4,max_retries=2,tokenizer={tokenizer}"]
    run = subprocess.run([str(w) for w in words], capture_output=True, text=True, cwd=folder, timeout=2400,
                         env=dict(os.environ, HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_HOME=f"{folder}/hf", TQDM_DISABLE="1"))
    if run.returncode != 0:
        raise axiom.Failed(f"lm-eval: exit {run.returncode}: {(run.stdout + run.stderr)[-2500:]}")
    results = json.loads(next(pathlib.Path(folder, "out").rglob("results_*.json")).read_text())["results"][TASK]
    samples = [json.loads(line) for line in next(pathlib.Path(folder, "out").rglob("samples_*.jsonl")).read_text().splitlines()]
    return results, sorted(samples, key=lambda s: s["doc_id"])


def pairs_of(samples):
    """(context, continuation) and log likelihood of each ending, as lm-eval asked for them."""
    pairs, got = [], []
    for sample in samples:
        asked = sample["arguments"]
        asked = [asked[k] for k in sorted(asked, key=lambda k: int(re.sub(r"\D", "", k)))] if isinstance(asked, dict) else asked
        for arguments, answer in zip(asked, sample["resps"]):
            values = list(arguments.values()) if isinstance(arguments, dict) else arguments
            pairs.append((values[0], values[1]))
            first = answer[0]
            got.append(float(first[0] if isinstance(first, list) else first))
    return pairs, got


def everything(check, folder):
    evaluator = python_with("lm_eval", "transformers", "tenacity", "aiohttp")
    torch = python_with("torch", "transformers")
    source, weights = axiom.gguf(), axiom.input_path("AXIOM_HF", "models/smollm2-hf", "SmolLM2 as safetensors")
    text = axiom.input_path("AXIOM_WIKITEXT", "models/wikitext-2-test.txt", "the test text of WikiText-2").read_text()
    items = questions(text, int(os.environ.get("AXIOM_ITEMS", "40")))
    (folder / "data.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / f"{TASK}.yaml").write_text(YAML.format(task=TASK, data=folder / "data.jsonl"))
    with serving(axiom.cached_artifact(source, "smollm2"), "--served-model-name", "smollm2", "--kv-tokens", "8192") as server:
        results, samples = evaluate(evaluator, str(folder), server.port, weights)
        status, _, err = server.stop()
        check(status == 0, f"exit {status}: {err}")
    pairs, got = pairs_of(samples)
    check(len(pairs) == 4 * len(items), f"{len(pairs)} endings of {len(items)} questions")
    run = subprocess.run([torch, "-c", REFERENCE], input=json.dumps({"model": str(weights), "pairs": pairs}), capture_output=True, text=True,
                         timeout=2400, env=dict(os.environ, HF_HUB_OFFLINE="1", OMP_WAIT_POLICY="PASSIVE"))
    if run.returncode != 0:
        raise axiom.Failed(f"transformers: {run.stderr[-1500:]}")
    reference = json.loads(run.stdout)
    wanted, lengths = [r[0] for r in reference], [r[1] for r in reference]
    ours, ours_norm, chosen = scores(items, got)
    theirs, theirs_norm, wanted_chosen = scores(items, wanted)
    same = sum(a == b for a, b in zip(chosen, wanted_chosen))
    a_token = sum(abs(a - b) / n for a, b, n in zip(got, wanted, lengths)) / len(got)
    for name, own, other in (("acc", ours, theirs), ("acc_norm", ours_norm, theirs_norm)):
        said, error = results[f"{name},none"], results[f"{name}_stderr,none"]
        check(abs(said - own) < 1e-9, f"{name}: lm-eval says {said}, its log likelihoods {own}")
        check(abs(said - other) <= error, f"{name}: {said:.4f}, transformers {other:.4f}: more than the error {error:.4f} apart")
    check(theirs > 0.5, f"transformers answers {theirs:.2f} of the questions rightly: no task for this model")
    # Int8 activations differ from float32 by so much; a shifted or lost token by far more.
    check(a_token <= 0.05, f"log likelihoods differ by {a_token:.3f} a token")
    print(f"{len(items)} questions: acc {ours:.3f} +- {results['acc_stderr,none']:.3f}, transformers {theirs:.3f}; acc_norm {ours_norm:.3f}, {theirs_norm:.3f}; "
          f"{same} answers are the same, log likelihoods differ by {a_token:.4f} a token")


if __name__ == "__main__":
    axiom.main_of(everything)
