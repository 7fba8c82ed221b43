#!/usr/bin/env python3
"""Source files stay at or under 600 lines: one idea each."""
import repo

LIMIT = 600
# Tables written by a script, not by hand.
GENERATED = ("Tables.inc", "Classes.inc", "Normalization.inc", "docs/cli.md")


def main():
    problems = []
    names = repo.files("*.cpp", "*.h", "*.td", "*.py", "*.cu", "*.c", "*.inc", "*.fbs", "*.cmake", "tools/*", ".ci/*")
    for name in names:
        if name.endswith(GENERATED) or name.endswith((".md", ".txt", ".json")):
            continue
        lines = repo.text(name).count("\n")
        if lines > LIMIT:
            problems.append(f"{name}: {lines} lines, at most {LIMIT}: split it by idea")
    repo.finish(problems, f"file length, {len(names)} files")


if __name__ == "__main__":
    main()
