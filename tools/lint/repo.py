"""What the checks of tools/lint share: the repository's files, and how a check reports.

A check is a script: exit 0 clean, 1 with one line per problem, 77 when it can't run, with the reason as its last line.
"""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77


def files(*patterns):
    """Tracked files and untracked ones that git does not ignore, as paths relative to the root, sorted."""
    out = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z", "--", *patterns],
                         check=True, capture_output=True).stdout.decode()
    names = sorted({n for n in out.split("\0") if n})
    return [n for n in names if (ROOT / n).is_file()]


def text(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


def finish(problems, summary):
    for problem in problems:
        print(problem)
    print(f"{summary}: {len(problems)} problems" if problems else f"{summary}: clean")
    sys.exit(1 if problems else 0)


def skip(reason):
    print(reason)
    sys.exit(SKIP)


def keep_page(page, text, script, summary):
    """Of a page that `script` writes: with --write it becomes `text`, else it has to be that."""
    target = ROOT / page
    if "--write" in sys.argv:
        target.write_text(text)
        print(f"wrote {page}")
        return
    current = target.read_text() if target.is_file() else ""
    finish([] if current == text else [f"{page} is not current: tools/lint/{script} --write"], summary)


def build_folder(args):
    """The build folder a binary check looks at: --build DIR, or build/ in the repository."""
    if "--build" in args:
        return pathlib.Path(args[args.index("--build") + 1]).resolve()
    return ROOT / "build"
