#!/usr/bin/env python3
"""schemathesis drives the server by its own OpenAPI document: no answer is a server error but 503, and the server still answers afterwards.

Needs the PyPI package schemathesis, in this Python or in the one that AXIOM_PYTHON names. AXIOM_FUZZ_EXAMPLES: requests an
operation (default 60); a fixed seed.
"""
import importlib.util
import os
import re
import subprocess
import sys
import tempfile

import axiom
from serve import WAIT, serving

SEED = 20240613
# What is not a server's error only because of the load that the test itself makes.
ALLOWED = {503}


def main():
    other = os.environ.get("AXIOM_PYTHON")
    if importlib.util.find_spec("schemathesis") is None:
        if other and "AXIOM_FUZZ" not in os.environ:
            os.execve(other, [other, os.path.abspath(__file__)], dict(os.environ, AXIOM_FUZZ="again"))
        raise axiom.Missing("Python has no schemathesis (pip install schemathesis, or set AXIOM_PYTHON)")
    examples = os.environ.get("AXIOM_FUZZ_EXAMPLES", "60")
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        artifact = f"{folder}/chat.axm"
        axiom.compile_model(axiom.TINY / "qwen2-bias", artifact)
        with serving(artifact, "--kv-tokens", "2048") as server:
            words = [sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{server.port}/openapi.json", "--checks", "not_a_server_error",
                     "--max-examples", examples, "--seed", str(SEED), "--phases", "examples,coverage,fuzzing",
                     "--mode", "all", "--request-timeout", "60", "--workers", "2", "--no-color", "--continue-on-failure",
                     "--suppress-health-check", "all"]
            got = subprocess.run(words, capture_output=True, text=True, cwd=folder, timeout=2400)
            text = got.stdout + got.stderr
            statuses = {int(code) for code in re.findall(r"\[(5\d\d)\]", text)}
            if got.returncode not in (0, 1) or "Traceback" in text:
                problems.append(f"schemathesis: exit {got.returncode}: {text[-1500:]}")
            if got.returncode == 1 and not statuses:
                problems.append(f"schemathesis failed: {text[-1500:]}")
            if statuses - ALLOWED:
                problems.append(f"server errors {sorted(statuses - ALLOWED)}: {text[-4000:]}")
            alive, _, canary = server.post("/v1/completions", prompt="a", max_tokens=2)
            if alive != 200:
                problems.append(f"afterwards a request gets {alive}: {canary}")
            if not (server.until("num_requests_running", 0) and server.until("kv_cache_usage_perc", 0)):
                problems.append(f"requests of the test still run {WAIT} s later")
            status, _, err = server.stop()
            if status != 0:
                problems.append(f"exit {status}: {err[-1000:]}")
    summary = next((line.strip() for line in text.splitlines() if re.search(r"\d+ generated", line)), "no count of requests")
    print(f"schemathesis, {examples} examples an operation: {summary}; no server error but 503")
    return problems


if __name__ == "__main__":
    axiom.main(main)
