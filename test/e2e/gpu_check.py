#!/usr/bin/env python3
"""tools/gpu-check on the stand-in driver: a pack is made, its parts pass, a run goes on where the last one stopped; a damaged pack, a
failing kernel, a part that is out of time, no driver and Ctrl-C are each told apart. No figure is compared with a time."""
import json
import os
import shutil
import signal
import subprocess
import time

import axiom

TOOL = axiom.ROOT / "tools/gpu-check"
MODEL = "llama-rope3"  # one of those that mixes are run with


def env(**more):
    return {"LD_LIBRARY_PATH": str(axiom.BUILD / "test/standin"), "AXIOM_STANDIN_LEAKS": "fail"} | more


class Runs:
    """tools/gpu-check --run with one pack; results of the last run."""

    def __init__(self, folder):
        self.pack, self.json = folder / "pack", folder / "out.json"

    def words(self, *words):
        return [TOOL, "--run", self.pack, "--build", axiom.BUILD, "--no-build", "--json", self.json, *words]

    def run(self, *words, environment=None):
        self.json.unlink(missing_ok=True)
        result = axiom.run(*self.words(*words), env=env() if environment is None else environment)
        self.data = json.loads(self.json.read_text()) if self.json.is_file() else {"parts": {}}
        return result

    def results(self, part):
        return [entry["result"] for entry in self.data["parts"].get(str(part), {}).get("checks", {}).values()]

    def verdict(self, part):
        return self.data["parts"].get(str(part), {}).get("verdict")


def passes(check, runs):
    result = runs.run("--part", "1,2,3")
    check(result.status == 0 and [runs.verdict(n) for n in (1, 2, 3)] == ["passed"] * 3, f"parts 1 to 3: exit {result.status}\n{result.out}{result.err}")
    check(result.out.count("proves nothing for a GPU") >= 2, f"the stand-in driver is not named as such: {result.out}")
    check("it lacks most of the kernels and models" in result.out, f"a pack for tests is not named as such: {result.out}")
    built = runs.data["parts"]["1"]["checks"]["the runtime without LLVM"]
    check(built["result"] == "skipped" and "--no-build" in built["detail"] and "skipped: part 1, the runtime without LLVM" in result.out,
          f"--no-build is not told as skipped: {built}")
    check(any("graphs and eager" in name for name in runs.data["parts"]["3"]["checks"]), "no mixes were run")
    # Nothing is left to do.
    before = runs.data["parts"]
    result = runs.run("--from", "1", "--part", "2")
    check(result.status == 2, f"--from and --part: exit {result.status}")
    result = runs.run("--part", "2,3")
    check(result.status == 0 and f"{len(before['3']['checks'])} checks passed in an earlier run" in result.out and "  ok  " not in result.out,
          f"a run behind one that passed: exit {result.status}\n{result.out}{result.err}")


def fails(check, runs):
    result = runs.run("--part", "3", "--again", environment=env(AXIOM_STANDIN_FAULT="kernel@7"))
    failed = runs.results(3).count("failed")
    check(result.status == 1 and runs.verdict(3) == "failed" and failed > 0 and "FAIL  " in result.out and "failed: part 3" in result.out,
          f"kernels that fail: exit {result.status}\n{result.out}{result.err}")
    # What failed is made again, what passed is not.
    result = runs.run("--part", "3")
    check(result.status == 0 and result.out.count("  ok  ") == failed and set(runs.results(3)) == {"passed"},
          f"after {failed} failures: exit {result.status}\n{result.out}{result.err}")
    result = runs.run("--part", "3", "--again", environment=env(AXIOM_GPU_CHECK_SECONDS="0.4"))
    check(result.status == 1 and runs.verdict(3) == "out of time" and "goes on where it stopped" in result.out,
          f"a part out of time: exit {result.status}\n{result.out}{result.err}")
    passed = runs.results(3).count("passed")
    result = runs.run("--part", "3")
    check(result.status == 0 and (passed == 0 or f"{passed} checks passed in an earlier run" in result.out),
          f"after a part out of time with {passed} passed: exit {result.status}\n{result.out}{result.err}")
    result = runs.run("--part", "3", environment=env(LD_LIBRARY_PATH=""))
    check(result.status == 3 and "no NVIDIA driver" in result.err, f"without a driver: exit {result.status}: {result.err}")


def compares_the_model(check, runs):
    """A tiny model in the real one's place."""
    model, other = runs.pack.with_name("pack.model.axm"), runs.pack.with_name("other.axm")
    result = runs.run("--part", "4")
    check(result.status == 0 and runs.verdict(4) == "passed" and runs.results(4).count("passed") == 3, f"part 4: exit {result.status}: {result.out}{result.err}")
    model.rename(other)
    result = runs.run("--part", "4", "--again")
    check(result.status == 1 and runs.verdict(4) == "skipped" and "give --model pack.model.axm" in result.out, f"no model: exit {result.status}: {result.out}")
    result = runs.run("--part", "4", "--model", other)
    check(result.status == 0, f"--model: exit {result.status}: {result.out}{result.err}")
    other.write_bytes(other.read_bytes() + b"0")
    result = runs.run("--part", "4", "--model", other)
    check(result.status == 1 and runs.verdict(4) == "failed" and "is not the model" in result.out, f"another model: exit {result.status}: {result.out}")


