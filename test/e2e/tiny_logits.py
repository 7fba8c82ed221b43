#!/usr/bin/env python3
"""Tiny random models of every family, both spellings of config.json: logits of --quant f32 within 2e-3 of float32
transformers, and the same top token unless the two largest logits differ by less than 4e-3."""
import tempfile

import axiom

TOLERANCE = 2e-3
NEAR_TIE = 4e-3


def main():
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for name in axiom.tiny_names():
            ids, golden = axiom.golden_ids(name), axiom.golden_logits(name)
            for spelling in ("config", "config.alt"):
                source = axiom.tiny_source(name, folder, spelling)
                artifact = f"{folder}/{name}-{spelling}.axm"
                axiom.compile_model(source, artifact, "--quant", "f32")
                ours = axiom.logits(artifact, ids)
                difference = axiom.largest_difference(ours, golden)
                tops = [r for r in range(ours.rows) if ours.argmax(r) != golden.argmax(r) and golden.margin(r) >= NEAR_TIE]
                print(f"{name} ({spelling}.json): largest difference {difference:.2e}, {len(tops)} other top tokens")
                if difference > TOLERANCE:
                    problems.append(f"{name} {spelling}: logits differ by {difference:.3e}, at most {TOLERANCE}")
                if tops:
                    problems.append(f"{name} {spelling}: other top token at positions {tops[:5]}")
    return problems


if __name__ == "__main__":
    axiom.main(main)
