#!/usr/bin/env python3
"""Writes a GGUF again with its matrices in another type, from their dequantized values. For benchmarks against other engines.

    requantize_gguf.py IN.gguf OUT.gguf Q4_0 [--keep REGEX]

Types: what gguf-py quantizes (Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, F16, BF16, F32). Vectors and the tensors that --keep matches
(default: embedding and head, as llama-quantize spares them) are copied as they are. Needs numpy and gguf.
"""
import argparse
import re

import gguf
import numpy as np


def copy_metadata(reader, writer, file_type):
    for field in reader.fields.values():
        if field.name == "general.architecture" or field.name.startswith("GGUF."):
            continue
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        value = int(file_type) if field.name == "general.file_type" else field.contents()
        writer.add_key_value(field.name, value, kind, sub_type=sub)


def requantized(tensor, kind):
    """The packed bytes of a tensor in another type."""
    values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape([int(n) for n in reversed(tensor.shape)])
    return gguf.quants.quantize(values.astype(np.float32), kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("type")
    parser.add_argument("--keep", default=r"^(token_embd|output)\.weight$")
    args = parser.parse_args()
    try:
        kind = gguf.GGMLQuantizationType[args.type]
    except KeyError:
        parser.error(f"{args.type} is no GGUF type")
    reader = gguf.GGUFReader(args.source)
    architecture = reader.get_field("general.architecture").contents()
    writer = gguf.GGUFWriter(args.target, architecture)
    names = {"F32": "ALL_F32", "F16": "MOSTLY_F16"}
    copy_metadata(reader, writer, gguf.LlamaFileType[names.get(args.type, f"MOSTLY_{args.type}")])
    changed = []
    for tensor in reader.tensors:
        if len(tensor.shape) < 2 or tensor.tensor_type == kind or re.search(args.keep, tensor.name):
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        else:
            writer.add_tensor(tensor.name, requantized(tensor, kind), raw_dtype=kind)
            changed.append(tensor.name)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{args.target}: {len(changed)} of {len(reader.tensors)} tensors in {args.type}")


if __name__ == "__main__":
    main()
