#!/usr/bin/env python3
"""Paths, scripts, tools and flags that the documentation names exist.

In every .md file: relative links resolve; a path in backticks that begins with a folder of the repository exists
(`*` and `{a,b}` are allowed); in fenced blocks of kind sh, a command that begins with tools/, test/ or build/bin/ exists,
and each --flag of one of our tools stands in that tool's section of docs/cli.md.
"""
import re

import repo

TOP = ("dialects", "passes", "codegen", "compiler", "runtime", "tools", "test", "docs", ".ci")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")
TICKS = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.M | re.S)
TOOLS = ("axiomc", "axiom-opt", "axiom-inspect", "axiom-run", "axiom-eval", "axiom-bench", "axiom-check")
PATHLIKE = re.compile(r"^[\w.*{},/+-]+$")


def expand(path):
    found = re.match(r"^(.*)\{([^}]*)\}(.*)$", path)
    if not found:
        return [path]
    return [p for part in found.group(2).split(",") for p in expand(found.group(1) + part + found.group(3))]


def exists(path):
    path = path.rstrip("/").removeprefix("./")
    if "*" in path:
        return any(repo.ROOT.glob(path))
    # A pair of source files may be named by its stem: runtime/base/Status.
    return (repo.ROOT / path).exists() or (repo.ROOT / (path + ".h")).exists()


def tool_names():
    """Executables that the CMake files declare."""
    out = set()
    for name in repo.files("CMakeLists.txt", "**/CMakeLists.txt"):
        out |= set(re.findall(r"axiom_(?:mlir_)?tool\(\s*([\w-]+)", repo.text(name)))
        out |= set(re.findall(r"OUTPUT_NAME\s+\"?([\w-]+)", repo.text(name)))
    return out


def cli_flags():
    """tool -> flags of its section in docs/cli.md, or None when the page is not there."""
    page = repo.ROOT / "docs/cli.md"
    if not page.is_file():
        return None
    sections = re.split(r"^## ", page.read_text(), flags=re.M)[1:]
    return {s.split("\n", 1)[0].strip(): set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", s)) for s in sections}


def check_command(where, line, declared, flags, problems):
    words = line.split("#")[0].split()
    while words and (words[0] in ("$", "sudo", "time") or re.match(r"^[A-Z_]+=", words[0])):
        words.pop(0)
    if not words:
        return
    command = words[0].removeprefix("./")
    tool = command.removeprefix("build/bin/")
    if tool in TOOLS:
        if tool not in declared:
            problems.append(f"{where}: {tool} is not built by any CMakeLists.txt")
        elif flags is not None and tool in flags:
            for word in words[1:]:
                flag = word.split("=")[0]
                if re.match(r"^--[a-z]", flag) and flag not in flags[tool]:
                    problems.append(f"{where}: {tool} has no flag {flag} (docs/cli.md)")
    elif command.startswith(("tools/", "test/", ".ci/")) and not exists(command):
        problems.append(f"{where}: {command} does not exist")


def main():
    problems = []
    names = [n for n in repo.files("*.md", "**/*.md")]
    declared, flags = tool_names(), cli_flags()
    for name in sorted(set(names)):
        body = repo.text(name)
        for kind, block in FENCE.findall(body):
            if kind in ("sh", "bash", "console"):
                for line in block.replace("\\\n", " ").splitlines():
                    check_command(name, line, declared, flags, problems)
        prose = FENCE.sub("", body)
        for target in LINK.findall(prose):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (repo.ROOT / name).parent.joinpath(target).exists():
                problems.append(f"{name}: link to {target}, which does not exist")
        for tick in TICKS.findall(prose):
            first = tick.split()[0] if tick.split() else ""
            if not PATHLIKE.match(first) or "/" not in first or first.split("/")[0] not in TOP:
                continue
            for path in expand(first):
                if not exists(path):
                    problems.append(f"{name}: {path} does not exist")
    repo.finish(problems, f"docs paths and commands, {len(names)} pages")


if __name__ == "__main__":
    main()
