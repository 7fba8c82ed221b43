#!/usr/bin/env python3
"""docs/cli.md is what the tools' --help prints.

    cli_docs.py [--build DIR]            checks (exit 77 when a tool is not built)
    cli_docs.py [--build DIR] --write    rewrites docs/cli.md
"""
import subprocess
import sys

import repo

# Tool -> its subcommands.
TOOLS = {
    "axiomc": [],
    "axiom-serve": [],
    "axiom-run": ["generate", "chat", "tokenize"],
    "axiom-inspect": [],
    "axiom-eval": ["logits", "perplexity", "compare"],
    "axiom-bench": ["serve"],
    "axiom-check": ["diff"],
    "axiom-opt": [],
}
HEAD = """# Command line

Written by `tools/lint/cli_docs.py --write` from the tools' own `--help`; `tools/test` checks that it is current.

Exit codes of every tool: 0 ok, 1 failure, 2 usage, 3 bad model or artifact, 4 not enough resources.

`[env: NAME]` names the environment variable that is used when the flag is not given; a flag without a value takes 1 or 0.
"""


def show(binary, words):
    run = subprocess.run([binary.name, *words, "--help"], executable=str(binary), capture_output=True, text=True, timeout=60,
                         env={"PATH": "/usr/bin:/bin", "COLUMNS": "100", "LC_ALL": "C.UTF-8"})
    if run.returncode != 0:
        raise SystemExit(f"{binary.name} {' '.join(words)} --help: exit {run.returncode}\n{run.stderr}")
    return "\n".join(line.rstrip() for line in run.stdout.strip("\n").splitlines())


def page(folder):
    parts = [HEAD]
    for tool, commands in TOOLS.items():
        binary = folder / tool
        parts.append(f"## {tool}\n")
        if tool == "axiom-opt":
            parts.append("Runs any pass or named phase on an MLIR file, like `mlir-opt`: `axiom-opt --help` lists the passes "
                         "that are registered.\n")
            continue
        parts.append(f"```\n{show(binary, [])}\n```\n")
        for command in commands:
            parts.append(f"`{tool} {command}`\n\n```\n{show(binary, [command])}\n```\n")
    return "\n".join(parts)


def main():
    folder = repo.build_folder(sys.argv) / "bin"
    for tool in TOOLS:
        if not (folder / tool).is_file():
            repo.skip(f"{tool} is not built")
    repo.keep_page("docs/cli.md", page(folder), "cli_docs.py", "command line page")


if __name__ == "__main__":
    main()
