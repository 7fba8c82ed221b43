"""Reads the machine code of a cubin: instructions with what they wait for, the parts of a kernel that multiply, and how many
times such a part waits for memory. Needs nvdisasm and cuobjdump (tools/install-cuda-tools).

Waits: the upper half of each 128-bit instruction says, as worked out in public for Volta (Jia and others, arXiv 1804.06826) and
unchanged since, after how many cycles the warp may go on (bits 105-108), which of six counters a load raises until its data is there
(bits 110-112, 7 for none) and a mask of the counters that an instruction waits for (bits 116-121). `check_waits` holds that against the registers, so a wrong reading does not pass.
"""
import re
import subprocess
from dataclasses import dataclass, field

LINE = re.compile(r"^\s+/\*([0-9a-f]{4,5})\*/\s+(?:(@!?U?P[0-9T]+)\s+)?([A-Z][A-Z0-9_.]*)\s*(.*?)\s*;\s*/\* 0x([0-9a-f]{16}) \*/")
UPPER = re.compile(r"^\s+/\* 0x([0-9a-f]{16}) \*/")
LABEL = re.compile(r"^(\.L_[\w.]+):")
TEXT = re.compile(r"^\.text\.(\w+):")
NO_COUNTER = 7
MEMORY = ("LDG", "LD")  # loads from global memory to registers
# What counts as integer: 32-bit adds, multiplies, shifts, logic, compares, moves and selections, on either side of the register file.
INTEGER = ("IADD", "IADD3", "IMAD", "IMUL", "LEA", "LOP3", "SHF", "SHL", "SHR", "ISETP", "IMNMX", "IABS", "PRMT", "SEL", "MOV", "VIADD",
           "VIADDMNMX", "VIMNMX", "VIMNMX3", "BMSK", "SGXT", "IDP", "UIADD3", "UIMAD", "ULEA", "ULOP3", "USHF", "UISETP", "UMOV", "UPRMT",
           "USEL", "PLOP3", "UPLOP3", "CS2R", "R2UR", "VABSDIFF", "FLO", "POPC", "UVIADD", "UVIMNMX", "IADD64", "UIADD64")
FLOAT = ("FADD", "FMUL", "FFMA", "FSEL", "FMNMX", "FSETP", "HADD2", "HFMA2", "I2FP", "I2F", "F2FP")


@dataclass
class Instruction:
    address: int
    guard: str
    op: str        # with its suffixes: IMMA.16832.U8.S8
    operands: str
    raises: int    # counter that stands until its result is there
    waits: int     # mask of counters
    stall: int     # cycles until the warp's next instruction, at least

    @property
    def name(self):
        return self.op.split(".")[0]

    @property
    def loads(self):
        """Bytes that a thread gets from global memory."""
        if self.name in MEMORY:
            return width(self.op)
        return 0


@dataclass
class Part:
    """A loop without another in it, or a straight piece of code, that multiplies."""
    instructions: list
    loop: bool
    label: str = ""
    counts: dict = field(default_factory=dict)

    def __post_init__(self):
        for i in self.instructions:
            self.counts[i.name] = self.counts.get(i.name, 0) + 1

    def count(self, names):
        return sum(n for name, n in self.counts.items() if name in names)

    @property
    def cycles(self):
        """Of a warp that has the multiprocessor for itself and never waits for memory."""
        return sum(max(i.stall, 1) for i in self.instructions)


def width(op):
    words = op.split(".")
    for bits, size in (("128", 16), ("64", 8), ("U16", 2), ("S16", 2), ("U8", 1), ("S8", 1)):
        if bits in words:
            return size
    return 4


