#!/usr/bin/env python3
"""Makes random-weight models in the shape of Llama-3.2-1B, for measuring speed: what they say means nothing.

    make_1b.py FOLDER --form bf16         a Hugging Face folder: config.json, model.safetensors (2.5 GB), tokenizer.json
    make_1b.py FILE.gguf --form Q4_0      matrices in Q4_0, embedding and head (tied) in Q6_K, as llama-quantize makes it
    make_1b.py FILE.gguf --form Q4_K_M    that recipe's mix: Q4_K, and Q6_K for the embedding and every other of attn_v and ffn_down
    --layers, --hidden, --intermediate, --vocab change the shape (for tests)

The weights are pieces of one random block, so that a gigabyte takes seconds. Needs numpy, and gguf for GGUF files.
"""
import argparse
import json
import math
import pathlib
import struct

import numpy as np

HEAD_DIM, GROUP = 64, 4  # query heads share a KV head
THETA, EPSILON, CONTEXT = 500000.0, 1e-5, 131072
SCALING = {"factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192, "rope_type": "llama3"}
SPREAD = 0.02  # standard deviation of the weights, about
SPECIAL = 256
BLOCK = {"Q4_0": (32, 18), "Q4_K": (256, 144), "Q6_K": (256, 210)}  # weights, bytes


def byte_letters():
    """The printable letter that stands for each byte in a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {b: chr(b) for b in plain}
    letters |= {b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in letters)}
    return [letters[b] for b in range(256)]


def vocabulary(size):
    """Bytes, then pairs and triples of them with their merges, then special tokens."""
    letters = byte_letters()
    tokens, merges = list(letters), []
    wanted = size - SPECIAL
    for a in letters:
        for b in letters:
            if len(tokens) < wanted:
                tokens.append(a + b)
                merges.append(f"{a} {b}")
    pairs = tokens[256:]
    for pair in pairs:
        if len(tokens) >= wanted:
            break
        tokens.append(pair + "a")
        merges.append(f"{pair} a")
    names = ["<|begin_of_text|>", "<|end_of_text|>", *(f"<|reserved_special_token_{i}|>" for i in range(SPECIAL - 2))]
    return tokens + names, merges, len(tokens)


class Shape:
    def __init__(self, args):
        self.layers, self.hidden, self.intermediate, self.vocab = args.layers, args.hidden, args.intermediate, args.vocab
        self.heads = self.hidden // HEAD_DIM
        self.kv_heads = max(1, self.heads // GROUP)

    def layer(self):
        """GGUF name, Hugging Face name, rows, columns (0: a vector)."""
        h, i, kv = self.hidden, self.intermediate, self.kv_heads * HEAD_DIM
        return [("attn_norm", "input_layernorm", h, 0), ("attn_q", "self_attn.q_proj", h, h), ("attn_k", "self_attn.k_proj", kv, h),
                ("attn_v", "self_attn.v_proj", kv, h), ("attn_output", "self_attn.o_proj", h, h),
                ("ffn_norm", "post_attention_layernorm", h, 0), ("ffn_gate", "mlp.gate_proj", i, h), ("ffn_up", "mlp.up_proj", i, h),
                ("ffn_down", "mlp.down_proj", h, i)]

    def config(self):
        return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "attention_bias": False, "mlp_bias": False,
                "bos_token_id": self.vocab - SPECIAL, "eos_token_id": self.vocab - SPECIAL + 1, "head_dim": HEAD_DIM, "hidden_act": "silu",
                "hidden_size": self.hidden, "intermediate_size": self.intermediate, "max_position_embeddings": CONTEXT,
                "num_attention_heads": self.heads, "num_hidden_layers": self.layers, "num_key_value_heads": self.kv_heads,
                "rms_norm_eps": EPSILON, "rope_scaling": SCALING, "rope_theta": THETA, "tie_word_embeddings": True,
                "torch_dtype": "bfloat16", "vocab_size": self.vocab}


class Pieces:
    """Arrays cut out of one random block, each from another place."""

    def __init__(self, block):
        self.block, self.at = block, 0

    def take(self, count):
        self.at = (self.at + 4096 * 37) % max(1, len(self.block) // 2)
        tail = self.block[self.at:]
        return tail[:count] if count <= len(tail) else np.resize(tail, (count, *tail.shape[1:]))


def bf16_bits(values):
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def write_folder(folder, shape):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(shape.config(), indent=1) + "\n")
    tokens, merges, plain = vocabulary(shape.vocab)
    special = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
               for i, t in enumerate(tokens) if i >= plain]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None, "pre_tokenizer": level,
        "post_processor": None, "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {t: i for i, t in enumerate(tokens[:plain])}, "merges": merges}}, ensure_ascii=False))
    tensors = [("model.embed_tokens.weight", shape.vocab, shape.hidden), ("model.norm.weight", shape.hidden, 0)]
    for n in range(shape.layers):
        tensors += [(f"model.layers.{n}.{name}.weight", rows, columns) for _, name, rows, columns in shape.layer()]
    header, end = {}, 0
    for name, rows, columns in tensors:
        size = 2 * rows * max(columns, 1)
        header[name] = {"dtype": "BF16", "shape": [rows, columns] if columns else [rows], "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pieces = Pieces(bf16_bits(np.random.default_rng(1).standard_normal(1 << 24, dtype=np.float32) * SPREAD))
    with open(folder / "model.safetensors", "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name, rows, columns in tensors:
            left = rows * max(columns, 1)
            if not columns:
                out.write(np.full(left, 0x3F80, np.uint16).tobytes())  # ones
                continue
            while left > 0:
                part = pieces.take(min(left, len(pieces.block) // 2))
                out.write(part.tobytes())
                left -= len(part)


def random_blocks(kind, rng, count=1 << 17):
    """Blocks of a GGUF type whose weights spread by SPREAD or so."""
    blocks = rng.integers(0, 256, (count, BLOCK[kind][1]), dtype=np.uint8)

    def half(value):
        return np.frombuffer(np.float16(value).tobytes(), np.uint8)

    if kind == "Q4_0":  # d, 16 bytes of nibbles
        blocks[:, 0:2] = half(SPREAD / 4.6)
    elif kind == "Q4_K":  # d, dmin, 12 bytes of 6-bit scales and mins, 128 bytes of nibbles
        blocks[:, 0:2], blocks[:, 2:4] = half(SPREAD / 4.6 / 32), half(SPREAD * 7.5 / 4.6 / 32)
    else:  # Q6_K: 128 + 64 bytes of bits, 16 signed scales, d
        blocks[:, 192:208] = 32
        blocks[:, 208:210] = half(SPREAD / 18.5 / 32)
    return blocks


def more_bits(layer, layers):
    """Which layers have attn_v and ffn_down in Q6_K."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def rope_factors():
    """What the frequencies are divided by: the rule of SCALING."""
    low, high = SCALING["low_freq_factor"], SCALING["high_freq_factor"]
    factors = []
    for i in range(HEAD_DIM // 2):
        turns = SCALING["original_max_position_embeddings"] / (2 * math.pi * THETA ** (2 * i / HEAD_DIM))
        smooth = min(1.0, max(0.0, (turns - low) / (high - low)))
        factors.append(1 / ((1 - smooth) / SCALING["factor"] + smooth))
    return np.array(factors, np.float32)


def write_gguf(path, shape, form):
    import gguf
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("random 1B")
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{form}"])
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.hidden)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.intermediate)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(HEAD_DIM)
    writer.add_value_length(HEAD_DIM)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_vocab_size(shape.vocab)
    tokens, merges, plain = vocabulary(shape.vocab)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL if i < plain else gguf.TokenType.CONTROL for i in range(len(tokens))])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(shape.config()["bos_token_id"])
    writer.add_eos_token_id(shape.config()["eos_token_id"])
    rng = np.random.default_rng(1)
    pieces = {kind: Pieces(random_blocks(kind, rng)) for kind in BLOCK}

    def matrix(name, rows, columns, kind):
        weights, size = BLOCK[kind]
        data = pieces[kind].take(rows * columns // weights)
        writer.add_tensor(name, np.ascontiguousarray(data).reshape(rows, columns // weights * size),
                          raw_dtype=gguf.GGMLQuantizationType[kind])

    matrix("token_embd.weight", shape.vocab, shape.hidden, "Q6_K")
    writer.add_tensor("output_norm.weight", np.ones(shape.hidden, np.float32))
    writer.add_tensor("rope_freqs.weight", rope_factors())
    for n in range(shape.layers):
        for name, _, rows, columns in shape.layer():
            if not columns:
                writer.add_tensor(f"blk.{n}.{name}.weight", np.ones(rows, np.float32))
                continue
            kind = "Q4_0" if form == "Q4_0" else "Q6_K" if name in ("attn_v", "ffn_down") and more_bits(n, shape.layers) else "Q4_K"
            matrix(f"blk.{n}.{name}.weight", rows, columns, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--form", choices=["bf16", "Q4_0", "Q4_K_M"], required=True)
    parser.add_argument("--layers", type=int, default=16)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--intermediate", type=int, default=8192)
    parser.add_argument("--vocab", type=int, default=128256)
    args = parser.parse_args()
    if args.hidden % 256 or args.intermediate % 256 or args.vocab < 1024:
        parser.error("hidden and intermediate must be multiples of 256, vocab at least 1024")
    shape = Shape(args)
    if args.form == "bf16":
        write_folder(args.out, shape)
    else:
        write_gguf(args.out, shape, args.form)


if __name__ == "__main__":
    main()
