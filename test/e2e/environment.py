#!/usr/bin/env python3
"""Flags take values from AXIOM_ variables: the command line wins, a bad value is a usage error (exit 2) that names the variable,
a variable concerns only the command that has its flag, and what is meant for one call has none."""
import pathlib
import re
import tempfile

import axiom

TOOLS = {"axiomc": [[]], "axiom-run": [["generate"], ["chat"], ["tokenize"]], "axiom-inspect": [[]],
         "axiom-eval": [["logits"], ["perplexity"], ["compare"]], "axiom-bench": [[]], "axiom-check": [[], ["diff"]],
         "axiom-serve": [[]]}
NONE = {"--help", "--version", "--completion", "--print-targets", "--output", "--out", "--junit", "--write-baseline", "--prompt",
        "--prompt-file", "--message", "--text", "--file", "--tokens-file"}
# Variables of the test scripts, which no flag may take.
TAKEN = {"AXIOM_BUILD", "AXIOM_BUILD_DIR", "AXIOM_SANITIZED_DIR", "AXIOM_SKIP_DEPS", "AXIOM_BIN", "AXIOM_GGUF",
         "AXIOM_HF", "AXIOM_OFFGRID", "AXIOM_WIKITEXT", "AXIOM_PEER", "AXIOM_TEST_GGUF", "AXIOM_TEST_LONG"}
# (tool, flag) whose meaning differs from that of the same flag elsewhere.
APART = {("axiom-inspect", "--memory"), ("axiom-inspect", "--device"), ("axiom-inspect", "--tokens"), ("axiom-inspect", "--sequences"),
         ("axiom-eval", "--context"), ("axiom-serve", "--config"), ("axiom-serve", "--print-config")}
HELP = re.compile(r"^  (?:-\w,)?((?:--[\w-]+,?)+)[^\n]*(?:\n {10,}[^\n]*)*", re.M)


def help_names(check):
    """Every flag shows its variable or belongs to those without one."""
    for tool, commands in TOOLS.items():
        for command in commands:
            text = axiom.run(axiom.binary(tool), *command, "--help").ok().out
            flags, texts = {}, {}
            for found in HELP.finditer(text):
                shown = re.search(r"\[env: (\w+)\]", found.group(0))
                longest = max(found.group(1).strip(",").split(","), key=len)
                flags[longest], texts[longest] = shown.group(1) if shown else None, found.group(0)
            check("--help" in flags, f"{tool} {command} --help can't be read")
            for flag, variable in flags.items():
                where = f"{tool} {' '.join(command + [flag])}"
                bare = flag in NONE or (tool, flag) in APART or "Excludes:" in texts[flag]
                expected = None if bare else "AXIOM_" + flag.strip("-").replace("-", "_").upper()
                check(variable == expected, f"{where}: variable {variable}, expected {expected}")
                check(variable not in TAKEN, f"{where}: {variable} belongs to the tests")


def values(check, folder):
    model, other = folder / "m.axm", folder / "n.axm"

    def axiomc(out, *words, **env):
        return axiom.run(axiom.binary("axiomc"), axiom.TINY / "llama-odd", "-o", out, *words, env={"AXIOM_PROGRESS": "none"} | env)

    axiomc(model, "--quant", "q8", "--no-golden").ok()
    check(axiomc(other, AXIOM_QUANT="q8", AXIOM_NO_GOLDEN="1").ok().err == "", "AXIOM_PROGRESS=none is not silent")
    check(other.read_bytes() == model.read_bytes(), "AXIOM_QUANT and AXIOM_NO_GOLDEN differ from their flags")
    axiomc(other, "--quant", "q8", "--no-golden", AXIOM_QUANT="f32").ok()
    check(other.read_bytes() == model.read_bytes(), "--quant does not win over AXIOM_QUANT")
    axiomc(other, "--quant", "q8", AXIOM_NO_GOLDEN="0", AXIOM_KV="").ok()
    check(other.stat().st_size > model.stat().st_size, "AXIOM_NO_GOLDEN=0 stores no golden answers")

    def tool(name, *words, **env):
        return axiom.run(axiom.binary(name), *words, env=env)

    generate = ["generate", model, "--prompt", "the quick", "--temperature", "1"]
    text = tool("axiom-run", *generate, "--seed", "7", "--max-tokens", "5").ok().out
    check(tool("axiom-run", *generate, AXIOM_SEED="7", AXIOM_MAX_TOKENS="5").ok().out == text, "AXIOM_SEED and AXIOM_MAX_TOKENS")
    check(tool("axiom-run", *generate, "--seed", "7", "-n", "5", AXIOM_SEED="x", AXIOM_MAX_TOKENS="9").ok().out == text,
          "a flag does not win over its variable")
    check("memory:" in tool("axiom-run", *generate, "-n", "1", AXIOM_VERBOSE="1").ok().err, "AXIOM_VERBOSE=1 is not --verbose")
    rows = tool("axiom-bench", model, "-n", "0", "-r", "1", "-o", "json", AXIOM_N_PROMPT="8,16").ok().out
    check(rows.count("n_prompt") == 2, f"AXIOM_N_PROMPT=8,16 measures {rows}")
    tool("axiom-inspect", model, AXIOM_MEMORY="4G").ok()

    refused = [("axiomc", [axiom.TINY / "llama-odd", "-o", other], [("AXIOM_QUANT", "q3"), ("AXIOM_JOBS", "0"), ("AXIOM_DRY_RUN", "x"),
                                                                   ("AXIOM_QUANT_OVERRIDE", "mlp"), ("AXIOM_TARGET", "cpu:abacus")]),
               ("axiom-run", generate, [("AXIOM_THREADS", "many"), ("AXIOM_LOAD", "lend"), ("AXIOM_MEMORY", "lots"),
                                        ("AXIOM_LOGIT_BIAS", "5"), ("AXIOM_TOP_P", "-3")]),
               ("axiom-inspect", [model], [("AXIOM_BATCH", "0")]), ("axiom-check", [model], [("AXIOM_TOLERANCE", "-1")]),
               ("axiom-eval", ["logits", model, "--text", "a", "--out", folder / "o.npy"], [("AXIOM_LOAD", "lend")]),
               ("axiom-bench", [model], [("AXIOM_REPETITIONS", "0")])]
    for name, words, bad in refused:
        for variable, value in bad:
            result = tool(name, *words, **{variable: value})
            check(result.status == 2 and variable in result.err, f"{variable}={value} {name}: exit {result.status}: {result.err[-300:]}")
            for ask in ("--help", "--version"):
                check(tool(name, ask, **{variable: value}).status == 0, f"{variable}={value} {name} {ask} fails")
    wrong = tool("axiom-run", "generate", model, "--no-such-flag", AXIOM_SEED="7")
    check(wrong.status == 2 and "AXIOM" not in wrong.err, f"a wrong flag is blamed on a variable: {wrong.err[-300:]}")
    tool("axiom-run", "tokenize", model, "--text", "a", AXIOM_THREADS="many").ok()


def main():
    problems = []

    def check(good, problem):
        if not good:
            problems.append(problem)

    help_names(check)
    with tempfile.TemporaryDirectory() as name:
        values(check, pathlib.Path(name))
    return problems


if __name__ == "__main__":
    axiom.main(main)