def run(words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{words[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def resources(tool, cubin):
    """{kernel: {"REG": n, "STACK": n, "SHARED": n, "LOCAL": n}}"""
    text = run([tool, "-res-usage", cubin])
    found = re.findall(r"Function (\w+):\s*\n\s*(.*)", text)
    return {name: {key: int(value) for key, value in re.findall(r"(REG|STACK|SHARED|LOCAL):(\d+)", line)} for name, line in found}


def kernels(tool, cubin):
    """{kernel: list of Instruction and of labels (str)}"""
    result, current, pending = {}, None, None
    for line in run([tool, "-c", "-hex", cubin]).splitlines():
        if m := TEXT.match(line):
            current = result.setdefault(m.group(1), [])
        elif current is None:
            continue
        elif m := LABEL.match(line):
            current.append(m.group(1))
        elif m := LINE.match(line):
            pending = m
        elif (m := UPPER.match(line)) and pending:
            upper = int(m.group(1), 16)
            address, guard, op, operands, _ = pending.groups()
            current.append(Instruction(int(address, 16), guard or "", op, operands, upper >> 46 & 7, upper >> 52 & 63,
                                       upper >> 41 & 15))
            pending = None
    return result


def loops(code, wanted):
    """(begin, end) of the loops that `wanted` accepts and that have none of those in them. Of two that overlap, which are one loop with
    a way round that leaves and comes back, the shorter."""
    labels = {item: at for at, item in enumerate(code) if isinstance(item, str)}
    found = set()
    for at, item in enumerate(code):
        if not isinstance(item, str) and item.name == "BRA" and (m := re.search(r"\(?(\.L_[\w.]+)", item.operands)):
            begin = labels.get(m.group(1), at + 1)
            if begin < at and wanted(code[begin:at + 1]):
                found.add((begin, at))
    inner = []
    for begin, end in sorted(found, key=lambda loop: loop[1] - loop[0]):
        if all(end < b or e < begin for b, e in inner):
            inner.append((begin, end))
    return sorted(inner)


def parts(code, multiplies):
    """The parts of a kernel in which an instruction stands that begins with one of `multiplies`."""
    def has(instructions):
        return any(not isinstance(i, str) and i.op.startswith(multiplies) for i in instructions)

    found, covered = [], set()
    for begin, end in loops(code, has):
        covered.update(range(begin, end + 1))
        found.append(Part([i for i in code[begin:end + 1] if not isinstance(i, str)], True, code[begin]))
    straight = []
    for at, item in enumerate(code + [".end"]):
        if isinstance(item, str) or at in covered or (straight and straight[-1].name in ("BRA", "EXIT", "RET", "BRX")):
            if has(straight):
                found.append(Part(straight, False))
            straight = []
        if not isinstance(item, str) and at not in covered:
            straight.append(item)
    return found


def round_trips(part, rounds=48):
    """How often a warp that runs this part waits for memory, one wait after the other, in one run through it: what it asked for
    while it waited comes with the same trip. A latency that dwarfs everything else is played through `rounds` iterations."""
    latency = 1_000_000
    events = [(at, i, [c for c in range(6) if i.waits >> c & 1]) for at, i in enumerate(part.instructions)
              if i.waits or i.loads or i.name in ("LDGSTS", "LDGDEPBAR", "DEPBAR")]
    pending = {at: int(m.group(1), 16) for at, i, _ in events
               if i.name == "DEPBAR" and (m := re.search(r"SB0, 0x([0-9a-f]+)", i.operands))}
    time, free = 0, [0] * 6  # when each counter is back at zero
    copies, groups = 0, []   # when the copies of the open group, and those of each closed one, are done
    times = rounds if part.loop else 1
    begins = 0
    for n in range(times):
        if n == times // 2:
            begins = time  # the first half fills what runs ahead
        last = 0
        for at, i, waits in events:
            time += at - last
            last = at
            time = max([time] + [free[c] for c in waits])
            if i.loads and i.raises != NO_COUNTER:
                free[i.raises] = max(free[i.raises], time + latency)
            elif i.name == "LDGSTS":
                copies = time + latency
            elif i.name == "LDGDEPBAR":
                groups.append(copies)
            elif at in pending and len(groups) > pending[at]:
                time = max(time, groups[len(groups) - pending[at] - 1])  # groups end in order
        time += len(part.instructions) - last
    # A straight piece ends when what it asked for is there.
    if not part.loop:
        time = max([time] + free)
    return (time - begins) / latency / (times - times // 2 if part.loop else 1)


REGISTER = re.compile(r"\bR(\d+)")


def check_waits(part):
    """The first difference between the counters and the registers: an instruction that names a register whose load is under way
    without having waited for that load's counter. None if they agree."""
    under_way = {}  # register -> counter
    for i in part.instructions:
        done = {c for c in range(6) if i.waits >> c & 1}
        under_way = {r: c for r, c in under_way.items() if c not in done}
        for r in REGISTER.findall(i.operands):
            if int(r) in under_way:
                return f"{i.address:04x} {i.op} {i.operands} uses R{r} while its load is under way"
        if i.loads:
            if i.raises == NO_COUNTER:
                return f"{i.address:04x} {i.op} {i.operands} raises no counter"
            first = int(REGISTER.search(i.operands).group(1))
            under_way.update({r: i.raises for r in range(first, first + max(i.loads // 4, 1))})
    return None
