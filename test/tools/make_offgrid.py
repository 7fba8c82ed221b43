#!/usr/bin/env python3
"""Makes the off-grid twin of a llama-family model: the same function with weights that lie on no quantization grid.

    make_offgrid.py HF_FOLDER OUT_FOLDER [--seed N]

The weights of a quantized release lie on its grid, so requantizing them says little about a quantizer. Here each norm's
weights are folded into the linears that read it (and become 1), the final norm into an untied head, and the residual
stream is rotated by one fixed random orthogonal matrix Q: what reads the stream is W Q, what writes to it Q^T W.
Needs numpy only; works in float64, stores float32.
"""
import argparse
import json
import os
import shutil
import struct

import numpy as np

READERS = {  # norm -> linears that read its output
    "input_layernorm": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "post_attention_layernorm": ["mlp.gate_proj", "mlp.up_proj"],
}
WRITERS = ["self_attn.o_proj", "mlp.down_proj"]
COPIED = ["tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"]


class SafeTensors:
    """A mapped .safetensors file; tensors are widened to float64 when asked for."""

    def __init__(self, path):
        with open(path, "rb") as f:
            size = struct.unpack("<Q", f.read(8))[0]
            self.entries = json.loads(f.read(size))
        self.entries.pop("__metadata__", None)
        self.base = 8 + size
        self.data = np.memmap(path, np.uint8, "r")

    def __contains__(self, name):
        return name in self.entries

    def get(self, name):
        e = self.entries[name]
        begin, end = e["data_offsets"]
        raw = np.array(self.data[self.base + begin:self.base + end])
        if e["dtype"] == "BF16":
            values = (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = raw.view({"F32": np.float32, "F16": np.float16, "F64": np.float64}[e["dtype"]])
        return values.reshape(e["shape"]).astype(np.float64)


def write_safetensors(path, shapes, produce):
    """`shapes`: name -> shape; `produce(name)` gives the values. One tensor in memory at a time."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            values = produce(name).astype("<f4")
            assert values.shape == tuple(shape), name
            f.write(values.tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=20260101)
    args = parser.parse_args()
    source = SafeTensors(os.path.join(args.folder, "model.safetensors"))
    config = json.load(open(os.path.join(args.folder, "config.json")))
    hidden = config["hidden_size"]
    rng = np.random.Generator(np.random.Philox(args.seed))
    q, r = np.linalg.qr(rng.standard_normal((hidden, hidden)))
    q *= np.sign(np.diag(r))  # the usual choice of signs: uniform over rotations

    def produce(name):
        if name == "model.embed_tokens.weight":
            return source.get(name) @ q
        if name == "lm_head.weight":
            head = source.get(name if name in source else "model.embed_tokens.weight")
            return (head * source.get("model.norm.weight")) @ q
        if name.endswith("norm.weight"):
            return np.ones_like(source.get(name))
        layer, _, rest = name.partition("self_attn.") if "self_attn." in name else name.partition("mlp.")
        part = name[len(layer):].removesuffix(".weight")
        for norm, linears in READERS.items():
            if part in linears:
                return (source.get(name) * source.get(layer + norm + ".weight")) @ q
        if part in WRITERS:
            return q.T @ source.get(name)
        raise SystemExit(f"{name}: this script knows plain llama models only (no biases, no other tensors)")

    shapes = {name: entry["shape"] for name, entry in source.entries.items()}
    shapes.setdefault("lm_head.weight", shapes["model.embed_tokens.weight"])
    os.makedirs(args.out, exist_ok=True)
    write_safetensors(os.path.join(args.out, "model.safetensors"), shapes, produce)
    config.update(tie_word_embeddings=False, _name_or_path="off-grid twin")
    config.pop("torch_dtype", None)
    config["dtype"] = "float32"
    with open(os.path.join(args.out, "config.json"), "w") as f:
        json.dump(config, f, indent=1, sort_keys=True)
    for file in COPIED:
        if os.path.exists(os.path.join(args.folder, file)):
            shutil.copy(os.path.join(args.folder, file), args.out)
    print(args.out, os.path.getsize(os.path.join(args.out, "model.safetensors")), "bytes")


if __name__ == "__main__":
    main()
