#!/usr/bin/env python3
"""Makes the tiny random models under test/golden/tiny. Outside CI: needs torch, transformers, tokenizers.

    make_tiny_models.py OUT_DIR [NAME...]

Each folder is a Hugging Face model with odd shapes: config.json in one spelling and config.alt.json with the same
model in the other (transformers 5's `rope_parameters`, `dtype`; the hub's `rope_theta`, `rope_scaling`,
`torch_dtype`), model.safetensors, tokenizer.json, tokenizer_config.json, sometimes a chat template, and

  golden_ids.json     token ids fed to the model
  golden_logits.npy   float32 [tokens, vocab] of float32 transformers on the stored weights (each rounded as stored)

Weights come from a fixed numpy generator with a standard deviation of about 0.3, so that errors do not hide.
"""
import argparse
import hashlib
import json
import os
import shutil
import tempfile

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM

CORPUS = [
    "the quick brown fox jumps over the lazy dog and then the dog sleeps in the sun",
    "She sells sea shells by the sea shore; the shells she sells are surely seashells.",
    "In 1984, 42 ships sailed 1,000 miles at 12.5 knots. What's that in km? They'd know!",
    "Le petit chat noir dort près de la fenêtre ; où est l'été ? Größe, naïve, coöperate.",
    "for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }\n\treturn sum;\n",
    "there and then, here and there, this and that, these and those, another and the other one",
]
LLAMA3_SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                r"\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")
CHATML = ("{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
          "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")

LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 64}

# name: (model_type, stored dtype, config, tokenizer kind, tokens, spelling of config.json, template)
MODELS = {
    "llama-odd": ("llama", "bfloat16", dict(
        hidden_size=96, num_attention_heads=3, num_key_value_heads=1, head_dim=40, intermediate_size=72, vocab_size=131,
        num_hidden_layers=2, tie_word_embeddings=False, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), "ascii", 80, "new", False),
    "llama-h80": ("llama", "float32", dict(
        hidden_size=80, num_attention_heads=5, num_key_value_heads=5, head_dim=16, intermediate_size=56, vocab_size=131,
        num_hidden_layers=2, tie_word_embeddings=True, rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0}), "ascii", 80, "hub", True),
    "llama-rope3": ("llama", "float16", dict(
        hidden_size=64, num_attention_heads=4, num_key_value_heads=2, head_dim=16, intermediate_size=96, vocab_size=300,
        num_hidden_layers=3, tie_word_embeddings=False, rms_norm_eps=1e-5, max_position_embeddings=512,
        rope_parameters=LLAMA3_ROPE), "llama3", 150, "hub", False),
    "mistral-window": ("mistral", "bfloat16", dict(
        hidden_size=64, num_attention_heads=4, num_key_value_heads=2, head_dim=24, intermediate_size=88, vocab_size=320,
        num_hidden_layers=2, tie_word_embeddings=False, rms_norm_eps=1e-5, sliding_window=37,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), "spm", 150, "new", False),
    "qwen2-bias": ("qwen2", "bfloat16", dict(
        hidden_size=72, num_attention_heads=6, num_key_value_heads=2, intermediate_size=104, vocab_size=288,
        num_hidden_layers=2, tie_word_embeddings=True, rms_norm_eps=1e-6, use_sliding_window=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}), "qwen", 80, "hub", True),
    "qwen3-norm": ("qwen3", "bfloat16", dict(
        hidden_size=64, num_attention_heads=4, num_key_value_heads=2, head_dim=40, intermediate_size=96, vocab_size=288,
        num_hidden_layers=2, tie_word_embeddings=False, rms_norm_eps=1e-6, attention_bias=False,
        use_sliding_window=False, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0}),
        "qwen", 80, "new", True),
    # The same function as llama-odd's kind in two files and an index.
    "llama-shards": ("llama", "bfloat16", dict(
        hidden_size=32, num_attention_heads=2, num_key_value_heads=1, head_dim=16, intermediate_size=40, vocab_size=131,
        num_hidden_layers=2, tie_word_embeddings=False, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0}), "ascii", 24, "new", False),
}


def seed(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")


def weights(model, name, dtype):
    rng = np.random.Generator(np.random.Philox(seed(name)))
    state = {}
    for key, tensor in model.state_dict().items():
        values = rng.standard_normal(tuple(tensor.shape)).astype(np.float32)
        if key.endswith("norm.weight"):
            values = 1.0 + 0.25 * values
        else:
            values = 0.3 * values
        state[key] = torch.from_numpy(values).to(dtype)
    if model.config.tie_word_embeddings:
        state.pop("lm_head.weight", None)
    return state


def tiny_tokenizer(kind, vocab):
    """(tokenizer.json text, special token texts for tokenizer_config)."""
    if kind == "spm":
        tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
        tok.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
        tok.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(),
                                         decoders.Strip(" ", 1, 0)])
        special = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=special, show_progress=False,
                                      limit_alphabet=30)
        tok.train_from_iterator(CORPUS, trainer)
        data = json.loads(tok.to_str())
        data["added_tokens"] = [t for t in data["added_tokens"] if t["id"] < 3]
        return data, {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True}
    tok = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind == "ascii")
    if kind == "ascii":
        tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
        alphabet = [chr(c) for c in range(33, 127)] + ["\u0120", "\u010a", "\u0109"]
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    else:
        pattern = LLAMA3_SPLIT if kind == "llama3" else QWEN_SPLIT
        if kind == "qwen":
            tok.normalizer = normalizers.NFC()
        tok.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(pattern), behavior="isolated"), byte_level])
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tok.decoder = decoders.ByteLevel()
    corpus = CORPUS if kind != "ascii" else [t for t in CORPUS if t.isascii()]
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=[AddedToken(s, special=True) for s in special],
                                  initial_alphabet=sorted(alphabet), show_progress=False)
    tok.train_from_iterator(corpus, trainer)
    if kind == "llama3":
        data = json.loads(tok.to_str())
        data["model"]["ignore_merges"] = True
        tok = Tokenizer.from_str(json.dumps(data))
    return json.loads(tok.to_str()), {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "add_bos_token": False}


