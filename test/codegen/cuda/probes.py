"""Kernels whose figures are known by hand (probes.cuh), read as the generated ones are."""
import os
import pathlib
import subprocess

import sass

# The loop's counts and how often a step waits for memory.
LOOPS = {
    "chased": ({"IMMA": 1, "LDG": 2}, 2),
    "wide": ({"IMMA": 4, "LDG": 4}, 1),
    "ahead": ({"IMMA": 2, "LDG": 2}, 1),
    "copied": ({"IMMA": 1, "LDSM": 1, "LDGSTS": 1}, 1 / 3),
}


def of_arch(paths, folder, arch):
    """What is wrong with the probes of an architecture."""
    source = pathlib.Path(__file__).with_name("probes.cuh")
    done = subprocess.run([paths["compile"], source, arch], capture_output=True, timeout=300,
                          env=dict(os.environ, AXIOM_NVRTC=str(paths["nvrtc"])))
    if done.returncode != 0:
        return [done.stderr.decode().strip()]
    cubin = pathlib.Path(folder) / f"probes-{arch}.cubin"
    cubin.write_bytes(done.stdout)
    code, resources = sass.kernels(paths["nvdisasm"], cubin), sass.resources(paths["cuobjdump"], cubin)
    wrong = []

    def expect(what, found, wanted):
        if found != wanted:
            wrong.append(f"{what} is {found}, not {wanted}")

    spilled = [i.name for i in code["spilled"] if not isinstance(i, str)]
    expect("spilled: registers", resources["spilled"]["REG"], 40)
    expect("spilled: local memory seen", resources["spilled"]["LOCAL"] + resources["spilled"]["STACK"] > 0, True)
    expect("spilled: LDL and STL", "LDL" in spilled and "STL" in spilled, True)
    for name, (counts, trips) in LOOPS.items():
        loops = [p for p in sass.parts(code[name], ("IMMA",)) if p.loop]
        expect(f"{name}: loops that multiply", len(loops), 1)
        if len(loops) != 1:
            continue
        expect(f"{name}: counts", {key: loops[0].counts.get(key, 0) for key in counts}, counts)
        expect(f"{name}: waits of a step", round(sass.round_trips(loops[0]), 2), round(trips, 2))
        expect(f"{name}: counters against registers", sass.check_waits(loops[0]), None)
        expect(f"{name}: local memory", resources[name]["LOCAL"] + resources[name]["STACK"], 0)
    return wrong


def check(paths, folder, architectures, pool):
    jobs = {arch: pool.submit(of_arch, paths, folder, arch) for arch in architectures}
    return [(f"{arch}.probes", job.result()) for arch, job in jobs.items()]
