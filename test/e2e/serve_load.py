#!/usr/bin/env python3
"""The short forms of test/bench/serve_load.py on a tiny model: clients that hang up, read slowly or fall silent leave nothing behind; ten
times too much load is refused with 429 and the rest answered; SIGTERM cuts no stream; a step that hangs shows at /health/progress;
slow-loris connections do not shut out others. Times are compared for the hanging step only."""
import axiom

SCRIPT = axiom.ROOT / "test/bench/serve_load.py"
PARTS = ["abuse", "overload", "drain", "stall", "loris"]


def everything(check, folder):
    artifact = folder / "tiny.axm"
    axiom.compile_model(axiom.TINY / "llama-odd", artifact)
    missing = []
    for part in PARTS:
        # What SIGTERM meets has to last until all 64 streams run: nearly the context of the model.
        longest = "480" if part == "drain" else "100"
        run = axiom.run(SCRIPT, part, artifact, "--short", "--token-ids", "5:120", "--long-output", longest, limit=300)
        text = (run.out + run.err).strip()
        print(text.splitlines()[-1] if text else f"{part}: no output")
        if run.status == 77:
            missing.append(part)
        else:
            check(run.status == 0, f"{part}: exit {run.status}: {text}")
    if missing and len(missing) == len(PARTS):
        raise axiom.Missing("nothing of it can be run here")


if __name__ == "__main__":
    axiom.main_of(everything)
