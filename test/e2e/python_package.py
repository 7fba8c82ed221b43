#!/usr/bin/env python3
"""The Python package: its structs are the header's, byte by byte; its wheel installs offline into a fresh environment and gives axiom-run's
tokens; errors, cancelling, threads."""
import importlib.util
import pathlib
import re
import subprocess
import sys
import zipfile

import axiom

PROGRAM = r'''
import sys, threading, time
import axiom
path = sys.argv[1]
assert axiom.__file__.startswith(sys.prefix), axiom.__file__
def raises(kind, call, *words):
    try:
        call()
    except kind as error:
        assert isinstance(error, (axiom.AxiomError, TypeError)) and all(w in str(error) for w in words), error
        return error
    raise SystemExit(f"{kind.__name__} is not raised")
raises(axiom.NotFound, lambda: axiom.Model.open("/nowhere.axm"), "nowhere")
raises(axiom.InvalidArgument, lambda: axiom.Model.open(path, load="lend"), "lend")
raises(axiom.BadInput, lambda: axiom.Model.open(__file__))
with axiom.Model.open(path, load="copy", verify=True) as model:
    assert model.info.has_chat_template and model.info.vocab > 0 and model.info.family == "qwen2", model.info
    ids = model.tokenize("the quick brown fox")
    assert ids and model.detokenize(ids) == "the quick brown fox"
    assert model.tokenize("é" * 3000) and len(model.detokenize(model.tokenize("word " * 3000))) == 15000  # longer than the first guess
    assert model.tokenize("<|im_end|>", parse_special=True) != model.tokenize("<|im_end|>")
    chat = [{"role": "user", "content": "hello"}]
    assert "hello" in model.render_chat(chat) and model.detokenize(model.tokenize_chat(chat), keep_special=True) == model.render_chat(chat)
    raises(axiom.InvalidArgument, lambda: model.render_chat([{"role": "user"}]), "content")
    raises(axiom.InvalidArgument, lambda: model.tokenize_chat([{"role": "user", "content": "a\0b"}]), "zero")
    engine = axiom.Engine(model, threads=1, max_sequences=4, kv_positions=4096)
raises(axiom.InvalidArgument, lambda: model.tokenize("a"), "closed")
how = dict(max_tokens=12, temperature=0, ignore_eos=True)
whole = engine.generate("the quick", **how)
assert len(whole.tokens) == 12 and whole.finish == "length" and whole.prompt_tokens > 0 and whole.logprobs is None
print("TEXT", whole.text.encode().hex())
events = list(engine.stream("the quick", **how))
assert [e.token for e in events if e.token >= 0] == whole.tokens and "".join(e.text for e in events) == whole.text
assert events[-1].last and events[-1].finish == "length" and events[-1].output_tokens == 12
assert "".join(e.text for e in engine.chat_stream(chat, **how)) == engine.chat(chat, **how).text
print("CHAT", engine.chat(chat, **how).text.encode().hex())
seeded = engine.generate("the quick", max_tokens=12, seed=5, logprobs=3, ignore_eos=True)
assert seeded.tokens == engine.generate("the quick", max_tokens=12, seed=5, ignore_eos=True).tokens != whole.tokens
assert len(seeded.logprobs) == 12 and all(len(t) >= 3 for t in seeded.top) and all(l <= 0 for l in seeded.logprobs)
assert len({tuple(c.tokens) for c in engine.samples("the quick", 3, max_tokens=12, seed=5, ignore_eos=True)}) == 3
stop = next(c for c in whole.text[2:] if whole.text.index(c) >= 2)
cut = engine.generate("the quick", stop=stop, **how)
assert cut.finish == "stop" and cut.stop == stop and cut.text == whole.text[:whole.text.index(stop)], (cut, stop)
biased = engine.generate("the quick", max_tokens=2, temperature=0, ignore_eos=True, logit_bias={whole.tokens[0]: -100.0})
assert biased.tokens[0] != whole.tokens[0]
for wrong in (dict(max_tokens=-1), dict(max_tokens=1 << 40), dict(temperature=-1), dict(seed=-1), dict(stop="a\0"), dict(top_k=True)):
    raises(axiom.InvalidArgument, lambda: engine.generate("a", **wrong))
raises(TypeError, lambda: engine.generate("a", temprature=1))
raises(axiom.InvalidArgument, lambda: engine.generate([1 << 40], **how))
raises(axiom.TimedOut, lambda: engine.generate("a", max_tokens=3500, ignore_eos=True, deadline_ms=1))
def idle():
    end = time.monotonic() + 30
    while (s := engine.stats())["running"] + s["queued"] and time.monotonic() < end:
        time.sleep(0.005)
    return s["running"] + s["queued"] == 0
stream = engine.stream("a", max_tokens=3500, ignore_eos=True, temperature=0)
next(stream)
stream.cancel()
rest = list(stream)
assert rest[-1].finish == "cancelled" and rest[-1].output_tokens < 3500, rest[-1]
for event in engine.stream("a", max_tokens=3500, ignore_eos=True, temperature=0):
    break  # leaving the loop ends the request
del event
assert idle(), "a stream that was left runs on"
assert engine.stats()["output_tokens"] < 3500, engine.stats()
same, threads = [], [threading.Thread(target=lambda: same.append(engine.generate("the quick", **how).tokens)) for _ in range(12)]
[t.start() for t in threads], [t.join() for t in threads]
assert same == [whole.tokens] * 12
caught = []
def waits():
    try:
        engine.generate("a", max_tokens=3900, ignore_eos=True)
    except axiom.Cancelled as error:
        caught.append(error)
threads = [threading.Thread(target=waits) for _ in range(8)]  # twice what runs at once
[t.start() for t in threads]
engine.close()
[t.join() for t in threads]
assert caught, "no thread is told that the engine is closed"
raises(axiom.Cancelled, lambda: engine.generate("a"))
'''


