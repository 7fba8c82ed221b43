#!/usr/bin/env python3
"""A runtime-only build, configured as if LLVM were absent, installs with its tools; outside the tree the examples of
docs/examples build by find_package(axiom) and by pkg-config, as C11 and C++20, in under 40 lines each, and print generated text."""
import os
import pathlib
import shutil
import sys
import tempfile

import axiom

EXAMPLES = [("c", ".c", "C", ["cc", "-std=c11"]), ("cpp", ".cpp", "CXX", ["c++", "-std=c++20"])]
LINES = 40
PROJECT = """cmake_minimum_required(VERSION 3.25)
project(example {language})
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_C_STANDARD 11)
find_package(axiom REQUIRED)
add_executable(example {source})
target_link_libraries(example PRIVATE axiom::axiom)
"""


def install(folder):
    prefix, build = folder / "prefix", axiom.BUILD / "e2e-runtime"
    hide = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in ("LLVM", "MLIR", "LLD", "GTest")]
    # Without optimization and the server it builds in a third of the time; the long form has both.
    quick = [] if os.environ.get("AXIOM_TEST_LONG") else ["-DAXIOM_BUILD_SERVER=OFF", "-DAXIOM_OPTIMIZE=-O0"]
    axiom.run("cmake", "-G", "Ninja", "-S", axiom.ROOT, "-B", build, "-DAXIOM_BUILD_COMPILER=OFF", "-DAXIOM_BUILD_TESTS=OFF", *quick,
              "-DCMAKE_CXX_COMPILER=g++", "-DCMAKE_C_COMPILER=gcc", *launcher(), *hide).ok()
    built = axiom.run("ninja", "-C", build, "-j", os.environ.get("AXIOM_JOBS", str(len(os.sched_getaffinity(0)))), limit=1500)
    if built.status != 0:
        raise axiom.Failed("the runtime does not build with g++\n" + built.out[-3000:])
    axiom.run("cmake", "--install", build, "--prefix", prefix).ok()
    return prefix


def launcher():
    return ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache", "-DCMAKE_C_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []


def library_folder(prefix):
    return next(iter(prefix.rglob("libaxiom.so"))).parent


def main():
    problems = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prefix = install(folder)
        model = folder / "m.axm"
        axiom.compile_model(axiom.TINY / "llama-rope3", model)
        expected = axiom.run(axiom.binary("axiom-run"), "generate", model, "--prompt", "the quick", "--max-tokens", "8",
                             "--temperature", "0").ok().out.strip()
        installed = axiom.run(prefix / "bin/axiom-run", "generate", model, "--prompt", "the quick", "--max-tokens", "8",
                              "--temperature", "0").ok().out.strip()
        if installed != expected:
            problems.append(f"the installed axiom-run printed {installed!r}, expected {expected!r}")
        if (prefix / "bin/axiomc").exists():
            problems.append("a build without the compiler installs axiomc")
        library = library_folder(prefix)
        env = {"LD_LIBRARY_PATH": str(library), "PKG_CONFIG_PATH": str(library / "pkgconfig")}
        for kind, suffix, language, compiler in EXAMPLES:
            sources = sorted((axiom.ROOT / "docs/examples" / kind).glob(f"*{suffix}"))
            if not sources:
                problems.append(f"docs/examples/{kind} holds no {suffix} file")
            for source in sources:
                lines = source.read_text().count("\n")
                if lines >= LINES:
                    problems.append(f"{source.name}: {lines} lines, under {LINES} wanted")
                outside = folder / f"{kind}-{source.stem}"
                outside.mkdir()
                shutil.copy(source, outside)
                (outside / "CMakeLists.txt").write_text(PROJECT.format(language=language, source=source.name))
                axiom.run("cmake", "-G", "Ninja", "-S", outside, "-B", outside / "b", f"-DCMAKE_PREFIX_PATH={prefix}").ok()
                axiom.run("ninja", "-C", outside / "b").ok()
                flags = axiom.run("pkg-config", "--cflags", "--libs", "axiom", env=env).ok().out.split()
                by_pkg = outside / "by-pkg-config"
                axiom.run(*compiler, "-Wall", "-Wextra", "-Werror", outside / source.name, "-o", by_pkg, *flags).ok()
                for how, program in (("find_package", outside / "b/example"), ("pkg-config", by_pkg)):
                    out = axiom.run(program, model, "the quick", env=env).ok().out.strip()
                    print(f"{source.name} ({lines} lines) by {how}: {out!r}")
                    if expected and expected[:8] not in out:
                        problems.append(f"{source.name} by {how} printed {out!r}, expected {expected!r}")
    return problems


if __name__ == "__main__":
    sys.exit(axiom.main(main))
