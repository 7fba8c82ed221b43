#!/usr/bin/env python3
"""Writes a llama-family folder (config.json, model.safetensors) as an f32 GGUF, for other engines' quantizers.

    hf_to_gguf.py HF_FOLDER LIKE.gguf OUT.gguf

Metadata and tokenizer are those of LIKE.gguf, a GGUF of the same architecture and vocabulary. llama.cpp rotates neighbouring
elements of a head where Hugging Face rotates halves, so the rows of q and k are reordered. Needs numpy and gguf.
"""
import argparse
import json
import pathlib

import gguf
import numpy as np
from make_offgrid import SafeTensors
from requantize_gguf import copy_metadata

PARTS = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down"}
OTHERS = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def target_name(name):
    name = name.removesuffix(".weight")
    if name in OTHERS:
        return OTHERS[name] + ".weight"
    _, layers, index, part = name.split(".", 3)
    if layers != "layers" or part not in PARTS:
        raise SystemExit(f"{name}: this script knows plain llama models only")
    return f"blk.{index}.{PARTS[part]}.weight"


def neighbours(values, heads):
    """Rows i and i + half of each head to 2i and 2i + 1."""
    rows = values.shape[0]
    return values.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(values.shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("like")
    parser.add_argument("target")
    args = parser.parse_args()
    source = SafeTensors(args.folder / "model.safetensors")
    config = json.loads((args.folder / "config.json").read_text())
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    like = gguf.GGUFReader(args.like)
    architecture = like.get_field("general.architecture").contents()
    if architecture != "llama":
        raise SystemExit(f"{args.like}: architecture {architecture}; this script knows llama")
    writer = gguf.GGUFWriter(args.target, architecture)
    copy_metadata(like, writer, gguf.LlamaFileType.ALL_F32)
    for name in source.entries:
        values = source.get(name).astype(np.float32)
        for part, count in heads.items():
            if name.endswith(f"{part}.weight"):
                values = neighbours(values, count)
        writer.add_tensor(target_name(name), values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{args.target}: {len(source.entries)} tensors")


if __name__ == "__main__":
    main()
