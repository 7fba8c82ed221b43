#!/usr/bin/env python3
"""The tables of docs/serving-api.md are those that the server reads requests by.

    serving_docs.py [--build DIR]            checks (exit 77 when openai-tables is not built)
    serving_docs.py [--build DIR] --write    rewrites docs/serving-api.md
"""
import subprocess
import sys

import repo

HEAD = """# The server's API: endpoints and fields

Written by `tools/lint/serving_docs.py --write` from the table in `runtime/serve/openai/FieldTable.cpp`; `tools/test` checks that it is
current. The server gives the same as an OpenAPI document, with its own bounds, at `/openapi.json`.

- A wrong value gets 400 with `{"error": {"message", "type", "param", "code"}}`: what it is, what it must be, what to do.
- `null` is the same as leaving a field out. A whole number may be written as `1.0`. Lengths of strings count characters.
- A field that is not known, and one that is *ignored* and not at a value that changes nothing, is accepted with a warning.
- A *refused* field is one that would change the answer and can't be honoured; the values in its row are the same as leaving it out.
- A key that an object has twice, invalid UTF-8, NaN, more than 64 levels, 2,000,000 values or 200,000 keys, and bodies of more than
  32 MiB get 400.
- A number that the server sets, as *the context*, is in its OpenAPI document.

"""


def main():
    tool = repo.build_folder(sys.argv) / "bin/openai-tables"
    if not tool.is_file():
        repo.skip("openai-tables is not built")
    run = subprocess.run([str(tool), "markdown"], capture_output=True, text=True, timeout=60)
    if run.returncode != 0:
        raise SystemExit(f"openai-tables markdown: exit {run.returncode}\n{run.stderr}")
    repo.keep_page("docs/serving-api.md", HEAD + run.stdout, "serving_docs.py", "serving API page")


if __name__ == "__main__":
    main()