def hub_spelling(config):
    """The same config as the hub's older files write it."""
    out = dict(config)
    rope = dict(out.pop("rope_parameters"))
    out["rope_theta"] = rope.pop("rope_theta")
    out["rope_scaling"] = None if rope.get("rope_type") == "default" else rope
    out["torch_dtype"] = out.pop("dtype")
    out["transformers_version"] = "4.40.0"
    out.pop("layer_types", None)
    return out


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=1, sort_keys=True)
        f.write("\n")


def reload(folder, config_file, ids):
    with tempfile.TemporaryDirectory() as copy:
        for file in os.listdir(folder):
            if not file.startswith("config"):
                shutil.copy(os.path.join(folder, file), copy)
        shutil.copy(os.path.join(folder, config_file), os.path.join(copy, "config.json"))
        model = AutoModelForCausalLM.from_pretrained(copy, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            return model(torch.tensor([ids]), use_cache=False).logits[0].float().numpy()


def make(name, out):
    kind, dtype_name, options, tokenizer_kind, count, spelling, template = MODELS[name]
    folder = os.path.join(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    bos, eos = 1, 2
    config = AutoConfig.for_model(kind, bos_token_id=bos, eos_token_id=eos, pad_token_id=None,
                                  max_position_embeddings=options.pop("max_position_embeddings", 512), **options)
    config.dtype = dtype_name
    config.architectures = [kind.capitalize() + "ForCausalLM"]
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    state = weights(model, name, getattr(torch, dtype_name))
    missing = model.load_state_dict({k: v.float() for k, v in state.items()}, strict=False)
    assert not missing.unexpected_keys and set(missing.missing_keys) <= {"lm_head.weight"}, missing
    model.tie_weights()

    config_json = json.loads(config.to_json_string(use_diff=False))
    keep = {k: v for k, v in config_json.items() if k in set(options) | {
        "architectures", "model_type", "dtype", "bos_token_id", "eos_token_id", "hidden_act", "attention_bias", "mlp_bias",
        "max_position_embeddings", "rope_parameters", "initializer_range", "layer_types", "max_window_layers",
        "sliding_window", "use_sliding_window", "head_dim"}}
    keep["dtype"] = dtype_name
    keep["initializer_range"] = 0.3
    keep["transformers_version"] = "5.23.0"
    new, hub = keep, hub_spelling(keep)
    write_json(os.path.join(folder, "config.json"), new if spelling == "new" else hub)
    write_json(os.path.join(folder, "config.alt.json"), hub if spelling == "new" else new)

    if name.endswith("shards"):
        keys = sorted(state)
        parts = [keys[::2], keys[1::2]]
        index = {"metadata": {"total_size": sum(v.nbytes for v in state.values())}, "weight_map": {}}
        for i, part in enumerate(parts):
            file = f"model-{i + 1:05}-of-{len(parts):05}.safetensors"
            save_file({k: state[k] for k in part}, os.path.join(folder, file), metadata={"format": "pt"})
            index["weight_map"].update({k: file for k in part})
        write_json(os.path.join(folder, "model.safetensors.index.json"), index)
    else:
        save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    for file in os.listdir(folder):
        os.chmod(os.path.join(folder, file), 0o644)

    data, special = tiny_tokenizer(tokenizer_kind, options["vocab_size"])
    with open(os.path.join(folder, "tokenizer.json"), "w") as f:
        json.dump(data, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
    write_json(os.path.join(folder, "tokenizer_config.json"), special | {"tokenizer_class": "PreTrainedTokenizerFast"})
    if template:
        with open(os.path.join(folder, "chat_template.jinja"), "w") as f:
            f.write(CHATML)

    rng = np.random.Generator(np.random.Philox(seed(name) ^ 1))
    ids = [int(i) for i in rng.integers(0, options["vocab_size"], count)]
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0].float().numpy()
        exact = model.double()(torch.tensor([ids]), use_cache=False).logits[0].double().numpy()
    for spelling_file in ("config.json", "config.alt.json"):  # transformers itself reads both alike
        assert np.array_equal(reload(folder, spelling_file, ids), logits), (name, spelling_file)
    write_json(os.path.join(folder, "golden_ids.json"), ids)
    np.save(os.path.join(folder, "golden_logits.npy"), logits)
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(f"{name}: {size} bytes, vocab in tokenizer {len(data['model']['vocab'])}, logits std {logits.std():.2f}, "
          f"f32 against f64 {np.abs(logits - exact).max():.2e}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("names", nargs="*", default=list(MODELS))
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.names:
        make(name, args.out)


if __name__ == "__main__":
    main()
