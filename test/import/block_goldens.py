#!/usr/bin/env python3
"""Decoded blocks of every GGUF type, made by the numpy dequantizers of the PyPI package `gguf`.

    python3 test/import/block_goldens.py            checks the committed table
    python3 test/import/block_goldens.py --write    rewrites it
The table, test/golden/import/block_goldens.json, has per type one block with its decoded bits, and
the SHA-256 of the decoded bits of 512 blocks. Block bytes come from a linear congruential
generator that the GoogleTest repeats; scales that are infinite or NaN are made finite.
"""
import hashlib
import json
import os
import sys

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

TABLE = os.path.join(os.path.dirname(__file__), "..", "golden", "import", "block_goldens.json")
# Byte offsets of the f16 fields in a block of each type.
HALVES = {T.F32: [], T.F16: [0], T.BF16: [], T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0],
          T.Q5_1: [0, 2], T.Q8_0: [0], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}
COUNT = 512


def blocks(kind):
    weights, size = GGML_QUANT_SIZES[kind]
    state, out = 12345 + int(kind), bytearray()
    for _ in range(COUNT * size):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        out.append(state >> 56)
    for b in range(COUNT):
        for h in HALVES[kind]:
            if out[b * size + h + 1] & 0x7C == 0x7C:
                out[b * size + h + 1] ^= 0x40
        if kind in (T.F32, T.BF16):
            out[b * size + size - 1] &= 0xBF
    return np.frombuffer(bytes(out), dtype=np.uint8).reshape(COUNT, size)


table = []
for kind, halves in HALVES.items():
    raw = blocks(kind)
    source = raw.view(np.float32) if kind == T.F32 else raw.view(np.float16) if kind == T.F16 else raw
    bits = np.ascontiguousarray(dequantize(source, kind), dtype=np.float32).view(np.uint32).reshape(COUNT, -1)
    assert (bits & 0x7F800000 != 0x7F800000).all(), kind
    table.append({"type": kind.name, "id": int(kind), "halves": halves,
                  "sha256": hashlib.sha256(bits.astype("<u4").tobytes()).hexdigest(),
                  "block": raw[0].tobytes().hex(),
                  "decoded": " ".join(f"{b:08x}" for b in bits[0])})
text = "[\n" + ",\n".join(json.dumps(t) for t in table) + "\n]\n"
if "--write" in sys.argv:
    os.makedirs(os.path.dirname(TABLE), exist_ok=True)
    with open(TABLE, "w") as f:
        f.write(text)
else:
    with open(TABLE) as f:
        if f.read() != text:
            sys.exit("block_goldens.json differs from what this script makes; run it with --write")
print(f"{len(table)} types, {COUNT} blocks each: equal")
