#!/usr/bin/env python3
"""Each check of tools/lint finds the fault it is there for: a small repository with one seeded fault per case."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import repo

HERE = pathlib.Path(__file__).resolve().parent
PASS_TD = 'def Fold : Pass<"axiom-fold"> {}\n'
PASS_CPP = "#define GEN_PASS_DEF_FOLD\n"
LIT = "// RUN: axiom-opt --axiom-fold %s | FileCheck %s\n// CHECK: module\n"
WORK = "/wor" + "k/main/x"
ABI_H = ("#define AXIOM_ABI_VERSION 1u\ntypedef enum axiom_status { AXIOM_OK = 0 } axiom_status;\ntypedef struct axiom_model axiom_model;\n"
         "typedef struct axiom_info {\n  size_t struct_size;\n  const char *name;\n} axiom_info;\n"
         "AXIOM_API axiom_status axiom_get(const axiom_model *model, axiom_info *info);\n")
ABI_PY = ('"""Written by tools/lint/python_abi.py from runtime/include/axiom/axiom.h."""\nimport ctypes as c\n\nABI_VERSION = 1\nAXIOM_OK = 0\n\n\n'
          'class axiom_info(c.Structure):\n    _fields_ = [\n        ("struct_size", c.c_size_t),\n        ("name", c.c_char_p),\n    ]\n\n\n'
          'FUNCTIONS = {\n    "axiom_get": (c.c_int, [c.c_void_p, c.POINTER(axiom_info)]),\n}\n')

# check, files of the repository, what a line of its output must hold (None: clean)
CASES = [
    ("include_graph.py", {"runtime/base/A.h": '#include "runtime/base/B.h"\n', "runtime/base/B.h": ""}, None),
    ("include_graph.py", {"runtime/base/A.h": '#include "compiler/B.h"\n', "compiler/B.h": ""}, "may include only"),
    ("include_graph.py", {"runtime/kv/A.h": '#include "mlir/IR/Value.h"\n'}, "stay out of the runtime"),
    ("include_graph.py", {"runtime/kv/A.h": "#include <chrono>\n"}, "no clock"),
    ("include_graph.py", {"runtime/text/A.h": "#include <nlohmann/json.hpp>\n"}, "itself, the system"),
    ("include_graph.py", {"runtime/serve/http/Loop.cpp": "#include <boost/asio/post.hpp>\n"}, None),
    ("include_graph.py", {"runtime/serve/http/A.h": "#include <boost/asio/post.hpp>\n"}, "HTTP layer"),
    ("include_graph.py", {"tools/axiomc/A.cpp": "#include <openssl/sha.h>\n"}, "HTTP layer"),
    ("include_graph.py", {"runtime/serve/http/A.h": '#include "runtime/engine/B.h"\n', "runtime/engine/B.h": ""},
     "may include only"),
    ("include_graph.py", {"codegen/cpu/A.cpp": '#include "dialects/axiom/interpreter/Run.h"\n',
                          "dialects/axiom/interpreter/Run.h": ""}, "share no code"),
    ("include_graph.py", {"runtime/base/A.h": '#include "runtime/base/Gone.h"\n'}, "no such file"),
    ("pass_pairs.py", {"passes/Passes.td": PASS_TD, "passes/fuse/Fold.cpp": PASS_CPP, "test/passes/fold.mlir": LIT}, None),
    ("pass_pairs.py", {"passes/Passes.td": PASS_TD, "passes/fuse/Fold.cpp": PASS_CPP}, "no lit test"),
    ("pass_pairs.py", {"passes/Passes.td": PASS_TD}, "has no Fold.cpp"),
    ("pass_pairs.py", {"passes/Passes.td": PASS_TD, "passes/fuse/Fold.cpp": PASS_CPP, "test/passes/fold.mlir": LIT,
                       "passes/fuse/Other.cpp": "#define GEN_PASS_DEF_OTHER\n"}, "no entry Other"),
    ("pass_pairs.py", {"passes/Passes.td": PASS_TD, "passes/fuse/Fold.cpp": PASS_CPP,
                       "test/passes/fold.mlir": "// RUN: axiom-opt --axiom-fold %s\n"}, "checks nothing"),
    ("file_length.py", {"passes/A.cpp": "\n" * 600}, None),
    ("file_length.py", {"passes/A.cpp": "\n" * 601}, "601 lines"),
    ("machine_paths.py", {"docs/a.md": "run it anywhere\n"}, None),
    ("machine_paths.py", {"docs/a.md": f"run {WORK}\n"}, "machine path"),
    ("numerics.py", {"runtime/engine/A.cpp": "#include <cmath>\nfloat f(float x) { return std::sqrt(x); }\n"}, None),
    ("numerics.py", {"runtime/engine/A.cpp": "#include <cmath>\nfloat f(float x) { return std::exp(x); }\n"}, "libm"),
    ("numerics.py", {"runtime/CMakeLists.txt": "add_compile_options(-ffast-math)\n"}, "-ffast-math"),
    ("python_abi.py", {"runtime/include/axiom/axiom.h": ABI_H, "python/axiom/_abi.py": ABI_PY}, None),
    ("python_abi.py", {"runtime/include/axiom/axiom.h": ABI_H.replace("name;", "name, *other;"), "python/axiom/_abi.py": ABI_PY}, "not current"),
    ("python_abi.py", {"runtime/include/axiom/axiom.h": ABI_H, "python/axiom/_abi.py": ABI_PY.replace("c_char_p", "c_void_p")}, "not current"),
    ("docs_paths.py", {"README.md": "See `docs/a.md`.\n", "docs/a.md": "# a\n"}, None),
    ("docs_paths.py", {"README.md": "See `docs/a.md`.\n"}, "docs/a.md does not exist"),
    ("docs_paths.py", {"README.md": "[a](docs/a.md)\n"}, "link to docs/a.md"),
    ("docs_paths.py", {"README.md": "```sh\ntools/gone --now\n```\n"}, "tools/gone does not exist"),
    ("docs_paths.py", {"README.md": "```sh\nbuild/bin/axiomc m\n```\n"}, "not built by any"),
    ("docs_paths.py", {"README.md": "```sh\naxiomc m --fast\n```\n", "tools/CMakeLists.txt": "axiom_tool(axiomc SRCS a)\n",
                       "docs/cli.md": "## axiomc\n\n--slow\n"}, "no flag --fast"),
]


def run_case(check, contents):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        shutil.copytree(HERE, root / "tools/lint", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["git", "init", "-q", str(root)], check=True)
        (root / ".gitignore").write_text("__pycache__/\n/tools/lint/\n")
        for name, text in contents.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return subprocess.run([sys.executable, str(root / "tools/lint" / check)], capture_output=True, text=True)


def main():
    problems = []
    for check, contents, expected in CASES:
        run = run_case(check, contents)
        good = run.returncode == 0 if expected is None else run.returncode == 1 and expected in run.stdout
        if not good:
            problems.append(f"{check} on {sorted(contents)}: expected {expected or 'no problem'}, exit {run.returncode}: "
                            f"{(run.stdout + run.stderr).strip()[-300:]}")
    repo.finish(problems, f"checks of the checks, {len(CASES)} cases")


if __name__ == "__main__":
    main()
