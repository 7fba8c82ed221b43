#!/usr/bin/env python3
"""python/axiom/_abi.py is what runtime/include/axiom/axiom.h declares: constants, structs and functions for ctypes.

    python_abi.py            checks
    python_abi.py --write    rewrites it
test/e2e/python_package.py lets a C compiler confirm every size and offset.
"""
import re

import repo

HEADER, PAGE = "runtime/include/axiom/axiom.h", "python/axiom/_abi.py"
SCALARS = {"size_t": "c.c_size_t", "uint32_t": "c.c_uint32", "uint64_t": "c.c_uint64", "int32_t": "c.c_int32", "int64_t": "c.c_int64",
           "uint8_t": "c.c_uint8", "float": "c.c_float", "double": "c.c_double"}


class Header:
    def __init__(self, text):
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        self.version = int(re.search(r"#define AXIOM_ABI_VERSION (\d+)u", text).group(1))
        text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
        self.constants, self.enums, self.structs, self.opaque, self.callbacks, self.functions = {}, set(), {}, set(), {}, {}
        for body, name in re.findall(r"\benum\s*\w*\s*\{([^}]*)\}\s*(\w*)\s*;", text):
            self.enums |= {name} if name else set()
            self.constants |= {k: int(v, 0) for k, v in re.findall(r"(\w+)\s*=\s*(\w+)", body)}
        self.opaque = {a for a, b in re.findall(r"typedef struct (\w+) (\w+);", text) if a == b}
        self.names = set(re.findall(r"typedef struct (\w+) \{", text))
        self.order = []  # of structs and callbacks, which name each other
        for name, body, callback, parameters in re.findall(r"typedef struct (\w+) \{(.*?)\}\s*\w+\s*;|typedef void \(\*(\w+)\)\((.*?)\);", text, re.S):
            self.order.append(name or callback)
            if name:
                self.structs[name] = self.fields(body)
            else:
                self.callbacks[callback] = self.callback(parameters)
        for kind, name, parameters in re.findall(r"AXIOM_API ([\w\s*]+?)(\w+)\(([^()]*)\);", text, re.S):
            self.functions[name] = (self.type(kind), [] if parameters.strip() == "void" else [self.parameter(p) for p in parameters.split(",")])

    def type(self, words, sized=False):
        """A ctypes name of a C type such as `const char *const *`."""
        base, stars = re.sub(r"\b(const|struct)\b|\*", "", words).strip(), words.count("*")
        if base == "void":
            return "None" if stars == 0 else "c.c_void_p" if stars == 1 else "c.POINTER(c.c_void_p)"
        if base == "char":  # with a size beside it the text may hold zeros
            one = "c.POINTER(c.c_char)" if sized else "c.c_char_p"
            return one if stars == 1 else f"c.POINTER({one})"
        if base in self.opaque and base not in self.names:
            return "c.c_void_p" if stars == 1 else "c.POINTER(c.c_void_p)"
        known = SCALARS.get(base) or ("c.c_int" if base in self.enums else base if base in self.names or base in self.callbacks else None)
        if known is None:
            raise SystemExit(f"python_abi.py: the type `{words}` of {HEADER} is not known here")
        for _ in range(stars):
            known = f"c.POINTER({known})"
        return known

    def parameter(self, text):
        return self.type(re.match(r"(.*?)(\w+)\s*$", text.strip(), re.S).group(1))

    def callback(self, parameters):
        return f"c.CFUNCTYPE({', '.join(['None', *(self.parameter(p) for p in parameters.split(','))])})"

    def fields(self, body):
        found = []
        for statement in filter(None, (" ".join(s.split()) for s in body.split(";"))):
            pointer = re.match(r"void \(\*(\w+)\)\((.*)\)$", statement)
            if pointer:
                found.append((pointer.group(1), self.callback(pointer.group(2))))
                continue
            base, rest = re.match(r"((?:const )?\w+) ?(.*)$", statement).groups()
            for declared in rest.split(","):
                stars, name = re.match(r"\s*((?:\*\s*(?:const\s*)?)*)(\w+)$", declared).groups()
                found.append((name, f"{base} {stars}"))
        names = {name for name, _ in found}
        return [(name, kind if kind.startswith("c.") else self.type(kind, sized=f"{name}_size" in names)) for name, kind in found]


def page(header):
    lines = [f'"""Written by tools/lint/python_abi.py from {HEADER}."""', "import ctypes as c", "", f"ABI_VERSION = {header.version}"]
    lines += [f"{name} = {value}" for name, value in header.constants.items()]
    for name in header.order:
        if name in header.callbacks:
            lines += ["", "", f"{name} = {header.callbacks[name]}"]
            continue
        lines += ["", "", f"class {name}(c.Structure):", "    _fields_ = ["]
        lines += [f'        ("{field}", {kind}),' for field, kind in header.structs[name]] + ["    ]"]
    lines += ["", "", "FUNCTIONS = {"]
    lines += [f'    "{name}": ({kind}, [{", ".join(parameters)}]),' for name, (kind, parameters) in header.functions.items()]
    return "\n".join(lines) + "\n}\n"


def main():
    repo.keep_page(PAGE, page(Header(repo.text(HEADER))), "python_abi.py", "Python's view of the C API")


if __name__ == "__main__":
    main()
