#!/usr/bin/env python3
"""Each tool: --version and --help work; wrong usage is 2, a bad model or artifact 3 with one clear line and nothing written."""
import pathlib
import tempfile

import axiom

TOOLS = ["axiomc", "axiom-inspect", "axiom-run", "axiom-eval", "axiom-bench", "axiom-check", "axiom-serve"]
OPENERS = {  # arguments with which a tool opens FILE
    "axiom-inspect": ["FILE"], "axiom-run": ["generate", "FILE", "--prompt", "a", "--max-tokens", "1"],
    "axiom-eval": ["logits", "FILE", "--text", "a", "--out", "OUT"], "axiom-bench": ["FILE", "-p", "4", "-n", "1"],
    "axiom-check": ["FILE"], "axiom-serve": ["FILE", "--port", "0"],
}


def main():
    problems = []

    def expect(result, status, what, text=""):
        if result.status != status:
            problems.append(f"{what}: exit {result.status}, expected {status}: {(result.out + result.err).strip()[-300:]}")
        elif text and text not in result.out + result.err:
            problems.append(f"{what}: {text!r} is not in {(result.out + result.err).strip()[-300:]}")
        if status >= 2 and result.status == status and not result.err.strip():
            problems.append(f"{what}: nothing on stderr")

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        out = folder / "out.bin"
        for tool in TOOLS:
            path = axiom.binary(tool)
            expect(axiom.run(path, "--version"), 0, f"{tool} --version", "numerics")
            expect(axiom.run(path, "--help"), 0, f"{tool} --help", "--")
            expect(axiom.run(path, "--no-such-flag"), 2, f"{tool} --no-such-flag")
        bad = {"absent": None, "empty": b"", "text": b"this is no artifact\n" * 40, "magic": b"AXM1" + bytes(300)}
        for label, content in bad.items():
            path = folder / f"{label}.axm"
            if content is not None:
                path.write_bytes(content)
            for tool, words in OPENERS.items():
                words = [str(path) if w == "FILE" else str(out) if w == "OUT" else w for w in words]
                expect(axiom.run(axiom.binary(tool), *words), 3, f"{tool} on a file that is {label}")
        for label, content in bad.items():
            path = folder / f"{label}.safetensors"
            if content is not None:
                path.write_bytes(content)
            expect(axiom.run(axiom.binary("axiomc"), path, "-o", out), 3, f"axiomc on a model that is {label}")
        if out.exists():
            problems.append("a refused file left an output behind")
        # A newer format names both versions and the rebuild command.
        good = folder / "good.axm"
        axiom.compile_model(axiom.TINY / "llama-shards", good)
        newer = bytearray(good.read_bytes())
        newer[4] += 1
        good.write_bytes(newer)
        expect(axiom.run(axiom.binary("axiom-run"), "tokenize", good, "--text", "a"), 3, "an artifact one version newer", "axiomc")
    return problems


if __name__ == "__main__":
    axiom.main(main)
