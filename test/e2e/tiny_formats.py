#!/usr/bin/env python3
"""Tiny models in every weight format: they compile, verify, give the same logits for 1 and 2 threads, and stay near float32
transformers: random weights amplify errors, so bounds are wide, but logits of another function would be at 1.1."""
import statistics
import tempfile

import axiom

# Largest mean absolute difference from float32 logits, in standard deviations of these.
BOUNDS = {"f32": 1e-4, "f16": 5e-3, "q8": 0.12, "q6": 0.25, "q4f16": 0.7, "q4": 0.7}


def mean_difference(a, b):
    return sum(abs(x - y) for x, y in zip(a.values, b.values)) / len(a.values)


def main():
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for name in axiom.tiny_names():
            ids, golden = axiom.golden_ids(name), axiom.golden_logits(name)
            deviation = statistics.pstdev(golden.values)
            for quant, bound in BOUNDS.items():
                artifact = f"{folder}/{name}-{quant}.axm"
                # The code of the other levels is what CodegenTest runs.
                axiom.compile_model(axiom.TINY / name, artifact, "--quant", quant, "--target", "cpu:native")
                one = axiom.logits(artifact, ids, "-t", "1")
                two = axiom.logits(artifact, ids, "-t", "2")
                difference = mean_difference(one, golden) / deviation
                print(f"{name} {quant}: mean difference {difference:.2e}")
                if one.values != two.values:
                    problems.append(f"{name} {quant}: 1 and 2 threads give other bits")
                if not difference <= bound:
                    problems.append(f"{name} {quant}: mean difference {difference:.3e}, at most {bound}")
                axiom.run(axiom.binary("axiom-inspect"), artifact, "--verify").ok()
    return problems


if __name__ == "__main__":
    axiom.main(main)
