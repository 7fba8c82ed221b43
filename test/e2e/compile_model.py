#!/usr/bin/env python3
"""axiom_compile_model() of the installed package and of the source tree: outside the tree it compiles models, a second build does
nothing, a change of the model or of axiomc compiles again, wrong arguments end the configuration with what is wrong."""
import os
import pathlib
import shutil
import tempfile
import time

import axiom

PACKAGE = "find_package(axiom REQUIRED)"
IN_TREE = f'include("{axiom.ROOT}/tools/cmake/AxiomCompileModel.cmake")'
MODELS = f"""set(golden {axiom.TINY}/llama-rope3)""" + """
axiom_compile_model(TARGET folder MODEL llama OUTPUT models/folder.axm QUANT q4 KV f16)
axiom_compile_model(TARGET file MODEL ${CMAKE_SOURCE_DIR}/llama/model.safetensors OUTPUT ${CMAKE_SOURCE_DIR}/llama/file.axm
                    OPTIONS --quant-override "mlp\\\\.(up|down)=f16" --no-golden)
file(COPY ${golden}/config.json ${golden}/tokenizer.json DESTINATION ${CMAKE_BINARY_DIR}/fetched)
add_custom_command(OUTPUT fetched/model.safetensors COMMAND ${CMAKE_COMMAND} -E copy
                   ${golden}/model.safetensors fetched/model.safetensors)
axiom_compile_model(TARGET fetched MODEL ${CMAKE_BINARY_DIR}/fetched/model.safetensors OUTPUT fetched.axm QUANT "" TARGETS)
"""
ONE = "axiom_compile_model(TARGET one MODEL llama OUTPUT one.axm QUANT f32)"
REFUSED = [  # arguments, what the message holds
    ("MODEL llama OUTPUT a.axm", "TARGET is missing"), ("TARGET a OUTPUT a.axm", "MODEL is missing"),
    ("TARGET a MODEL llama", "OUTPUT is missing"), ("TARGET a MODEL llama OUTPUT", "OUTPUT is missing"),
    ("TARGET a MODEL llama OUTPUT a.axm q4", "unknown arguments: q4"),
    ("TARGET a MODEL absent OUTPUT a.axm", "absent does not exist"),
    ("TARGET a MODEL llama OUTPUT a.axm)\naxiom_compile_model(TARGET a MODEL llama OUTPUT b.axm", "target a already"),
]


class Project:
    """A project of its own that takes the function from `how` and is built in `build`."""

    def __init__(self, folder, how, text):
        self.source, self.build = folder, folder / "build"
        folder.mkdir()
        shutil.copytree(axiom.TINY / "llama-rope3", folder / "llama", ignore=shutil.ignore_patterns("config.alt.json", "golden_*"))
        self.write(how, text)

    def write(self, how, text):
        (self.source / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.25)\nproject(models NONE)\n{how}\n{text}\n")

    def configure(self, *options):
        return axiom.run("cmake", "-G", "Ninja", "-S", self.source, "-B", self.build, *options)

    def compile(self):
        return axiom.run("cmake", "--build", self.build).ok().out

    def rebuilt(self, change, *artifacts):
        """Names of the artifacts that a build writes again after `change`."""
        before = {a: a.stat().st_mtime_ns for a in artifacts}
        time.sleep(0.05)
        change()
        self.compile()
        return {a.name for a in artifacts if a.stat().st_mtime_ns != before[a]}


def package(check, folder):
    prefix = folder / "prefix"
    axiom.run("cmake", "--install", axiom.BUILD, "--prefix", prefix).ok()
    for tool in ("axiomc", "axiom-run", "axiom-inspect", "axiom-eval", "axiom-bench", "axiom-check"):
        axiom.run(prefix / "bin" / tool, "--version").ok()
    project = Project(folder / "package", PACKAGE, MODELS)
    configured = project.configure(f"-DCMAKE_PREFIX_PATH={prefix}").ok()
    check("Warning" not in configured.err, f"configuring warns: {configured.err[-500:]}")
    project.compile()
    outputs = {"folder": project.build / "models/folder.axm", "file": project.source / "llama/file.axm",
               "fetched": project.build / "fetched.axm"}
    for path in outputs.values():
        text = axiom.run(prefix / "bin/axiom-run", "generate", path, "--prompt", "the quick", "-n", "4", "--temperature", "0").ok()
        check(text.out.strip(), f"{path.name} generates nothing")
    direct = folder / "direct.axm"
    axiom.compile_model(project.source / "llama", direct, "--quant", "q4", "--kv", "f16")
    check(outputs["folder"].read_bytes() == direct.read_bytes(), "QUANT and KV give another artifact than the flags")
    check("no work to do" in project.compile(), "a second build does something")
    llama = project.source / "llama"
    for what, change, expected in [
            ("nothing changes", lambda: None, set()),
            ("the weights change", (llama / "model.safetensors").touch, {"folder.axm", "file.axm"}),
            ("the configuration changes", (llama / "config.json").touch, {"folder.axm", "file.axm"}),
            ("a file comes", lambda: (llama / "generation_config.json").write_text("{}"), {"folder.axm", "file.axm"}),
            ("an artifact comes", lambda: (llama / "other.axm").write_text("x"), set()),
            ("a file that is not read with it comes", lambda: (llama / "notes.txt").write_text("x"), {"folder.axm"})]:
        found = project.rebuilt(change, *outputs.values())
        check(found == expected, f"{what}: {sorted(found)} compiled again, expected {sorted(expected)}")


def in_tree(check, folder):
    project = Project(folder / "tree", IN_TREE, ONE)
    program = folder / "my-axiomc"
    program.write_text(f'#!/bin/sh\nexec "{axiom.binary("axiomc")}" "$@"\n')
    program.chmod(0o755)
    project.configure(f"-DAXIOM_AXIOMC={program}").ok()
    project.compile()
    one = project.build / "one.axm"
    check(one.is_file(), "AXIOM_AXIOMC makes no artifact")
    check(project.rebuilt(lambda: None, one) == set(), "a second build compiles again")
    check(project.rebuilt(program.touch, one) == {"one.axm"}, "another axiomc does not compile again")
    gone = project.configure("-DAXIOM_AXIOMC=/nowhere/axiomc")
    check(gone.status != 0 and "no program" in gone.err, f"AXIOM_AXIOMC that is absent: {gone.err[-300:]}")
    for arguments, message in REFUSED:
        project.write(IN_TREE, f"axiom_compile_model({arguments})")
        result = project.configure(f"-DAXIOM_AXIOMC={program}")
        text = " ".join(result.err.split())
        check(result.status != 0 and message in text, f"({arguments}): exit {result.status}, no {message!r} in {text[-300:]}")
    shutil.rmtree(project.build)
    project.write(IN_TREE, ONE)
    none = project.configure(f"-DCMAKE_MAKE_PROGRAM={shutil.which('ninja')}", "-DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF", "-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF")
    check(none.status != 0 and "no axiomc found" in none.err, f"without axiomc: {none.err[-300:]}")
    shutil.rmtree(project.build)
    found = axiom.run("cmake", "-G", "Ninja", "-S", project.source, "-B", project.build,
                      env={"PATH": f"{axiom.BUILD / 'bin'}:{os.environ['PATH']}"})
    check(found.status == 0, f"axiomc in PATH is not found: {found.err[-300:]}")


def main():
    problems = []

    def check(good, problem):
        if not good:
            problems.append(problem)

    for part in (package, in_tree):
        with tempfile.TemporaryDirectory() as name:
            part(check, pathlib.Path(name))
    return problems


if __name__ == "__main__":
    axiom.main(main)