def abi():
    """_abi.py without the library: its structs need none."""
    spec = importlib.util.spec_from_file_location("abi", axiom.ROOT / "python/axiom/_abi.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def layout(check, folder):
    """A C program prints what the compiler makes of the header."""
    import ctypes
    python = abi()
    structs = {name: kind for name, kind in vars(python).items() if isinstance(kind, type) and issubclass(kind, ctypes.Structure)}
    header = (axiom.ROOT / "runtime/include/axiom/axiom.h").read_text()
    declared = set(re.findall(r"typedef struct (\w+) \{", header))
    check(set(structs) == declared, f"structs of the header: {sorted(declared ^ set(structs))} are not in both")
    functions = set(re.findall(r"^AXIOM_API [\w\s*]+?(\w+)\(", header, re.M))
    check(set(python.FUNCTIONS) == functions, f"functions of the header: {sorted(functions ^ set(python.FUNCTIONS))} are not in both")
    lines, want = [], []
    for name, kind in structs.items():
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        want.append(f"{name} {ctypes.sizeof(kind)}")
        for field, _ in kind._fields_:
            at = getattr(kind, field)
            lines.append(f'printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));')
            want.append(f"{name}.{field} {at.offset} {at.size}")
    for name in [n for n in vars(python) if n.startswith("AXIOM_")]:
        lines.append(f'printf("{name} %d\\n", (int){name});')
        want.append(f"{name} {getattr(python, name)}")
    source, program = folder / "layout.c", folder / "layout"
    source.write_text("#include <axiom/axiom.h>\n#include <stdio.h>\nint main(void) {\n" + "\n".join(lines) + "\nreturn 0;\n}\n")
    axiom.run("cc", "-std=c11", f"-I{axiom.ROOT / 'runtime/include'}", source, "-o", program).ok()
    got = axiom.run(program).ok().out.splitlines()
    check(got == want, f"the header and _abi.py differ: {[pair for pair in zip(got, want) if pair[0] != pair[1]][:5]}")
    print(f"{len(structs)} structs, {len(want)} sizes and values as in C")


def wheel(check, folder):
    path = pathlib.Path(axiom.run(sys.executable, axiom.ROOT / "tools/build-wheel", "--build", axiom.BUILD, "--out", folder / "a").ok().out.strip())
    again = pathlib.Path(axiom.run(sys.executable, axiom.ROOT / "tools/build-wheel", "--build", axiom.BUILD, "--out", folder / "b").ok().out.strip())
    check(path.read_bytes() == again.read_bytes(), "two wheels of the same inputs differ")
    names = zipfile.ZipFile(path).namelist()
    check(any(n.endswith("licenses/LICENSE") for n in names) and "axiom/libaxiom.so" in names, f"the wheel has {names}")
    environment = folder / "venv"
    made = subprocess.run([sys.executable, "-m", "venv", str(environment)], capture_output=True, text=True)
    if made.returncode != 0:
        raise axiom.Missing("python3 -m venv does not work here (Debian: python3-venv)")
    python = environment / "bin/python"
    axiom.run(python, "-m", "pip", "install", "--no-index", "--no-deps", "--disable-pip-version-check", path).ok()
    source, artifact = folder / "model", folder / "model.axm"
    import json
    import shutil
    shutil.copytree(axiom.TINY / "qwen2-bias", source, ignore=shutil.ignore_patterns("config.alt.json", "golden_*"))
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
    axiom.compile_model(source, artifact, "--no-golden", "--target", "cpu:native")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    result = axiom.run(python, "-I", program, artifact, cwd=folder, limit=300)
    check(result.status == 0, f"the program in the new environment: exit {result.status}: {result.err[-1500:]}")
    said = dict(line.split(" ", 1) for line in result.out.splitlines() if " " in line)
    tool = axiom.binary("axiom-run")
    for key, words in (("TEXT", ("generate", artifact, "--prompt", "the quick")), ("CHAT", ("chat", artifact, "-m", "hello"))):
        raw = subprocess.run([str(tool), *map(str, words), "--max-tokens", "12", "--temperature", "0", "--ignore-eos"], capture_output=True, check=True).stdout
        text = bytes.fromhex(said.get(key, ""))
        check(text and raw.rstrip(b"\n") == text.rstrip(b"\n"), f"{key}: Python says {text!r}, axiom-run {raw!r}")
    print(f"{path.name}, {path.stat().st_size // 1000} kB: installed, and its tokens are axiom-run's")


if __name__ == "__main__":
    axiom.main_of(layout, wheel)
