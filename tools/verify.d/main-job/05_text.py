#!/usr/bin/env python3
"""Line 5: tokenizers against Hugging Face, chat templates against jinja2."""
import importlib.util
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402


def tokenizers(line):
    text = axiom.input_path("AXIOM_WIKITEXT", "models/wikitext-2-test.txt", "the WikiText-2 test text")
    line.script("100,000 strings a kind against tokenizers, round trip included", "test/tokenizer/differential.py", "no difference",
                "--tool", axiom.binary("axiom-tokenize-test"), "--text", text, "--gguf", axiom.gguf(), "--long", limit=7200)


def main():
    line = Line(5, "Tokenizer and chat template")
    line.ctest("fixed sample of the tokenizers", "^(TokenizerGolden|TokenizerCompiler|TokenizerUnicode)", "equal")
    line.ctest("chat templates, fixed sample", "^Template(Golden|Chat)", "equal")
    absent = [name for name in ("tokenizers", "gguf", "jinja2") if importlib.util.find_spec(name) is None]
    if absent:
        line.skip("100,000 strings a kind; templates against jinja2", f"Python has no {', '.join(absent)} (pip install {' '.join(absent)})")
        line.done()
    line.script("templates against jinja2, and 20,000 random ones", "test/template/differential.py", "no difference",
                "--tool", axiom.binary("template-render"), "--random", "20000", limit=3600)
    line.part("100,000 strings a kind", tokenizers, line)
    line.done()


if __name__ == "__main__":
    main()
