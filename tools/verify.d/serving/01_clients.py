#!/usr/bin/env python3
"""Line 1: OpenAI's client, schemathesis and lm-eval, unchanged, against the server.

Their packages are installed from PyPI into build/verify/clients, once. The reference of lm-eval's score needs torch and transformers,
in the Python that AXIOM_PYTHON names.
"""
import os
import pathlib
import sys
import venv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line, axiom  # noqa: E402

PACKAGES = ["openai", "openapi-spec-validator", "jsonschema", "schemathesis", "lm-eval[api]", "transformers"]


def clients():
    """The Python of an environment that has the packages."""
    folder = axiom.BUILD / "verify/clients"
    python, done = folder / "bin/python", folder / "installed"
    if not done.is_file() or done.read_text() != " ".join(PACKAGES):
        folder.parent.mkdir(parents=True, exist_ok=True)
        venv.create(folder, with_pip=True, clear=True)
        got = axiom.run(python, "-m", "pip", "install", "--quiet", *PACKAGES, limit=1800)
        if got.status != 0:
            raise axiom.Missing(f"pip can't install {', '.join(PACKAGES)}: {got.err.strip().splitlines()[-1] if got.err.strip() else got.status}")
        done.write_text(" ".join(PACKAGES))
    return python


def main():
    line = Line(1, "Clients")
    python = line.part("packages of PyPI", clients)
    if python:
        scripts = (("answers as OpenAI's client reads them", "openai_shapes.py", "all shapes, document and parser agree"),
                   ("openai client", "openai_client.py", "chat, streams, tools, JSON schema, logprobs, n, embeddings"),
                   ("schemathesis", "openapi_fuzz.long.py", "no 5xx but 503"),
                   ("lm-eval", "lm_eval.long.py", "transformers' score within the error"))
        os.environ.setdefault("AXIOM_FUZZ_EXAMPLES", "100")
        reference = os.environ.get("AXIOM_PYTHON")
        for what, name, required in scripts:
            # lm-eval's script finds the environment by itself, and needs the other Python, too.
            if name != "lm_eval.long.py":
                os.environ["AXIOM_PYTHON"] = str(python)
            elif reference:
                os.environ["AXIOM_PYTHON"] = reference
            else:
                os.environ.pop("AXIOM_PYTHON")
            result = line.script(what, f"test/e2e/{name}", required, limit=3000)
            if result.status == 0 and " skipped: " in result.out:
                line.skip("a part of it", result.out.strip().splitlines()[-1].rsplit("; ", 1)[-1])
    line.done()


if __name__ == "__main__":
    main()
