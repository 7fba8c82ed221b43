#!/usr/bin/env python3
"""Line 2: --quant f32 against float32 transformers, on SmolLM2 and the tiny models."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

NEAR_TIE = 4e-3
LOGITS = 2e-3


def smollm2(line, what, source, golden_name):
    golden = json.loads((axiom.GOLDEN / "smollm2" / golden_name).read_text())
    artifact = axiom.cached_artifact(source, "f32-" + golden_name.removesuffix(".json"), "--quant", "f32")
    equal, excused, largest = 0, 0, 0.0
    for prompt in golden["prompts"]:
        ids, tokens, first = prompt["prompt_ids"], prompt["greedy_ids"], len(prompt["prompt_ids"]) - 1
        table = axiom.logits(artifact, ids + tokens[:-1])
        differs = [step for step, token in enumerate(tokens) if table.argmax(first + step) != token]
        equal += not differs
        excused += bool(differs) and prompt["margins"][differs[0]] < NEAR_TIE
        for part in prompt["selected"]:
            row = table.row(first + part["step"])
            largest = max([largest] + [abs(row[i] - value) for i, value in zip(part["ids"], part["logits"])])
        text = axiom.run(axiom.binary("axiom-run"), "generate", artifact, "--prompt", prompt["text"], "--max-tokens", len(tokens),
                         "--temperature", "0", "--ignore-eos").ok().out
        if not differs and text.strip() != prompt["greedy_text"].strip():
            line.fail(f"{what}: generate", f"{prompt['text'][:30]!r} gives {text[:60]!r}", repr(prompt["greedy_text"][:60]))
    count = len(golden["prompts"])
    line.check(f"{what}: prompts with 64 equal greedy tokens", f"{equal} of {count}, {excused} more first differ at a near tie",
               f"{count} in sum", equal + excused == count)
    line.at_most(f"{what}: largest logit difference at the selected positions", largest, LOGITS, "{:.2e}")


def main():
    line = Line(2, "f32 weights equal float32 transformers")
    line.part("SmolLM2, the GGUF's weights", lambda: smollm2(line, "SmolLM2 from GGUF", axiom.gguf(), "f32.json"))
    line.part("SmolLM2 as safetensors", lambda: smollm2(
        line, "SmolLM2 from bf16 safetensors",
        axiom.input_path("AXIOM_HF", "models/smollm2-hf", "SmolLM2 saved by test/tools/gguf_to_hf.py"), "bf16.json"))
    line.script("tiny models of every family, both config spellings", "test/e2e/tiny_logits.py", "every model within 2e-3")
    line.done()


if __name__ == "__main__":
    main()
