# lit suite: .mlir files under test/ mirror the source folders. Run: lit BUILD/test
import os
import subprocess

import lit.formats
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "axiom"
config.test_format = lit.formats.ShTest(not llvm_config.use_lit_shell)
config.suffixes = [".mlir", ".test", ".cu"]
config.excludes = ["unit", "corrupt", "fuzz", "golden", "bench", "e2e", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.axiom_build_dir, "test")

llvm_config.with_system_environment(["HOME", "TMP", "TEMP"])
llvm_config.with_environment("PATH", config.llvm_tools_dir, append_path=True)
llvm_config.with_environment("FILECHECK_OPTS", "--enable-var-scope")
llvm_config.add_tool_substitutions(
    [ToolSubst("axiom-opt"), ToolSubst("FileCheck"), ToolSubst("axiomc", unresolved="ignore"), ToolSubst("cuda-compile")],
    [os.path.join(config.axiom_build_dir, "bin"), config.llvm_tools_dir])

# NVRTC is loaded when it is used: the tests that need it ask for the feature.
if subprocess.run([os.path.join(config.axiom_build_dir, "bin", "cuda-compile"), "--version"],
                  capture_output=True, check=False).returncode == 0:
    config.available_features.add("nvrtc")
