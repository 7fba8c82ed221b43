#!/usr/bin/env python3
"""axiom-check names what was altered in an artifact whose digests were all recomputed: a weight scale, a kernel, a vocabulary
entry, a chat template. Each exits with 1; the unaltered artifact with 0."""
import pathlib
import tempfile

import axiom
import axm

SCHEMA = (axiom.ROOT / "runtime/schema/axm.fbs").read_text()


def alter_scale(a):
    """A weight of a quantized tensor, at its end: nibbles and scales both lie in every group of a stripe."""
    tensor = next(t for t in a.tensors() if not t["vector"] and "down" in t["name"])
    a.data[tensor["offset"] + tensor["size"] - 3] ^= 0x04
    return tensor["name"]


def alter_kernel(a):
    """A bit in the middle of the code; the image's own table stands at its beginning and stays."""
    code = a.segment("code")
    a.data[code["offset"] + code["size"] * 3 // 4] ^= 0x01
    return "kernel"


def alter_token(a):
    segment = a.segment("tokenizer")
    at = a.data.find(b"ther", segment["offset"], segment["offset"] + segment["size"])
    assert at >= 0, "the tiny tokenizer knows no token with 'ther'"
    a.data[at:at + 4] = b"thex"
    return "tokenizer"


def alter_template(a):
    segment = a.segment("template")
    at = a.data.find(b"im_start", segment["offset"], segment["offset"] + segment["size"])
    assert at >= 0, "the template has no im_start"
    a.data[at:at + 8] = b"im_stark"
    return "template"


def main():
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        good = pathlib.Path(folder) / "good.axm"
        axiom.compile_model(axiom.TINY / "qwen3-norm", good, "--quant", "q4")
        clean = axiom.run(axiom.binary("axiom-check"), good)
        if clean.status != 0:
            return [f"the unaltered artifact: exit {clean.status}\n{clean.out}{clean.err}"]
        for alter in (alter_scale, alter_kernel, alter_token, alter_template):
            artifact = axm.Artifact(good, SCHEMA)
            named = alter(artifact)
            artifact.seal()
            bad = pathlib.Path(folder) / f"{alter.__name__}.axm"
            artifact.save(bad)
            if bad.read_bytes() == good.read_bytes():
                problems.append(f"{alter.__name__}: nothing was altered")
            result = axiom.run(axiom.binary("axiom-check"), bad)
            text = result.out + result.err
            print(f"{alter.__name__}: exit {result.status}, {'names' if named in text else 'does not name'} {named}")
            if result.status != 1:
                problems.append(f"{alter.__name__}: exit {result.status}, expected 1\n{text[-600:]}")
            elif named not in text:
                problems.append(f"{alter.__name__}: {named} is not named\n{text[-600:]}")
    return problems


if __name__ == "__main__":
    axiom.main(main)
