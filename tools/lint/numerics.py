#!/usr/bin/env python3
"""libm stays out of every place from which a result can reach an artifact, a logit or a token (docs/numerics.md)."""
import re

import repo

# sqrt, fma, floor, ceil, abs and the like are exact or correctly rounded everywhere; these are not.
CALL = re.compile(r"(?<![\w.>])(?:std::)?(sin|cos|tan|exp|exp2|expm1|log|log2|log10|log1p|pow|tanh|cbrt|erf|hypot)f?\s*\(")
FOLDERS = ("runtime/", "dialects/", "passes/", "codegen/", "compiler/")
FLAGS = re.compile(r"-ffast-math|-Ofast|-funsafe-math|-ffp-contract=(?:fast|on)")
CODE = re.compile(r'//.*$|"(?:\\.|[^"\\])*"', re.M)


def main():
    problems = []
    names = repo.files("*.cpp", "*.h", "*.inc", "*.c")
    for name in names:
        if not name.startswith(FOLDERS) or "/tests/" in name:
            continue
        body = repo.text(name)
        ours = set(re.findall(r"^[\w:<>\s*&]*\b(?:double|float|Value)\s+(\w+)\(", body, re.M))
        math = bool(re.search(r"#\s*include\s*<(cmath|math\.h)>", body))
        for number, line in enumerate(CODE.sub("", body).split("\n"), 1):
            for call in CALL.finditer(line):
                if (call.group(0).startswith("std::") or math) and call.group(1) not in ours:
                    problems.append(f"{name}:{number}: {call.group(0)}...): libm differs between machines; "
                                    "use the recipes (runtime/base/DetMath.h)")
    for name in repo.files("CMakeLists.txt", "**/CMakeLists.txt", "*.cmake"):
        for flag in FLAGS.findall(repo.text(name)):
            problems.append(f"{name}: a flag that changes floating-point results: {flag}")
    repo.finish(problems, f"numerics, {len(names)} files")


if __name__ == "__main__":
    main()