def stops(check, runs):
    # Whoever runs this test in the background of a script has SIGINT ignored, and children inherit that.
    child = subprocess.Popen([str(w) for w in runs.words("--part", "3", "--again")], env=dict(os.environ, **env()), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    child.stdout.readline()
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    check(child.returncode == 130 and "goes on where it was" in err and "Traceback" not in err, f"Ctrl-C: exit {child.returncode}\n{out}{err}")


def measures(check, runs):
    blas = axiom.BUILD / "test/gpu/bench/libAxiomFakeBlas.so"
    result = runs.run("--part", "5", environment=env(AXIOM_CUBLAS=str(blas)))
    check(result.status == 0 and runs.verdict(5) == "passed", f"part 5: exit {result.status}\n{result.out}{result.err}")
    figures = runs.data["parts"]["5"]["figures"]
    check(all(name in figures for name in ("stream", "graphs", "eager", "predicted", "tasks", "cublas")), f"part 5 lacks figures: {list(figures)}")
    check("THESE FIGURES MEAN NOTHING" in result.out and "predicted us" in result.out and "cuBLAS int8 us" in result.out, f"part 5's tables: {result.out}")
    products = figures["cublas"]["products"]
    check(any("skipped" in p for p in products) and any("median_us" in p for p in products), f"products of cuBLAS, refused and not: {products}")
    for name, step in figures["tasks"].items():
        check(step["us"] > 0 and abs(sum(t["us"] for t in step["tasks"]) - step["us"]) < 1e-3 * step["us"], f"{name}: kernels do not add up: {step}")
    names = [t["name"] for t in next(iter(figures["tasks"].values()))["tasks"]]
    check(names == [t["name"] for t in next(iter(figures["predicted"].values()))["tasks"]], f"other tasks are predicted than {names}")
    result = runs.run("--part", "5", "--again", environment=env(AXIOM_CUBLAS=str(axiom.ROOT / "README.md")))
    check(result.status == 0 and ("skipped" in runs.results(5)) and "skipped: part 5, cuBLAS: no cuBLAS" in result.out,
          f"without cuBLAS: exit {result.status}\n{result.out}{result.err}")


def damaged(check, runs, folder):
    def refused(what, status, parts, *words):
        result = axiom.run(TOOL, *words, env=env())
        check(result.status == status and all(p in result.err for p in parts) and "Traceback" not in result.err,
              f"{what}: exit {result.status}, expected {status} and {parts}: {result.err}")

    spoiled = folder / "spoiled"
    shutil.copytree(runs.pack, spoiled)
    [model] = (spoiled / "models").glob("*.axm")
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)
    refused("a changed byte", 1, ["damaged", f"models/{MODEL}.axm"], "--run", spoiled)
    model.unlink()
    refused("a missing file", 1, ["damaged", f"models/{MODEL}.axm"], "--run", spoiled)
    notes = json.loads((runs.pack / "pack.json").read_text())
    (spoiled / "pack.json").write_text(json.dumps(notes)[:-9])
    refused("half a pack.json", 1, ["pack.json", "damaged"], "--run", spoiled)
    (spoiled / "pack.json").write_text(json.dumps(dict(notes, files={k: v for k, v in notes["files"].items() if MODEL not in k}, sources="0")))
    refused("other sources", 1, ["other sources", "--other-sources"], "--run", spoiled)
    refused("no pack", 2, ["is no pack", "--pack"], "--run", folder)
    refused("a folder that is in use", 2, ["is no pack"], "--pack", folder, "--arch", "host")
    refused("part 7", 2, ["from 1 to 5"], "--run", runs.pack, "--part", "7")
    refused("an architecture that nobody knows", 2, ["sm_1"], "--pack", folder / "new", "--arch", "sm_1")


def configures(check, folder, pack):
    """As part 1 does where there is no LLVM, flatc or header of others."""
    headers = pack / "headers"
    hidden = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in ("MLIR", "LLVM", "LLD", "GTest")]
    run = axiom.run("cmake", "-S", axiom.ROOT, "-B", folder / "plain", "-DAXIOM_BUILD_COMPILER=OFF", "-DAXIOM_BUILD_TESTS=OFF", "-DAXIOM_FLATC=AXIOM_FLATC-NOTFOUND",
                    f"-DAXIOM_SCHEMA_HEADERS={headers / 'include'}", *(f"-D{n}_DIR={headers / 'lib/cmake' / n}" for n in ("CLI11", "nlohmann_json")),
                    *hidden)
    cache = (folder / "plain/CMakeCache.txt").read_text()
    check(run.status == 0 and "MLIR_DIR" not in cache and "/usr/share/cmake/" not in cache, f"the runtime alone does not configure: {run.out}{run.err}")


def everything(check, folder):
    runs = Runs(folder)
    made = axiom.run(TOOL, "--pack", runs.pack, "--arch", "host", "--tiny", MODEL, "--quick", "--model", axiom.TINY / "llama-h80", limit=900)
    check(made.status == 0, f"--pack: exit {made.status}\n{made.out}{made.err}")
    if made.status == 0:
        passes(check, runs)
        fails(check, runs)
        compares_the_model(check, runs)
        stops(check, runs)
        measures(check, runs)
        damaged(check, runs, folder)
        configures(check, folder, runs.pack)
        print("packs, parts, runs that go on, refusals")


if __name__ == "__main__":
    axiom.main_of(everything)
