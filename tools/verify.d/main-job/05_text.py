#!/usr/bin/env python3
"""Line 5: tokenizers against Hugging Face, chat templates against jinja2."""
import importlib.util
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line  # noqa: E402


def main():
    line = Line(5, "Tokenizer and chat template")
    line.ctest("fixed sample of the tokenizers", "^(TokenizerGolden|TokenizerCompiler|TokenizerUnicode)", "equal")
    line.ctest("chat templates, fixed sample", "^Template(Golden|Chat)", "equal")
    absent = [name for name in ("tokenizers", "jinja2") if importlib.util.find_spec(name) is None]
    if absent:
        line.skip("100,000 strings a kind; templates against jinja2", f"Python has no {', '.join(absent)} (pip install {' '.join(absent)})")
    else:
        line.script("100,000 strings a kind against tokenizers, round trip included", "test/tokenizer/differential.py", "no difference",
                    limit=7200)
    line.done()


if __name__ == "__main__":
    main()
