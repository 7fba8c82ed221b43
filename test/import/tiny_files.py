#!/usr/bin/env python3
"""One tiny random llama as the PyPI packages write it: a folder by `safetensors`, a file by `gguf`.

    python3 test/import/tiny_files.py    rewrites test/golden/import/tiny-llama
The reader's own tests write their files themselves; these are for reading what others write. The
printed digests are those of all weights as f32, tensors by name, which TinyFilesTest.cpp expects.
"""
import hashlib
import json
import os

import gguf
import numpy as np
from gguf.quants import dequantize, quantize
from safetensors.numpy import save_file

FOLDER = os.path.join(os.path.dirname(__file__), "..", "golden", "import", "tiny-llama")
HIDDEN, INNER, HEADS, KV, DIM, VOCAB, LAYERS = 32, 64, 2, 1, 16, 40, 2
Q = gguf.GGMLQuantizationType
rng = np.random.default_rng(7)
NAMES = {  # canonical part: GGUF part, shape, GGUF type
    "input_layernorm": ("attn_norm", (HIDDEN,), Q.F32),
    "self_attn.q_proj": ("attn_q", (HEADS * DIM, HIDDEN), Q.Q4_0),
    "self_attn.k_proj": ("attn_k", (KV * DIM, HIDDEN), Q.Q4_1),
    "self_attn.v_proj": ("attn_v", (KV * DIM, HIDDEN), Q.Q5_0),
    "self_attn.o_proj": ("attn_output", (HIDDEN, HEADS * DIM), Q.Q5_1),
    "post_attention_layernorm": ("ffn_norm", (HIDDEN,), Q.F32),
    "mlp.gate_proj": ("ffn_gate", (INNER, HIDDEN), Q.Q8_0),
    "mlp.up_proj": ("ffn_up", (INNER, HIDDEN), Q.F16),
    "mlp.down_proj": ("ffn_down", (HIDDEN, INNER), Q.BF16),
}
tensors = {"model.embed_tokens": ("token_embd", (VOCAB, HIDDEN), Q.Q8_0),
           "model.norm": ("output_norm", (HIDDEN,), Q.F32)}
for i in range(LAYERS):
    for name, (short, shape, kind) in NAMES.items():
        tensors[f"model.layers.{i}.{name}"] = (f"blk.{i}.{short}", shape, kind)


def digest(weights):
    h = hashlib.sha256()
    for name in sorted(weights):
        h.update(np.ascontiguousarray(weights[name], dtype="<f4").tobytes())
    return h.hexdigest()


def permute(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


os.makedirs(FOLDER, exist_ok=True)
half, decoded = {}, {}
writer = gguf.GGUFWriter(os.path.join(FOLDER, "tiny.gguf"), "llama")
writer.add_name("tiny")
writer.add_block_count(LAYERS)
writer.add_context_length(128)
writer.add_embedding_length(HIDDEN)
writer.add_feed_forward_length(INNER)
writer.add_head_count(HEADS)
writer.add_head_count_kv(KV)
writer.add_rope_dimension_count(DIM)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_freq_base(20000.0)
writer.add_tokenizer_model("llama")
writer.add_token_list([f"<{i}>" for i in range(VOCAB)])
writer.add_token_scores([-float(i) for i in range(VOCAB)])
writer.add_token_types([1] * VOCAB)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
writer.add_add_bos_token(True)
for name, (short, shape, kind) in tensors.items():
    w = rng.standard_normal(shape).astype(np.float16)
    half[name + ".weight"] = w
    heads = {"attn_q": HEADS, "attn_k": KV}.get(short.split(".")[-1])
    stored = permute(w, heads) if heads else w
    raw = quantize(stored.astype(np.float32), kind)
    writer.add_tensor(short + ".weight", raw, raw_dtype=kind)
    back = dequantize(raw, kind).astype(np.float32).reshape(shape)
    if heads:
        back = back.reshape(heads, shape[0] // heads // 2, 2, shape[1]).swapaxes(1, 2).reshape(shape)
    decoded[name + ".weight"] = back
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file(half, os.path.join(FOLDER, "model.safetensors"), metadata={"format": "pt"})
with open(os.path.join(FOLDER, "config.json"), "w") as f:
    json.dump({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
               "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
               "num_key_value_heads": KV, "vocab_size": VOCAB, "max_position_embeddings": 128,
               "rms_norm_eps": 1e-05, "hidden_act": "silu", "tie_word_embeddings": True,
               "rope_parameters": {"rope_type": "default", "rope_theta": 20000.0},
               "dtype": "float16", "bos_token_id": 1, "eos_token_id": 2}, f, indent=1)
    f.write("\n")
print("safetensors", digest(half))
print("gguf       ", digest(decoded))
