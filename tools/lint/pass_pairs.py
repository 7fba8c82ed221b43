#!/usr/bin/env python3
"""One pass = one .cpp in a folder of passes/ = one entry in passes/Passes.td = one lit test of the same stem."""
import re

import repo

NOT_A_PASS = re.compile(r"(Pipeline|Passes|Registration|Util|Utils|Support|Analysis|Helpers)$")
DEFINITION = re.compile(r"^def\s+(\w+)\s*:\s*(?:\w*Pass)<\s*\"([^\"]+)\"", re.M)


def kebab(stem):
    return re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", stem).lower()


def main():
    table = repo.ROOT / "passes/Passes.td"
    if not table.is_file():
        repo.skip("passes/Passes.td does not exist")
    entries = dict(DEFINITION.findall(table.read_text()))
    flags = {re.sub(r"^axiom-", "", flag): name for name, flag in entries.items()}
    problems = []
    if not entries:
        problems.append("passes/Passes.td: no pass found")
    tests = {t.split("/")[-1].removesuffix(".mlir"): t for t in repo.files("test/**/*.mlir", "test/*.mlir")}
    stems = set()
    for source in repo.files("passes/*/*.cpp"):
        stem = source.split("/")[-1].removesuffix(".cpp")
        body = repo.text(source)
        if NOT_A_PASS.search(stem) or "GEN_PASS_DEF_" not in body:
            if "GEN_PASS_DEF_" in body:
                problems.append(f"{source}: defines a pass but is named like a helper")
            continue
        stems.add(stem)
        if len(re.findall(r"#define GEN_PASS_DEF_", body)) != 1:
            problems.append(f"{source}: a file defines exactly one pass")
        if stem not in entries and stem + "Pass" not in entries and kebab(stem) not in flags:
            problems.append(f"{source}: no entry {stem} in passes/Passes.td")
        if not {kebab(stem), kebab(stem).replace('-', '_'), stem} & set(tests):
            problems.append(f"{source}: no lit test named {kebab(stem)}.mlir under test/")
    for name, flag in entries.items():
        plain = name.removesuffix("Pass")
        if plain not in stems and re.sub(r"^axiom-", "", flag) not in {kebab(s) for s in stems}:
            problems.append(f"passes/Passes.td: {name} has no {plain}.cpp in a folder of passes/")
    for stem, test in tests.items():
        body = repo.text(test)
        if "RUN:" in body and not re.search(r"CHECK|expected-(error|remark|warning|note)|FileCheck|diff |cmp ", body):
            problems.append(f"{test}: checks nothing")
    repo.finish(problems, f"pass pairs, {len(entries)} passes")


if __name__ == "__main__":
    main()
