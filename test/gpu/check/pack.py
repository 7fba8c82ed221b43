"""What tools/gpu-check takes to a GPU: made with the compiler, read without it."""
import json
import os
import pathlib
import shutil
import sys

from common import ROOT, Failed, Usage, commit, read_json, sha256, sources_id, write_json

sys.path.insert(0, str(ROOT / "test/e2e"))
import axiom  # noqa: E402  (the path above is where it lies)

LIMIT = 60 * 1000 * 1000
FORMAT = 1
# Every family, weight format and KV type once: those of test/e2e/cuda.py, which runs them on the stand-in driver.
MODELS = {"llama-odd": ["--quant", "f32"], "llama-h80": ["--quant", "q4", "--kv", "int8"], "llama-rope3": ["--quant", "q4f16"],
          "llama-shards": ["--quant", "f16"], "mistral-window": ["--quant", "q6"], "qwen2-bias": ["--quant", "q8", "--kv", "f32"],
          "qwen3-norm": ["--quant", "bf16"]}
CONFIG = """if(NOT TARGET {target})
  add_library({target} INTERFACE IMPORTED)
  set_target_properties({target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${{CMAKE_CURRENT_LIST_DIR}}/../../../include")
endif()
"""


def targets(archs):
    """Code for the CPU too: what the GPU is compared with."""
    words = ["--target", "cpu:native" if archs == ["host"] else "cpu"]
    for arch in archs:
        words += ["--target", f"cuda:{arch}"]
    return words


def headers(folder):
    """What the runtime's build includes of others, and the header that flatc made here."""
    include = folder / "include"
    roots = [pathlib.Path(p) for p in os.environ.get("CPLUS_INCLUDE_PATH", "").split(":") if p]
    for name, package in (("flatbuffers", "libflatbuffers-dev"), ("CLI", "libcli11-dev"), ("nlohmann", "nlohmann-json3-dev")):
        found = next((r / name for r in [*roots, pathlib.Path("/usr/include"), pathlib.Path("/usr/local/include")] if (r / name).is_dir()), None)
        if found is None:
            raise Failed(f"the headers of {name} are not in /usr/include, /usr/local/include or CPLUS_INCLUDE_PATH: install {package}")
        shutil.copytree(found, include / name)
    schema = include / "runtime/schema/axm_generated.h"
    schema.parent.mkdir(parents=True)
    shutil.copyfile(axiom.BUILD / "runtime/schema/axm_generated.h", schema)
    for package, target in (("CLI11", "CLI11::CLI11"), ("nlohmann_json", "nlohmann_json::nlohmann_json")):
        config = folder / "lib/cmake" / package / f"{package}Config.cmake"
        config.parent.mkdir(parents=True)
        config.write_text(CONFIG.format(target=target))


def note_model(source, folder, archs):
    """The real model, compiled beside the pack if it is not an artifact yet."""
    path = pathlib.Path(source).resolve()
    if path.suffix != ".axm":
        path = folder.with_name(folder.name + ".model.axm")
        print(f"compiling {source}", flush=True)
        axiom.compile_model(source, path, *targets(archs), limit=3600)
    report = json.loads(axiom.run(axiom.binary("axiom-inspect"), path, "--json").ok().out)
    have = [image["target"] for image in report["images"]]
    missing = [arch for arch in archs if f"cuda:{arch}" not in have]
    if missing or not any(target.startswith("cpu:") for target in have):
        raise Failed(f"{path.name} has code for {', '.join(have)}; code for a CPU and cuda:{','.join(archs)} is needed: "
                     f"axiomc {' '.join(targets(archs))}")
    print(f"the real model is {path} ({path.stat().st_size / 1e6:.1f} MB), not in the pack: take it along, for --model")
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)}


def few(models, quick):
    """What a pack for tests lacks, or None."""
    lacks = (["most of the kernels"] if quick else []) + (["models"] if set(models) != set(MODELS) else [])
    return " and ".join(lacks) or None


def contents(folder):
    return {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith("gpu-check.")}


