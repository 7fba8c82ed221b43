#!/usr/bin/env python3
"""kill -9 of axiomc at 20 moments: the output is absent, the old one or the complete new one, and nothing else is left in its
way: the next run succeeds."""
import hashlib
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import axiom


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "absent"


def main():
    source = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else axiom.TINY / "llama-rope3"
    problems = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        out = folder / "m.axm"
        # One level: the moments are shares of the run, whatever it takes.
        words = [str(axiom.binary("axiomc")), str(source), "-o", str(out), "--progress=none", "--target", "cpu:native", "--quant"]
        expected = {}
        for quant in ("q8", "q4"):
            seconds = axiom.run(*words, quant).ok().seconds
            expected[quant] = digest(out)
        out.unlink()
        seen = {"absent": 0, "old": 0, "new": 0, "finished first": 0}
        for number in range(20):
            old = number % 2 == 1
            if old:
                axiom.run(*words, "q8").ok()
            elif out.exists():
                out.unlink()
            child = subprocess.Popen([*words, "q4"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                     stderr=subprocess.DEVNULL)
            # The later half of the moments lies close to the end, where the file is written.
            share = number / 20 if number < 10 else 0.85 + 0.2 * (number - 10) / 10
            begin = time.monotonic()
            try:
                status = child.wait(timeout=seconds * share)
                seconds = time.monotonic() - begin  # the machine is less busy than it was
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                status = child.wait()
            now = digest(out)
            if status == 0:
                seen["finished first"] += 1
                allowed = {expected["q4"]}
            else:
                allowed = {expected["q4"], expected["q8"] if old else "absent"}
                seen["new" if now == expected["q4"] else "old" if old else "absent"] += 1
            if now not in allowed:
                problems.append(f"kill {number + 1}: the output is neither {'old' if old else 'absent'} nor complete")
        axiom.run(*words, "q4").ok()
        if digest(out) != expected["q4"]:
            problems.append("the run after the kills gives other bytes")
        print("20 kills: " + ", ".join(f"{count} {what}" for what, count in seen.items()))
        if seen["finished first"] > 10:
            problems.append("more than half of the runs ended before the kill: the moments are wrong")
    return problems


if __name__ == "__main__":
    axiom.main(main)
