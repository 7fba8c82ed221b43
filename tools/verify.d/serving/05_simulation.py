#!/usr/bin/env python3
"""Line 5: a million seeds of the engine's simulation."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from verify import Line  # noqa: E402


def main():
    line = Line(5, "Simulation")
    line.ctest("1,000,000 seeds: invariants after each step, no leak, no starvation, tokens as alone", r"^Parts/SimulationSeeds\.", "none broken",
               least=10, limit=10800)
    line.done()


if __name__ == "__main__":
    main()
