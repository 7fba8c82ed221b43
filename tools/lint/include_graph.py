#!/usr/bin/env python3
"""Who may include whom (docs/architecture.md, folders). One way, never back."""
import re

import repo

# First matching row wins. Folder prefix -> prefixes of our own headers that it may include.
RULES = [
    ("runtime/abi/", ["runtime/abi/"]),
    ("runtime/include/", ["runtime/include/", "axiom/"]),
    ("runtime/schema/", ["runtime/schema/"]),
    ("runtime/base/", ["runtime/base/"]),
    ("runtime/kv/", ["runtime/kv/", "runtime/base/", "runtime/abi/"]),
    ("runtime/engine/Admission", ["runtime/engine/Admission", "runtime/base/"]),
    ("runtime/engine/Scheduler", ["runtime/engine/", "runtime/kv/", "runtime/base/", "runtime/abi/"]),
    ("runtime/text/", ["runtime/text/", "runtime/base/"]),
    ("runtime/serve/http/", ["runtime/serve/http/", "runtime/base/"]),
    ("runtime/serve/", ["runtime/", "axiom/"]),
    ("runtime/", ["runtime/", "axiom/"]),
    ("dialects/axiom/interpreter/", ["dialects/", "runtime/base/", "runtime/abi/"]),
    ("dialects/", ["dialects/", "runtime/abi/", "runtime/base/"]),
    ("passes/", ["passes/", "dialects/", "runtime/abi/", "runtime/base/"]),
    ("codegen/", ["codegen/", "dialects/", "runtime/abi/", "runtime/base/"]),
    ("compiler/", ["compiler/", "codegen/", "passes/", "dialects/", "runtime/", "axiom/"]),
    ("tools/", ["tools/", "compiler/", "codegen/", "passes/", "dialects/", "runtime/", "axiom/"]),
]
OURS = ("runtime/", "dialects/", "passes/", "codegen/", "compiler/", "tools/", "test/", "axiom/")
# Foreign headers that a folder must not see.
LLVM = re.compile(r"^(llvm|llvm-c|mlir|mlir-c|lld|clang)/|^nvrtc")
NO_LLVM = ["runtime/", "tools/axiom-run/", "tools/axiom-inspect/", "tools/axiom-eval/", "tools/axiom-bench/"]
# In runtime/, apart from serve/ and python/: the C++ library, the system and flatbuffers.
RUNTIME_FOREIGN = re.compile(r"^(flatbuffers/|sys/|linux/|[a-z0-9_]+(\.h)?$|(immintrin|cpuid|x86intrin)\.h$)")
# Libraries of the server alone. Boost's headers are slow to compile: two files see them.
SERVER = re.compile(r"^(boost|openssl)/")
BOOST = ("runtime/serve/http/Loop.cpp", "runtime/serve/http/HeadParser.cpp")
# The emitters and the interpreter are written independently of each other.
APART = [("codegen/", "dialects/axiom/interpreter/"), ("dialects/axiom/interpreter/", "codegen/")]
# The clock is given to the scheduler and the block pool, never read by them.
NO_CLOCK = ["runtime/kv/", "runtime/engine/Scheduler", "runtime/engine/Admission"]

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)


def main():
    problems = []
    sources = repo.files("*.cpp", "*.h", "*.cu", "*.c", "*.inc", "*.td")
    for name in sources:
        if name.startswith("test/") or name.startswith("docs/"):
            continue
        rule = next((allowed for prefix, allowed in RULES if name.startswith(prefix)), None)
        for header in INCLUDE.findall(repo.text(name)):
            where = f"{name}: includes {header}"
            generated = header.endswith(".inc") or header.startswith("runtime/schema/")
            if header.startswith(OURS):
                if rule is not None and not any(header.startswith(p) for p in rule):
                    problems.append(f"{where}: {name.split('/')[0]} may include only {', '.join(rule)}")
                elif not generated and not header.startswith("axiom/") and not (repo.ROOT / header).is_file():
                    problems.append(f"{where}: no such file in the repository")
                for inside, other in APART:
                    if name.startswith(inside) and header.startswith(other):
                        problems.append(f"{where}: {inside} and {other} share no code")
            if LLVM.match(header) and any(name.startswith(p) for p in NO_LLVM):
                problems.append(f"{where}: LLVM and MLIR stay out of the runtime and its tools")
            if SERVER.match(header) and (not name.startswith("runtime/serve/http/") or header.startswith("boost/") and name not in BOOST):
                problems.append(f"{where}: Boost and OpenSSL belong to the server's HTTP layer, Boost to {' and '.join(BOOST)}")
            if header.startswith("xgrammar/") and name != "runtime/serve/grammar/Xgrammar.cpp":
                problems.append(f"{where}: xgrammar belongs to runtime/serve/grammar/Xgrammar.cpp")
            foreign = name.startswith("runtime/") and not name.startswith(("runtime/serve/", "runtime/python/"))
            if foreign and not header.startswith(OURS) and not RUNTIME_FOREIGN.match(header):
                if "/" in header or not (repo.ROOT / name).with_name(header).is_file():
                    problems.append(f"{where}: the runtime includes itself, the system and flatbuffers only")
            if header in ("chrono", "time.h", "ctime", "sys/time.h") and any(name.startswith(p) for p in NO_CLOCK):
                problems.append(f"{where}: time is given to this code, it has no clock")
    repo.finish(problems, f"include graph, {len(sources)} files")


if __name__ == "__main__":
    main()
