#!/usr/bin/env python3
"""Makes the page one file and that file a C++ source: the style sheet and the scripts go into index.html, and the policy that a browser
holds the page to names them by their hashes.

    embed.py OUT.cpp
"""
import base64
import hashlib
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
SCRIPTS = ["dom.js", "markdown.js", "store.js", "client.js", "view.js", "settings.js", "app.js"]
MARK = "axiom_page"
PIECE = 8000  # of a string literal: compilers bound them


def hashed(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def page():
    """The page's text and its Content-Security-Policy."""
    style = (FOLDER / "page.css").read_text(encoding="utf-8")
    code = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    script = f'"use strict";\n(() => {{\n{code}}})();\n'
    for text, end in ((style, "</style"), (script, "</script"), (script, "<!--")):
        if end in text.lower():
            raise SystemExit(f"embed.py: {end} within the page's own text would end it early")
    html = (FOLDER / "index.html").read_text(encoding="utf-8").replace("{{styles}}", style).replace("{{scripts}}", script)
    policy = "; ".join(["default-src 'none'", f"script-src {hashed(script)}", f"style-src {hashed(style)}", "connect-src 'self'", "img-src data:",
                        "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"])
    return html, policy


def literal(text):
    if f"){MARK}\"" in text:
        raise SystemExit(f"embed.py: the page holds ){MARK}\"")
    pieces, start = [], 0
    while start < len(text):
        pieces.append(f'R"{MARK}({text[start:start + PIECE]}){MARK}"')
        start += PIECE
    return "\n".join(pieces)


def main():
    html, policy = page()
    pathlib.Path(sys.argv[1]).write_text(
        f'// Written by embed.py.\n#include "runtime/serve/page/Page.h"\n\nnamespace axiom::serve {{\n\n'
        f"std::string_view pageText() {{\n  return {literal(html)};\n}}\n\n"
        f"std::string_view pagePolicy() {{\n  return {literal(policy)};\n}}\n\n}} // namespace axiom::serve\n", encoding="utf-8")


if __name__ == "__main__":
    main()
