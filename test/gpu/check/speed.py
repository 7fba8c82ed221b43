"""Part 5 of tools/gpu-check: how fast, beside what axiom-inspect --roofline predicts, cuBLAS and stream bandwidth."""
import glob
import json
import os
import re
import sys

from common import Failed, Skipped
from parts import real_model

# Names of devices -> those of axiom-inspect --device; the first that fits.
PREDICTED = [("GH200", "h200", "figures of the H200"), ("H200", "h200", ""), ("H100", "h100", ""), ("A100", "a100", ""),
             ("B200", "b200", ""), ("RTX 4090", "rtx4090", ""), ("L4", "l4", "")]
PREFILL, DECODE, DEPTH = 512, 128, 448  # decode: positions 448 to 576, 512 at the middle
PARALLEL = (1, 8, 32)


class Shape:
    """A row of the bench: a prompt, or `sequences` that each get tokens behind `depth` others."""

    def __init__(self, prompt, sequences, generated, depth):
        self.prompt, self.sequences, self.generated, self.depth = prompt, sequences, generated, depth
        self.tokens = prompt or 1
        self.context = prompt or depth + generated // 2
        self.name = f"prefill {prompt}" if prompt else f"decode, {sequences} sequence{'s' if sequences > 1 else ''}"


def shapes(quick):
    """`quick`: for the stand-in driver."""
    if quick:
        return [Shape(9, 1, 0, 0), Shape(0, 1, 2, 7), Shape(0, 2, 2, 7)]
    return [Shape(PREFILL, 1, 0, 0), *(Shape(0, n, DECODE, DEPTH) for n in PARALLEL)]


