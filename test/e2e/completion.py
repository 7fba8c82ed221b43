#!/usr/bin/env python3
"""--completion of every tool: bash offers commands, flags, the values of a flag and files; zsh and fish can read their scripts."""
import pathlib
import shutil
import tempfile

import axiom

TOOLS = ["axiomc", "axiom-run", "axiom-inspect", "axiom-eval", "axiom-bench", "axiom-check"]
CUDA = ["cuda:sm_80", "cuda:sm_86", "cuda:sm_89", "cuda:sm_90a", "cuda:sm_100a", "cuda:sm_120", "cuda:compute_80"]
# Words before the cursor as bash splits them, the last one unfinished; what is offered, in full.
CASES = [
    (["axiom-run", ""], {"generate", "chat", "tokenize"}),
    (["axiom-run", "gen"], {"generate"}),
    (["axiom-run", "--comp"], {"--completion"}),
    (["axiom-run", "--completion", "z"], {"zsh"}),
    (["axiom-run", "generate", "--lo"], {"--load", "--logit-bias"}),
    (["axiom-run", "generate", "--load", ""], {"map", "copy", "huge"}),
    (["axiom-run", "chat", "m.axm", "--load", "="], {"map", "copy", "huge"}),
    (["axiom-run", "chat", "m.axm", "--load", "=", "c"], {"copy"}),
    (["axiom-run", "generate", "--device", ""], {"cpu", "cuda"}),
    (["axiom-run", "tokenize", "--lo"], set()),
    (["axiom-run", "generate", "--threads", ""], set()),
    (["axiom-run", "generate", "mod"], {"model one.axm"}),
    (["axiom-run", "generate", "--prompt-file", ""], {"model one.axm", "text.txt"}),
    (["axiomc", "--quant", "q"], {"q8", "q6", "q4", "q4f16"}),
    (["axiomc", "--kv", ""], {"f32", "f16", "int8"}),
    (["axiomc", ""], {"model one.axm", "text.txt"}),
    (["axiomc", "--emit", "cu"], {"cu", "cubin"}),
    (["axiomc", "--target", "cu"], {"cuda", *CUDA}),
    (["axiomc", "--target", "cuda", ":"], {name.removeprefix("cuda:") for name in CUDA}),
    (["axiomc", "--target", "=", "cuda", ":", "sm_9"], {"sm_90a"}),
    (["axiomc", "--target", "cpu", ":", "n"], {"native"}),
    (["axiom-inspect", "--pro"], {"--provenance"}),
    (["axiom-eval", "compare", "--output", ""], {"md", "json", "csv"}),
    (["axiom-bench", "-o", ""], {"md", "json"}),
    (["axiom-check", "d"], {"diff"}),
    (["axiom-check", "--junit", "tex"], {"text.txt"}),
    (["axiom-check", "--baseline", "diff", "--jun"], {"--junit"}),
    (["axiom-check", "diff", "--"], {"--help", "--all"}),
]
ASK = """source "$1"; tool=$2; shift 2
COMP_WORDS=("$tool" "$@"); COMP_CWORD=$#
"$(complete -p "$tool" | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def main():
    problems = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        empty = folder / "here"
        empty.mkdir()
        for file in ("model one.axm", "text.txt"):
            (empty / file).touch()
        for tool in TOOLS:
            for shell in ("bash", "zsh", "fish"):
                script = folder / f"{tool}.{shell}"
                script.write_text(axiom.run(axiom.binary(tool), "--completion", shell).ok().out)
                if tool not in script.read_text() or "--help" not in script.read_text().replace("-l help", "--help"):
                    problems.append(f"{tool} --completion {shell} has no --help")
                if shutil.which(shell):
                    result = axiom.run(shell, "-n", script)
                    if result.status != 0 or result.err:
                        problems.append(f"{shell} can't read the script of {tool}: {result.err[-300:]}")
            if axiom.run(axiom.binary(tool), "--completion", "cmd").status != 2:
                problems.append(f"{tool} --completion cmd is not a usage error")
        for words, expected in CASES:
            result = axiom.run("bash", "--norc", "-c", ASK, "bash", folder / f"{words[0]}.bash", *words, cwd=empty).ok()
            found = set(result.out.splitlines()) - {""}
            if found != expected or result.err:
                problems.append(f"bash, {words}: {sorted(found)}, expected {sorted(expected)} {result.err[-300:]}")
        print(f"{len(CASES)} completions by bash; installed besides: {[s for s in ('zsh', 'fish') if shutil.which(s)]}")
    return problems


if __name__ == "__main__":
    axiom.main(main)
