#!/usr/bin/env python3
"""Saves a GGUF as a Hugging Face folder (config, tokenizer, safetensors), read by transformers.

Outside CI: needs torch, transformers, gguf. The weights are those that the GGUF's blocks stand for.

    gguf_to_hf.py MODEL.gguf OUT_DIR [--dtype bf16|f32]
"""
import argparse
import os

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf")
    parser.add_argument("out")
    parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    args = parser.parse_args()
    folder, name = os.path.split(os.path.abspath(args.gguf))
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    model.hf_quantizer = None  # the weights are plain floats now
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model = model.to(torch.bfloat16 if args.dtype == "bf16" else torch.float32)
    model.save_pretrained(args.out)
    AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(args.out)
    print(args.out, sorted(os.listdir(args.out)))


if __name__ == "__main__":
    main()