def table(rows):
    """Lines of columns, the first to the left, the others to the right."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip() for row in rows]


def number(value, form="{:.1f}"):
    return "-" if value is None else form.format(value)


class Speed:
    """Figures go to the part's data, so that a run that goes on has them."""

    def __init__(self, work, part, predict):
        self.work, self.part, self.quick = work, part, not work.facts["silicon"]
        self.figures = part.data.setdefault("figures", {})
        self.path, self.model_reason = None, None
        self.label = "STAND-IN DRIVER, THESE FIGURES MEAN NOTHING: " if self.quick else ""
        name = work.facts["name"]
        self.predict, self.predict_note = (predict, "") if predict else next(
            ((ours, note) for theirs, ours, note in PREDICTED if theirs in name and (theirs != "L4" or re.search(r"\bL4\b", name))), (None, ""))
        if self.quick and not self.predict:
            self.predict = "h100"

    def bench(self, *words):
        extra = ["--quick"] if self.quick else []
        result = self.work.run(self.part, "gpu-bench", words[0], "--device", self.work.number, *extra, *words[1:])
        return json.loads(result.ok().out)

    def model(self):
        try:
            self.path = real_model(self.work)
        except Skipped:
            if not self.quick:
                raise
            self.path = self.work.pack.models()[0]
        return f"{self.path.name}, {self.path.stat().st_size / 1e6:.1f} MB"

    def need_model(self):
        if self.path is None:
            raise Skipped("it needs the real model")

    def stream(self):
        images = [self.work.pack.folder / "bench" / f"read.{arch}" for arch in self.work.pack.archs]
        size = 1 << 20 if self.quick else min(4 << 30, self.work.facts["free_bytes"] // 4) // 4096 * 4096
        found = self.figures["stream"] = self.bench("stream", "--image", *images, "--bytes", size)
        return (f"{self.label}{found['read']['gb_s']:.0f} GB/s read by a kernel, {found['copy']['gb_s']:.0f} GB/s copied "
                f"(read and written), the best of {size / 1e9:.2f} GB")

    def speeds(self, eager):
        self.need_model()
        key, extra = ("eager", ["--eager"]) if eager else ("graphs", [])
        rows = self.figures[key] = {}
        for shape in shapes(self.quick):
            asked = (["-p", shape.prompt, "-n", 0] if shape.prompt else
                     ["-p", 0, "-n", shape.generated, "-npl", shape.sequences, "-d", shape.depth])
            result = self.work.run(self.part, "axiom-bench", self.path, *asked, "-r", 2 if self.quick else 5, "-o", "json", "--device",
                                   self.work.device, *extra)
            [row] = json.loads(result.ok().out)
            if not row["backend"].startswith("cuda:"):
                raise Failed(f"axiom-bench ran {row['backend']}")
            rows[shape.name] = {"tokens_s": row["median_ts"], "samples": row["samples_ts"]}
        return self.label + ", ".join(f"{name} {row['tokens_s']:.0f} tokens/s" for name, row in rows.items())

    def prediction(self):
        self.need_model()
        if not self.predict:
            raise Skipped(f"no figures of {self.work.facts['name']} are known: --predict names a GPU of axiom-inspect --device")
        rows = self.figures["predicted"] = {}
        for shape in shapes(self.quick):
            result = self.work.run(self.part, "axiom-inspect", self.path, "--json", "--roofline", "--device", self.predict, "--sequences",
                                   shape.sequences, "--tokens", shape.tokens, "--context", shape.context)
            rows[shape.name] = json.loads(result.ok().out)["prediction"]
        self.figures["predicted_for"] = self.predict
        return f"for {self.predict}{' (' + self.predict_note + ')' if self.predict_note else ''}, not measured"

    def tasks(self):
        self.need_model()
        rows = self.figures["tasks"] = {}
        for shape in shapes(self.quick):
            rows[shape.name] = self.bench("tasks", "--model", self.path, "--sequences", shape.sequences, "--tokens", shape.tokens,
                                          "--context", shape.context)
        return self.label + ", ".join(f"{name} {row['us']:.0f} us in {row['launches']} kernels" for name, row in rows.items())

    def blas(self):
        tasks = self.figures.get("tasks")
        if not tasks:
            raise Skipped("it needs the shapes of the model's kernels")
        wanted = []
        for shape in shapes(self.quick):
            for task in linears(tasks[shape.name]):
                one = f"{task['rows']}x{task['cols']}x{columns(task, shape)}"
                if one not in wanted:
                    wanted.append(one)
        found = self.bench("blas", "--library", *libraries(), "--shape", *wanted)
        if "skipped" in found:
            raise Skipped(found["skipped"])
        self.figures["cublas"] = found
        refused = [p for p in found["products"] if "skipped" in p]
        return (f"{self.label}{found['library']}, version {found['version']}: {len(found['products']) - len(refused)} products"
                + (f", {len(refused)} refused" if refused else ""))

    def product(self, task, shape, kind):
        """Microseconds of cuBLAS, or None."""
        for p in self.figures.get("cublas", {}).get("products", []):
            if (p["type"], p["rows"], p["cols"], p["tokens"]) == (kind, task["rows"], task["cols"], columns(task, shape)):
                return p.get("median_us")
        return None

    def print(self):
        """Predicted beside measured, in one table for steps and one for each step's kernels."""
        figures = self.figures
        stream = figures.get("stream", {}).get("read", {}).get("gb_s")
        rows = [["step", "predicted us", "graphs us", "eager us", "kernels us", "of predicted", "MB", "GB/s", "of stream", "tokens/s"]]
        for shape in shapes(self.quick):
            predicted = figures.get("predicted", {}).get(shape.name)
            per_step = shape.tokens * shape.sequences * 1e6
            times = {how: per_step / figures[how][shape.name]["tokens_s"] for how in ("graphs", "eager") if shape.name in figures.get(how, {})}
            graphs, kernels = times.get("graphs"), figures.get("tasks", {}).get(shape.name, {}).get("us")
            megabytes = sum(t["megabytes"] for t in predicted["tasks"]) if predicted else None
            rate = megabytes / graphs * 1e3 if megabytes and graphs else None
            rows.append([shape.name, number(predicted and predicted["microseconds"]), number(graphs), number(times.get("eager")), number(kernels),
                         number(graphs / predicted["microseconds"] * 100 if predicted and graphs else None, "{:.0f} %"), number(megabytes),
                         number(rate, "{:.0f}"), number(rate / stream * 100 if rate and stream else None, "{:.1f} %"),
                         number(per_step / graphs if graphs else None, "{:.0f}")])
        lines = ["", f"{self.label}predicted{' for ' + figures['predicted_for'] if 'predicted_for' in figures else ''} beside measured on "
                 f"{self.work.facts['name']}", *table(rows)]
        for shape in shapes(self.quick):
            measured = figures.get("tasks", {}).get(shape.name)
            if measured:
                lines += ["", f"{shape.name}: kernels, all repetitions, by events around each launch", *table(self.kernel_rows(shape, measured))]
        print("\n".join(lines), flush=True)

    def kernel_rows(self, shape, measured):
        predicted = {t["name"]: t for t in self.figures.get("predicted", {}).get(shape.name, {}).get("tasks", [])}
        rows = [["task", "times", "shape", "predicted us", "measured us", "of predicted", "cuBLAS int8 us", "f16 us"]]
        sums = {"ours": 0.0, "int8": 0.0, "f16": 0.0}
        for task in measured["tasks"]:
            linear = task in linears(measured)
            expected = predicted.get(task["name"], {}).get("microseconds")
            row = [task["name"], task["repetitions"], f"{task['rows']}x{task['cols']}" if linear else "-", number(expected), number(task["us"]),
                   number(task["us"] / expected * 100 if expected else None, "{:.0f} %")]
            for kind in ("int8", "f16"):
                one = self.product(task, shape, kind) if linear else None
                row.append(number(one * task["repetitions"] if one else None))
                if linear:
                    sums[kind] = sums[kind] + one * task["repetitions"] if one and sums[kind] is not None else None
            sums["ours"] += task["us"] if linear else 0
            rows.append(row)
        rows.append(["all linears", "", "", "", number(sums["ours"]), "", number(sums["int8"]), number(sums["f16"])])
        return rows


def linears(measured):
    """Tasks that multiply by matrices; an embedding only looks up rows."""
    return [task for task in measured["tasks"] if task.get("rows") and task["name"] != "embed"]


def columns(task, shape):
    """The head sees one row of each sequence."""
    return shape.sequences if task["name"] == "head" else shape.sequences * shape.tokens


def libraries():
    """Where a cuBLAS may be: AXIOM_CUBLAS, the loader's path, the toolkit, Python packages."""
    found = [os.environ["AXIOM_CUBLAS"]] if "AXIOM_CUBLAS" in os.environ else []
    found += [f"libcublas.so.{version}" for version in (13, 12, 11)]
    patterns = ["/usr/local/cuda*/lib64/libcublas.so.[0-9]*", "/usr/lib/*/libcublas.so.[0-9]*"]
    for folder in [*sys.path, *glob.glob("/opt/*/.venv/lib/python*/site-packages"), *glob.glob("/usr/local/lib/python*/*-packages")]:
        if folder:
            patterns += [f"{folder}/nvidia/*/lib/libcublas.so.[0-9]*"]
    for pattern in patterns:
        found += [path for path in sorted(glob.glob(pattern)) if path not in found]
    return found


def speed(work, part, predict):
    s = Speed(work, part, predict)
    part.check("stream bandwidth", s.stream)
    if part.check("a model", s.model, always=True) and s.path:
        s.figures["model"] = s.path.name
    part.check("axiom-bench, graphs", lambda: s.speeds(False))
    part.check("axiom-bench, eager", lambda: s.speeds(True))
    part.check("prediction", s.prediction)
    part.check("kernels by events", s.tasks)
    part.check("cuBLAS", s.blas)
    s.print()
    return s