def make(folder, archs, models, model, quick):
    if folder.exists() and any(folder.iterdir()) and not (folder / "pack.json").is_file():
        raise Usage(f"{folder} exists, is not empty and is no pack: name another folder")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    write_json(folder / "pack.json", {"format": "none yet: --pack has not come to its end"})  # so that it may be made again
    print(f"a pack for {', '.join(archs)} from {commit()}", flush=True)
    axiom.run(axiom.binary("gpu-record"), folder / "replay", "--arch", ",".join(archs), *(["--quick"] if quick else []), limit=7200).ok()
    for name in models:
        print(f"  artifact {name}", flush=True)
        path = folder / "models" / f"{name}.axm"
        path.parent.mkdir(exist_ok=True)
        axiom.compile_model(axiom.TINY / name, path, *targets(archs), *MODELS[name], limit=3600)
    (folder / "bench").mkdir()
    for arch in archs:
        made = axiom.run("sh", "-c", 'exec "$0" "$1" "$2" >"$3"', axiom.binary("cuda-compile"), ROOT / "test/gpu/bench/read.cu", arch,
                         folder / "bench" / f"read.{arch}")
        made.ok()
    headers(folder / "headers")
    files = contents(folder)
    files.pop("pack.json")
    sizes = {}
    for name, path in files.items():
        top = name.split("/")[0]
        sizes[top] = sizes.get(top, 0) + path.stat().st_size
    total = sum(sizes.values())
    text = ", ".join(f"{top} {size / 1e6:.1f} MB" for top, size in sorted(sizes.items(), key=lambda item: -item[1]))
    if total > LIMIT:
        raise Failed(f"the pack has {total / 1e6:.1f} MB, at most {LIMIT / 1e6:.0f} MB are meant: {text}; name fewer architectures (--arch)")
    write_json(folder / "pack.json", {
        "format": FORMAT, "few": few(models, quick), "archs": archs, "sources": sources_id(), "commit": commit(),
        "model": note_model(model, folder, archs) if model else None,
        "files": {name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for name, path in files.items()}})
    print(f"{folder}: {total / 1e6:.1f} MB ({text}), {len(files)} files")


class Pack:
    """A pack that is whole: every file's digest is checked."""

    def __init__(self, folder, other_sources):
        self.folder = pathlib.Path(folder).resolve()
        if not (self.folder / "pack.json").is_file():
            raise Usage(f"{folder} is no pack (it has no pack.json): tools/gpu-check --pack {folder} writes one, on a machine with the compiler")
        self.notes = read_json(self.folder / "pack.json", "pack.json")
        if not isinstance(self.notes, dict) or self.notes.get("format") != FORMAT:
            raise Failed(f"{folder}/pack.json has not format {FORMAT}: make the pack again")
        found = contents(self.folder)
        found.pop("pack.json")
        wrong = [name for name, fact in self.notes["files"].items()
                 if name not in found or found[name].stat().st_size != fact["bytes"] or sha256(found[name]) != fact["sha256"]]
        wrong += sorted(set(found) - set(self.notes["files"]))
        if wrong:
            raise Failed(f"the pack is damaged: {', '.join(wrong[:5])}{' and others' if len(wrong) > 5 else ''} "
                         f"{'is' if len(wrong) == 1 else 'are'} not what pack.json says: copy it again")
        self.digest = sha256(self.folder / "pack.json")
        self.sources = sources_id()
        self.archs = self.notes["archs"]
        self.host = self.archs == ["host"]
        if self.sources != self.notes["sources"] and not other_sources:
            raise Failed(f"the pack was made from other sources (of {self.notes['commit']}; here is {commit()}): make it again from these, "
                         "or give --other-sources: then the pack's kernels are checked, not those of these sources")

    def models(self):
        return sorted((self.folder / "models").glob("*.axm"))

    def build_options(self):
        headers_folder = self.folder / "headers"
        return [f"-DAXIOM_SCHEMA_HEADERS={headers_folder / 'include'}",
                *(f"-D{name}_DIR={headers_folder / 'lib/cmake' / name}" for name in ("CLI11", "nlohmann_json"))]
