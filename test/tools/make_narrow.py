#!/usr/bin/env python3
"""Writes a llama model folder with few columns and any number of layers, all different random weights: for measuring that
compile time and code follow distinct layers, not layers. Standard library only.

    make_narrow.py OUT_DIR --layers 32 [--hidden 64]
"""
import argparse
import json
import os
import random
import shutil
import struct
import pathlib

TOKENIZER = pathlib.Path(__file__).resolve().parents[1] / "golden/tiny/llama-odd"


def shapes(hidden, layers, vocab):
    inner = 2 * hidden
    yield "model.embed_tokens.weight", [vocab, hidden]
    for layer in range(layers):
        for part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"):
            yield f"model.layers.{layer}.{part}.weight", [hidden, hidden]
        yield f"model.layers.{layer}.mlp.gate_proj.weight", [inner, hidden]
        yield f"model.layers.{layer}.mlp.up_proj.weight", [inner, hidden]
        yield f"model.layers.{layer}.mlp.down_proj.weight", [hidden, inner]
        yield f"model.layers.{layer}.input_layernorm.weight", [hidden]
        yield f"model.layers.{layer}.post_attention_layernorm.weight", [hidden]
    yield "model.norm.weight", [hidden]
    yield "lm_head.weight", [vocab, hidden]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--layers", type=int, default=32)
    parser.add_argument("--hidden", type=int, default=64)
    args = parser.parse_args()
    vocab, generator = 131, random.Random(args.layers)
    args.out.mkdir(parents=True, exist_ok=True)
    header, offset, sizes = {}, 0, []
    for name, shape in shapes(args.hidden, args.layers, vocab):
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + 2 * count]}
        offset += 2 * count
        sizes.append((name, count))
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(args.out / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, count in sizes:
            norm = name.endswith("norm.weight")
            # bf16 bits of values near 1 for norms, of magnitude 0.06 to 0.5 and either sign otherwise.
            values = [0x3F80 if norm else 0x3D80 + generator.getrandbits(7) * 3 | generator.getrandbits(1) << 15 for _ in range(count)]
            f.write(struct.pack(f"<{count}H", *values))
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "bfloat16", "hidden_size": args.hidden,
              "intermediate_size": 2 * args.hidden, "num_hidden_layers": args.layers, "num_attention_heads": 4,
              "num_key_value_heads": 4, "head_dim": args.hidden // 4, "vocab_size": vocab, "rms_norm_eps": 1e-5,
              "rope_theta": 10000.0, "max_position_embeddings": 512, "tie_word_embeddings": False, "hidden_act": "silu",
              "bos_token_id": 1, "eos_token_id": 2}
    (args.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TOKENIZER / file, args.out)
    print(args.out, os.path.getsize(args.out / "model.safetensors"), "bytes")


if __name__ == "__main__":
    main()
